WITH reported AS (
    SELECT pair, campaign_id, dimension, audiences.bucket, share AS has
    FROM pairs JOIN audiences USING (account_id) WHERE observed_at <= d
    QUALIFY observed_at = max(observed_at) OVER (PARTITION BY pair, dimension)
), wanted AS (
    SELECT pair, dimension, target.bucket, share AS wants FROM pairs JOIN campaign_audience target USING (campaign_id)
), comparable AS (
    SELECT DISTINCT pair, dimension FROM reported SEMI JOIN wanted USING (pair, dimension)
), slices AS (
    SELECT pair, dimension, coalesce(has, 0) AS p, coalesce(wants, 0) AS q, (p + q) / 2 AS m
    FROM reported FULL JOIN wanted USING (pair, dimension, bucket) SEMI JOIN comparable USING (pair, dimension)
), fits AS (
    SELECT pair, dimension, sum(least(p, q)) AS overlap,
        sum(CASE WHEN p > 0 THEN p * ln(p / m) ELSE 0 END + CASE WHEN q > 0 THEN q * ln(q / m) ELSE 0 END) / 2
            AS divergence
    FROM slices GROUP BY ALL
), joined AS (
    SELECT pair,
        max(overlap) FILTER (dimension = 'country') AS audience_overlap_country,
        max(overlap) FILTER (dimension = 'age') AS audience_overlap_age,
        max(overlap) FILTER (dimension = 'gender') AS audience_overlap_gender,
        max(overlap) FILTER (dimension = 'language') AS audience_overlap_language,
        max(overlap) FILTER (dimension = 'interest') AS audience_overlap_interest,
        exp(avg(ln(greatest(overlap, 0.01)))) AS audience_fit_joint,
        avg(divergence) AS audience_divergence
    FROM fits GROUP BY ALL
), languages AS (
    SELECT pair, coalesce(max(wants) FILTER (wanted.bucket = language), 0) AS own_language_share
    FROM pairs JOIN accounts USING (account_id) JOIN wanted USING (pair)
    WHERE dimension = 'language' AND language IS NOT NULL GROUP BY ALL
), themes AS (
    SELECT pair, engagements, list_has_any(known_posts.topics, campaigns.topics) AS on_topic,
           sponsor_id = brand_id AS of_brand, len(campaigns.topics) > 0 AS has_topics
    FROM pairs JOIN known_posts USING (account_id, d) JOIN campaigns USING (campaign_id)
), of_posts AS (
    SELECT pair,
        avg(on_topic::INT) FILTER (has_topics) AS topic_share_180d,
        avg(engagements) FILTER (on_topic) / nullif(avg(engagements), 0) AS topic_engagement_ratio_180d,
        count(*) FILTER (of_brand) AS brand_posts_180d
    FROM themes GROUP BY ALL
)
SELECT pair,
    joined.* EXCLUDE (pair),
    ln(1 + s.followers * (1 - coalesce(f.suspicious, 0)) * audience_fit_joint) AS effective_audience_log,
    own_language_share,
    topic_share_180d,
    topic_engagement_ratio_180d,
    coalesce(brand_posts_180d, 0) AS brand_posts_180d
FROM pairs
LEFT JOIN joined USING (pair)
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN follower_samples f USING (account_id, d)
LEFT JOIN languages USING (pair)
LEFT JOIN of_posts USING (pair)
