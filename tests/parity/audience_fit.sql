WITH reported AS (
    SELECT pair, campaign_id, dimension, audiences.bucket, share AS has
    FROM pairs JOIN audiences USING (account_id) WHERE observed_at <= d
    QUALIFY observed_at = max(observed_at) OVER (PARTITION BY pair, dimension)
), reports AS (
    SELECT pair, days_between(max(observed_at), any_value(d)) AS audience_report_age_days
    FROM pairs JOIN audiences USING (account_id) WHERE observed_at <= d GROUP BY pair
), countries AS (
    SELECT pair, sum(has * has) / nullif(sum(has) * sum(has), 0) AS audience_country_concentration
    FROM reported WHERE dimension = 'country' GROUP BY pair
), wanted AS (
    SELECT pair, dimension, target.bucket, share AS wants FROM pairs JOIN campaign_audience target USING (campaign_id)
), comparable AS (
    SELECT DISTINCT pair, dimension FROM reported SEMI JOIN wanted USING (pair, dimension)
), slices AS (
    SELECT pair, dimension, coalesce(has, 0) AS p, coalesce(wants, 0) AS q, (p + q) / 2 AS m,
           wants = max(wants) OVER (PARTITION BY pair, dimension) AS most
    FROM reported FULL JOIN wanted USING (pair, dimension, bucket) SEMI JOIN comparable USING (pair, dimension)
), fits AS (
    SELECT pair, dimension, sum(least(p, q)) AS overlap,
        sum(CASE WHEN p > 0 THEN p * ln(p / m) ELSE 0 END + CASE WHEN q > 0 THEN q * ln(q / m) ELSE 0 END) / 2
            AS divergence,
        max(p) FILTER (most) AS top
    FROM slices GROUP BY ALL
), joined AS (
    SELECT pair,
        max(overlap) FILTER (dimension = 'country') AS audience_overlap_country,
        max(overlap) FILTER (dimension = 'age') AS audience_overlap_age,
        max(overlap) FILTER (dimension = 'gender') AS audience_overlap_gender,
        max(overlap) FILTER (dimension = 'language') AS audience_overlap_language,
        max(overlap) FILTER (dimension = 'interest') AS audience_overlap_interest,
        max(divergence) FILTER (dimension = 'country') AS audience_divergence_country,
        max(divergence) FILTER (dimension = 'age') AS audience_divergence_age,
        max(divergence) FILTER (dimension = 'gender') AS audience_divergence_gender,
        max(divergence) FILTER (dimension = 'language') AS audience_divergence_language,
        max(divergence) FILTER (dimension = 'interest') AS audience_divergence_interest,
        exp(avg(ln(greatest(overlap, 0.01)))) AS audience_fit_joint,
        avg(divergence) AS audience_divergence,
        avg(top) AS audience_top_slice_share
    FROM fits GROUP BY ALL
), languages AS (
    SELECT pair, coalesce(max(wants) FILTER (wanted.bucket = language), 0) AS own_language_share
    FROM pairs JOIN accounts USING (account_id) JOIN wanted USING (pair)
    WHERE dimension = 'language' AND language IS NOT NULL GROUP BY ALL
), rivals AS (
    -- Of each pair: the other brands of the vertical, and the name that some of them have.
    SELECT DISTINCT pair, other.brand_id AS rival
    FROM pairs JOIN campaigns own USING (campaign_id) JOIN campaigns other USING (vertical)
    WHERE other.starts_at <= d AND other.brand_id <> own.brand_id
), fields AS (
    SELECT pair, flatten(list(other.topics)) AS topics
    FROM pairs JOIN campaigns own USING (campaign_id) JOIN campaigns other USING (vertical)
    WHERE other.starts_at <= d GROUP BY pair
), themes AS (
    SELECT pair, d, k.published_at, k.engagements, k.topics IS NOT NULL AS labelled, k.sponsor_id,
           list_has_any(k.topics, c.topics) AS on_topic,
           list_has_any(k.topics, fields.topics) AS of_vertical,
           k.sponsor_id = c.brand_id AS of_brand,
           rivals.pair IS NOT NULL AS of_rival
    FROM pairs JOIN known_posts k USING (account_id, d) JOIN campaigns c USING (campaign_id)
    LEFT JOIN fields USING (pair)
    LEFT JOIN rivals ON rivals.pair = pairs.pair AND rival = k.sponsor_id
), of_posts AS (
    SELECT pair,
        avg(engagements) FILTER (on_topic) / nullif(avg(engagements), 0) AS topic_engagement_ratio_180d,
        days_between(max(published_at) FILTER (on_topic), any_value(d)) AS days_since_topic_post,
        count(*) FILTER (labelled) AS labelled,
        count(*) FILTER (on_topic) AS on_topic,
        count(*) FILTER (of_vertical) AS of_vertical,
        count(*) FILTER (of_brand) AS brand_posts_180d,
        days_between(max(published_at) FILTER (of_brand), any_value(d)) AS days_since_brand_post,
        count(*) FILTER (of_rival) AS rival_posts_180d,
        days_between(max(published_at) FILTER (of_rival), any_value(d)) AS days_since_rival_post
    FROM themes GROUP BY pair
), topics_posted AS (
    SELECT pair, topic, count(*) AS posts
    FROM (SELECT pair, unnest(list_distinct(topics)) AS topic FROM pairs JOIN known_posts USING (account_id, d))
    GROUP BY ALL
), topics_asked AS (
    SELECT pair, unnest(list_distinct(topics)) AS topic FROM pairs JOIN campaigns USING (campaign_id)
), cosines AS (
    SELECT pair, any_value(shared) / sqrt(sum(posts * posts) * any_value(asked)) AS topic_cosine_180d
    FROM topics_posted
    JOIN (SELECT pair, count(*) AS asked, coalesce(sum(posts), 0) AS shared
          FROM topics_asked LEFT JOIN topics_posted USING (pair, topic) GROUP BY pair) USING (pair)
    GROUP BY pair
), read AS (
    SELECT pair, post_id, regexp_extract_all(lower(caption), '[\p{L}\p{N}_]{2,}')[:100] AS words
    FROM pairs JOIN known_posts USING (account_id, d) WHERE caption IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY pair ORDER BY published_at DESC, hash(post_id) DESC) <= 50
), named AS (
    SELECT brand_id, words[1] AS name
    FROM (SELECT DISTINCT brand_id, regexp_extract_all(lower(brand_id), '[\p{L}\p{N}_]{2,}') AS words FROM campaigns)
    WHERE len(words) = 1
), names AS (
    SELECT pair, any_value(named.name) AS own, coalesce(list(other.name) FILTER (other.name IS NOT NULL), []) AS others
    FROM pairs JOIN campaigns USING (campaign_id) LEFT JOIN named USING (brand_id)
    LEFT JOIN rivals USING (pair) LEFT JOIN named other ON other.brand_id = rival GROUP BY pair
), mentions AS (
    SELECT pair, avg(list_contains(words, own)::INT) AS brand_named_share_newest,
           avg(list_has_any(words, others)::INT) AS rival_named_share_newest
    FROM read JOIN names USING (pair) GROUP BY pair
), moments AS (
    SELECT pair, make_timestamp(epoch_us(d) // 7776000000000 * 7776000000000) AS published FROM pairs
), documents AS (
    SELECT published, account_id, post_id, caption
    FROM (SELECT DISTINCT published FROM moments) JOIN posts
        ON published_at <= published - INTERVAL 3 DAY AND published_at > published - INTERVAL 180 DAY
           AND (observed_at IS NULL OR observed_at <= published)
    QUALIFY row_number() OVER (
        PARTITION BY account_id, published, post_id
        ORDER BY coalesce(observed_at, published_at + INTERVAL 3 DAY) DESC, observed_at IS NOT NULL DESC) = 1
), document_words AS (
    SELECT published, post_id,
           unnest(list_distinct(regexp_extract_all(lower(caption), '[\p{L}\p{N}_]{2,}')[:100])) AS word
    FROM documents
), word_weights AS (
    SELECT published, word, ln((1 + n) / (1 + count(*))) + 1 AS weight
    FROM document_words JOIN (SELECT published, count(caption) AS n FROM documents GROUP BY published) USING (published)
    GROUP BY published, word, n
), weights_of_new AS (
    SELECT pair, published, ln(1 + coalesce(n, 0)) + 1 AS weight_of_new
    FROM moments LEFT JOIN (SELECT published, count(caption) AS n FROM documents GROUP BY published) USING (published)
), brief_words AS (
    SELECT pair, word, count(*) * coalesce(any_value(weight), any_value(weight_of_new)) AS b
    FROM (SELECT pair, unnest(regexp_extract_all(lower(brief), '[\p{L}\p{N}_]{2,}')) AS word
          FROM pairs JOIN campaigns USING (campaign_id))
    JOIN weights_of_new USING (pair) LEFT JOIN word_weights USING (published, word) GROUP BY pair, word
), caption_words AS (
    SELECT pair, post_id, word, count(*) * coalesce(any_value(weight), any_value(weight_of_new)) AS c
    FROM (SELECT pair, post_id, unnest(words) AS word FROM read)
    JOIN weights_of_new USING (pair) LEFT JOIN word_weights USING (published, word) GROUP BY pair, post_id, word
), similarities AS (
    SELECT pair, post_id,
           coalesce(sum(c * b), 0) / sqrt(sum(c * c) * (SELECT sum(b * b) FROM brief_words x WHERE x.pair = caption_words.pair))
               AS similarity
    FROM caption_words LEFT JOIN brief_words USING (pair, word) GROUP BY pair, post_id
), texts AS (
    SELECT pair, avg(coalesce(similarity, 0)) AS brief_similarity_mean_newest,
           max(coalesce(similarity, 0)) AS brief_similarity_best_newest
    FROM read LEFT JOIN similarities USING (pair, post_id) SEMI JOIN brief_words USING (pair) GROUP BY pair
)
SELECT pair,
    joined.* EXCLUDE (pair),
    ln(1 + s.followers * (1 - coalesce(f.suspicious, 0)) * audience_fit_joint) AS effective_audience_log,
    audience_country_concentration,
    audience_report_age_days,
    own_language_share,
    CASE WHEN len(c.topics) > 0 THEN on_topic / nullif(labelled, 0) END AS topic_share_180d,
    topic_cosine_180d,
    topic_engagement_ratio_180d,
    days_since_topic_post,
    CASE WHEN len(fields.topics) > 0 THEN of_vertical / nullif(labelled, 0) END AS vertical_topic_share_180d,
    texts.* EXCLUDE (pair),
    coalesce(brand_posts_180d, 0) AS brand_posts_180d,
    days_since_brand_post,
    brand_named_share_newest,
    coalesce(rival_posts_180d, 0) AS rival_posts_180d,
    days_since_rival_post,
    rival_named_share_newest
FROM pairs JOIN campaigns c USING (campaign_id)
LEFT JOIN joined USING (pair)
LEFT JOIN reports USING (pair)
LEFT JOIN countries USING (pair)
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN follower_samples f USING (account_id, d)
LEFT JOIN languages USING (pair)
LEFT JOIN fields USING (pair)
LEFT JOIN of_posts USING (pair)
LEFT JOIN cosines USING (pair)
LEFT JOIN mentions USING (pair)
LEFT JOIN texts USING (pair)
