"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from features.catalogue.entry import NEVER, Entries

_NO_AUDIENCE = "no audience report of that dimension, or the brief does not name it"
_NO_DIMENSION = "no dimension that both report and brief have"

ENTRIES: Entries = (
    ("audience_overlap_country", "share", "overlap of audience and target by country", _NO_AUDIENCE, "free",
     ("audiences", "campaign_audience")),
    ("audience_overlap_age", "share", "overlap of audience and target by age", _NO_AUDIENCE, "free",
     ("audiences", "campaign_audience")),
    ("audience_overlap_gender", "share", "overlap of audience and target by gender", _NO_AUDIENCE, "free",
     ("audiences", "campaign_audience")),
    ("audience_overlap_language", "share", "overlap of audience and target by language", _NO_AUDIENCE, "free",
     ("audiences", "campaign_audience")),
    ("audience_overlap_interest", "share", "overlap of audience and target by interest", _NO_AUDIENCE, "free",
     ("audiences", "campaign_audience")),
    ("audience_fit_joint", "share", "geometric mean of the overlaps, city included, each at least 0.01",
     _NO_DIMENSION, "free", ("audiences", "campaign_audience")),
    ("audience_divergence", "nats", "mean Jensen-Shannon divergence of audience and target, city included",
     _NO_DIMENSION, "free", ("audiences", "campaign_audience")),
    ("effective_audience_log", "log1p", "followers that are not suspicious (all where unknown) times joint fit",
     "no number of followers, or no dimension that both have", "free",
     ("account_stats", "audiences", "campaign_audience", "followers")),
    ("own_language_share", "share", "share of the target that speaks the account's language, 0 where not named",
     "no language of the account or in the brief", "free", ("campaign_audience", "accounts")),
    ("topic_share_180d", "share", "share of posts with known topics that are on a topic of the brief, 180 days",
     "no post with known topics in the window, or no topic in the brief", "free", ("posts", "campaigns")),
    ("topic_engagement_ratio_180d", "ratio",
     "mean engagements on the brief's topics over those of all posts, 180 days",
     "no post on the topics with engagements, or none on any", "free", ("posts", "campaigns")),
    ("brand_posts_180d", "posts", "posts sponsored by this brand, 180 days", NEVER, "free",
     ("posts", "campaigns")),
)  # fmt: skip
