-- One step of PageRank on all graphs at once; who endorses nobody passes its share on to all.
CREATE OR REPLACE TEMP TABLE walk AS
WITH received AS (
    SELECT walk.d, endorsed AS node, sum(share * flow) AS share
    FROM links JOIN walk ON links.d = walk.d AND endorser = node GROUP BY ALL
)
SELECT d, node, nodes, rests,
    0.15 / nodes + 0.85 * (
        coalesce(received.share, 0) + coalesce(sum(walk.share) FILTER (rests) OVER (PARTITION BY d), 0) / nodes) AS share
FROM walk LEFT JOIN received USING (d, node);
