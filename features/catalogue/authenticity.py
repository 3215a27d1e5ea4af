"""Authenticity: signs that followers or reactions were bought or traded."""

from __future__ import annotations

from features.catalogue.entry import NEVER, Entries

ENTRIES: Entries = (
    ("suspicious_follower_share", "share", "share of sampled followers that look fake, one year",
     "no sampled follower of which following, posts or picture is known", "down", ("followers",)),
    ("follower_sample_log_size", "log1p", "sampled followers, one year", NEVER, "free", ("followers",)),
    ("following_per_follower", "ratio", "accounts followed per follower by the last reading",
     "no last reading with both, or 0 followers", "free", ("account_stats",)),
    ("follower_growth_30d", "ratio", "followers over those of the last reading 30 days ago, less 1",
     "no number of followers known 30 days ago, or 0", "free", ("account_stats",)),
    ("follower_jump_180d", "log", "largest step of log followers between readings, less the median step, 180 days",
     "no two readings in a row with followers above 0", "free", ("account_stats",)),
    ("engagement_rate_for_size_90d", "log", "log of the median rate, corrected for size by 0.2 log followers",
     "no rate in 90 days or no followers known, or 0", "free", ("posts", "account_stats")),
    ("generic_comment_share_90d", "share", "share of comments that are generic: short or repeated, 90 days",
     "no comment or reply with text in the window", "free", ("interactions",)),
    ("reciprocal_reaction_share_90d", "share",
     "share of interactions by accounts that the account itself had turned to in the 90 days before, 90 days",
     "no interaction in the window", "free", ("interactions",)),
)  # fmt: skip
