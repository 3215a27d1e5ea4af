"""Engagement: how often, how deeply and how steadily people respond to the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, FloatArray, Window, divide
from features.known import days_since

if TYPE_CHECKING:
    from features.known import Known

NEWEST_POSTS = 20


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    posts, rate = known.posts, known.engagement_rate
    month, season = posts.age_days < 30, posts.age_days < 90
    newest = posts.newest_first() < NEWEST_POSTS
    sponsored = posts.flags("sponsored")
    likes, comments = posts.numbers("likes"), posts.numbers("comments")
    published = posts.at.astype(np.float64)
    gaps = posts.step(published)
    reactions, comment = known.interactions, known.kind("comment", "reply", "mention", "reshare")
    responder_pair, times = reactions.repeats(reactions.codes("actor"), comment)
    reaction_count = reactions.count(comment)
    responders = np.bincount(responder_pair, minlength=len(known)).astype(np.float64)
    returning = np.bincount(responder_pair[times > 1], minlength=len(known))
    squares = np.bincount(responder_pair, times**2, minlength=len(known))
    return {
        "log_followers": np.log1p(known.followers),
        "posts_90d": posts.count(season),
        "days_since_last_post": days_since(known, posts.last(published)),
        "posting_irregularity_180d": divide(posts.deviation(gaps), posts.mean(gaps)),
        "engagement_rate_median_90d": posts.median(rate, season),
        "engagement_rate_spread_90d": divide(posts.deviation(rate, season), posts.mean(rate, season)),
        "engagement_rate_trend": divide(posts.mean(rate, month), posts.mean(rate)) - 1,
        "engagements_log_median_90d": posts.median(np.log1p(known.engagements), season),
        "likes_log_mean_newest": posts.mean(np.log1p(likes), newest),
        "comments_log_mean_newest": posts.mean(np.log1p(comments), newest),
        "comments_log_spread_newest": posts.deviation(np.log1p(comments), newest),
        "views_per_follower_median_90d": posts.median(divide(posts.numbers("views"), known.post_followers), season),
        "comments_per_like_90d": _ratio(posts, "comments", "likes", season),
        "shares_per_like_90d": _ratio(posts, "shares", "likes", season),
        "saves_per_like_90d": _ratio(posts, "saves", "likes", season),
        "clicks_per_view_90d": _ratio(posts, "clicks", "views", season),
        "sponsored_share_90d": posts.share(sponsored, season),
        "sponsored_to_organic_180d": divide(
            posts.mean(known.engagements, sponsored), posts.mean(known.engagements, ~sponsored)
        ),
        "reactions_log_90d": np.log1p(reaction_count),
        "responders_per_reaction_90d": divide(responders, reaction_count),
        "returning_responder_share_90d": divide(returning, responders),
        "responder_concentration_90d": divide(squares, reaction_count**2),
        "replies_per_comment_90d": divide(reactions.count(known.kind("reply")), reactions.count(known.kind("comment"))),
    }


def _ratio(posts: Window, top: str, bottom: str, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> FloatArray:
    """Divide two sums over the posts on which both were measured."""
    both = keep & ~np.isnan(posts.numbers(top)) & ~np.isnan(posts.numbers(bottom))
    return divide(posts.sum(posts.numbers(top), both), posts.sum(posts.numbers(bottom), both))
