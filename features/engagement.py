"""Engagement: how often, how deeply and how steadily people respond to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import responders
from features.events import Features, divide

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import KnownAccount

NEWEST_POSTS = 20


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single posts."""
    posts = bucket.events["posts"]
    return {
        "log engagements": np.log1p(bucket.engagements),
        "log likes": np.log1p(posts.numbers("likes")),
        "log comments": np.log1p(posts.numbers("comments")),
        "views per follower": divide(posts.numbers("views"), bucket.post_followers),
        "caption words": np.where(posts.flags("caption_known"), posts.codes("words_size"), np.nan),
        "organic": ~posts.flags("sponsored"),
    }


def features(known: KnownAccount) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    return {**_rhythm(known), **_level(known), **_depth(known), **_sponsored(known), **responders.features(known)}


def _rhythm(known: KnownAccount) -> Features:
    posts = known.posts
    gap, gap_deviation = posts.gaps()
    return {
        "posts_90d": known.season.count(),
        "days_since_last_post": posts.days_since_last(),
        "posting_irregularity_180d": divide(gap_deviation, gap),
        "topic_concentration_180d": posts.concentration("topics"),
        "caption_words_mean_180d": posts.mean(known.measured(measures)["caption words"]),
    }


def _level(known: KnownAccount) -> Features:
    of, rate, posts, rated = known.measured(measures), known.bucket.engagement_rate, known.posts, known.rated_posts
    season, newest, rated_season = known.season, posts.newest(NEWEST_POSTS), known.rated_season
    level = of["log engagements"]
    low, middle, high, best = posts.quantiles(level, (0.25, 0.5, 0.75, 1.0))
    return {
        "log_followers": np.log1p(known.followers),
        "engagement_rate_median_90d": rated_season.median(rate),
        "engagement_rate_spread_90d": divide(rated_season.deviation(rate), rated_season.mean(rate)),
        "engagement_rate_trend": divide(rated.recent(30).mean(rate), rated.mean(rate)) - 1,
        "engagements_log_median_90d": season.median(level),
        "engagements_log_range_180d": np.where(posts.measured(level) > 1, high - low, np.nan),
        "engagements_log_best_180d": best - middle,
        "engagements_log_slope_180d": posts.slope(level),
        "likes_log_mean_newest": newest.mean(of["log likes"]),
        "comments_log_mean_newest": newest.mean(of["log comments"]),
        "comments_log_spread_newest": newest.deviation(of["log comments"]),
        "views_log_median_90d": np.log1p(season.median(posts.numbers("views"))),
        "views_per_follower_median_90d": rated_season.median(of["views per follower"]),
        "views_per_follower_best_180d": rated.maximum(of["views per follower"]),
    }


def _depth(known: KnownAccount) -> Features:
    season, rated, bucket = known.season, known.rated_season, known.bucket
    likes, views = season.numbers("likes"), season.numbers("views")
    return {
        **{
            f"{kind}_per_like_90d": season.ratio(season.numbers(kind), likes)
            for kind in ("comments", "shares", "saves")
        },
        "comments_per_follower_90d": rated.ratio(season.numbers("comments"), bucket.post_followers),
        "clicks_per_view_90d": season.ratio(season.numbers("clicks"), views),
        "engagements_per_view_90d": season.ratio(bucket.engagements, views),
    }


def _sponsored(known: KnownAccount) -> Features:
    posts, bucket = known.posts, known.bucket
    sponsored, engagements = posts.flags("sponsored"), bucket.engagements
    organic = posts.mean(engagements, known.measured(measures)["organic"])
    return {
        "sponsored_share_30d": posts.recent(30).share(sponsored),
        "sponsored_share_90d": known.season.share(sponsored),
        "days_since_last_sponsored": posts.days_since_last(sponsored),
        "sponsors_180d": posts.distinct(posts.codes("sponsor"), sponsored).distinct,
        "sponsored_to_organic_180d": divide(posts.mean(engagements, sponsored), organic),
        "sponsored_rate_median_180d": known.rated_posts.median(bucket.engagement_rate, sponsored),
    }
