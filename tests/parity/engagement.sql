WITH posted AS (
    SELECT *, days_between(lag(published_at) OVER same, published_at) AS gap,
           row_number() OVER (PARTITION BY account_id, d ORDER BY published_at DESC, hash(post_id) DESC) <= 20 AS newest,
           sponsor_id IS NOT NULL AS paid,
           ln(1 + engagements) AS level,
           -- Words of a caption: letters, digits and underscores, two or more at a time.
           len(regexp_extract_all(caption, '[\p{L}\p{N}_]{2,}')[:100]) AS caption_words
    FROM known_posts WINDOW same AS (PARTITION BY account_id, d ORDER BY published_at)
), of_posts AS (
    SELECT account_id, d,
        count(*) FILTER (in_90d) AS posts_90d,
        days_between(max(published_at), d) AS days_since_last_post,
        CASE WHEN count(gap) > 1 THEN stddev_pop(gap) / nullif(avg(gap), 0) END AS posting_irregularity_180d,
        avg(caption_words) AS caption_words_mean_180d,
        median(rate) FILTER (in_90d) AS engagement_rate_median_90d,
        CASE WHEN count(rate) FILTER (in_90d) > 1
             THEN stddev_pop(rate) FILTER (in_90d) / nullif(avg(rate) FILTER (in_90d), 0) END
            AS engagement_rate_spread_90d,
        avg(rate) FILTER (in_30d) / nullif(avg(rate), 0) - 1 AS engagement_rate_trend,
        median(level) FILTER (in_90d) AS engagements_log_median_90d,
        CASE WHEN count(level) > 1 THEN quantile_cont(level, 0.75) - quantile_cont(level, 0.25) END
            AS engagements_log_range_180d,
        max(level) - median(level) AS engagements_log_best_180d,
        CASE WHEN count(level) > 2 AND min(published_at) FILTER (level IS NOT NULL)
                                       < max(published_at) FILTER (level IS NOT NULL)
             THEN regr_slope(level, days_between(TIMESTAMP '2024-01-01', published_at)) END AS engagements_log_slope_180d,
        avg(ln(1 + likes)) FILTER (newest) AS likes_log_mean_newest,
        avg(ln(1 + comments)) FILTER (newest) AS comments_log_mean_newest,
        CASE WHEN count(comments) FILTER (newest) > 1
             THEN stddev_pop(ln(1 + comments)) FILTER (newest) END AS comments_log_spread_newest,
        ln(1 + median(views) FILTER (in_90d)) AS views_log_median_90d,
        median(views / nullif(followers, 0)) FILTER (in_90d) AS views_per_follower_median_90d,
        max(views / nullif(followers, 0)) AS views_per_follower_best_180d,
        sum(comments) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND comments IS NOT NULL), 0) AS comments_per_like_90d,
        sum(shares) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND shares IS NOT NULL), 0) AS shares_per_like_90d,
        sum(saves) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND saves IS NOT NULL), 0) AS saves_per_like_90d,
        sum(comments) FILTER (in_90d AND followers IS NOT NULL)
            / nullif(sum(followers) FILTER (in_90d AND comments IS NOT NULL), 0) AS comments_per_follower_90d,
        sum(clicks) FILTER (in_90d AND views IS NOT NULL)
            / nullif(sum(views) FILTER (in_90d AND clicks IS NOT NULL), 0) AS clicks_per_view_90d,
        sum(engagements) FILTER (in_90d AND views IS NOT NULL)
            / nullif(sum(views) FILTER (in_90d AND engagements IS NOT NULL), 0) AS engagements_per_view_90d,
        avg(paid::INT) FILTER (in_30d) AS sponsored_share_30d,
        avg(paid::INT) FILTER (in_90d) AS sponsored_share_90d,
        days_between(max(published_at) FILTER (paid), d) AS days_since_last_sponsored,
        count(DISTINCT sponsor_id) AS sponsors_180d,
        avg(engagements) FILTER (paid) / nullif(avg(engagements) FILTER (NOT paid), 0) AS sponsored_to_organic_180d,
        median(rate) FILTER (paid) AS sponsored_rate_median_180d
    FROM posted GROUP BY account_id, d
), named_topics AS (
    -- A topic that a post names twice is named once.
    SELECT account_id, d, unnest(list_distinct(topics)) AS topic FROM posted
), of_topics AS (
    SELECT account_id, d, sum(times * (times - 1)) / nullif(sum(times) * (sum(times) - 1), 0) AS topic_concentration_180d
    FROM (SELECT account_id, d, topic, count(*) AS times FROM named_topics GROUP BY ALL)
    GROUP BY ALL
), people AS (
    SELECT account_id, d, actor_id, count(*) AS times,
        count(*) FILTER (kind IN ('mention', 'reshare')) AS amplifying,
        bool_or("at" > d - INTERVAL 30 DAY) AS came_now,
        bool_or("at" <= d - INTERVAL 30 DAY) AS came_before,
        count(*) FILTER (kind IN ('comment', 'reply') AND post_id IS NOT NULL) AS comments,
        count(DISTINCT post_id) FILTER (kind IN ('comment', 'reply')) AS posts_commented
    FROM known_interactions WHERE kind <> 'follow' GROUP BY ALL
), of_people AS (
    SELECT account_id, d, sum(times) AS reactions, count(*) AS number,
        sum(amplifying) / sum(times) AS amplifying_share_90d,
        avg((times > 1)::INT) AS returning_responder_share_90d,
        sum(times * (times - 1)) / nullif(sum(times) * (sum(times) - 1), 0) AS responder_concentration_90d,
        coalesce(sum(comments) FILTER (posts_commented >= 3), 0) / nullif(sum(comments), 0) AS loyal_comment_share_90d,
        sum(times) * count(*) FILTER (came_before AND came_now)
            / nullif(count(*) FILTER (came_before) * count(*) FILTER (came_now), 0) AS community_reactions_90d
    FROM people GROUP BY ALL
), of_comments AS (
    SELECT account_id, d, count(*) FILTER (kind = 'reply') / nullif(count(*) FILTER (kind = 'comment'), 0)
        AS replies_per_comment_90d
    FROM known_interactions GROUP BY ALL
), own_reactions AS (
    SELECT actor_id AS account_id, "at", EXISTS (
        FROM others back WHERE back.account_id = own.actor_id AND back.actor_id = own.account_id
        AND back.kind <> 'follow' AND back."at" <= own."at" AND back."at" > own."at" - INTERVAL 90 DAY) AS is_answer
    FROM others own WHERE kind <> 'follow'
), of_given AS (
    SELECT account_id, d, avg(is_answer::INT) AS answers_share_90d
    FROM asked JOIN own_reactions USING (account_id)
    WHERE "at" <= d AND "at" > d - INTERVAL 90 DAY
    GROUP BY ALL
)
SELECT pair,
    ln(1 + s.followers) AS log_followers,
    of_posts.* EXCLUDE (account_id, d)
        REPLACE (coalesce(posts_90d, 0) AS posts_90d, coalesce(sponsors_180d, 0) AS sponsors_180d),
    topic_concentration_180d,
    ln(1 + coalesce(reactions, 0)) AS reactions_log_90d,
    coalesce(number, 0) / nullif(s.followers, 0) AS responders_per_follower_90d,
    of_people.* EXCLUDE (account_id, d, reactions, number),
    replies_per_comment_90d,
    answers_share_90d
FROM pairs
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN of_posts USING (account_id, d)
LEFT JOIN of_topics USING (account_id, d)
LEFT JOIN of_people USING (account_id, d)
LEFT JOIN of_comments USING (account_id, d)
LEFT JOIN of_given USING (account_id, d)
