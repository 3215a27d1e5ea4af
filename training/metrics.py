"""What a prediction is worth, as numbers: pure functions on arrays, one row per pair of campaign and account.

Three conventions hold throughout.

- An *outcome* is 1 (the activation brought at least what was asked for), 0 (it did not) or, where the truth is
  known, the probability that it would. A probability stands for the two rows that it is worth, so every figure is
  then the expected one.
- A *score* ranks: higher is better, NaN is worst. A *likelihood* is a probability and has no NaN.
- A *campaign* is an array of codes 0..n-1, a *rank* the place within the campaign, 0 for the one hired first.

scikit-learn's metrics have no soft outcomes, no per-row losses to resample and no groups of unequal size; on what
they have, they agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import xlogy
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def auc_influence(outcome: FloatArray, score: FloatArray) -> tuple[float, FloatArray]:
    """Return the area under the ROC curve and what each row adds to it.

    The AUC is the chance that of two rows, one reached and one not, the reached one has the higher score; ties
    count half. Soft outcomes p weigh each pair (i, j), i != j, by p_i (1 - p_j). O(n log n).

    Returns
    -------
    The AUC (NaN where all rows have the same outcome) and its influence values (n,), which sum to 0 over the rows:
    the AUC of a resample in which row i appears w_i times is, to first order, AUC + sum(w_i * influence_i)
    (Obuchowski 1997, for clusters).
    """
    positive, negative = outcome, 1.0 - outcome
    pairs = positive.sum() * negative.sum() - (positive * negative).sum()
    if pairs <= 0:
        return float("nan"), np.zeros(len(outcome))
    _, group = np.unique(np.where(np.isnan(score), -np.inf, score), return_inverse=True)
    negatives, positives = np.bincount(group, negative), np.bincount(group, positive)
    # A row is not paired with itself: its own other half is taken out of the ties.
    below = (np.cumsum(negatives) - negatives / 2)[group] - negative / 2
    above = (positives.sum() - np.cumsum(positives) + positives / 2)[group] - positive / 2
    value = float((positive * below).sum() / pairs)
    share = positive * (negative.sum() - negative) + negative * (positive.sum() - positive)
    return value, (positive * below + negative * above - value * share) / pairs


def auc(outcome: FloatArray, score: FloatArray) -> float:
    """Return the area under the ROC curve; see `auc_influence`."""
    return auc_influence(outcome, score)[0]


def log_losses(outcome: FloatArray, likelihood: FloatArray) -> FloatArray:
    """Return the log loss of each row in nats. A certain likelihood that was wrong costs 36, not infinity."""
    tiny = np.finfo(np.float64).eps
    likelihood = np.clip(likelihood, tiny, 1.0 - tiny)
    losses: FloatArray = -(xlogy(outcome, likelihood) + xlogy(1.0 - outcome, 1.0 - likelihood))
    return losses


def brier_scores(outcome: FloatArray, likelihood: FloatArray) -> FloatArray:
    """Return the squared error of the likelihood of each row."""
    return outcome * (1.0 - likelihood) ** 2 + (1.0 - outcome) * likelihood**2


def reliability(outcome: FloatArray, likelihood: FloatArray, *, bins: int = 10, coverage: float = 0.95) -> pd.DataFrame:
    """Return what happened, bin by bin of the likelihood.

    Bins hold equal counts; equal likelihoods stay together, so there may be fewer bins and they may differ in size.

    Returns
    -------
    Columns rows, likelihood (mean), observed (share that reached it, or its expectation), low and high (Wilson
    interval of the share, which takes the rows of a bin as independent), in the order of the likelihood.
    """
    code = _bin_of(likelihood, bins)
    rows = np.bincount(code).astype(np.float64)
    observed = np.bincount(code, outcome) / rows
    z = norm.ppf(0.5 + coverage / 2)
    centre = (observed + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * np.sqrt(observed * (1 - observed) / rows + z**2 / (4 * rows**2))
    return pd.DataFrame(
        {
            "rows": rows.astype(np.int64),
            "likelihood": np.bincount(code, likelihood) / rows,
            "observed": observed,
            "low": np.clip(centre - half, 0.0, 1.0),
            "high": np.clip(centre + half, 0.0, 1.0),
        }
    )


def calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance between what was said and what happened, over the rows of a `reliability` table."""
    return float(np.average((table["likelihood"] - table["observed"]).abs(), weights=table["rows"]))


def calibration_error_by_chance(
    likelihood: FloatArray, *, bins: int = 10, seed: int = 0, draws: int = 1000
) -> tuple[float, float]:
    """Return the mean and the 95 % quantile of the calibration error that perfectly calibrated likelihoods would show.

    The error of finitely many rows is never 0. In each bin the share that reached it is drawn from the normal
    approximation of independent rows.
    """
    table = reliability(likelihood, likelihood, bins=bins)
    code = _bin_of(likelihood, bins)
    spread = np.sqrt(np.bincount(code, likelihood * (1.0 - likelihood))) / table["rows"].to_numpy()
    weight = table["rows"].to_numpy() / table["rows"].sum()
    errors = np.abs(np.random.default_rng(seed).normal(size=(draws, len(spread)))) @ (spread * weight)
    return float(errors.mean()), float(np.quantile(errors, 0.95))


def _bin_of(likelihood: FloatArray, bins: int) -> IntArray:
    """Return the bin of each row (n,), from 0; see `reliability`."""
    edges = np.unique(np.quantile(likelihood, np.linspace(0.0, 1.0, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, likelihood, side="left"), return_inverse=True)[1]


def ndcg(campaign: IntArray, rank: IntArray, gain: FloatArray, *, k: int) -> FloatArray:
    """Return the normalised discounted cumulative gain of the first k of each campaign (n_campaigns,).

    Gains are linear and discounted by log2(place + 1) (Jarvelin and Kekalainen 2002); NaN where a campaign has no
    gain at all.
    """
    best = places(campaign, gain, np.zeros(len(gain)))
    reached = per_campaign(campaign, np.where(rank < k, gain / np.log2(rank + 2.0), 0.0))
    ideal = per_campaign(campaign, np.where(best < k, gain / np.log2(best + 2.0), 0.0))
    return _ratio(reached, ideal)


def places(campaign: IntArray, score: FloatArray, tie: npt.NDArray[np.generic]) -> IntArray:
    """Return each row's place in its campaign, 0 for the highest score; NaN comes last, the lower `tie` first."""
    order = np.lexsort((tie, np.where(np.isnan(score), np.inf, -score), campaign))
    sizes = np.bincount(campaign)
    rank = np.empty(len(campaign), dtype=np.int64)
    rank[order] = np.arange(len(campaign)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return rank


def per_campaign(campaign: IntArray, amount: FloatArray, *, campaigns: int = 0) -> FloatArray:
    """Return the sum of each campaign (at least `campaigns` of them)."""
    return np.bincount(campaign, amount, minlength=campaigns).astype(np.float64, copy=False)


def captured(campaign: IntArray, rank: IntArray, amount: FloatArray, *, k: int) -> FloatArray:
    """Return the amount that the first k of each campaign bring (n_campaigns,)."""
    return per_campaign(campaign, np.where(rank < k, amount, 0.0))


def captured_share(campaign: IntArray, rank: IntArray, amount: FloatArray, *, k: int) -> FloatArray:
    """Return the share of each campaign's whole amount that its first k bring; NaN where that is 0 (n_campaigns,)."""
    return _ratio(captured(campaign, rank, amount, k=k), per_campaign(campaign, amount))


def gains(
    campaign: IntArray, rank: IntArray, amount: FloatArray, cost: FloatArray, *, shares: Sequence[float]
) -> FloatArray:
    """Return the share of each campaign's amount that a share of its cost buys (n_campaigns, n_shares).

    Rows are bought in the order of their rank; where the share ends within a row, that row counts in part. A cost of
    1 each makes it the share of the rows. NaN where a campaign has no amount or no cost at all.
    """
    whole, budget = per_campaign(campaign, amount), per_campaign(campaign, cost)
    found = []
    for share in shares:
        bought = bought_share(campaign, rank, cost, share * budget)
        found.append(np.where(budget > 0, _ratio(per_campaign(campaign, amount * bought), whole), np.nan))
    return np.column_stack(found)


def bought_share(campaign: IntArray, rank: IntArray, cost: FloatArray, budget: FloatArray) -> FloatArray:
    """Return which share of each row a campaign's budget (n_campaigns,) buys in the order of the rank: 1, 0 or a part.

    What costs nothing is bought as soon as its turn comes.
    """
    order = np.lexsort((rank, campaign))
    owner, price = campaign[order], cost[order]
    spent = np.cumsum(price)
    first = np.searchsorted(owner, np.arange(len(budget))).clip(max=max(len(owner) - 1, 0))
    before = spent - price - (spent - price)[first][owner]
    left = budget[owner] - before
    share = np.empty(len(owner))
    share[order] = np.where(
        price > 0, np.clip(left / np.where(price > 0, price, 1.0), 0.0, 1.0), (left >= -1e-9 * budget[owner]) * 1.0
    )
    return share


def interval_coverage(actual: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return 1 where the actual number lies within its interval, ends included, else 0 (n,)."""
    return ((low <= actual) & (actual <= high)).astype(np.float64)


def population_stability(before: npt.ArrayLike, after: npt.ArrayLike) -> float:
    """Return the population stability index of two counts of rows over the same bins; half a row is added to each."""
    first, second = (np.asarray(counts, dtype=np.float64) + 0.5 for counts in (before, after))
    first, second = first / first.sum(), second / second.sum()
    return float(((second - first) * np.log(second / first)).sum())


def pit_histogram(below: FloatArray, up_to: FloatArray, *, bins: int = 10) -> FloatArray:
    """Return what each row adds to each bin of the histogram of the probability integral transform (n, bins).

    A count has no single such value: it lies anywhere between `below` = P(N < n) and `up_to` = P(N <= n), where n is
    what came. Each row is spread evenly over that stretch, which is what randomised values have on average (Czado,
    Gneiting and Held 2009). Rows sum to 1; where forecasts are right, the columns average 1 / bins.
    """
    width = np.maximum(up_to - below, np.finfo(np.float64).tiny)
    edges = np.linspace(0.0, 1.0, bins + 1)
    reached = np.clip((edges - below[:, None]) / width[:, None], 0.0, 1.0)
    reached[:, -1] = 1.0  # also where `below` is 1 as far as float64 can tell
    return np.diff(reached, axis=1)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
