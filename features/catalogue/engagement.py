"""Engagement: how often, how deeply and how steadily people respond to the account."""

from __future__ import annotations

from features.catalogue.entry import NEVER, NO_READING, Entries

_NO_POST = "no post in the window on which it was measured"
_NO_RATE = "no post in the window with engagements and with followers above 0"
_NO_PAIR = "no post in the window on which both were measured, or a sum of 0 below"
_NO_REACTION = "no reaction in the window"

ENTRIES: Entries = (
    ("log_followers", "log1p", "followers by the last reading", NO_READING, "free", ("account_stats",)),
    ("posts_90d", "posts", "posts in 90 days", NEVER, "free", ("posts",)),
    ("days_since_last_post", "days", "days since the last known post", "no known post in 180 days", "free",
     ("posts",)),
    ("posting_irregularity_180d", "ratio", "standard deviation of the time between posts over its mean, 180 days",
     "fewer than three posts, or all at one moment", "free", ("posts",)),
    ("engagement_rate_median_90d", "per follower", "median rate, 90 days", _NO_RATE, "free",
     ("posts", "account_stats")),
    ("engagement_rate_spread_90d", "ratio", "standard deviation of the rate over its mean, 90 days",
     "fewer than two posts with a rate, or rates of 0", "free", ("posts", "account_stats")),
    ("engagement_rate_trend", "ratio", "mean rate of 30 days over that of 180 days, less 1",
     "no post with a rate in 30 days, or rates of 0 in 180 days", "free", ("posts", "account_stats")),
    ("engagements_log_median_90d", "log1p", "median of the logarithm of engagements a post, 90 days", _NO_POST,
     "free", ("posts",)),
    ("likes_log_mean_newest", "log1p", "mean logarithm of likes on the newest 20 posts", _NO_POST, "free",
     ("posts",)),
    ("comments_log_mean_newest", "log1p", "mean logarithm of comments on the newest 20 posts", _NO_POST, "free",
     ("posts",)),
    ("comments_log_spread_newest", "log1p", "standard deviation of the logarithm of comments, newest 20 posts",
     "fewer than two posts on which they were measured", "free", ("posts",)),
    ("views_per_follower_median_90d", "per follower", "median of views per follower at that time, 90 days",
     "no post in the window with views and with followers above 0", "free", ("posts", "account_stats")),
    ("comments_per_like_90d", "ratio", "all comments per all likes of posts with both, 90 days", _NO_PAIR, "free",
     ("posts",)),
    ("shares_per_like_90d", "ratio", "all shares per all likes of posts with both, 90 days", _NO_PAIR, "free",
     ("posts",)),
    ("saves_per_like_90d", "ratio", "all saves per all likes of posts with both, 90 days", _NO_PAIR, "free",
     ("posts",)),
    ("clicks_per_view_90d", "ratio", "all clicks per all views of posts with both, 90 days", _NO_PAIR, "free",
     ("posts",)),
    ("sponsored_share_90d", "share", "share of posts that are sponsored, 90 days", "no post in the window", "free",
     ("posts",)),
    ("sponsored_to_organic_180d", "ratio", "mean engagements of sponsored over those of organic posts, 180 days",
     "no post of one of the two kinds with engagements, or none on the organic", "free", ("posts",)),
    ("reactions_log_90d", "log1p", "comments, replies, mentions and reshares by others, 90 days", NEVER, "free",
     ("interactions",)),
    ("responders_per_reaction_90d", "ratio", "distinct people per reaction, 90 days", _NO_REACTION, "free",
     ("interactions",)),
    ("returning_responder_share_90d", "share", "share of people who reacted more than once, 90 days", _NO_REACTION,
     "free", ("interactions",)),
    ("responder_concentration_90d", "index", "sum of squared shares of people in the reactions, 90 days",
     _NO_REACTION, "free", ("interactions",)),
    ("replies_per_comment_90d", "ratio", "replies per comment, 90 days", "no comment in the window", "free",
     ("interactions",)),
)  # fmt: skip
