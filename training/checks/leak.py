"""Checks of whether anything knew what it cannot have known: features, folds and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from training.checks.check import Check, named

if TYPE_CHECKING:
    from training.checks.check import Evidence, Finding
    from training.metrics import FloatArray

_TOO_GOOD = 0.9
"""Rank correlation with the actions that no honest feature has: with the true expectation itself it is about 0.8."""
_FEWEST = 50
_EARLY, _LATE = 0.25, 4.0  # times what is usual for the goal
_SOME = 0.02  # share of the activations that is no accident
_SAME_MOMENT = 0.05


class LeakingFeature(Check):
    """A feature that tells the outcome almost by itself was most likely recorded after it."""

    code = "IMP001"
    title = "Features too good to be true"
    severity = "high"
    to_do = (
        "Look up when the named features were recorded. If that was after decided_at, correct the times in the tables "
        "that they come from, or leave those rows out; then run the backtest again."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare every numeric feature, and where it is null, with the actions, within goals."""
        goal = pd.factorize(evidence.rows["goal"])[0]
        actions = evidence.rows["actions"].to_numpy(np.float64)
        if len(actions) < _FEWEST:
            return self.not_applicable(f"{len(actions)} activations are too few to tell; {_FEWEST} are needed.")
        found = {}
        for name in evidence.X.select_dtypes("number"):
            values = evidence.X[name].to_numpy(np.float64)
            known = np.isfinite(values)
            alike = [_correlation(1.0 * known, actions, goal)]
            if known.sum() >= _FEWEST:
                alike.append(_correlation(values[known], actions[known], goal[known]))
            found[name] = max(alike)
        leaking = sorted((name for name in found if found[name] > _TOO_GOOD), key=lambda name: -found[name])
        if leaking:
            worst = f"rank correlation of {leaking[0]} with the actions: {found[leaking[0]]:.2f}"
            return self.issue(f"Almost tell the outcome by themselves: {named(leaking)} ({worst}).")
        best = max(found, key=lambda name: found[name], default=None)
        if best is None:
            return self.not_applicable("There are no numeric features.")
        return self.passed(
            f"Of {len(found)} features none has a rank correlation with the actions above {_TOO_GOOD:.2f} within "
            f"goals; the closest is {best} ({found[best]:.2f})."
        )


class NoPeeking(Check):
    """Whatever a fold learnt from must have been complete before its first tested decision."""

    code = "IMP002"
    title = "Peeking: training and test in time"
    severity = "high"
    to_do = "Do not use these figures. The split is wrong: report it with the data's times of decision and closing."

    def run(self, evidence: Evidence) -> Finding:
        """Compare the folds as they were used: times, activations and campaigns."""
        wrong, gaps = [], []
        for number, (train, test) in enumerate(evidence.folds, start=1):
            learnt, tested = evidence.rows.iloc[train], evidence.rows.iloc[test]
            first = tested["decided_at"].min()
            late = int((~(learnt["closed_at"] <= first)).sum())
            both = len(np.intersect1d(train, test))
            shared = len(set(learnt["campaign_id"]) & set(tested["campaign_id"]))
            for count, what in (
                (late, "training outcomes closed after the first tested decision"),
                (both, "activations were both learnt from and tested"),
                (shared, "campaigns were both learnt from and tested"),
            ):
                if count:
                    wrong.append(f"fold {number}: {count:,} {what}")
            gaps.append(first - learnt["closed_at"].max())
        if wrong:
            return self.issue("; ".join(wrong) + ".")
        least = min(gaps) / pd.Timedelta(hours=1)
        rows = sum(len(train) for train, _ in evidence.folds)
        return self.passed(
            f"In each of {len(evidence.folds)} folds all outcomes learnt from ({rows:,} altogether) had closed "
            f"{least:,.1f} hours or more before the first tested decision, and no campaign was on both sides."
        )


class LabelMaturity(Check):
    """Outcomes that are still being counted, or were counted for unusually short or long, are not comparable."""

    code = "IMP003"
    title = "Label maturity"
    severity = "medium"
    to_do = (
        "Check closed_at of these activations: it is the end of the attribution window, not the moment of the export. "
        "Leave out outcomes that are still being counted."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare how long each outcome was counted with what is usual for its goal."""
        rows = evidence.rows
        days = (rows["closed_at"] - rows["decided_at"]) / pd.Timedelta(days=1)
        usual = days.groupby(rows["goal"]).transform("median")
        open_, early, late = days.isna(), days < _EARLY * usual, days > _LATE * usual
        ending = rows["closed_at"] == rows["closed_at"].max()
        said = [
            f"{count:,} {what}"
            for count, what in (
                (int(open_.sum()), "are still open"),
                (int(early.sum()), f"closed in less than {_EARLY:g} of the usual time of their goal"),
                (int(late.sum()), f"took more than {_LATE:g} times as long as usual"),
            )
            if count > _SOME * len(rows) or (count and what == "are still open")
        ]
        if ending.mean() > _SAME_MOMENT and days[ending].median() < usual[ending].median():
            said.append(
                f"{int(ending.sum()):,} closed at the very last moment of the data, as if the export had closed them"
            )
        if said:
            return self.issue(f"Of {len(rows):,} activations " + "; ".join(said) + ".")
        return self.passed(
            f"The outcomes of {len(rows):,} activations closed {days.min():.0f} to {days.max():.0f} days after the "
            f"decision; {int((early | late).sum()):,} were unusually early or late."
        )


def _correlation(values: FloatArray, actions: FloatArray, goal: FloatArray) -> float:
    """Return the absolute rank correlation within goals (n,); 0 where nothing varies."""
    total = 0.0
    for one in np.unique(goal):
        mine = goal == one
        if mine.sum() > 2 and np.ptp(values[mine]) > 0 and np.ptp(actions[mine]) > 0:
            ranks = np.corrcoef(rankdata(values[mine]), rankdata(actions[mine]))[0, 1]
            total += ranks * mine.sum() / len(goal)
    return abs(total)
