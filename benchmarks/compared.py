"""The features that every engine of the benchmark computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

SMALLEST = 1e-3
"""Values below it are compared as if they were as large: what is left of two large numbers has no more digits."""

COMPARED = (
    "log_followers",
    "posts_90d",
    "days_since_last_post",
    "posting_irregularity_180d",
    "engagement_rate_median_90d",
    "engagement_rate_spread_90d",
    "engagement_rate_trend",
    "engagements_log_median_90d",
    "likes_log_mean_newest",
    "comments_log_mean_newest",
    "comments_log_spread_newest",
    "views_per_follower_median_90d",
    "comments_per_like_90d",
    "shares_per_like_90d",
    "saves_per_like_90d",
    "clicks_per_view_90d",
    "sponsored_share_90d",
    "sponsored_to_organic_180d",
    "reactions_log_90d",
    "returning_responder_share_90d",
    "responder_concentration_90d",
    "replies_per_comment_90d",
    "mass_following_share",
    "follower_sample_log_size",
    "following_per_follower",
    "follower_growth_30d",
    "audience_overlap_country",
    "audience_overlap_age",
    "audience_overlap_gender",
    "audience_overlap_language",
    "audience_overlap_interest",
    "audience_fit_joint",
    "audience_divergence",
    "topic_share_180d",
    "brand_posts_180d",
    "past_activations",
    "past_activations_same_goal",
    "past_actions_mean",
    "past_actions_log_mean_newest",
    "past_actions_log_spread_newest",
    "past_actions_log_last",
    "past_performance",
    "past_performance_same_goal",
    "past_no_show_share",
    "days_since_last_outcome",
    "fee_log",
    "fee_per_1000_followers_log",
    "log_break_even",
    "value_per_action_log",
    "budget_log",
    "attribution_days",
    "days_to_start",
    "account_age_days",
    "influencer_accounts",
    "influencer_followers_log",
    "account_follower_share",
    "influencer_engagements_log_90d",
    "account_engagement_share_90d",
)


def sample(result: Path, pairs: int) -> pd.DataFrame:
    """Return the rows of about so many pairs of a result, spread evenly, by pair."""
    rows = pq.ParquetFile(result).metadata.num_rows
    wanted = range(0, rows, max(rows // pairs, 1))
    return pd.read_parquet(result, filters=[("pair", "in", wanted)]).set_index("pair").sort_index()


def difference(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    """Return the largest relative difference of two results, the feature in which it lies, and of how many pairs.

    A null on one side only, and a pair that one side lacks, are infinitely different.
    """
    if not one.index.equals(other.index):
        return {"largest": float("inf"), "feature": "pair", "pairs": len(one)}
    left, right = (frame[list(COMPARED)].to_numpy(np.float64) for frame in (one, other))
    apart = np.abs(left - right) / np.maximum(np.abs(left), SMALLEST)
    apart[np.isnan(left) & np.isnan(right)] = 0
    worst = np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(axis=0)
    return {"largest": float(worst.max()), "feature": COMPARED[int(worst.argmax())], "pairs": len(one)}
