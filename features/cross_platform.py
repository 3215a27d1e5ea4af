"""Cross-platform: the whole person over all accounts, so that a quiet account does not hide a strong influencer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, History, divide

if TYPE_CHECKING:
    from features.known import Known


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    pair, account = known.siblings
    moment = known.decided_at[pair]
    stats = known.bucket.events["stats"]
    followers = History(stats, account, moment).as_of(stats.numbers("followers"))
    measured = ~np.isnan(followers)
    total = np.bincount(pair[measured], followers[measured], minlength=len(known))
    accounts = np.bincount(pair[measured], minlength=len(known))
    engagements = known.bucket.engagements
    of_accounts = known.posts_of(account, moment).recent(90).sum(engagements)
    active = ~np.isnan(of_accounts)
    reached = np.bincount(pair[active], of_accounts[active], minlength=len(known))
    has_accounts = np.where(accounts > 0, 1.0, np.nan)
    return {
        "influencer_accounts": accounts * has_accounts,
        "influencer_followers_log": np.log1p(total * has_accounts),
        "account_follower_share": divide(known.followers, total),
        "influencer_engagements_log_90d": np.where(
            np.bincount(pair[active], minlength=len(known)) > 0, np.log1p(reached), np.nan
        ),
        "account_engagement_share_90d": divide(known.posts.recent(90).sum(engagements), reached),
    }
