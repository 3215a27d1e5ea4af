"""Offer: what is asked of whom for how much, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import DAY, Features, FloatArray, divide, log_positive

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single outcomes."""
    return {"log fee": np.log1p(bucket.outcomes.numbers("fee"))}


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    briefs, campaign = known.briefs, known.campaign
    lead = (briefs.starts_at[campaign] - known.decided_at) / DAY
    value = briefs.value_per_action[campaign]
    season = known.season
    views = known.bucket.events["posts"].numbers("views")
    usual_fee = known.outcomes.mean(known.measured(measures)["log fee"])
    created = known.bucket.created_at[known.account]
    return {
        "fee_log": np.log1p(known.fee),
        "fee_per_1000_followers_log": log_positive(divide(known.fee, known.followers)) + np.log(1_000),
        "fee_per_engagement_log": log_positive(divide(known.fee, season.median(known.bucket.engagements))),
        "fee_per_view_log": log_positive(divide(known.fee, season.median(views))),
        "fee_against_usual": np.log1p(known.fee) - usual_fee,
        "log_break_even": log_positive(break_even(known.fee, value)),
        "value_per_action_log": log_positive(value),
        "budget_log": np.log1p(briefs.budget[campaign]),
        "attribution_days": briefs.attribution_days[campaign],
        "days_to_start": lead,
        **{name: values[campaign] for name, values in briefs.calendar.items()},
        "account_age_days": np.where(created <= known.decided_at, (known.decided_at - created) / DAY, np.nan),
    }


def break_even(fee: FloatArray, value_per_action: FloatArray) -> FloatArray:
    """Return how many actions pay for the fee, at least 1; null where fee or value is unknown or the value is 0.

    What one action is worth comes as a decimal fraction that binary cannot hold: 1.1 / 0.1 is a little more than 11,
    and must still be 11 actions, so the last bits of the quotient do not count.

    Parameters
    ----------
    fee, value_per_action : (n,) float64
        In the same currency.
    """
    quotient = divide(fee, value_per_action)
    return np.maximum(np.ceil(quotient * (1 - 4 * np.finfo(np.float64).eps)), 1.0)
