-- What was last published before each decision. `walk` is PageRank after 50 steps.
WITH topic_authority AS (
    SELECT d, topic, account_id, endorsements,
        100 * (rank() OVER (PARTITION BY d, topic ORDER BY standing) - 1
               + count(*) OVER (PARTITION BY d, topic, standing) / 2) / count(*) OVER (PARTITION BY d, topic) AS authority
    FROM (SELECT d, topic, node AS account_id, endorsements, round(share * nodes, 9) AS standing
          FROM walk JOIN (SELECT d, topic, endorsed AS node, sum(days) AS endorsements FROM links GROUP BY ALL)
              USING (d, topic, node))
), topic_activity AS (
    SELECT *, 100 * (rank() OVER (PARTITION BY d, topic ORDER BY posts) - 1
                     + count(*) OVER (PARTITION BY d, topic, posts) / 2) / count(*) OVER (PARTITION BY d, topic) AS activity
    FROM (SELECT d, account_id, CASE WHEN accounts < 5 THEN '*' ELSE topic END AS topic, sum(posts) AS posts
          FROM (SELECT *, count(*) OVER (PARTITION BY d, topic) AS accounts FROM topic_posts) GROUP BY ALL)
), parts AS (
    SELECT account_id, d, platform, language,
        ln(1 + s.followers * (1 - coalesce(f.suspicious, 0))) AS reach,
        ln(1 + coalesce(p.shares, r.reshares, 0) + coalesce(r.mentions, 0)) AS amplification,
        r.network,
        coalesce(r.points, 0) AS points,
        10 * coalesce(g.given, 0) AS given,
        round(ln(1 + s.followers * (1 - greatest(coalesce(f.suspicious, 0), coalesce(silent, 0)))), 9) AS size,
        networks,
        coalesce(authority, 0) AS authority,
        coalesce(activity, 0) AS activity
    FROM present
    LEFT JOIN latest_stats s USING (account_id, d)
    LEFT JOIN follower_samples f USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, avg((posts = 0)::INT) AS silent
               FROM published JOIN followers ON observed_at <= d AND observed_at > d - INTERVAL 365 DAY
               GROUP BY ALL) l USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, sum(shares) FILTER (in_90d) AS shares
               FROM known_posts GROUP BY ALL) p USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, count(*) FILTER (kind = 'reshare') AS reshares,
                   count(*) FILTER (kind = 'mention') AS mentions,
                   avg(ln(1 + actor_followers)) AS network,
                   sum(worth) FILTER (kind IN ('reply', 'reshare', 'mention')) AS points
               FROM (SELECT *, CASE WHEN actor_followers > 10000 THEN 50 ELSE 10 END AS worth FROM known_interactions)
               GROUP BY ALL) r USING (account_id, d)
    LEFT JOIN (SELECT actor_id AS account_id, d, count(*) AS given
               FROM published JOIN others ON others.at <= d GROUP BY ALL) g USING (account_id, d)
    LEFT JOIN klout_2015 USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, sum(authority * endorsements) / sum(endorsements) AS authority
               FROM topic_authority GROUP BY ALL) USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, sum(activity * posts) / sum(posts) AS activity
               FROM topic_activity GROUP BY ALL) USING (account_id, d)
), standard AS (
    SELECT *,
        (reach - avg(reach) OVER every) / CASE WHEN min(reach) OVER every < max(reach) OVER every
            THEN stddev_pop(reach) OVER every END AS z_reach,
        (amplification - avg(amplification) OVER every)
            / CASE WHEN min(amplification) OVER every < max(amplification) OVER every
              THEN stddev_pop(amplification) OVER every END AS z_amplification,
        (network - avg(network) OVER every) / CASE WHEN min(network) OVER every < max(network) OVER every
            THEN stddev_pop(network) OVER every END AS z_network,
        round(coalesce(z_reach, 0) + coalesce(z_amplification, 0) + coalesce(z_network, 0), 9) AS klout
    FROM parts WINDOW every AS (PARTITION BY d)
), ranked AS (
    -- The share of known values below each, ties (to nine decimals) halved.
    SELECT *,
        (rank() OVER (PARTITION BY d ORDER BY klout) - 1 + count(*) OVER (PARTITION BY d, klout) / 2)
            / count(*) OVER (PARTITION BY d) AS klout_rank,
        CASE WHEN size IS NOT NULL THEN
            100 * (rank() OVER (PARTITION BY d ORDER BY size NULLS LAST) - 1 + count(*) OVER (PARTITION BY d, size) / 2)
                / count(size) OVER (PARTITION BY d) END AS audience,
        max(points) OVER community AS most, count(*) OVER (PARTITION BY d) AS known
    FROM standard WINDOW community AS (PARTITION BY d, platform, language)
), wanted AS (
    SELECT pair, published AS d, account_id, unnest(list_distinct(topics)) AS topic
    FROM pairs JOIN publications USING (d) JOIN campaigns USING (campaign_id)
), on_topics AS (
    SELECT pair, max(coalesce(authority, 0)) AS authority
    FROM wanted SEMI JOIN topic_authority USING (d, topic) LEFT JOIN topic_authority USING (d, topic, account_id)
    GROUP BY pair
)
SELECT pair,
    -- A rank among fewer than ten says nothing.
    reach AS klout_reach,
    amplification AS klout_amplification,
    network AS klout_network,
    CASE WHEN known >= 10 AND klout_rank IS NOT NULL THEN least(1 - 10 * log2(1 - klout_rank), 100) END AS klout_score,
    CASE WHEN known >= 10 THEN networks END AS klout_networks,
    CASE WHEN most = 0 THEN 0 ELSE 1000 * ln(1 + points) / ln(1 + most) END AS kred_influence,
    floor(ln(1 + 0.7 * given / 100) / ln(1.7) + 1e-9) AS kred_outreach,
    CASE WHEN known >= 10 THEN ranked.authority END AS peerindex_authority,
    CASE WHEN known >= 10 THEN activity END AS peerindex_activity,
    CASE WHEN known < 10 THEN NULL WHEN audience IS NULL THEN (0.6 * ranked.authority + 0.2 * activity) / 0.8
         ELSE 0.6 * ranked.authority + 0.2 * audience + 0.2 * activity END AS peerindex,
    CASE WHEN known >= 10 AND ranked.authority IS NOT NULL THEN on_topics.authority END AS peerindex_topic_authority
FROM pairs
JOIN publications ON publications.d = pairs.d
LEFT JOIN ranked ON ranked.account_id = pairs.account_id AND ranked.d = published
LEFT JOIN on_topics USING (pair)
