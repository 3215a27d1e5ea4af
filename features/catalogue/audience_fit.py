"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from features.catalogue.entry import NEVER, Entries

_BOTH = ("audiences", "campaign_audience")
_CONTENT = ("posts", "campaigns")
_NO_AUDIENCE = "no audience report of that dimension, or the brief does not name it"
_NO_DIMENSION = "no dimension that both report and brief have"
_NO_TOPIC = "no post with known topics in the window, or no topic in the brief"
_NO_TEXT = "no caption known in 180 days, or no word in the brief"

ENTRIES: Entries = (
    ("audience_overlap_country", "share", "overlap of audience and target by country", _NO_AUDIENCE, "free", _BOTH),
    ("audience_overlap_age", "share", "overlap of audience and target by age", _NO_AUDIENCE, "free", _BOTH),
    ("audience_overlap_gender", "share", "overlap of audience and target by gender", _NO_AUDIENCE, "free", _BOTH),
    ("audience_overlap_language", "share", "overlap of audience and target by language", _NO_AUDIENCE, "free", _BOTH),
    ("audience_overlap_interest", "share", "overlap of audience and target by interest", _NO_AUDIENCE, "free", _BOTH),
    ("audience_divergence_country", "nats", "Jensen-Shannon divergence of audience and target by country",
     _NO_AUDIENCE, "free", _BOTH),
    ("audience_divergence_age", "nats", "Jensen-Shannon divergence of audience and target by age",
     _NO_AUDIENCE, "free", _BOTH),
    ("audience_divergence_gender", "nats", "Jensen-Shannon divergence of audience and target by gender",
     _NO_AUDIENCE, "free", _BOTH),
    ("audience_divergence_language", "nats", "Jensen-Shannon divergence of audience and target by language",
     _NO_AUDIENCE, "free", _BOTH),
    ("audience_divergence_interest", "nats", "Jensen-Shannon divergence of audience and target by interest",
     _NO_AUDIENCE, "free", _BOTH),
    ("audience_fit_joint", "share", "geometric mean of the overlaps, city included, each at least 0.01",
     _NO_DIMENSION, "free", _BOTH),
    ("audience_divergence", "nats", "mean Jensen-Shannon divergence of audience and target, city included",
     _NO_DIMENSION, "free", _BOTH),
    ("audience_top_slice_share", "share",
     "audience's share of the slice wanted most (of several the largest; 0 where not reported), mean of dimensions",
     _NO_DIMENSION, "free", _BOTH),
    ("effective_audience_log", "log1p", "followers that are not suspicious (all where unknown) times joint fit",
     "no number of followers, or no dimension that both have", "free",
     ("account_stats", "audiences", "campaign_audience", "followers")),
    ("audience_country_concentration", "index",
     "sum of the squared shares of the countries over the square of their sum",
     "no report by country, or all its shares 0", "free", ("audiences",)),
    ("audience_report_age_days", "days", "days since the newest audience report, whatever its dimension",
     "no audience report", "free", ("audiences",)),
    ("own_language_share", "share", "share of the target that speaks the account's language, 0 where not named",
     "no language of the account or in the brief", "free", ("campaigns", "campaign_audience", "accounts")),
    ("topic_share_180d", "share", "share of posts with known topics that are on a topic of the brief, 180 days",
     _NO_TOPIC, "free", _CONTENT),
    ("topic_cosine_180d", "cosine",
     "cosine between the number of posts on each topic, 180 days, and the set of topics of the brief",
     "no post with a topic in the window, or no topic in the brief", "free", _CONTENT),
    ("topic_engagement_ratio_180d", "ratio",
     "mean engagements on the brief's topics over those of all posts, 180 days",
     "no post on the topics with engagements, or none on any", "free", _CONTENT),
    ("days_since_topic_post", "days", "days since the last post on a topic of the brief, 180 days",
     "no post on the topics in the window", "free", _CONTENT),
    ("vertical_topic_share_180d", "share",
     "share of posts with known topics that are on a topic of the vertical, 180 days",
     "no post with known topics in the window, or no topic of the vertical known", "free", _CONTENT),
    ("brief_similarity_mean_newest", "cosine", "mean similarity of the newest 50 captions and the brief",
     _NO_TEXT, "free", _CONTENT),
    ("brief_similarity_best_newest", "cosine", "largest similarity of the newest 50 captions and the brief",
     _NO_TEXT, "free", _CONTENT),
    ("brand_posts_180d", "posts", "posts sponsored by this brand, 180 days", NEVER, "free", _CONTENT),
    ("days_since_brand_post", "days", "days since the last post sponsored by this brand, 180 days",
     "no such post in the window", "free", _CONTENT),
    ("brand_named_share_newest", "share", "share of the newest 50 captions that name this brand",
     "no caption known in 180 days, or no name of the brand", "free", _CONTENT),
    ("rival_posts_180d", "posts", "posts sponsored by rivals, 180 days", NEVER, "free", _CONTENT),
    ("days_since_rival_post", "days", "days since the last post sponsored by a rival, 180 days",
     "no such post in the window", "free", _CONTENT),
    ("rival_named_share_newest", "share", "share of the newest 50 captions that name a rival",
     "no caption known in 180 days", "free", _CONTENT),
)  # fmt: skip
