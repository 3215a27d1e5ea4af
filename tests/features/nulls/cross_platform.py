"""When features of the family cross-platform are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": """
        influencer_engagements_log_90d account_engagement_share_90d influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "no post in 90 days": """
        influencer_engagements_log_90d account_engagement_share_90d influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "two posts": "influencer_rate_log_spread_90d",
    "one post": "influencer_rate_log_spread_90d",
    "posts of the last three days": """
        influencer_engagements_log_90d account_engagement_share_90d influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "likes and comments hidden": """
        influencer_engagements_log_90d account_engagement_share_90d influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "likes hidden": "influencer_depth_for_size",
    "no engagement": "account_engagement_share_90d influencer_rate_log_best_90d influencer_rate_log_spread_90d",
    "no reading": """
        influencer_accounts influencer_followers_log account_follower_share largest_account_follower_share
        influencer_rate_log_best_90d influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "no follower": """
        account_follower_share largest_account_follower_share influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
    """,
    "one reading": "influencer_rate_log_spread_90d",
    "no interaction": "influencer_replies_per_comment_365d influencer_returning_share_365d",
    "only follows": "influencer_replies_per_comment_365d influencer_returning_share_365d",
    "no comment": "influencer_replies_per_comment_365d",
    "one account": "influencer_rate_log_spread_90d",
    "nothing known at all": """
        influencer_accounts influencer_followers_log account_follower_share largest_account_follower_share
        influencer_engagements_log_90d account_engagement_share_90d influencer_rate_log_best_90d
        influencer_rate_log_spread_90d influencer_depth_for_size
        influencer_replies_per_comment_365d influencer_returning_share_365d
    """,
}
