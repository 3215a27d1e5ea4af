"""Offer: what is asked of whom for how much, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import DAY, Features, FloatArray, divide, log_positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from features.bucket import Bucket, Measures
    from features.known import Known, KnownAccount


USUAL = ("usual followers", "usual engagements", "usual views", "usual fee log")
"""What a fee is compared with: figures of the account that are no features themselves."""


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single outcomes."""
    return {"log fee": np.log1p(bucket.outcomes.numbers("fee"))}


def features(known: KnownAccount) -> Features:
    """Compute what of the family depends on the account alone, and `USUAL`."""
    views = known.bucket.events["posts"].numbers("views")
    created = known.bucket.created_at[known.account]
    return {
        "account_age_days": np.where(created <= known.decided_at, (known.decided_at - created) / DAY, np.nan),
        "usual followers": known.followers,
        "usual engagements": known.season.median(known.bucket.engagements),
        "usual views": known.season.median(views),
        "usual fee log": known.outcomes.mean(known.measured(measures)["log fee"]),
    }


def pair_features(known: Known, account: Features) -> Features:
    """Compute what depends on the brief and the fee; `account` holds the features of the account, and `USUAL`."""
    briefs, campaign = known.briefs, known.campaign
    lead = (briefs.starts_at[campaign] - known.decided_at) / DAY
    value = briefs.value_per_action[campaign]
    fee_log = np.log1p(known.fee)
    return {
        "fee_log": fee_log,
        "fee_per_1000_followers_log": log_positive(divide(known.fee, account["usual followers"])) + np.log(1_000),
        "fee_per_engagement_log": log_positive(divide(known.fee, account["usual engagements"])),
        "fee_per_view_log": log_positive(divide(known.fee, account["usual views"])),
        "fee_against_usual": fee_log - account["usual fee log"],
        "log_break_even": log_positive(break_even(known.fee, value)),
        "value_per_action_log": log_positive(value),
        "budget_log": np.log1p(briefs.budget[campaign]),
        "attribution_days": briefs.attribution_days[campaign],
        "days_to_start": lead,
        **{name: values[campaign] for name, values in briefs.calendar.items()},
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


def break_even_or_one(fee: ArrayLike, value_per_action: ArrayLike) -> FloatArray:
    """Return how many actions are asked for where nobody names a number, (n,): the break-even, 1 where that is null."""
    return np.fmax(break_even(np.asarray(fee, np.float64), np.asarray(value_per_action, np.float64)), 1.0)
