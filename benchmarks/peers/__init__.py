"""The features of `benchmarks.compared` as one would write them by hand elsewhere, each file for itself."""

from __future__ import annotations

COLUMNS = {
    "accounts": ["account_id", "influencer_id", "created_at"],
    "account_stats": ["account_id", "observed_at", "followers", "following"],
    "posts": [
        *("post_id", "account_id", "published_at", "observed_at", "sponsor_id", "topics"),
        *("views", "likes", "comments", "shares", "saves", "clicks"),
    ],
    "interactions": ["actor_id", "account_id", "kind", "at"],
    "audiences": ["account_id", "observed_at", "dimension", "bucket", "share"],
    "followers": ["account_id", "observed_at", "followers", "following", "posts", "has_picture"],
    "campaigns": [
        *("campaign_id", "brand_id", "goal", "topics", "starts_at", "attribution_days", "value_per_action", "budget"),
    ],
    "campaign_audience": ["campaign_id", "dimension", "bucket", "share"],
    "outcomes": ["campaign_id", "account_id", "decided_at", "posted_at", "actions", "closed_at"],
}
"""The columns that the compared features need, by table."""

PER_ACCOUNT = ("account_stats", "posts", "interactions", "audiences", "followers", "outcomes")
"""The tables with rows of single accounts, beside `accounts` itself."""
