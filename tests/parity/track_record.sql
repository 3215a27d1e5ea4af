WITH told AS (
    SELECT o.*, c.goal, c.vertical, c.brand_id, c.value_per_action, a.influencer_id, posted_at IS NOT NULL AS posted,
        CASE WHEN posted THEN ln(1 + actions) - (
            SELECT avg(ln(1 + e.actions)) FROM outcomes e JOIN campaigns k USING (campaign_id)
            WHERE k.goal = c.goal AND e.posted_at IS NOT NULL AND e.closed_at < o.closed_at) END AS surprise
    FROM outcomes o JOIN campaigns c USING (campaign_id) JOIN accounts a USING (account_id)
), settled AS (
    SELECT pairs.pair, pairs.d, told.*, told.goal = asked_for.goal AS same_goal,
        told.vertical = asked_for.vertical AS same_vertical, told.brand_id = asked_for.brand_id AS same_brand,
        0.5 ** (days_between(closed_at, d) / 180) AS weight,
        row_number() OVER (PARTITION BY pair, told.goal ORDER BY closed_at DESC, hash(told.campaign_id) DESC) AS age
    FROM pairs
    JOIN campaigns asked_for USING (campaign_id)
    JOIN told ON told.account_id = pairs.account_id
    WHERE closed_at <= d AND told.decided_at < d
), own AS (
    SELECT pair,
        count(*) AS past_activations,
        count(*) FILTER (same_goal) AS past_activations_same_goal,
        avg(actions) FILTER (same_goal) AS past_actions_mean,
        avg(ln(1 + actions)) FILTER (same_goal AND age <= 20) AS past_actions_log_mean_newest,
        CASE WHEN past_activations_same_goal > 1
             THEN stddev_pop(ln(1 + actions)) FILTER (same_goal AND age <= 20) END AS past_actions_log_spread_newest,
        max(ln(1 + actions)) FILTER (same_goal AND age = 1) AS past_actions_log_last,
        sum(surprise) / (count(surprise) + 3) AS past_performance,
        sum(surprise) FILTER (same_goal) / (count(surprise) FILTER (same_goal) + 3) AS past_performance_same_goal,
        sum(surprise) FILTER (same_vertical) / (count(surprise) FILTER (same_vertical) + 3)
            AS past_performance_same_vertical,
        sum(surprise) FILTER (same_brand) / (count(surprise) FILTER (same_brand) + 3) AS past_performance_same_brand,
        sum(surprise * weight) / (sum(weight) FILTER (surprise IS NOT NULL) + 3) AS past_performance_recent,
        median(days_between(decided_at, posted_at)) AS past_days_to_post_median,
        avg(ln(1 + actions * value_per_action / nullif(fee, 0))) AS past_return_log_mean,
        sum(clicks) FILTER (impressions IS NOT NULL)
            / nullif(sum(impressions) FILTER (clicks IS NOT NULL), 0) AS past_clicks_per_impression,
        (count(*) FILTER (NOT posted) + 0.2 * 3) / (count(*) + 3) AS past_no_show_share,
        avg((actions * value_per_action >= fee)::INT) AS past_break_even_share,
        days_between(max(closed_at), any_value(d)) AS days_since_last_outcome
    FROM settled GROUP BY ALL
), whole AS (
    SELECT pair, sum(surprise) / (count(surprise) + 3) AS influencer_past_performance
    FROM pairs JOIN accounts USING (account_id)
    JOIN told ON told.influencer_id = accounts.influencer_id AND closed_at <= d AND told.decided_at < d
    GROUP BY ALL
), clicked AS (
    SELECT pair, sum(above * number) / (sum(number) + 1) AS influencer_past_clicks_for_size
    FROM pairs
    JOIN accounts me USING (account_id)
    JOIN accounts sibling ON sibling.influencer_id = me.influencer_id
    JOIN against_peers p ON p.account_id = sibling.account_id AND p.d = pairs.d AND signal = 'paid_clicks'
    GROUP BY ALL
)
SELECT pair,
    own.* EXCLUDE (pair) REPLACE (
        coalesce(past_activations, 0) AS past_activations,
        coalesce(past_activations_same_goal, 0) AS past_activations_same_goal),
    coalesce(past_activations, 0) / (coalesce(past_activations, 0) + 3) AS past_performance_weight,
    influencer_past_performance,
    influencer_past_clicks_for_size
FROM pairs LEFT JOIN own USING (pair) LEFT JOIN whole USING (pair) LEFT JOIN clicked USING (pair)
