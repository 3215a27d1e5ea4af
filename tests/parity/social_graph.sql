-- Who endorses whom, at each publication of the social scores: once a day, by comment, mention or reshare, in 120 days.
CREATE OR REPLACE TEMP TABLE links AS
SELECT *, days / sum(days) OVER (PARTITION BY d, endorser) AS flow
FROM (
    SELECT d, actor_id AS endorser, account_id AS endorsed, count(DISTINCT others.at::DATE) AS days
    FROM (SELECT DISTINCT published AS d FROM publications)
    JOIN others ON others.at <= d AND others.at > d - INTERVAL 120 DAY
    WHERE kind IN ('comment', 'mention', 'reshare') GROUP BY ALL);

CREATE OR REPLACE TEMP TABLE walk AS
SELECT d, node, 1 / count(*) OVER (PARTITION BY d) AS share, count(*) OVER (PARTITION BY d) AS nodes,
       node NOT IN (SELECT endorser FROM links WHERE links.d = ends.d) AS rests
FROM (SELECT d, endorser AS node FROM links UNION SELECT d, endorsed FROM links) ends;
