WITH usual AS (
    SELECT pair, avg(ln(1 + o.fee)) AS log_fee FROM pairs JOIN outcomes o USING (account_id)
    WHERE closed_at <= d AND decided_at < d GROUP BY ALL
), typical AS (
    SELECT account_id, d, median(engagements) AS engagements, median(views) AS views
    FROM known_posts WHERE in_90d GROUP BY ALL
)
SELECT pair,
    ln(1 + fee) AS fee_log,
    ln(1000 * nullif(fee, 0) / nullif(followers, 0)) AS fee_per_1000_followers_log,
    CASE WHEN value_per_action > 0 AND fee >= 0 THEN ln(greatest(ceil(round(fee / value_per_action, 9)), 1)) END AS log_break_even,
    ln(nullif(value_per_action, 0)) AS value_per_action_log,
    ln(nullif(fee, 0) / nullif(engagements, 0)) AS fee_per_engagement_log,
    ln(nullif(fee, 0) / nullif(views, 0)) AS fee_per_view_log,
    ln(1 + fee) - log_fee AS fee_against_usual,
    sin(2 * pi() * (isodow(starts_at) - 1) / 7) AS start_weekday_sine,
    cos(2 * pi() * (isodow(starts_at) - 1) / 7) AS start_weekday_cosine,
    ln(1 + budget) AS budget_log,
    attribution_days,
    days_between(d, starts_at) AS days_to_start,
    sin(2 * pi() * dayofyear(starts_at) / 365.25) AS season_sine,
    cos(2 * pi() * dayofyear(starts_at) / 365.25) AS season_cosine,
    sin(2 * pi() * (hour(starts_at) + minute(starts_at) / 60) / 24) AS start_hour_sine,
    cos(2 * pi() * (hour(starts_at) + minute(starts_at) / 60) / 24) AS start_hour_cosine,
    CASE WHEN created_at <= d THEN days_between(created_at, d) END AS account_age_days
FROM pairs
JOIN campaigns USING (campaign_id)
JOIN accounts USING (account_id)
LEFT JOIN latest_stats USING (account_id, d)
LEFT JOIN usual USING (pair)
LEFT JOIN typical USING (account_id, d)
