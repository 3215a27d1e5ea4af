"""The share of an account's followers that are fake, with its interval: what a sample of followers and other signs say.

The sample is read by the follower classifier. The other signs go through a logistic regression that was fitted on
demo marketplaces, whose true shares are known (`python -m training.fake_audience` made `fake_audience.json`). It says
less than a handful of sampled followers would, and that is how much it counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.authenticity import kernels
from features.follower_classifier import FakeShare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.events import FloatArray

SIGNS = (
    "unexplained_jump_180d",
    "unexplained_jumps_180d",
    "engagement_rate_for_size",
    "comment_depth_for_size",
    "generic_comment_share_90d",
    "prompt_comment_share_90d",
    "unfollowed_actor_share_90d",
)
"""Features that foretell the share without a look at a follower."""
FARTHEST = 3.0
"""A sign counts up to so many standard deviations from its mean."""
_NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class Outlook:
    """What the signs say of the share of fakes.

    Parameters
    ----------
    mean, deviation, weight : (signs,) float64
        Of each sign, in the order of `SIGNS`; a sign that is null counts as its mean.
    level : float
        Log odds where every sign is at its mean.
    followers : float
        The outlook counts as much as so many followers of whom it is known whether they are fake.
    """

    mean: FloatArray
    deviation: FloatArray
    weight: FloatArray
    level: float
    followers: float

    def share(self, signs: Mapping[str, FloatArray]) -> FloatArray:
        """Return the (n,) expected share of fakes; null where no sign is known."""
        table = np.array([signs[name] for name in SIGNS], np.float64)
        log_odds = kernels.log_odds(table, self.mean, self.deviation, self.weight, self.level, FARTHEST)
        return 1 / (1 + np.exp(-log_odds))


@cache
def default_outlook() -> Outlook:
    """Return the outlook that Impel comes with."""
    read = json.loads(Path(__file__).with_name("fake_audience.json").read_text(encoding="utf-8"))
    mean, deviation, weight = (
        np.array([read["signs"][name][part] for name in SIGNS]) for part in ("mean", "deviation", "weight")
    )
    return Outlook(mean, deviation, weight, read["level"], read["followers"])


def fake_audience(sample: FakeShare, expected: FloatArray, followers: float) -> FakeShare:
    """Combine what a sample and the signs say, each weighted by the inverse of its variance.

    The variance of a share estimated from n labelled followers is share * (1 - share) / n, so the weight of the sample
    is the number of labelled followers that would leave an interval as wide as the sample's. The interval is Wilson's
    (JASA 1927) for the sum of both numbers.

    Parameters
    ----------
    sample : FakeShare of (n,) float64
        Null without a sample.
    expected : (n,) float64
        The share that the signs foretell; null where none is known.
    followers : float
        What `expected` counts as.

    Returns
    -------
    FakeShare of (n,) float64
        Null where both are null.
    """
    return FakeShare(*kernels.combined(*sample, expected, followers, _NORMAL_95))
