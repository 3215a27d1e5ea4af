"""Cross-platform: the whole person over all accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.catalogue.entry import Entries

_OF_INTERACTIONS = ("interactions", "accounts")

ENTRIES: Entries = (
    ("influencer_accounts", "accounts", "accounts of the influencer with a known number of followers",
     "no account with a number", "free", ("account_stats", "accounts")),
    ("influencer_followers_log", "log1p", "followers over all accounts of the influencer",
     "no account with a number", "free", ("account_stats", "accounts")),
    ("account_follower_share", "share", "this account's share of the influencer's followers",
     "no number of followers known, or 0 in all", "free", ("account_stats", "accounts")),
    ("largest_account_follower_share", "share", "the largest account's share of the influencer's followers",
     "no number of followers known, or 0 in all", "free", ("account_stats", "accounts")),
    ("influencer_posts_90d", "posts", "posts over all accounts, 90 days", "never", "free", ("posts", "accounts")),
    ("influencer_engagements_log_90d", "log1p", "engagements over all accounts, 90 days",
     "no post of any account in the window with engagements", "free", ("posts", "accounts")),
    ("account_engagement_share_90d", "share", "this account's share of the influencer's engagements, 90 days",
     "no post of the account in the window with engagements, or 0 in all", "free", ("posts", "accounts")),
    ("influencer_rate_log_best_90d", "log", "logarithm of the highest median rate of any account, 90 days",
     "no account with a median rate above 0", "free", ("posts", "account_stats", "accounts")),
    ("influencer_rate_log_spread_90d", "log", "standard deviation over accounts of the logarithm of their median rate",
     "fewer than two accounts with a median rate above 0", "free", ("posts", "account_stats", "accounts")),
    ("influencer_depth_for_size", "deviations",
     "depth in comments, in shares and in saves over all accounts: sum of what is known of it / (n + 1)",
     "no account with a known depth", "free", ("posts", "account_stats", "accounts")),
    ("influencer_replies_per_comment_365d", "ratio",
     "replies per comment over all accounts, 365 days, shrunk as by five more comments with one reply",
     "no comment in the window", "free", _OF_INTERACTIONS),
    ("influencer_returning_share_365d", "share",
     "share of returning reactions over all accounts, 365 days, shrunk as by eight more of which two return",
     "no reaction in the window", "free", _OF_INTERACTIONS),
)  # fmt: skip
