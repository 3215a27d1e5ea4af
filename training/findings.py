"""Everything that a backtest found, as one dictionary: figures, what they rest on, and what the checks say."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from training import checks, evaluate, forecast, metrics
from training.checks.check import Evidence
from training.earned import earned
from training.importance import importance
from training.policies import MODEL, RANDOM, SIMPLE, availability
from training.selection import selection, with_propensities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from serving.spec import Incremental

SLICES = {"goal": "goal", "platform": "platform", "tier": "size", "influencer": "track record"}
_HEADLINE_TOP = 20
_TOP_OF_CANDIDATES = (5, 10, 20, 50, 100)
_NO_CANDIDATES = "the candidates of past campaigns were not looked at, are too many, or nobody of them was hired"


def findings(
    activations: pd.DataFrame,
    X: pd.DataFrame,
    predictions: pd.DataFrame,
    candidates: pd.DataFrame | None,
    *,
    truth_known: bool,
    splits: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    windows: Sequence[Mapping[str, Any]],
    incremental: Incremental,
    settings: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the metrics of a backtest.

    Parameters
    ----------
    activations, X : all of them, with at_least and outcome, and their features
    predictions : those that were tested, as `Fold.hired` returns them
    candidates : all candidates, as `Judged.everyone`; None where they were not looked at
    splits : positions of the activations that each fold learnt from and tested
    truth_known : whether their true outcomes are among their columns
    incremental : what the last fold had learnt of incremental shares
    windows, settings, metadata : of the folds, the call and the data
    """
    seed = int(settings["seed"])
    pool = evaluate.Pool(predictions, seed=seed)
    found: dict[str, Any] = {
        "data": _data(activations, predictions),
        "settings": dict(settings),
        "metadata": dict(metadata),
        "folds": [dict(window) for window in windows],
        "policies": availability(predictions),
        "likelihood": evaluate.likelihood_figures(pool),
        "reliability": evaluate.reliability_tables(pool),
        "spread": evaluate.spread(pool),
        "forecast": forecast.by_goal(pool),
        "pit": forecast.pit(pool),
        "thresholds": forecast.thresholds(pool),
        "importance": importance(pool),
        "incremental": _incremental(pool, incremental),
        "ranking": evaluate.top_figures(pool),
        "gains": evaluate.gain_curves(pool),
        "spend": evaluate.spend_figures(pool),
        "slices": evaluate.slice_figures(pool, columns=SLICES),
        "truth": _truth(candidates, seed=seed) if candidates is not None and truth_known else None,
        "selection": None,
        "off_policy": {"why_not": _NO_CANDIDATES, "policies": {}},
    }
    if candidates is not None:
        rows = with_propensities(candidates, predictions, seed=seed)
        if len(rows):
            found |= {"selection": selection(rows), "off_policy": earned(rows, seed=seed)}
    found["headline"] = headline(found)
    evidence = Evidence(activations, X, splits, predictions, found)
    return found | {"checks": [asdict(one) for one in checks.run(evidence)]}


def headline(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the first sentence is about.

    Returns
    -------
    of : "candidates", "hired", or "likelihood" where no campaign hired more than one
    k : how many are hired first
    hired_k : the same among those hired: at most half of what the median campaign hired
    measure : "net_value", "value" or "actions_share", the first that is known; "score_auc" for likelihood
    against : the policy to compare with: most followers, or the first that is available
    best_rule : the simple rule that does best by that measure
    best_score : the simple rule whose score has the highest AUC among those hired
    """
    rules = [rule.name for rule in SIMPLE if rule.name in found["likelihood"]]
    hired = _entry(found["ranking"], min(_HEADLINE_TOP, found["data"]["hired_median"] / 2))
    chosen = _entry(found["truth"]["ranking"], _HEADLINE_TOP) if found["truth"] else hired
    if chosen is None:
        of, measure, figures = "likelihood", "score_auc", found["likelihood"]
    else:
        of, figures = "candidates" if found["truth"] else "hired", chosen["policies"]
        measure = next(name for name in ("net_value", "value", "actions_share") if name in figures[MODEL])

    def best(figures: Mapping[str, Any], measure: str) -> str | None:
        known = [rule for rule in rules if np.isfinite(figures[rule][measure]["value"])]
        return max(known, key=lambda rule: float(figures[rule][measure]["value"]), default=None)

    return {
        "of": of,
        "k": chosen and chosen["k"],
        "hired_k": hired and hired["k"],
        "measure": measure,
        "against": next(iter(rules), RANDOM),
        "best_rule": best(figures, measure),
        "best_score": best(found["likelihood"], "score_auc"),
    }


def _entry(ranking: Sequence[dict[str, Any]], most: float) -> dict[str, Any] | None:
    """Return the ranking figures of the largest k up to `most`, else of the smallest, else nothing."""
    fitting = [entry for entry in ranking if entry["k"] <= most]
    return fitting[-1] if fitting else next(iter(ranking), None)


def _data(activations: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Any]:
    hired = predictions.groupby("campaign_id").size()
    support = predictions["support"].value_counts(normalize=True)
    return {
        "activations": len(activations),
        "tested": len(predictions),
        "campaigns": len(hired),
        "campaigns_with_several": int((hired > 1).sum()),
        "hired_median": float(hired.median()),
        "accounts": int(predictions["account_id"].nunique()),
        "reached_share": float(predictions["outcome"].mean()),
        "at_least_one_share": float((predictions["at_least"] == 1).mean()),
        "fee_known_share": float(predictions["fee"].notna().mean()),
        "value_known_share": float(predictions["value_per_action"].notna().mean()),
        "goals": {str(goal): int(rows) for goal, rows in predictions["goal"].value_counts().sort_index().items()},
        "support": {str(name): float(share) for name, share in support.items()},
    }


def _incremental(pool: evaluate.Pool, learnt: Incremental) -> list[dict[str, Any]]:
    """Return, by goal, what holdouts measured in tested campaigns, what was expected of them, and what was learnt.

    Attributed and incremental actions, and the sums of what was expected, are those of the measured activations.
    """
    rows = pool.rows
    measured = np.zeros(len(rows), dtype=bool)
    if "incremental_actions" in rows:
        measured = np.isfinite(pool.array("incremental_actions"))
    found = []
    for goal in sorted(set(rows["goal"])):
        chosen = measured & (rows["goal"] == goal).to_numpy()
        figures: dict[str, Any] = {"goal": str(goal), "rows": int(chosen.sum()), "said": learnt.said(str(goal))}
        figures["campaigns"] = len(np.unique(pool.campaign[chosen]))
        if chosen.any():
            figures["attributed"] = float(pool.array("actions")[chosen].sum())
            figures["measured"] = float(pool.array("incremental_actions")[chosen].sum())
        # The folds before had fewer holdouts to learn from, or none.
        chosen &= np.isfinite(pool.array("expected_incremental_actions"))
        if chosen.any():
            actual = pool.array("incremental_actions")
            inside = metrics.interval_coverage(actual, pool.array("incremental_low"), pool.array("incremental_high"))
            figures["expected_rows"] = int(chosen.sum())
            figures["expected_to_measured"] = pool.bootstrap.mean(
                pool.array("expected_incremental_actions"), weight=actual, rows=chosen
            ).to_dict()
            figures["interval_coverage"] = float(inside[chosen].mean())
        found.append(figures)
    return found


def _truth(candidates: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    """Return the figures over all candidates, judged by the truth."""
    pool = evaluate.Pool(candidates, seed=seed)
    return {
        "candidates": len(candidates),
        "campaigns": len(pool.sizes),
        "likelihood": evaluate.likelihood_figures(pool),
        "reliability": evaluate.reliability_tables(pool),
        "ranking": evaluate.top_figures(pool, tops=_TOP_OF_CANDIDATES),
    }
