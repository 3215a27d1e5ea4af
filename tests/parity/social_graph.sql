-- What the social scores are made of, at each of their publications: who takes part, who posts on which topic, who
-- endorses whom on which topic (once a day, in 120 days), and how strong accounts are by the reactions of 90 days.
CREATE OR REPLACE TEMP TABLE published AS SELECT DISTINCT published AS d FROM publications;

-- Only accounts of which something is known take part.
CREATE OR REPLACE TEMP TABLE present AS
SELECT d, accounts.* FROM published CROSS JOIN accounts
WHERE (d, account_id) IN (SELECT (d, account_id) FROM latest_stats)
   OR (d, account_id) IN (SELECT (d, account_id) FROM known_posts)
   OR EXISTS (FROM others WHERE others.account_id = accounts.account_id AND others.at <= d)
   OR EXISTS (FROM others WHERE others.actor_id = accounts.account_id AND others.at <= d);

CREATE OR REPLACE TEMP MACRO topics_or(topics, other) AS
    CASE WHEN len(list_distinct(topics)) > 0 THEN list_distinct(topics) ELSE [other] END;

-- '*' is the general topic.
CREATE OR REPLACE TEMP TABLE topic_posts AS
SELECT d, account_id, topic, count(*) AS posts
FROM (SELECT d, account_id, unnest(topics_or(topics, '*')) AS topic FROM known_posts SEMI JOIN published USING (d)
      WHERE in_90d)
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE main_topics AS
SELECT d, account_id, any_value(topic) AS topic
FROM (SELECT *, rank() OVER (PARTITION BY d, account_id ORDER BY posts DESC) AS place FROM topic_posts
      WHERE topic <> '*')
WHERE place = 1 GROUP BY ALL HAVING count(*) = 1;

CREATE OR REPLACE TEMP TABLE endorsements AS
SELECT * REPLACE (CASE WHEN count(DISTINCT endorsed) OVER (PARTITION BY d, topic) < 5 THEN '*' ELSE topic END AS topic)
FROM (
    SELECT d, actor_id AS endorser, others.account_id AS endorsed, others.at::DATE AS day,
           unnest(topics_or(known_posts.topics, coalesce(main_topics.topic, '*'))) AS topic
    FROM published JOIN others ON others.at <= d AND others.at > d - INTERVAL 120 DAY
    LEFT JOIN known_posts USING (d, account_id, post_id)
    LEFT JOIN main_topics USING (d, account_id)
    WHERE kind IN ('comment', 'mention', 'reshare'));

CREATE OR REPLACE TEMP TABLE links AS
SELECT *, days / sum(days) OVER (PARTITION BY d, topic, endorser) AS flow
FROM (SELECT d, topic, endorser, endorsed, count(DISTINCT day) AS days FROM endorsements GROUP BY ALL);

CREATE OR REPLACE TEMP TABLE walk AS
SELECT d, topic, node, 1 / count(*) OVER (PARTITION BY d, topic) AS share, count(*) OVER (PARTITION BY d, topic) AS nodes,
       (d, topic, node) NOT IN (SELECT (d, topic, endorser) FROM links) AS rests
FROM (SELECT d, topic, endorser AS node FROM links UNION SELECT d, topic, endorsed FROM links);

-- Reactions by kind. A like has no sender.
CREATE OR REPLACE TEMP TABLE received AS
SELECT d, account_id, kind, actor_id, pow(2, -days_between(known_interactions.at, d) / 30) AS weight
FROM known_interactions SEMI JOIN published USING (d) WHERE kind <> 'follow'
UNION ALL
SELECT d, account_id, 'like', NULL, likes * pow(2, -days_between(published_at, d) / 30)
FROM known_posts SEMI JOIN published USING (d) WHERE in_90d AND likes IS NOT NULL;

-- How strong accounts are when each reaction counts 1 + score / 100 of the person who reacts.
CREATE OR REPLACE TEMP MACRO strengths(scores) AS TABLE
SELECT d, account_id, influencer_id,
    sum(CASE WHEN amount > 0 THEN share * CASE kind WHEN 'reshare' THEN 0.3 WHEN 'mention' THEN 0.25
        WHEN 'comment' THEN 0.2 WHEN 'reply' THEN 0.15 ELSE 0.1 END ELSE 0 END) AS strength
FROM (
    SELECT *, (rank() OVER (PARTITION BY d, platform, kind ORDER BY amount) - 1
               + count(*) OVER (PARTITION BY d, platform, kind, amount) / 2)
              / count(*) OVER (PARTITION BY d, platform, kind) AS share
    FROM (SELECT d, account_id, influencer_id, platform, kind,
                 round(ln(1 + coalesce(sum(weight * (1 + coalesce(score, 0) / 100)), 0)), 9) AS amount
          FROM present
          CROSS JOIN (SELECT unnest(['reshare', 'mention', 'comment', 'reply', 'like']) AS kind)
          LEFT JOIN received USING (d, account_id, kind)
          LEFT JOIN (SELECT d, account_id AS actor_id, score FROM query_table(scores)) USING (d, actor_id)
          GROUP BY ALL))
GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE no_scores AS SELECT d, account_id, 0 AS score FROM present;
CREATE OR REPLACE TEMP TABLE first_scores AS
SELECT d, account_id, 100 * (1 - product(1 - 0.9 * strength) OVER (PARTITION BY d, influencer_id)) AS score
FROM strengths('no_scores');
CREATE OR REPLACE TEMP TABLE klout_2015 AS
SELECT d, account_id, 100 * (1 - product(1 - 0.9 * strength) OVER (PARTITION BY d, influencer_id)) AS networks
FROM strengths('first_scores');
