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

-- Figures that are compared with those of peers, by the last publication: how far above their usual, and their spread.
CREATE OR REPLACE TEMP TABLE against_peers AS
WITH per_like AS (
    SELECT account_id, d,
        ln(nullif(median(rate), 0)) AS rate,
        ln((sum(comments) FILTER (likes IS NOT NULL) + 0.5) / (sum(likes) FILTER (comments IS NOT NULL) + 1)) AS comments,
        ln((sum(shares) FILTER (likes IS NOT NULL) + 0.5) / (sum(likes) FILTER (shares IS NOT NULL) + 1)) AS shares,
        ln((sum(saves) FILTER (likes IS NOT NULL) + 0.5) / (sum(likes) FILTER (saves IS NOT NULL) + 1)) AS saves
    FROM known_posts WHERE in_90d GROUP BY ALL
), paid AS (
    SELECT account_id, d, count(*) AS number, avg(ln((clicks + 0.5) / (impressions + 1))) AS paid_clicks
    FROM asked JOIN outcomes USING (account_id)
    WHERE closed_at <= d AND decided_at < d AND posted_at IS NOT NULL AND clicks IS NOT NULL AND impressions > 0
    GROUP BY ALL
), own AS (
    SELECT account_id, d, platform, ln(nullif(s.followers, 0)) AS size, rate, comments, shares, saves, paid_clicks, number
    FROM asked JOIN accounts USING (account_id)
    JOIN latest_stats s USING (account_id, d)
    LEFT JOIN per_like USING (account_id, d)
    LEFT JOIN paid USING (account_id, d)
), compared AS (
    UNPIVOT (FROM own WHERE size IS NOT NULL)
    ON rate, comments, shares, saves, paid_clicks INTO NAME signal VALUE figure
), local AS (
    SELECT d AS published, signal, platform, size,
        median(figure) OVER peers AS usual, 1.4826 * mad(figure) OVER peers AS spread,
        count(*) OVER (PARTITION BY d, signal, platform) AS accounts
    FROM compared WHERE d IN (SELECT published FROM publications)
    WINDOW peers AS (PARTITION BY d, signal, platform ORDER BY size, figure ROWS BETWEEN 25 PRECEDING AND 25 FOLLOWING)
), curve AS (
    SELECT published, signal, platform, size, avg(usual) AS usual, greatest(avg(spread), 0.1) AS spread
    FROM local WHERE accounts >= 5 GROUP BY ALL
), between_knots AS (
    SELECT c.account_id, c.d, c.signal, c.figure, c.number,
        max(k.size) FILTER (k.size <= c.size) AS left_size, min(k.size) FILTER (k.size > c.size) AS right_size,
        arg_max(k.usual, k.size) FILTER (k.size <= c.size) AS left_usual,
        arg_min(k.usual, k.size) FILTER (k.size > c.size) AS right_usual,
        arg_max(k.spread, k.size) FILTER (k.size <= c.size) AS left_spread,
        arg_min(k.spread, k.size) FILTER (k.size > c.size) AS right_spread,
        coalesce((c.size - left_size) / (right_size - left_size), 0) AS part
    FROM compared c JOIN publications USING (d)
    JOIN curve k ON k.published = publications.published AND k.signal = c.signal AND k.platform = c.platform
    GROUP BY c.account_id, c.d, c.signal, c.figure, c.number, c.size
)
SELECT account_id, d, signal, number,
    figure - (1 - part) * coalesce(left_usual, right_usual) - part * coalesce(right_usual, left_usual) AS above,
    (1 - part) * coalesce(left_spread, right_spread) + part * coalesce(right_spread, left_spread) AS spread
FROM between_knots;
