"""How selective past campaigns were: whom they hired among all whom they could have hired."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from training import metrics
from training.propensity import VISIBLE, effective_sample_size, propensities

_PAID = ("fee", "value", "actions_low", "actions_high", "value_per_action", "propensity")


def with_propensities(candidates: pd.DataFrame, hired: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return candidates with who of them was hired, for what, and how likely that was.

    Parameters
    ----------
    candidates : as `Judged.everyone`
    hired : the tested activations, as `Fold.hired` returns them, with a logged `propensity` where there is one

    Returns
    -------
    Those of campaigns that hired somebody among them, without those who usually ask for more than the campaign spent
    altogether, with `was_hired`, paid_<column of the activation>, `estimated`
    (propensity by `training.propensity`) and `propensity` (the logged one where there is one).
    """
    names = ["campaign_id", "account_id", *(name for name in _PAID if name in hired)]
    paid = hired[names].drop_duplicates(["campaign_id", "account_id"]).assign(was_hired=True)
    paid = paid.rename(columns={name: f"paid_{name}" for name in _PAID})
    rows = candidates.merge(paid, on=["campaign_id", "account_id"], how="left")
    rows["was_hired"] = rows["was_hired"].notna()
    rows = rows[rows.groupby("campaign_id")["was_hired"].transform("any")]
    rows = rows[~_too_dear(rows)].reset_index(drop=True)
    campaign, _ = pd.factorize(rows["campaign_id"])
    rows["estimated"] = propensities(
        rows[[name for name in VISIBLE if name in rows]].to_numpy(dtype=np.float64),
        rows["was_hired"].to_numpy(),
        campaign.astype(np.int64),
        order=rows.groupby(campaign)["decided_at"].min().to_numpy(),
        seed=seed,
    )
    logged = rows["paid_propensity"] if "paid_propensity" in rows else rows["estimated"]
    return rows.assign(propensity=logged.fillna(rows["estimated"]))


def selection(rows: pd.DataFrame) -> dict[str, Any]:
    """Return how selective past campaigns were, of the rows of `with_propensities`.

    Returns
    -------
    candidates, campaigns, hired : numbers
    logged_share : of those hired, whose propensity was logged
    auc : how often, of one hired and one not, the hired one had the higher estimated propensity
    top_tenth_share : of those hired, who were among the likeliest tenth of the candidates
    followers_hired, followers_candidates : medians; NaN where unknown
    effective : effective sample size of all those hired as a sample of all candidates
    calibration : estimated propensities beside the share that was hired, in tenths of the candidates
    """
    hired, estimated = rows["was_hired"].to_numpy(), rows["estimated"].to_numpy()
    followers = np.expm1(rows["log_followers"]) if "log_followers" in rows else pd.Series(np.nan, index=rows.index)
    logged = rows["paid_propensity"].notna() if "paid_propensity" in rows else pd.Series(data=False, index=rows.index)
    high = estimated >= np.quantile(estimated, 0.9)
    table = metrics.reliability(hired.astype(np.float64), estimated)
    return {
        "candidates": len(rows),
        "campaigns": int(rows["campaign_id"].nunique()),
        "hired": int(hired.sum()),
        "logged_share": float(logged[hired].mean()),
        "auc": metrics.auc(hired.astype(np.float64), estimated),
        "top_tenth_share": float(high[hired].mean()),
        "followers_hired": float(followers[hired].median()),
        "followers_candidates": float(followers.median()),
        "effective": effective_sample_size(1.0 / rows["propensity"].to_numpy()[hired]),
        "calibration": table.to_dict("records"),
    }


def _too_dear(rows: pd.DataFrame) -> pd.Series:
    """Return who asks for more than the campaign spent on all it hired, and was not hired: never a choice."""
    unknown = (rows["was_hired"] & rows["paid_fee"].isna()).groupby(rows["campaign_id"]).transform("any")
    budget = rows["paid_fee"].groupby(rows["campaign_id"]).transform("sum")
    return ~rows["was_hired"] & (rows["fee"] > budget) & ~unknown
