"""Checks of whether the world changed from one fold to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import kruskal

from features.catalogue import FEATURES
from training.bootstrap import FEWEST_CAMPAIGNS, CampaignBootstrap
from training.checks.check import Check, named
from training.metrics import population_stability

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.checks.check import Evidence, Finding
    from training.metrics import FloatArray

_SURE = 0.01  # p-value below which folds differ by more than chance
_LEVEL = 0.4  # logs of actions: by half
_SHIFTED = 0.25  # population stability index that is called a major shift
_BINS = 10
_FEWEST = 150  # rows on either side: the index of fewer is high by chance
_OFF = 0.05
MOVING = ("offer", "track record")
"""Families that move by nature: other briefs at other times, and an ever longer record."""
_SHUFFLES = 19  # what none of them reaches with any feature is rarer than one in twenty
_STEADY = 0.01  # added to an index, whose logarithm would otherwise be of nothing


class LevelDrift(Check):
    """What an activation brings may rise or fall over time."""

    code = "IMP004"
    title = "Drift of the level"
    severity = "medium"
    to_do = (
        "Find out what changed: prices, tracking, the platform's reach, the way actions are counted. Trust the last "
        "fold most, and train again often."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare the campaigns of the folds, each by its mean log of actions against that of its goal."""
        rows = evidence.predictions
        logs = np.log1p(rows["actions"]) - np.log1p(rows["actions"]).groupby(rows["goal"]).transform("mean")
        by_campaign = pd.DataFrame({"level": logs, "fold": rows["fold"], "campaign": rows["campaign_id"]})
        campaigns = by_campaign.groupby("campaign").agg(level=("level", "mean"), fold=("fold", "first"))
        folds = [fold["level"].to_numpy() for _, fold in campaigns.groupby("fold")]
        if len(folds) < 2 or len(campaigns) < 2 * FEWEST_CAMPAIGNS:
            return self.not_applicable(f"{len(campaigns)} campaigns in {len(folds)} folds are too few to compare.")
        levels = [float(np.mean(fold)) for fold in folds]
        low, high = int(np.argmin(levels)), int(np.argmax(levels))
        apart = levels[high] - levels[low]
        p = float(kruskal(*folds).pvalue) if np.ptp(campaigns["level"]) > 0 else 1.0
        said = (
            f"With goals taken out, activations of fold {high + 1} brought {np.exp(apart):.1f} times as many actions "
            f"as those of fold {low + 1} (p = {p:.3f})"
        )
        return self.issue(said + ".") if p < _SURE and apart > _LEVEL else self.passed(said + ": no clear change.")


class FeatureDrift(Check):
    """A model is asked about accounts and briefs unlike those that it learnt from."""

    code = "IMP005"
    title = "Drift of features"
    severity = "low"
    to_do = (
        "See whether the named features are measured as before (a platform may have changed what it reports). If the "
        "market itself moved, train again with recent outcomes."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare what the first fold learnt from with what the last one tested, by the population stability index."""
        before, after = evidence.folds[0][0], evidence.folds[-1][1]
        if min(len(before), len(after)) < _FEWEST:
            fewer = min(len(before), len(after))
            return self.not_applicable(f"{fewer} activations on one side are too few to compare; {_FEWEST} are needed.")
        rows = np.concatenate([before, after])
        later = np.arange(len(rows)) >= len(before)
        campaign = pd.factorize(evidence.rows["campaign_id"].iloc[rows])[0]
        sides = [later, *(_shuffled(later, campaign, seed) for seed in range(_SHUFFLES))]
        numeric = evidence.X.select_dtypes("number")
        compared = [name for name in numeric if name not in FEATURES or FEATURES[name].family not in MOVING]
        if not compared:
            return self.not_applicable("There are no numeric features but those that move by nature.")
        index = np.array(
            [[_stability(numeric[name].to_numpy(np.float64)[rows], side) for side in sides] for name in compared]
        )
        found = {str(compared[row]): float(index[row, 0]) for row in np.flatnonzero(_shifted(index))}
        moved = sorted(found, key=lambda name: -found[name])
        said = f"{len(compared)} features from the first training outcomes to the last fold"
        if moved:
            worst = f"population stability index of {moved[0]}: {found[moved[0]]:.2f}"
            return self.issue(f"Of {said}, {len(moved)} shifted: {named(moved)} ({worst}).")
        return self.passed(f"Of {said}, none shifted: no population stability index is above {_SHIFTED} and chance.")


class CalibrationDrift(Check):
    """Likelihoods that are right on average may be too high in one period and too low in another."""

    code = "IMP006"
    title = "Drift of calibration"
    severity = "medium"
    to_do = (
        "Read likelihoods of that period as too high or too low by so much. If it is the last fold, train again with "
        "the newest outcomes before the next campaign."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare the mean likelihood of each fold with the share that reached it."""
        rows = evidence.predictions
        if rows["campaign_id"].nunique() < FEWEST_CAMPAIGNS:
            return self.not_applicable("There are too few campaigns to say how far a fold may be off by chance.")
        campaign = pd.factorize(rows["campaign_id"])[0].astype(np.int64)
        boot = CampaignBootstrap(campaign)
        off = (rows["outcome"] - rows["likelihood"]).to_numpy(np.float64)
        wrong, most = [], 0.0
        for fold in sorted(rows["fold"].unique()):
            mine = (rows["fold"] == fold).to_numpy()
            gap = boot.mean(off, rows=mine)
            low, high = gap.interval()
            most = max(most, abs(gap.value))
            if abs(gap.value) > _OFF and (low > 0 or high < 0):
                said, came = rows.loc[mine, "likelihood"].mean(), rows.loc[mine, "outcome"].mean()
                wrong.append(f"fold {fold}, where {said:.0%} were said to reach it and {came:.0%} did")
        if wrong:
            return self.issue("Off by more than chance: " + "; ".join(wrong) + ".")
        return self.passed(
            "In no fold did the mean likelihood differ from what came by more than chance allows; at most by "
            f"{most:.0%}."
        )


def _shifted(index: FloatArray) -> NDArray[np.bool_]:
    """Return which features shifted by more than chance lets any of them (features,).

    Features of the brief take few values, which differ from one campaign to the next: of a hundred such some always
    look shifted. So every index is taken in deviations of what the same feature shows on the other sides, and has to be
    above all that any feature shows on sides made by chance (the maximum statistic of Westfall and Young 1993).

    Parameters
    ----------
    index : array of shape (features, 1 + shuffles)
        Population stability indices: of before and after, and of sides made by chance.
    """
    logs, others = np.log(index + _STEADY), index.shape[1] - 1
    mean = (logs.sum(axis=1, keepdims=True) - logs) / others
    variance = ((logs**2).sum(axis=1, keepdims=True) - logs**2) / others - mean**2
    spread = np.sqrt(np.maximum(variance, _STEADY**2))
    unusual = np.where(index > _SHIFTED, (logs - mean) / np.maximum(spread, np.median(spread)), -np.inf)
    return np.asarray(unusual[:, 0] > unusual[:, 1:].max(initial=-np.inf))


def _shuffled(later: NDArray[np.bool_], campaign: NDArray[np.intp], seed: int) -> NDArray[np.bool_]:
    """Return sides (n,) on which whole campaigns lie by chance, about as many rows later as are."""
    side = np.random.default_rng(seed).random(campaign.max() + 1) < later.mean()
    return np.asarray(side[campaign])


def _stability(values: FloatArray, later: NDArray[np.bool_]) -> float:
    """Return the population stability index over tenths of the values before, unknown ones apart (n,)."""
    known = values[~later & np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(0.0, 1.0, _BINS + 1)[1:-1])) if len(known) else np.array([])
    place = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), len(edges) + 1)
    return population_stability(*(np.bincount(place[side], minlength=len(edges) + 2) for side in (~later, later)))
