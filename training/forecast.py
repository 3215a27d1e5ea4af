"""How well the whole distribution of actions was foretold, not only one likelihood of it.

Rows are those of `Fold.hired`: what came, the forecast's P(N < n) and P(N <= n) of it (`pit_low`, `pit_high`), the ends
of its interval, and for each share of `usual.SHARES` the number of actions that as many of the goal's past activations
had reached (`at_least_of_75`) with the likelihood that it is reached (`likelihood_of_75`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training import evaluate, metrics
from training.usual import SHARES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from serving.distribution import ActionDistribution
    from training.metrics import FloatArray
    from training.usual import Usual

BINS = 10
"""Of the PIT histogram."""


def foretold(answers: ActionDistribution, rows: pd.DataFrame, usual: Usual) -> dict[str, FloatArray]:
    """Return the columns that the figures below are made of, for rows with goal and actions."""
    actions = rows["actions"].to_numpy(dtype=np.float64)
    columns = {"pit_low": 1.0 - answers.likelihood(actions), "pit_high": 1.0 - answers.likelihood(actions + 1.0)}
    for share, asked in zip(SHARES, usual.thresholds(rows["goal"]), strict=True):
        columns |= {_column("at_least", share): asked, _column("likelihood", share): answers.likelihood(asked)}
    return columns


def threshold_losses(answers: ActionDistribution, actions: FloatArray, thresholds: Sequence[FloatArray]) -> FloatArray:
    """Return the log losses of n rows at several numbers of actions, each of shape (n,): (n, thresholds)."""
    return np.column_stack(
        [metrics.log_losses((actions >= k).astype(np.float64), answers.likelihood(k)) for k in thresholds]
    )


def pit(pool: evaluate.Pool) -> list[dict[str, float]]:
    """Return the share of the outcomes in each tenth of their forecasts, lowest first, each with its interval."""
    parts = metrics.pit_histogram(pool.array("pit_low"), pool.array("pit_high"), bins=BINS)
    return [pool.bootstrap.mean(part).to_dict() for part in parts.T]


def thresholds(pool: evaluate.Pool, *, bins: int = 10) -> list[dict[str, Any]]:
    """Return, per share of past activations that reached a threshold, how far likelihoods of it were off."""
    actions, found = pool.array("actions"), []
    for share in SHARES:
        reached = (actions >= pool.array(_column("at_least", share))).astype(np.float64)
        likelihood = pool.array(_column("likelihood", share))
        found.append(
            {
                "share": share,
                "reached_share": float(reached.mean()),
                "calibration_error": evaluate.calibration(reached, likelihood, bins=bins),
                "reliability": metrics.reliability(reached, likelihood, bins=bins).to_dict("records"),
            }
        )
    return found


def by_goal(pool: evaluate.Pool) -> list[dict[str, Any]]:
    """Return, by goal, how the expected actions compare with those that came, and how often the interval held them."""
    actions, expected = pool.array("actions"), pool.array("expected_actions")
    inside = metrics.interval_coverage(actions, pool.array("actions_low"), pool.array("actions_high"))
    goal = pool.rows["goal"]
    parts = {"all": np.ones(len(goal), dtype=bool)} | {
        str(name): (goal == name).to_numpy() for name in sorted(set(goal))
    }
    found = []
    for name, chosen in parts.items():
        figures: dict[str, Any] = {"goal": name, "rows": int(chosen.sum())}
        figures["interval_coverage"] = pool.bootstrap.mean(inside, rows=chosen).to_dict()
        if name != "all" or len(parts) == 2:  # actions of different goals do not add up
            figures["expected_to_actual"] = pool.bootstrap.mean(expected, weight=actions, rows=chosen).to_dict()
        found.append(figures)
    return found


def _column(what: str, share: float) -> str:
    return f"{what}_of_{100 * share:.0f}"
