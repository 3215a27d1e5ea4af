"""When features of the family authenticity are null: by case of `tests.features.worlds`."""

from __future__ import annotations

GROWTH = """
    follower_jump_180d follower_drop_180d unexplained_jump_180d unexplained_jumps_180d unexplained_growth_share_180d
"""
OF_FOLLOWERS = f"following_per_follower follower_growth_30d engagement_rate_for_size comment_depth_for_size {GROWTH}"
OF_READINGS = f"following_churn_180d likes_spread_180d {OF_FOLLOWERS}"
SEASON = """
    engagement_rate_for_size comment_depth_for_size uncommented_post_share_90d
    prompt_comment_share_90d
"""
REACTIONS = "unfollowed_actor_share_90d pod_reaction_share_90d "
COMMENTS = "generic_comment_share_90d prompt_comment_share_90d"
INTERACTIONS = f"{REACTIONS} {COMMENTS} reciprocal_reaction_share_90d"
SAMPLE = "suspicious_follower_share mass_following_share silent_follower_share following_benford_excess"

NULL = {
    "no post": f"likes_spread_180d {SEASON}",
    "no post with a hundred likes": "uncommented_post_share_90d",
    "no post in 90 days": SEASON,
    "one post": "likes_spread_180d",
    "posts of one moment": "prompt_comment_share_90d",
    "posts of the last three days": f"likes_spread_180d {SEASON}",
    "likes and comments hidden": f"""
        engagement_rate_for_size comment_depth_for_size uncommented_post_share_90d likes_spread_180d
        {GROWTH}
    """,
    "likes hidden": "comment_depth_for_size uncommented_post_share_90d likes_spread_180d",
    "comments hidden": "comment_depth_for_size uncommented_post_share_90d",
    "no like": "uncommented_post_share_90d likes_spread_180d",
    "no engagement": "engagement_rate_for_size uncommented_post_share_90d likes_spread_180d",
    "no reading": OF_READINGS,
    "no follower": f"likes_spread_180d {OF_FOLLOWERS}",
    "read for the first time ten days ago": f"follower_growth_30d {GROWTH}",
    "one reading": f"following_churn_180d follower_growth_30d {GROWTH}",
    "following unknown": "following_per_follower following_churn_180d",
    "no interaction": INTERACTIONS,
    "interactions long ago": INTERACTIONS,
    "only interactions with oneself": INTERACTIONS,
    "only follows": f"{COMMENTS} {REACTIONS}",
    "no text": "generic_comment_share_90d",
    "followers of fans unknown": "unfollowed_actor_share_90d",
    "no sample": SAMPLE,
    "sample of a year ago": SAMPLE,
    "sample of twenty-nine": "following_benford_excess",
    "posts of sampled followers unknown": "silent_follower_share",
    "what sampled followers follow unknown": "mass_following_share following_benford_excess",
    "sampled followers follow nobody": "following_benford_excess",
    "sample without profiles": SAMPLE,
    "nothing known when the scores were published": "follower_growth_30d",
    "nothing known at all": f"""
        fake_share fake_share_low fake_share_high uncommented_post_share_90d
        {SAMPLE} {OF_READINGS} {INTERACTIONS}
    """,
}
