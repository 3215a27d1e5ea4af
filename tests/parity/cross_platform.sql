WITH active AS (
    SELECT account_id, d, sum(engagements) AS engagements, count(*) AS posts,
           median(rate) AS rate FROM known_posts WHERE in_90d GROUP BY ALL
), whole AS (
    SELECT pair, count(followers) AS accounts, sum(followers) AS followers, sum(engagements) AS engagements,
        max(followers) AS largest, coalesce(sum(posts), 0) AS posts,
        max(ln(nullif(rate, 0))) AS best,
        CASE WHEN count(nullif(rate, 0)) > 1 THEN stddev_pop(ln(nullif(rate, 0))) END AS spread
    FROM pairs
    JOIN accounts me USING (account_id)
    JOIN accounts sibling ON sibling.influencer_id = me.influencer_id
    LEFT JOIN latest_stats s ON s.account_id = sibling.account_id AND s.d = pairs.d
    LEFT JOIN active ON active.account_id = sibling.account_id AND active.d = pairs.d
    GROUP BY ALL
), deep AS (
    SELECT pair, sum(above / spread) / (count(*) + 1) AS influencer_depth_for_size
    FROM pairs
    JOIN accounts me USING (account_id)
    JOIN accounts sibling ON sibling.influencer_id = me.influencer_id
    JOIN against_peers p ON p.account_id = sibling.account_id AND p.d = pairs.d
    WHERE signal IN ('comments', 'shares', 'saves')
    GROUP BY ALL
), reacted AS (
    SELECT account_id, kind, "at",
        lag("at") OVER (PARTITION BY account_id, actor_id, kind = 'follow' ORDER BY "at") AS before
    FROM others
), close AS (
    SELECT pair,
        (count(*) FILTER (kind = 'reply') + 1) / (nullif(count(*) FILTER (kind = 'comment'), 0) + 5)
            AS influencer_replies_per_comment_365d,
        (count(*) FILTER (kind <> 'follow' AND before > r."at" - INTERVAL 365 DAY) + 2)
            / (nullif(count(*) FILTER (kind <> 'follow'), 0) + 8) AS influencer_returning_share_365d
    FROM pairs
    JOIN accounts me USING (account_id)
    JOIN accounts sibling ON sibling.influencer_id = me.influencer_id
    JOIN reacted r ON r.account_id = sibling.account_id AND r."at" <= pairs.d AND r."at" > pairs.d - INTERVAL 365 DAY
    GROUP BY ALL
)
SELECT pair,
    nullif(whole.accounts, 0) AS influencer_accounts,
    ln(1 + whole.followers) AS influencer_followers_log,
    s.followers / nullif(whole.followers, 0) AS account_follower_share,
    largest / nullif(whole.followers, 0) AS largest_account_follower_share,
    whole.posts AS influencer_posts_90d,
    best AS influencer_rate_log_best_90d,
    spread AS influencer_rate_log_spread_90d,
    ln(1 + whole.engagements) AS influencer_engagements_log_90d,
    active.engagements / nullif(whole.engagements, 0) AS account_engagement_share_90d,
    influencer_depth_for_size,
    influencer_replies_per_comment_365d,
    influencer_returning_share_365d
FROM pairs
JOIN whole USING (pair)
LEFT JOIN deep USING (pair)
LEFT JOIN close USING (pair)
LEFT JOIN latest_stats s USING (account_id, d)
LEFT JOIN active USING (account_id, d)
