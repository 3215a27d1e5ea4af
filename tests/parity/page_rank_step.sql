-- One step of PageRank on all graphs at once; who endorses nobody passes its share on to all.
CREATE OR REPLACE TEMP TABLE walk AS
WITH passed_on AS (
    SELECT walk.d, walk.topic, endorsed AS node, sum(share * flow) AS share
    FROM links JOIN walk ON links.d = walk.d AND links.topic = walk.topic AND endorser = node GROUP BY ALL
)
SELECT d, topic, node, nodes, rests,
    0.15 / nodes + 0.85 * (coalesce(passed_on.share, 0)
        + coalesce(sum(walk.share) FILTER (rests) OVER (PARTITION BY d, topic), 0) / nodes) AS share
FROM walk LEFT JOIN passed_on USING (d, topic, node);
