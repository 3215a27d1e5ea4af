WITH active AS (
    SELECT account_id, d, sum(engagements) AS engagements FROM known_posts WHERE in_90d GROUP BY ALL
), whole AS (
    SELECT pair, count(followers) AS accounts, sum(followers) AS followers, sum(engagements) AS engagements
    FROM pairs
    JOIN accounts me USING (account_id)
    JOIN accounts sibling ON sibling.influencer_id = me.influencer_id
    LEFT JOIN latest_stats s ON s.account_id = sibling.account_id AND s.d = pairs.d
    LEFT JOIN active ON active.account_id = sibling.account_id AND active.d = pairs.d
    GROUP BY ALL
)
SELECT pair,
    nullif(whole.accounts, 0) AS influencer_accounts,
    ln(1 + whole.followers) AS influencer_followers_log,
    s.followers / nullif(whole.followers, 0) AS account_follower_share,
    ln(1 + whole.engagements) AS influencer_engagements_log_90d,
    active.engagements / nullif(whole.engagements, 0) AS account_engagement_share_90d
FROM pairs
JOIN whole USING (pair)
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN active USING (account_id, d)
