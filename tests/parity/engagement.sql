WITH posted AS (
    SELECT *, days_between(lag(published_at) OVER same, published_at) AS gap,
           row_number() OVER (PARTITION BY account_id, d ORDER BY published_at DESC, hash(post_id) DESC) <= 20 AS newest
    FROM known_posts WINDOW same AS (PARTITION BY account_id, d ORDER BY published_at)
), of_posts AS (
    SELECT account_id, d,
        count(*) FILTER (in_90d) AS posts_90d,
        days_between(max(published_at), d) AS days_since_last_post,
        CASE WHEN count(gap) > 1 THEN stddev_pop(gap) / nullif(avg(gap), 0) END AS posting_irregularity_180d,
        median(rate) FILTER (in_90d) AS engagement_rate_median_90d,
        CASE WHEN count(rate) FILTER (in_90d) > 1
             THEN stddev_pop(rate) FILTER (in_90d) / nullif(avg(rate) FILTER (in_90d), 0) END
            AS engagement_rate_spread_90d,
        avg(rate) FILTER (in_30d) / nullif(avg(rate), 0) - 1 AS engagement_rate_trend,
        median(ln(1 + engagements)) FILTER (in_90d) AS engagements_log_median_90d,
        avg(ln(1 + likes)) FILTER (newest) AS likes_log_mean_newest,
        avg(ln(1 + comments)) FILTER (newest) AS comments_log_mean_newest,
        CASE WHEN count(comments) FILTER (newest) > 1
             THEN stddev_pop(ln(1 + comments)) FILTER (newest) END AS comments_log_spread_newest,
        median(views / nullif(followers, 0)) FILTER (in_90d) AS views_per_follower_median_90d,
        sum(comments) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND comments IS NOT NULL), 0) AS comments_per_like_90d,
        sum(shares) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND shares IS NOT NULL), 0) AS shares_per_like_90d,
        sum(saves) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND saves IS NOT NULL), 0) AS saves_per_like_90d,
        sum(clicks) FILTER (in_90d AND views IS NOT NULL)
            / nullif(sum(views) FILTER (in_90d AND clicks IS NOT NULL), 0) AS clicks_per_view_90d,
        avg((sponsor_id IS NOT NULL)::INT) FILTER (in_90d) AS sponsored_share_90d,
        avg(engagements) FILTER (sponsor_id IS NOT NULL)
            / nullif(avg(engagements) FILTER (sponsor_id IS NULL), 0) AS sponsored_to_organic_180d
    FROM posted GROUP BY account_id, d
), people AS (
    SELECT account_id, d, actor_id, count(*) AS times
    FROM known_interactions WHERE kind <> 'follow' GROUP BY ALL
), of_people AS (
    SELECT account_id, d, sum(times) AS reactions,
        count(*) / sum(times) AS responders_per_reaction_90d,
        avg((times > 1)::INT) AS returning_responder_share_90d,
        sum(times * times) / (sum(times) * sum(times)) AS responder_concentration_90d
    FROM people GROUP BY ALL
), of_comments AS (
    SELECT account_id, d, count(*) FILTER (kind = 'reply') / nullif(count(*) FILTER (kind = 'comment'), 0)
        AS replies_per_comment_90d
    FROM known_interactions GROUP BY ALL
)
SELECT pair,
    ln(1 + s.followers) AS log_followers,
    of_posts.* EXCLUDE (account_id, d) REPLACE (coalesce(posts_90d, 0) AS posts_90d),
    ln(1 + coalesce(reactions, 0)) AS reactions_log_90d,
    of_people.* EXCLUDE (account_id, d, reactions),
    replies_per_comment_90d
FROM pairs
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN of_posts USING (account_id, d)
LEFT JOIN of_people USING (account_id, d)
LEFT JOIN of_comments USING (account_id, d)
