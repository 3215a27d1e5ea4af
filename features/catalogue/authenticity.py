"""Authenticity: signs that followers or reactions were bought or traded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from features.catalogue.entry import Entries

_NO_STEP = "no two readings in a row with followers above 0 of which posts can be judged, or no engagement of any post"
_NO_COMMENT = "no comment or reply with text in the window"
_NOBODY = "no sampled follower of whom enough is known, and none of the seven signs"
_OF_ALL: tuple[str, ...] = ("posts", "followers", "account_stats", "interactions")
_OF_GROWTH = ("account_stats", "posts")
_OF_RATES = ("posts", "account_stats")

ENTRIES: Entries = (
    ("fake_share", "share", "share of fakes among all followers: what the sample and the seven signs say together",
     _NOBODY, "down", _OF_ALL),
    ("fake_share_low", "share", "lower end of the 90 % interval of that share", _NOBODY, "down", _OF_ALL),
    ("fake_share_high", "share", "upper end of the 90 % interval of that share", _NOBODY, "down", _OF_ALL),
    ("suspicious_follower_share", "share", "share of fakes among all followers, estimated from the sample alone",
     "no sampled follower of whom enough is known", "down", ("followers",)),
    ("follower_sample_log_size", "log1p", "sampled followers, one year", "never", "free", ("followers",)),
    ("mass_following_share", "share", "share of sampled followers that follow more than 1,500 accounts",
     "no sampled follower of whom it is known", "down", ("followers",)),
    ("silent_follower_share", "share", "share of sampled followers that never posted",
     "no sampled follower of whom it is known", "down", ("followers",)),
    ("following_benford_excess", "deviation",
     "how far first digits of what sampled followers follow depart from Benford's law, beyond chance",
     "fewer than thirty sampled followers that follow anybody", "free", ("followers",)),
    ("following_per_follower", "ratio", "accounts followed per follower by the last reading",
     "no last reading with both, or 0 followers", "free", ("account_stats",)),
    ("following_churn_180d", "log", "sum of the steps, up or down, of log1p of the accounts followed, 180 days",
     "no two readings in a row that tell", "free", ("account_stats",)),
    ("follower_growth_30d", "ratio", "followers over those of the last reading 30 days ago, less 1",
     "no number of followers known 30 days ago, or 0", "free", ("account_stats",)),
    ("follower_jump_180d", "log", "largest step of log followers beyond the usual, 180 days",
     _NO_STEP, "free", _OF_GROWTH),
    ("follower_drop_180d", "log", "how far the smallest step of log followers falls short of the usual, 180 days",
     _NO_STEP, "free", _OF_GROWTH),
    ("unexplained_jump_180d", "log", "largest step of log followers beyond the usual that no post explains, at least 0",
     _NO_STEP, "free", _OF_GROWTH),
    ("unexplained_jumps_180d", "jumps", "steps of log followers by over 0.05 beyond the usual that no post explains",
     _NO_STEP, "free", _OF_GROWTH),
    ("unexplained_growth_share_180d", "share",
     "what unexplained jumps exceed the usual by, over the sum of all growing steps, at most 1",
     "no growing step of which posts can be judged, or no engagement of any post", "free", _OF_GROWTH),
    ("engagement_rate_for_size", "deviations",
     "log of the median rate of 90 days, less the usual of peers, over the spread of peers",
     "no rate above 0 in 90 days, no followers known, or 0, or no peers", "free", _OF_RATES),
    ("comment_depth_for_size", "deviations",
     "log of comments (and a half) per like (and one) of 90 days, less the usual of peers, over the spread of peers",
     "no post with both in 90 days, no followers known, or 0, or no peers", "free", _OF_RATES),
    ("uncommented_post_share_90d", "share", "share of posts with at least 100 likes that have no comment, 90 days",
     "no post with at least 100 likes and comments measured", "free", ("posts",)),
    ("likes_spread_180d", "log", "standard deviation of log likes per follower, 180 days",
     "fewer than two posts with likes above 0, or no followers known, or 0", "free", _OF_RATES),
    ("generic_comment_share_90d", "share", "share of comments that are generic: short or repeated, 90 days",
     _NO_COMMENT, "free", ("interactions",)),
    ("prompt_comment_share_90d", "share",
     "share of comments and replies within an hour of the account's last known post, 3 to 90 days ago",
     "no comment or reply that follows a known post of 90 days", "free", ("interactions", "posts")),
    ("unfollowed_actor_share_90d", "share", "share of reactions by actors with under ten followers, 90 days",
     "no reaction by an actor whose followers are known", "free", ("interactions",)),
    ("pod_reaction_share_90d", "share", "share of reactions with a link: third accounts that turned to both, 90 days",
     "no reaction in the window", "free", ("interactions",)),
    ("reciprocal_reaction_share_90d", "share",
     "share of interactions by accounts that the account itself had turned to in the 90 days before, 90 days",
     "no interaction in the window", "free", ("interactions",)),
)  # fmt: skip
