WITH half_year AS (
    SELECT account_id, d, ln(nullif(followers, 0)) - ln(nullif(before, 0)) AS step
    FROM asked JOIN (SELECT *, lag(followers) OVER (PARTITION BY account_id ORDER BY observed_at) AS before
                     FROM account_stats) USING (account_id)
    WHERE observed_at <= d AND observed_at > d - INTERVAL 180 DAY
), jumps AS (
    SELECT account_id, d, max(step) - median(step) AS follower_jump_180d FROM half_year GROUP BY ALL
), month_ago AS (
    SELECT account_id, d, arg_max(followers, observed_at) AS before
    FROM asked JOIN account_stats USING (account_id) WHERE observed_at <= d - INTERVAL 30 DAY
    GROUP BY ALL
), rates AS (
    SELECT account_id, d, median(rate) AS rate FROM known_posts WHERE in_90d GROUP BY ALL
), judged AS (
    SELECT account_id, d,
        CASE WHEN kind IN ('comment', 'reply') AND text IS NOT NULL THEN
            len(regexp_extract_all(text, '\S+')) < 3
            OR EXISTS (FROM interactions e WHERE e.at < k.at
                       AND lower(trim(e.text, E' \t\n\r')) = lower(trim(k.text, E' \t\n\r'))) END AS generic,
        EXISTS (FROM interactions g WHERE g.actor_id = k.account_id AND g.account_id = k.actor_id
                AND g.at <= k.at AND g.at > k.at - INTERVAL 90 DAY) AS reciprocal
    FROM known_interactions k
), of_reactions AS (
    SELECT account_id, d, avg(generic::INT) AS generic_comment_share_90d,
           avg(reciprocal::INT) AS reciprocal_reaction_share_90d
    FROM judged GROUP BY ALL
)
SELECT pair,
    f.suspicious AS suspicious_follower_share,
    ln(1 + coalesce(f.size, 0)) AS follower_sample_log_size,
    s.following / nullif(s.followers, 0) AS following_per_follower,
    s.followers / nullif(before, 0) - 1 AS follower_growth_30d,
    follower_jump_180d,
    ln(nullif(rate, 0)) + 0.2 * ln(nullif(s.followers, 0)) AS engagement_rate_for_size_90d,
    generic_comment_share_90d,
    reciprocal_reaction_share_90d
FROM pairs
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN follower_samples f USING (account_id, d)
LEFT JOIN jumps USING (account_id, d)
LEFT JOIN month_ago USING (account_id, d)
LEFT JOIN rates USING (account_id, d)
LEFT JOIN of_reactions USING (account_id, d)
