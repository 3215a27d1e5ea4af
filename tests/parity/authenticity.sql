-- Steps of followers between readings, and what an account's median daily growth would have brought in their time.
WITH steps AS (
    SELECT account_id, observed_at, lag(observed_at) OVER mine AS began,
        ln(nullif(followers, 0)) - ln(nullif(lag(followers) OVER mine, 0)) AS grown,
        abs(ln(1 + following) - ln(1 + lag(following) OVER mine)) AS churned
    FROM account_stats WINDOW mine AS (PARTITION BY account_id ORDER BY observed_at)
), churn AS (
    SELECT account_id, d, sum(churned) AS following_churn_180d FROM asked JOIN steps USING (account_id)
    WHERE observed_at <= d AND observed_at > d - INTERVAL 180 DAY GROUP BY ALL
), half_year AS (
    SELECT account_id, d, median(engagements) AS middling, count(*) AS posts FROM known_posts GROUP BY ALL
), judged AS (
    SELECT account_id, d, began, observed_at, grown, middling,
        grown - days_between(began, observed_at)
            * median(grown / days_between(began, observed_at)) OVER (PARTITION BY account_id, d) AS beyond
    FROM asked JOIN steps USING (account_id) LEFT JOIN half_year USING (account_id, d)
    WHERE observed_at <= d - INTERVAL 3 DAY AND observed_at > d - INTERVAL 180 DAY
        AND (middling IS NOT NULL OR posts IS NULL)
), told AS (
    SELECT *, EXISTS (
        FROM known_posts p WHERE p.account_id = judged.account_id AND p.d = judged.d
            AND published_at BETWEEN began - INTERVAL 7 DAY AND judged.observed_at
            AND engagements >= greatest(3 * middling, 1)) AS explained
    FROM judged WHERE grown IS NOT NULL AND began - INTERVAL 7 DAY >= d - INTERVAL 180 DAY
), growth AS (
    SELECT account_id, d,
        max(beyond) AS follower_jump_180d,
        -min(beyond) AS follower_drop_180d,
        greatest(coalesce(max(beyond) FILTER (NOT explained), 0), 0) AS unexplained_jump_180d,
        count(*) FILTER (NOT explained AND beyond > 0.05) AS unexplained_jumps_180d,
        CASE WHEN max(grown) > 0
             THEN least(coalesce(sum(beyond) FILTER (NOT explained AND beyond > 0.05), 0) / sum(greatest(grown, 0)), 1)
             END AS unexplained_growth_share_180d
    FROM told GROUP BY ALL
), month_ago AS (
    SELECT account_id, d, arg_max(followers, observed_at) AS followers
    FROM asked JOIN account_stats USING (account_id) WHERE observed_at <= d - INTERVAL 30 DAY
    GROUP BY ALL
),
of_posts AS (
    SELECT p.account_id, d,
        avg((comments = 0)::INT) FILTER (in_90d AND likes >= 100) AS uncommented_post_share_90d,
        CASE WHEN count(ln(nullif(likes, 0) / nullif(p.followers, 0))) FILTER (s.account_id IS NOT NULL) > 1
             THEN stddev_pop(ln(nullif(likes, 0) / nullif(p.followers, 0))) FILTER (s.account_id IS NOT NULL)
             END AS likes_spread_180d,
    FROM known_posts p LEFT JOIN latest_stats s USING (account_id, d) GROUP BY ALL
),
-- A pod: who has an account and reacts to me, and third accounts that reacted to both of us shortly before.
among AS (
    SELECT i.account_id, actor_id, "at" FROM others i JOIN accounts a ON a.account_id = actor_id
), reactions AS (
    SELECT k.*,
        list_transform(range(1, length(text) + 1), lambda place: substring(text, place, 1)) AS letters,
        CASE WHEN kind IN ('comment', 'reply') AND text IS NOT NULL THEN
            len(regexp_extract_all(text, '\S+')) < 3
                -- Japanese and Chinese; Thai and Lao.
                AND len(list_filter(letters, lambda c: c BETWEEN 'ぁ' AND 'ヿ' OR c BETWEEN '一' AND '鿿')) < 6
                AND len(list_filter(letters, lambda c: c BETWEEN 'ก' AND 'ໟ')) < 12
            OR EXISTS (FROM interactions e WHERE e.at < k.at
                       AND lower(trim(e.text, E' \t\n\r')) = lower(trim(k.text, E' \t\n\r'))) END AS generic,
        EXISTS (FROM interactions g WHERE g.actor_id = k.account_id AND g.account_id = k.actor_id
                AND g.at <= k.at AND g.at > k.at - INTERVAL 90 DAY) AS reciprocal,
        CASE WHEN actor_id IN (SELECT account_id FROM accounts) THEN (
            SELECT count(DISTINCT mine.actor_id) FROM among mine JOIN among theirs USING (actor_id)
            WHERE mine.account_id = k.account_id AND theirs.account_id = k.actor_id
                AND mine.at < k.at AND mine.at > k.at - INTERVAL 90 DAY
                AND theirs.at < k.at AND theirs.at > k.at - INTERVAL 90 DAY) ELSE 0 END AS links,
        CASE WHEN kind IN ('comment', 'reply') AND k.at <= d - INTERVAL 3 DAY THEN (
            SELECT days_between(max(published_at), k.at) * 24 <= 1 FROM known_posts p
            WHERE p.account_id = k.account_id AND p.d = k.d AND in_90d AND published_at <= k.at) END AS prompt
    FROM known_interactions k
), of_reactions AS (
    SELECT account_id, d, avg(generic::INT) AS generic_comment_share_90d,
        avg(prompt::INT) AS prompt_comment_share_90d,
        avg((actor_followers < 10)::INT) FILTER (kind <> 'follow') AS unfollowed_actor_share_90d,
        avg((links > 0)::INT) FILTER (kind <> 'follow') AS pod_reaction_share_90d,
        avg(reciprocal::INT) AS reciprocal_reaction_share_90d
    FROM reactions GROUP BY ALL
),
-- The sample of followers: first digits, profiles, and the share of fakes with its interval.
digits AS (
    SELECT account_id, d, digit,
        count(*) FILTER (left(following::VARCHAR, 1) = digit::VARCHAR) AS seen, count(*) AS n
    FROM asked JOIN followers USING (account_id) CROSS JOIN range(1, 10) t(digit)
    WHERE following > 0 AND observed_at <= d AND observed_at > d - INTERVAL 365 DAY GROUP BY ALL
), benford AS (
    SELECT account_id, d, avg(abs(seen / n - p)) - avg(sqrt(2 / pi() * p * (1 - p) / n)) AS following_benford_excess
    FROM (SELECT *, log10(1 + 1 / digit) AS p FROM digits) WHERE n >= 30 GROUP BY ALL
), profiles AS (
    SELECT account_id, d, avg((following > 1500)::INT) AS mass_following_share,
        avg((posts = 0)::INT) AS silent_follower_share
    FROM asked JOIN followers USING (account_id)
    WHERE observed_at <= d AND observed_at > d - INTERVAL 365 DAY GROUP BY ALL
), varied AS (
    SELECT account_id, d, n, suspicious AS s, of_real, of_fake, of_real / reals AS real_error, of_fake / fakes AS fake_error,
        -- 1.645 standard errors, more where scores vary more than those of labelled followers would.
        power(1.6448536269514722, 2) * CASE WHEN n > 1 THEN greatest(1, (squares - total * total / n) / (n - 1)
            / (s * of_fake + (1 - s) * of_real + s * (1 - s))) ELSE 1 END AS z2
    FROM follower_samples CROSS JOIN classifier WHERE n > 0
), quadratic AS (
    -- Shares p with (s - p)^2 <= z2 * (variance at p / n + errors of the means): a p^2 - 2 b p + c <= 0.
    SELECT *, 1 + z2 / n - z2 * (real_error + fake_error) AS a,
        s + z2 * (of_fake - of_real + 1) / n / 2 - z2 * real_error AS b,
        s * s - z2 * of_real / n - z2 * real_error AS c
    FROM varied
), sampled AS (
    SELECT account_id, d, s,
        CASE WHEN a > 0 THEN greatest((b - sqrt(b * b - a * c)) / a, 0) ELSE 0 END AS low,
        CASE WHEN a > 0 THEN least((b + sqrt(b * b - a * c)) / a, 1) ELSE 1 END AS high,
        CASE WHEN s <= 0.5 THEN high ELSE low END AS e,
        power(1.6448536269514722, 2) * e * (1 - e) / power(s - e, 2) AS worth
    FROM quadratic
),
signals AS (
    SELECT account_id, d, unexplained_jump_180d::DOUBLE AS unexplained_jump_180d,
        unexplained_jumps_180d::DOUBLE AS unexplained_jumps_180d,
        r.above / r.spread AS engagement_rate_for_size, c.above / c.spread AS comment_depth_for_size,
        generic_comment_share_90d, prompt_comment_share_90d, unfollowed_actor_share_90d
    FROM asked
    LEFT JOIN growth USING (account_id, d)
    LEFT JOIN (FROM against_peers WHERE signal = 'rate') r USING (account_id, d)
    LEFT JOIN (FROM against_peers WHERE signal = 'comments') c USING (account_id, d)
    LEFT JOIN of_reactions USING (account_id, d)
), foretold AS (
    SELECT account_id, d, 1 / (1 + exp(-any_value(level)
            - sum(weight * least(greatest((figure - mean) / deviation, -3), 3)))) AS share
    FROM (UNPIVOT signals ON unexplained_jump_180d, unexplained_jumps_180d, engagement_rate_for_size,
              comment_depth_for_size, generic_comment_share_90d, prompt_comment_share_90d, unfollowed_actor_share_90d
          INTO NAME sign VALUE figure)
    JOIN signs USING (sign) CROSS JOIN outlook GROUP BY ALL
), both_told AS (
    SELECT account_id, d,
        coalesce(sampled.worth, 0) AS w, CASE WHEN f.share IS NULL THEN 0 ELSE outlook.worth END AS v,
        (w * coalesce(s, 0) + v * coalesce(f.share, 0)) / nullif(w + v, 0) AS p,
        power(1.6448536269514722, 2) / nullif(w + v, 0) AS u
    FROM asked LEFT JOIN sampled USING (account_id, d) LEFT JOIN foretold f USING (account_id, d) CROSS JOIN outlook
)
SELECT pair,
    p AS fake_share,
    (p + u / 2 - sqrt(u * p * (1 - p) + u * u / 4)) / (1 + u) AS fake_share_low,
    (p + u / 2 + sqrt(u * p * (1 - p) + u * u / 4)) / (1 + u) AS fake_share_high,
    f.suspicious AS suspicious_follower_share,
    ln(1 + coalesce(f.size, 0)) AS follower_sample_log_size,
    mass_following_share,
    silent_follower_share,
    following_benford_excess,
    s.following / nullif(s.followers, 0) AS following_per_follower,
    following_churn_180d,
    s.followers / nullif(month_ago.followers, 0) - 1 AS follower_growth_30d,
    follower_jump_180d,
    follower_drop_180d,
    growth.unexplained_jump_180d,
    growth.unexplained_jumps_180d,
    unexplained_growth_share_180d,
    engagement_rate_for_size,
    comment_depth_for_size,
    uncommented_post_share_90d,
    likes_spread_180d,
    of_reactions.generic_comment_share_90d,
    of_reactions.prompt_comment_share_90d,
    of_reactions.unfollowed_actor_share_90d,
    pod_reaction_share_90d,
    reciprocal_reaction_share_90d
FROM pairs
LEFT JOIN both_told USING (account_id, d)
LEFT JOIN signals USING (account_id, d)
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN month_ago USING (account_id, d)
LEFT JOIN follower_samples f USING (account_id, d)
LEFT JOIN profiles USING (account_id, d)
LEFT JOIN benford USING (account_id, d)
LEFT JOIN churn USING (account_id, d)
LEFT JOIN growth USING (account_id, d)
LEFT JOIN of_posts USING (account_id, d)
LEFT JOIN of_reactions USING (account_id, d)
