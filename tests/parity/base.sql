-- What may be known of an account at a moment, straight from the data contract. `pairs` (pair, campaign_id, account_id,
-- d, fee) is what was asked. A window of n days holds what is younger than n days: d - n days < t <= d.

CREATE OR REPLACE TEMP TABLE publications AS
SELECT DISTINCT d, make_timestamp(epoch_us(d) // 2592000000000 * 2592000000000) AS published FROM pairs;

-- Pairs ask about their own account and its siblings; the social scores ask about every account.
CREATE OR REPLACE TEMP TABLE asked AS
SELECT account_id, d FROM (SELECT DISTINCT d FROM pairs) CROSS JOIN accounts
UNION
SELECT account_id, published FROM publications CROSS JOIN accounts;

-- Of the readings that may be known, a post is told by its last; one without a time counts as read after three days.
CREATE OR REPLACE TEMP TABLE known_posts AS
SELECT *, engagements / nullif(followers, 0) AS rate FROM (
SELECT asked.d, posts.*,
       published_at > d - INTERVAL 30 DAY AS in_30d,
       published_at > d - INTERVAL 90 DAY AS in_90d,
       CASE WHEN likes IS NOT NULL OR comments IS NOT NULL
            THEN coalesce(likes, 0) + coalesce(comments, 0) END AS engagements,
       -- As of the post's own time; where no reading is that old, the first after it that is known.
       coalesce(
           (SELECT arg_max(s.followers, s.observed_at) FROM account_stats s
            WHERE s.account_id = posts.account_id AND s.observed_at <= posts.published_at),
           (SELECT arg_min(s.followers, s.observed_at) FROM account_stats s
            WHERE s.account_id = posts.account_id AND s.observed_at <= asked.d)) AS followers
FROM asked JOIN posts USING (account_id)
WHERE published_at <= d - INTERVAL 3 DAY AND published_at > d - INTERVAL 180 DAY
      AND (observed_at IS NULL OR observed_at <= d)
QUALIFY row_number() OVER (
    PARTITION BY account_id, d, post_id
    ORDER BY coalesce(observed_at, published_at + INTERVAL 3 DAY) DESC, observed_at IS NOT NULL DESC) = 1);

CREATE OR REPLACE TEMP TABLE latest_stats AS
SELECT account_id, d, arg_max(followers, observed_at) AS followers,
       arg_max_null(following, observed_at) AS following
FROM asked JOIN account_stats USING (account_id) WHERE observed_at <= d
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE others AS
SELECT * FROM interactions WHERE actor_id <> account_id;

CREATE OR REPLACE TEMP TABLE known_interactions AS
SELECT asked.d, others.* FROM asked JOIN others USING (account_id)
WHERE others.at <= d AND others.at > d - INTERVAL 90 DAY;

-- `follower_scores` is what the follower classifier says of each sampled follower, `classifier` the variances of its
-- scores over labelled real and fake followers, and how many those were.
CREATE OR REPLACE TEMP TABLE follower_samples AS
SELECT *, CASE WHEN n > 0 THEN least(greatest(total / n, 0), 1) END AS suspicious
FROM (SELECT account_id, d, count(*) AS size, count(score) AS n, sum(score) AS total, sum(score * score) AS squares
      FROM asked JOIN follower_scores USING (account_id)
      WHERE observed_at <= d AND observed_at > d - INTERVAL 365 DAY GROUP BY ALL);

CREATE OR REPLACE TEMP MACRO days_between(a, b) AS (epoch_us(b) - epoch_us(a)) / 86400000000;
