-- What was last published before each decision. `walk` is PageRank after 50 steps.
WITH parts AS (
    SELECT account_id, d, platform, language,
        ln(1 + s.followers * (1 - coalesce(f.suspicious, 0))) AS reach,
        ln(1 + coalesce(p.shares, r.reshares, 0) + coalesce(r.mentions, 0)) AS amplification,
        r.network,
        coalesce(r.points, 0) AS points,
        10 * coalesce(g.given, 0) AS given,
        coalesce(p.posts, 0) AS posts,
        CASE WHEN account_id IN (SELECT endorsed FROM links WHERE links.d = asked.d)
             THEN round(walk.share * walk.nodes, 9) ELSE 0 END AS standing,
        round(reach, 9) AS size
    FROM asked SEMI JOIN publications ON published = asked.d
    JOIN accounts USING (account_id)
    LEFT JOIN latest_stats s USING (account_id, d)
    LEFT JOIN follower_samples f USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, sum(shares) FILTER (in_90d) AS shares, count(*) FILTER (in_90d) AS posts
               FROM known_posts GROUP BY ALL) p USING (account_id, d)
    LEFT JOIN (SELECT account_id, d, count(*) FILTER (kind = 'reshare') AS reshares,
                   count(*) FILTER (kind = 'mention') AS mentions,
                   avg(ln(1 + actor_followers)) AS network,
                   sum(CASE WHEN actor_followers > 10000 THEN 50 ELSE 10 END)
                       FILTER (kind IN ('reply', 'reshare', 'mention')) AS points
               FROM known_interactions GROUP BY ALL) r USING (account_id, d)
    LEFT JOIN (SELECT asked.account_id, d, count(*) AS given
               FROM asked JOIN others ON actor_id = asked.account_id AND others.at <= d
               GROUP BY ALL) g USING (account_id, d)
    LEFT JOIN walk ON walk.d = asked.d AND walk.node = account_id
    -- Only accounts of which something is known take part.
    WHERE s.account_id IS NOT NULL OR p.account_id IS NOT NULL OR g.account_id IS NOT NULL
        OR EXISTS (FROM others WHERE others.account_id = asked.account_id AND others.at <= asked.d)
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
        100 * (rank() OVER (PARTITION BY d ORDER BY standing) - 1 + count(*) OVER (PARTITION BY d, standing) / 2)
            / count(*) OVER (PARTITION BY d) AS authority,
        CASE WHEN size IS NOT NULL THEN
            100 * (rank() OVER (PARTITION BY d ORDER BY size NULLS LAST) - 1 + count(*) OVER (PARTITION BY d, size) / 2)
                / count(size) OVER (PARTITION BY d) END AS audience,
        100 * (rank() OVER (PARTITION BY d ORDER BY posts) - 1 + count(*) OVER (PARTITION BY d, posts) / 2)
            / count(*) OVER (PARTITION BY d) AS activity,
        max(points) OVER (PARTITION BY d, platform, language) AS most
    FROM standard
)
SELECT pair,
    reach AS klout_reach,
    amplification AS klout_amplification,
    network AS klout_network,
    CASE WHEN klout_rank IS NOT NULL THEN least(1 - 10 * log2(1 - klout_rank), 100) END AS klout_score,
    CASE WHEN most = 0 THEN 0 ELSE 1000 * ln(1 + points) / ln(1 + most) END AS kred_influence,
    floor(ln(1 + 0.7 * given / 100) / ln(1.7) + 1e-9) AS kred_outreach,
    authority AS peerindex_authority,
    CASE WHEN audience IS NULL THEN (0.6 * authority + 0.2 * activity) / 0.8
         ELSE 0.6 * authority + 0.2 * audience + 0.2 * activity END AS peerindex
FROM pairs
JOIN publications ON publications.d = pairs.d
LEFT JOIN ranked ON ranked.account_id = pairs.account_id AND ranked.d = published
