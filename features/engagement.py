"""Engagement: how often, how deeply and how steadily people respond to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, FloatArray, divide
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import Window
    from features.known import Known

NEWEST_POSTS = 20
_DEPTHS = (("comments", "likes"), ("shares", "likes"), ("saves", "likes"), ("clicks", "views"))


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single posts and interactions."""
    posts, reactions = bucket.events["posts"], bucket.events["interactions"]
    kind = reactions.codes("kind")
    paired = {}
    for top, bottom in _DEPTHS:
        over, under = posts.numbers(top), posts.numbers(bottom)
        paired[f"{top} with {bottom}"] = np.where(np.isnan(under), np.nan, over)
        paired[f"{bottom} with {top}"] = np.where(np.isnan(over), np.nan, under)
    return {
        **paired,
        "log engagements": np.log1p(bucket.engagements),
        "log likes": np.log1p(posts.numbers("likes")),
        "log comments": np.log1p(posts.numbers("comments")),
        "views per follower": divide(posts.numbers("views"), bucket.post_followers),
        "organic": ~posts.flags("sponsored"),
        "reaction": kind != INTERACTIONS.index("follow"),
        "reply": kind == INTERACTIONS.index("reply"),
        "comment": kind == INTERACTIONS.index("comment"),
    }


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    of, bucket, rate = known.measured(measures), known.bucket, known.bucket.engagement_rate
    posts, rated = known.posts, known.rated_posts
    season, rated_season, newest = posts.recent(90), rated.recent(90), posts.newest(NEWEST_POSTS)
    gap, gap_deviation = posts.gaps()
    reactions = known.interactions
    responders = reactions.distinct(reactions.codes("actor"), of["reaction"])
    reaction_count = reactions.count(of["reaction"])
    return {
        "log_followers": np.log1p(known.followers),
        "posts_90d": season.count(),
        "days_since_last_post": posts.days_since_last(),
        "posting_irregularity_180d": divide(gap_deviation, gap),
        "engagement_rate_median_90d": rated_season.median(rate),
        "engagement_rate_spread_90d": divide(rated_season.deviation(rate), rated_season.mean(rate)),
        "engagement_rate_trend": divide(rated.recent(30).mean(rate), rated.mean(rate)) - 1,
        "engagements_log_median_90d": season.median(of["log engagements"]),
        "likes_log_mean_newest": newest.mean(of["log likes"]),
        "comments_log_mean_newest": newest.mean(of["log comments"]),
        "comments_log_spread_newest": newest.deviation(of["log comments"]),
        "views_per_follower_median_90d": rated_season.median(of["views per follower"]),
        **{f"{top}_per_{bottom[:-1]}_90d": _ratio(season, of, top, bottom) for top, bottom in _DEPTHS},
        "sponsored_share_90d": season.share(posts.flags("sponsored")),
        "sponsored_to_organic_180d": divide(
            posts.mean(bucket.engagements, posts.flags("sponsored")), posts.mean(bucket.engagements, of["organic"])
        ),
        "reactions_log_90d": np.log1p(reaction_count),
        "responders_per_reaction_90d": divide(responders.distinct, reaction_count),
        "returning_responder_share_90d": divide(responders.returning, responders.distinct),
        "responder_concentration_90d": divide(responders.squares, reaction_count**2),
        "replies_per_comment_90d": divide(reactions.count(of["reply"]), reactions.count(of["comment"])),
    }


def _ratio(posts: Window, of: Measures, top: str, bottom: str) -> FloatArray:
    """Divide two sums over the posts on which both were measured."""
    return divide(posts.sum(of[f"{top} with {bottom}"]), posts.sum(of[f"{bottom} with {top}"]))
