"""Cross-platform: the whole person over all accounts, so that a quiet account does not hide a strong influencer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, History, divide, log_positive

if TYPE_CHECKING:
    from features.known import KnownAccount


def features(known: KnownAccount) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    bucket, siblings = known.bucket, known.siblings
    account, moment = siblings.codes("account"), siblings.at
    stats = bucket.events["stats"]
    followers = History(stats, account, moment).as_of(stats.numbers("followers"))
    has_followers = ~np.isnan(followers)
    posts = known.posts_of(account, moment).recent(90)
    engagements = posts.sum(bucket.engagements)
    log_rate = log_positive(posts.of_pairs(has_followers).median(bucket.engagement_rate))
    total, accounts = siblings.sum(followers), siblings.count(has_followers)
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
    }
