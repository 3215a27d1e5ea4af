"""How far a figure may be off: a bootstrap that resamples whole campaigns.

The activations of one campaign share their brief, season and offer, so they are drawn together. Every figure is a
function of sums per campaign (the AUC through its influence values), so a resample costs its campaigns, not its
rows, and all figures share the same resamples: the difference of two figures is then a paired one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from training.metrics import FloatArray, IntArray, auc_influence, per_campaign

COVERAGE = 0.95
FEWEST_CAMPAIGNS = 10  # below, resampling campaigns says nothing and no interval is given
_BLOCK = 32  # resamples whose weights are widened to float64 at a time


@dataclass(frozen=True)
class Estimate:
    """A figure and its resamples; estimates from one `CampaignBootstrap` may be compared with each other."""

    value: float
    draws: FloatArray

    def interval(self) -> tuple[float, float]:
        """Return the 95 % percentile interval; NaN where there is none."""
        draws = self.draws[np.isfinite(self.draws)]
        if not np.isfinite(self.value) or not len(draws):
            return float("nan"), float("nan")
        low, high = np.quantile(draws, [0.5 - COVERAGE / 2, 0.5 + COVERAGE / 2])
        return float(low), float(high)

    def to_dict(self) -> dict[str, float]:
        """Return value, low and high."""
        low, high = self.interval()
        return {"value": self.value, "low": low, "high": high}


def difference(left: Estimate, right: Estimate) -> Estimate:
    """Return left - right."""
    return Estimate(left.value - right.value, left.draws - right.draws)


def ratio(left: Estimate, right: Estimate) -> Estimate:
    """Return left / right.

    NaN where right is not above 0; without an interval where a resample of it is not: the ratio then has no bounds.
    """
    value = left.value / right.value if right.value > 0 else float("nan")
    bounded = bool((right.draws > 0).all())
    return Estimate(value, left.draws / right.draws if bounded else np.full_like(left.draws, np.nan))


class CampaignBootstrap:
    """Resamples of the campaigns, drawn once.

    Parameters
    ----------
    campaign : codes 0..n-1 of the rows
    resamples : how many; 300 place the ends of a 95 % interval well enough
    seed : of the draws
    """

    def __init__(self, campaign: IntArray, *, resamples: int = 300, seed: int = 0) -> None:
        self.campaign = campaign
        self.campaigns = int(campaign.max()) + 1 if len(campaign) else 0
        rng = np.random.default_rng(seed)
        # One byte each: how often a campaign is drawn is a small number, and there may be as many campaigns as rows.
        self.weights = np.empty((resamples, self.campaigns), dtype=np.uint8)
        for weights in self.weights:
            weights[:] = np.bincount(rng.integers(self.campaigns, size=self.campaigns), minlength=self.campaigns)

    def mean(
        self, amount: FloatArray, *, weight: FloatArray | None = None, rows: npt.NDArray[np.bool_] | None = None
    ) -> Estimate:
        """Return sum(amount) / sum(weight) over the rows (default: their mean)."""
        ones = np.ones(len(amount)) if weight is None else weight
        return self._estimate(self._sums(amount, rows), self._sums(ones, rows))

    def over_campaigns(self, amount: FloatArray) -> Estimate:
        """Return the mean of one figure per campaign (n_campaigns,); NaN is a campaign that has none."""
        known = np.isfinite(amount)
        return self._estimate(np.where(known, amount, 0.0), known.astype(np.float64))

    def total(self, amount: FloatArray) -> Estimate:
        """Return the sum of one figure per campaign (n_campaigns,); NaN is a campaign that has none."""
        known = np.isfinite(amount)
        draws = self._resampled(np.where(known, amount, 0.0))
        return Estimate(
            float(amount[known].sum()), draws if known.sum() >= FEWEST_CAMPAIGNS else np.full_like(draws, np.nan)
        )

    def auc(self, outcome: FloatArray, score: FloatArray, *, rows: npt.NDArray[np.bool_] | None = None) -> Estimate:
        """Return the AUC over the rows.

        Resampled to first order on the logit scale, which keeps within (0, 1); its intervals cover better than
        those of recomputed AUCs where rows are few (tests/theory).
        """
        chosen = np.ones(len(outcome), dtype=bool) if rows is None else rows
        value, influence = auc_influence(outcome[chosen], score[chosen])
        if not np.isfinite(value):
            return Estimate(value, np.full(len(self.weights), np.nan))
        everywhere = np.zeros(len(outcome))
        everywhere[chosen] = influence
        inner = float(np.clip(value, 1e-6, 1 - 1e-6))
        moved = self._resampled(self._sums(everywhere, rows)) / (inner * (1.0 - inner))
        return Estimate(value, self._enough(chosen, expit(logit(inner) + moved)))

    def _sums(self, amount: FloatArray, rows: npt.NDArray[np.bool_] | None) -> FloatArray:
        if rows is None:
            return per_campaign(self.campaign, amount, campaigns=self.campaigns)
        return per_campaign(self.campaign[rows], amount[rows], campaigns=self.campaigns)

    def _estimate(self, amount: FloatArray, weight: FloatArray) -> Estimate:
        value = _divide(np.array([amount.sum()]), np.array([weight.sum()]))[0]
        draws = _divide(self._resampled(amount), self._resampled(weight))
        if np.count_nonzero(weight) < FEWEST_CAMPAIGNS:
            draws = np.full_like(draws, np.nan)
        return Estimate(float(value), draws)

    def _enough(self, rows: npt.NDArray[np.bool_], draws: FloatArray) -> FloatArray:
        counts = np.bincount(self.campaign[rows], minlength=self.campaigns)
        return draws if np.count_nonzero(counts) >= FEWEST_CAMPAIGNS else np.full_like(draws, np.nan)

    def _resampled(self, amount: FloatArray) -> FloatArray:
        blocks = range(0, len(self.weights), _BLOCK)
        return np.concatenate([self.weights[start : start + _BLOCK].astype(np.float64) @ amount for start in blocks])


def _divide(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.divide(left, right, out=np.full(len(right), np.nan), where=right > 0)
