-- The compared features in one statement, written for speed: each table is read once, texts become numbers early, what
-- is known as of a moment is found by ASOF joins, windows are FILTERs of one aggregation.
WITH ids AS MATERIALIZED (
    SELECT account_id, influencer_id, epoch_us(created_at) AS created_at, row_number() OVER ()::INTEGER AS a FROM accounts
), briefs AS MATERIALIZED (
    SELECT * REPLACE (epoch_us(starts_at) AS starts_at), row_number() OVER ()::INTEGER AS c FROM campaigns
), asked AS MATERIALIZED (
    SELECT pair, epoch_us(decided_at) AS d, a, c, pairs.fee, influencer_id, created_at, hash(brand_id) AS brand, goal,
           value_per_action, budget, attribution_days, starts_at
    FROM pairs JOIN ids USING (account_id) JOIN briefs USING (campaign_id)

-- Counters -------------------------------------------------------------------------------------------------------------
), stats AS MATERIALIZED (
    SELECT a, epoch_us(observed_at) AS observed_at, followers, following FROM account_stats JOIN ids USING (account_id)
), siblings AS MATERIALIZED (
    SELECT pair, d, sibling.a, sibling.a = asked.a AS self
    FROM asked JOIN ids sibling USING (influencer_id)
), counters AS (
    SELECT pair,
        max(followers) FILTER (self) AS followers,
        max(following) FILTER (self) AS following,
        count(followers) AS influencer_accounts,
        sum(followers) AS influencer_followers
    FROM siblings ASOF JOIN stats ON stats.a = siblings.a AND observed_at <= d
    GROUP BY pair
), month_ago AS (
    SELECT pair, followers AS followers_before
    FROM asked ASOF JOIN stats ON stats.a = asked.a AND observed_at <= d - 2592000000000

-- Posts ----------------------------------------------------------------------------------------------------------------
), readings AS MATERIALIZED (
    SELECT readings.a, published_at, known_at, superseded_at, sponsor, views, likes, comments, shares, saves, clicks,
           topics, engagements, engagements / nullif(followers, 0) AS rate,
           views / nullif(followers, 0) AS views_per_follower
    FROM (
        SELECT a, epoch_us(posts.published_at) AS published_at,
               coalesce(epoch_us(observed_at), epoch_us(posts.published_at) + 259200000000) AS known_at,
               lead(known_at, 1, 9223372036854775807) OVER (
                   PARTITION BY hash(post_id) ORDER BY known_at, observed_at IS NOT NULL) AS superseded_at,
               hash(sponsor_id) * (sponsor_id IS NOT NULL)::UBIGINT AS sponsor,
               views::DOUBLE AS views, likes::DOUBLE AS likes, comments::DOUBLE AS comments, shares::DOUBLE AS shares,
               saves::DOUBLE AS saves, clicks::DOUBLE AS clicks, topics,
               CASE WHEN likes IS NOT NULL OR comments IS NOT NULL
                    THEN coalesce(likes, 0) + coalesce(comments, 0) END::DOUBLE AS engagements
        FROM posts JOIN ids USING (account_id)) readings
    ASOF LEFT JOIN stats ON stats.a = readings.a AND stats.observed_at <= published_at
), seen AS NOT MATERIALIZED (
    SELECT pair, d, published_at, published_at > d - 2592000000000 AS in_30d, published_at > d - 7776000000000 AS in_90d,
           sponsor, brand, views, likes, comments, shares, saves, clicks, engagements, rate, views_per_follower, topics IS NOT NULL AS topics_known
    FROM asked JOIN readings ON readings.a = asked.a
        AND published_at <= d - 259200000000 AND published_at > d - 15552000000000
        AND known_at <= d AND superseded_at > d
), of_posts AS MATERIALIZED (
    SELECT pair,
        count(*) FILTER (in_90d) AS posts_90d,
        (any_value(d) - max(published_at)) / 86400000000 AS days_since_last_post,
        median(rate) FILTER (in_90d) AS engagement_rate_median_90d,
        CASE WHEN count(rate) FILTER (in_90d) > 1
             THEN stddev_pop(rate) FILTER (in_90d) / nullif(avg(rate) FILTER (in_90d), 0) END
            AS engagement_rate_spread_90d,
        avg(rate) FILTER (in_30d) / nullif(avg(rate), 0) - 1 AS engagement_rate_trend,
        median(ln(1 + engagements)) FILTER (in_90d) AS engagements_log_median_90d,
        arg_max({likes: likes, comments: comments}, published_at, 20) AS newest,
        median(views_per_follower) FILTER (in_90d) AS views_per_follower_median_90d,
        sum(comments) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND comments IS NOT NULL), 0) AS comments_per_like_90d,
        sum(shares) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND shares IS NOT NULL), 0) AS shares_per_like_90d,
        sum(saves) FILTER (in_90d AND likes IS NOT NULL)
            / nullif(sum(likes) FILTER (in_90d AND saves IS NOT NULL), 0) AS saves_per_like_90d,
        sum(clicks) FILTER (in_90d AND views IS NOT NULL)
            / nullif(sum(views) FILTER (in_90d AND clicks IS NOT NULL), 0) AS clicks_per_view_90d,
        count(*) FILTER (in_90d AND sponsor <> 0) / nullif(count(*) FILTER (in_90d), 0) AS sponsored_share_90d,
        avg(engagements) FILTER (sponsor <> 0) / nullif(avg(engagements) FILTER (sponsor = 0), 0)
            AS sponsored_to_organic_180d,
        count(*) FILTER (topics_known) AS posts_with_topics,
        count(*) FILTER (sponsor = brand) AS brand_posts_180d,
        sum(engagements) FILTER (in_90d) AS engagements_90d
    FROM seen GROUP BY pair
), of_gaps AS (
    SELECT pair,
        CASE WHEN count(gap) > 1 THEN stddev_pop(gap) / nullif(avg(gap), 0) END AS posting_irregularity_180d,
    FROM (
        SELECT pair, published_at - lag(published_at) OVER (PARTITION BY pair ORDER BY published_at) AS gap
        FROM seen)
    GROUP BY pair
), of_newest AS (
    SELECT pair,
        avg(ln(1 + post.likes)) AS likes_log_mean_newest,
        avg(ln(1 + post.comments)) AS comments_log_mean_newest,
        CASE WHEN count(post.comments) > 1 THEN stddev_pop(ln(1 + post.comments)) END AS comments_log_spread_newest
    FROM (SELECT pair, unnest(newest) AS post FROM of_posts) GROUP BY pair
), of_siblings AS (
    SELECT pair, sum(engagements) AS engagements_90d
    FROM siblings JOIN readings ON readings.a = siblings.a
        AND published_at <= d - 259200000000 AND published_at > d - 7776000000000
        AND known_at <= d AND superseded_at > d
    WHERE NOT self GROUP BY pair
), asked_topics AS (
    SELECT pair, d, a, hash(topic) AS topic
    FROM asked JOIN (SELECT c, unnest(list_distinct(topics)) AS topic FROM briefs) USING (c)
), posted_topics AS (
    SELECT a, published_at, known_at, superseded_at, hash(unnest(list_distinct(topics))) AS topic FROM readings
), of_topics AS (
    SELECT pair, count(DISTINCT published_at) AS on_topic
    FROM asked_topics JOIN posted_topics t ON t.a = asked_topics.a AND t.topic = asked_topics.topic
        AND published_at <= d - 259200000000 AND published_at > d - 15552000000000
        AND known_at <= d AND superseded_at > d
    GROUP BY pair

-- Interactions ---------------------------------------------------------------------------------------------------------
), people AS (
    SELECT pair, actor, count(*) FILTER (kind <> 'follow') AS times, count(*) FILTER (kind = 'reply') AS replies,
           count(*) FILTER (kind = 'comment') AS comments
    FROM asked JOIN (
        SELECT a, epoch_us(interactions.at) AS at, hash(actor_id) AS actor, kind FROM interactions JOIN ids USING (account_id)
        WHERE actor_id <> account_id) reactions
    ON reactions.a = asked.a AND reactions.at <= d AND reactions.at > d - 7776000000000
    GROUP BY ALL
), of_people AS (
    SELECT pair,
        sum(times) AS reactions,
        count(*) FILTER (times > 1) / nullif(count(*) FILTER (times > 0), 0) AS returning_responder_share_90d,
        (sum(times * times) - reactions) / nullif(reactions * (reactions - 1), 0) AS responder_concentration_90d,
        sum(replies) / nullif(sum(comments), 0) AS replies_per_comment_90d
    FROM people GROUP BY pair

-- Followers ------------------------------------------------------------------------------------------------------------
), samples AS (
    SELECT a, epoch_us(followers.observed_at) AS observed_at, count(*) AS size,
        count(following) AS judged, count(*) FILTER (following > 1500) AS massive
    FROM followers JOIN ids USING (account_id) GROUP BY ALL
), of_followers AS (
    SELECT pair, sum(size) AS size, sum(massive) / nullif(sum(judged), 0) AS mass_following_share
    FROM asked JOIN samples ON samples.a = asked.a AND observed_at <= d AND observed_at > d - 31536000000000
    GROUP BY pair

-- Audience -------------------------------------------------------------------------------------------------------------
), slices AS MATERIALIZED (
    SELECT a, dimension, epoch_us(observed_at) AS observed_at, hash(audiences.bucket) AS slice, share
    FROM audiences JOIN ids USING (account_id)
), wanted AS MATERIALIZED (
    SELECT c, dimension, hash(campaign_audience.bucket) AS slice, share AS wants
    FROM campaign_audience JOIN briefs USING (campaign_id)
), wanted_dimensions AS (
    SELECT c, dimension, sum(wants) AS wants FROM wanted GROUP BY ALL
), newest_reports AS (
    SELECT pair, c, reports.a, reports.dimension, observed_at, wants
    FROM (SELECT pair, d, a, c, dimension, wants FROM asked JOIN wanted_dimensions USING (c)) asked
    ASOF JOIN (SELECT DISTINCT a, dimension, observed_at FROM slices) reports
        ON reports.a = asked.a AND reports.dimension = asked.dimension AND observed_at <= d
), fits AS (
    SELECT pair, r.dimension,
        sum(least(share, coalesce(w.wants, 0))) AS overlap,
        (coalesce(sum(
            CASE WHEN share > 0 THEN share * ln(2 * share / (share + w.wants)) ELSE 0 END
            + CASE WHEN w.wants > 0 THEN w.wants * ln(2 * w.wants / (share + w.wants)) ELSE 0 END), 0)
         + ln(2) * (sum(share) - coalesce(sum(share) FILTER (w.wants IS NOT NULL), 0)
                    + any_value(r.wants) - coalesce(sum(w.wants), 0))) / 2 AS divergence
    FROM newest_reports r
    JOIN slices USING (a, dimension, observed_at)
    LEFT JOIN wanted w ON w.c = r.c AND w.dimension = r.dimension AND w.slice = slices.slice
    GROUP BY ALL
), of_audience AS (
    SELECT pair,
        max(overlap) FILTER (dimension = 'country') AS audience_overlap_country,
        max(overlap) FILTER (dimension = 'age') AS audience_overlap_age,
        max(overlap) FILTER (dimension = 'gender') AS audience_overlap_gender,
        max(overlap) FILTER (dimension = 'language') AS audience_overlap_language,
        max(overlap) FILTER (dimension = 'interest') AS audience_overlap_interest,
        exp(avg(ln(greatest(overlap, 0.01)))) AS audience_fit_joint,
        avg(divergence) AS audience_divergence
    FROM fits GROUP BY pair

-- Track record ---------------------------------------------------------------------------------------------------------
), told AS (
    SELECT a, epoch_us(outcomes.decided_at) AS decided_at, epoch_us(outcomes.closed_at) AS closed_at, goal, actions, ln(1 + actions) AS log_actions, posted_at IS NOT NULL AS posted,
        CASE WHEN posted THEN log_actions - avg(CASE WHEN posted_at IS NOT NULL THEN ln(1 + actions) END) OVER (
            PARTITION BY goal ORDER BY epoch_us(outcomes.closed_at)
            RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) END AS surprise
    FROM outcomes JOIN ids USING (account_id) JOIN briefs USING (campaign_id)
), settled AS (
    SELECT pair, d, told.*, told.goal = asked.goal AS same_goal,
        row_number() OVER (PARTITION BY pair, told.goal ORDER BY closed_at DESC) AS age
    FROM asked JOIN told ON told.a = asked.a AND closed_at <= d AND told.decided_at < d
), of_outcomes AS (
    SELECT pair,
        count(*) AS past_activations,
        count(*) FILTER (same_goal) AS past_activations_same_goal,
        avg(actions) FILTER (same_goal) AS past_actions_mean,
        avg(log_actions) FILTER (same_goal AND age <= 20) AS past_actions_log_mean_newest,
        CASE WHEN past_activations_same_goal > 1
             THEN stddev_pop(log_actions) FILTER (same_goal AND age <= 20) END AS past_actions_log_spread_newest,
        max(log_actions) FILTER (same_goal AND age = 1) AS past_actions_log_last,
        sum(surprise) / (count(surprise) + 3) AS past_performance,
        sum(surprise) FILTER (same_goal) / (count(surprise) FILTER (same_goal) + 3) AS past_performance_same_goal,
        (count(*) FILTER (NOT posted) + 0.6) / (count(*) + 3) AS past_no_show_share,
        (any_value(d) - max(closed_at)) / 86400000000 AS days_since_last_outcome
    FROM settled GROUP BY pair
)

SELECT pair,
    ln(1 + followers) AS log_followers,
    coalesce(posts_90d, 0) AS posts_90d,
    of_posts.* EXCLUDE (pair, posts_90d, posts_with_topics, brand_posts_180d, engagements_90d, newest),
    posting_irregularity_180d,
    of_newest.* EXCLUDE (pair),
    ln(1 + coalesce(reactions, 0)) AS reactions_log_90d,
    of_people.* EXCLUDE (pair, reactions),
    mass_following_share,
    ln(1 + coalesce(size, 0)) AS follower_sample_log_size,
    following / nullif(followers, 0) AS following_per_follower,
    followers / nullif(followers_before, 0) - 1 AS follower_growth_30d,
    of_audience.* EXCLUDE (pair),
    CASE WHEN len(briefs.topics) > 0 THEN coalesce(on_topic, 0) / nullif(posts_with_topics, 0) END AS topic_share_180d,
    coalesce(brand_posts_180d, 0) AS brand_posts_180d,
    of_outcomes.* EXCLUDE (pair) REPLACE (
        coalesce(past_activations, 0) AS past_activations,
        coalesce(past_activations_same_goal, 0) AS past_activations_same_goal),
    ln(1 + fee) AS fee_log,
    ln(1000 * nullif(fee, 0) / nullif(followers, 0)) AS fee_per_1000_followers_log,
    CASE WHEN fee >= 0 AND asked.value_per_action > 0
         THEN ln(greatest(ceil(fee / asked.value_per_action * (1 - 4 * 2.220446049250313e-16)), 1)) END AS log_break_even,
    ln(nullif(asked.value_per_action, 0)) AS value_per_action_log,
    ln(1 + asked.budget) AS budget_log,
    asked.attribution_days,
    (asked.starts_at - d) / 86400000000 AS days_to_start,
    CASE WHEN created_at <= d THEN (d - created_at) / 86400000000 END AS account_age_days,
    nullif(influencer_accounts, 0) AS influencer_accounts,
    ln(1 + influencer_followers) AS influencer_followers_log,
    followers / nullif(influencer_followers, 0) AS account_follower_share,
    ln(1 + CASE WHEN of_posts.engagements_90d IS NOT NULL OR of_siblings.engagements_90d IS NOT NULL
                THEN coalesce(of_posts.engagements_90d, 0) + coalesce(of_siblings.engagements_90d, 0) END)
        AS influencer_engagements_log_90d,
    of_posts.engagements_90d / nullif(of_posts.engagements_90d + coalesce(of_siblings.engagements_90d, 0), 0)
        AS account_engagement_share_90d
FROM asked
JOIN briefs USING (c)
LEFT JOIN counters USING (pair)
LEFT JOIN month_ago USING (pair)
LEFT JOIN of_posts USING (pair)
LEFT JOIN of_gaps USING (pair)
LEFT JOIN of_newest USING (pair)
LEFT JOIN of_siblings USING (pair)
LEFT JOIN of_topics USING (pair)
LEFT JOIN of_people USING (pair)
LEFT JOIN of_followers USING (pair)
LEFT JOIN of_audience USING (pair)
LEFT JOIN of_outcomes USING (pair)
