"""Authenticity: signs that followers or reactions were bought or traded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import DAY, Features, FloatArray, divide, log_positive

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known

# Fake and real followers differ in their public profile (SRF Data 2017, medians fake against real): following 2,107
# against 604, posts 1 against 74, followers 121 against 421, no picture 7 % against 0.6 %. Following more than 1,500 is
# called mass following (HypeAuditor).
MASS_FOLLOWING = 1_500
FEW_POSTS = 5
SIZE_ELASTICITY = 0.20
"""By how much the logarithm of the engagement rate falls per logarithm of followers (effect derived from published
rates by tier on Instagram: 4.8, 2.4, 1.8, 1.5 and 1.2 %)."""


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single readings."""
    stats = bucket.events["stats"]
    return {"growth": stats.step(log_positive(stats.numbers("followers")))}


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    of, stats, reactions = known.measured(measures), known.stats, known.interactions
    half_year = stats.window(days=180)
    month_ago = stats.as_of(stats.events.numbers("followers"), known.decided_at - 30 * DAY)
    rate = known.rated_posts.recent(90).median(known.bucket.engagement_rate)
    return {
        "suspicious_follower_share": known.suspicious_share,
        "follower_sample_log_size": np.log1p(known.follower_sample.count()),
        "following_per_follower": divide(stats.as_of(stats.events.numbers("following")), known.followers),
        "follower_growth_30d": divide(known.followers, month_ago) - 1,
        "follower_jump_180d": half_year.maximum(of["growth"]) - half_year.median(of["growth"]),
        "engagement_rate_for_size_90d": log_positive(rate) + SIZE_ELASTICITY * log_positive(known.followers),
        "generic_comment_share_90d": reactions.mean(reactions.numbers("generic")),
        "reciprocal_reaction_share_90d": reactions.share(reactions.flags("reciprocal")),
    }


def suspicion(
    *, followers: FloatArray, following: FloatArray, posts: FloatArray, has_picture: FloatArray
) -> FloatArray:
    """Say of each sampled follower whether the public profile looks fake: 1, 0, or null where nothing is known.

    A profile is suspicious with at least two of: follows more than 1,500; follows more than ten times as many as follow
    it; has at most five posts; has no picture.

    Parameters
    ----------
    followers, following, posts, has_picture : (n,) float64
        NaN where unknown; `has_picture` is 1 or 0.
    """
    signs = (
        following > MASS_FOLLOWING,
        following > 10 * np.maximum(followers, 1),
        posts <= FEW_POSTS,
        has_picture == 0,
    )
    known = ~(np.isnan(following) & np.isnan(posts) & np.isnan(has_picture))
    return np.where(known, (np.sum(signs, axis=0) >= 2).astype(np.float64), np.nan)
