"""When features of the family authenticity are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": "engagement_rate_for_size_90d",
    "no post in 90 days": "engagement_rate_for_size_90d",
    "posts of the last three days": "engagement_rate_for_size_90d",
    "likes and comments hidden": "engagement_rate_for_size_90d",
    "no engagement": "engagement_rate_for_size_90d",
    "no reading": "following_per_follower follower_growth_30d follower_jump_180d engagement_rate_for_size_90d",
    "no follower": "following_per_follower follower_growth_30d follower_jump_180d engagement_rate_for_size_90d",
    "read for the first time ten days ago": "follower_growth_30d",
    "one reading": "follower_growth_30d follower_jump_180d",
    "following unknown": "following_per_follower",
    "no interaction": "generic_comment_share_90d reciprocal_reaction_share_90d",
    "interactions long ago": "generic_comment_share_90d reciprocal_reaction_share_90d",
    "only interactions with oneself": "generic_comment_share_90d reciprocal_reaction_share_90d",
    "only follows": "generic_comment_share_90d",
    "no text": "generic_comment_share_90d",
    "no sample": "suspicious_follower_share",
    "sample of a year ago": "suspicious_follower_share",
    "sample without profiles": "suspicious_follower_share",
    "nothing known when the scores were published": "follower_growth_30d",
    "nothing known at all": """
        suspicious_follower_share following_per_follower follower_growth_30d follower_jump_180d
        engagement_rate_for_size_90d generic_comment_share_90d reciprocal_reaction_share_90d
    """,
}
