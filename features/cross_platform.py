"""Cross-platform: the whole person over all accounts, so that a quiet account does not hide a strong influencer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import peers, responders
from features.events import Features, divide, known_or_zero, log_positive

if TYPE_CHECKING:
    from features.events import FloatArray
    from features.known import KnownAccount

PRIOR_DEPTHS = 1.0
"""How many figures of an average audience the depth of a person is weighed against: what an account has on its own, in
one kind of reaction, is as much as what people differ by (assumption)."""

PRIOR_COMMENTS, PRIOR_REPLIES = 5.0, 1.0
PRIOR_REACTIONS, PRIOR_RETURNS = 8.0, 2.0
"""So many of an average audience are added to the comments and reactions of a year: few of them say little of a person
(assumption)."""


def features(known: KnownAccount) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    bucket, siblings, everywhere = known.bucket, known.siblings, known.everywhere
    followers, posts = everywhere.followers, everywhere.season
    engagements = posts.sum(bucket.engagements)
    log_rate = log_positive(everywhere.rated_season.median(bucket.engagement_rate))
    total, accounts = siblings.sum(followers), siblings.count(~np.isnan(followers))
    reached = siblings.sum(engagements)
    return {
        "influencer_accounts": np.where(accounts > 0, accounts, np.nan),
        "influencer_followers_log": np.log1p(total),
        "account_follower_share": divide(known.followers, total),
        "largest_account_follower_share": divide(siblings.maximum(followers), total),
        "influencer_posts_90d": siblings.sum(posts.count()),
        "influencer_engagements_log_90d": np.log1p(reached),
        "account_engagement_share_90d": divide(known.season.sum(bucket.engagements), reached),
        "influencer_rate_log_best_90d": siblings.maximum(log_rate),
        "influencer_rate_log_spread_90d": siblings.deviation(log_rate),
        "influencer_depth_for_size": _depth(known),
        **_closeness(known),
    }


def _depth(known: KnownAccount) -> FloatArray:
    """Average over accounts and kinds of reaction how deep they go against peers, shrunk towards 0."""
    apart = np.stack(list(peers.apart(known.everywhere, peers.DEPTHS).values()))
    measured = ~np.isnan(apart)
    number = known.siblings.sum(measured.sum(axis=0).astype(np.float64))
    total = known.siblings.sum(known_or_zero(apart).sum(axis=0))
    return divide(total, np.where(number > 0, number + PRIOR_DEPTHS, np.nan))


def _closeness(known: KnownAccount) -> Features:
    of, siblings = known.measured(responders.measures), known.siblings
    reactions = known.everywhere.history("interactions").window(days=responders.YEAR)
    comments, replies, reacted, returned = (
        siblings.sum(reactions.count(of[name])) for name in ("comment", "reply", "reaction", "returns")
    )
    replied, talked = replies + PRIOR_REPLIES, np.where(comments > 0, comments + PRIOR_COMMENTS, np.nan)
    came_back, came = returned + PRIOR_RETURNS, np.where(reacted > 0, reacted + PRIOR_REACTIONS, np.nan)
    return {
        "influencer_replies_per_comment_365d": divide(replied, talked),
        "influencer_returning_share_365d": divide(came_back, came),
    }
