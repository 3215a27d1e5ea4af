"""Checks of a backtest: small classes with a code, each of which finds an issue, passes, or does not apply.

`run` runs them all; to add one, write a class and list it in `ALL`. Codes are never given to another check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.checks.amount import (
    FewAccounts,
    FewCampaigns,
    FewerFolds,
    FewOutcomes,
    FewOutcomesOfGoal,
    MissingTables,
    NoChoice,
    NoOverlap,
    UnknownMoney,
)
from training.checks.drift import CalibrationDrift, FeatureDrift, LevelDrift
from training.checks.leak import LabelMaturity, LeakingFeature, NoPeeking
from training.checks.learnt import NothingLearnt

if TYPE_CHECKING:
    from training.checks.check import Check, Evidence, Finding

ALL: tuple[Check, ...] = (
    LeakingFeature(),
    NoPeeking(),
    LabelMaturity(),
    LevelDrift(),
    FeatureDrift(),
    CalibrationDrift(),
    FewOutcomes(),
    FewOutcomesOfGoal(),
    FewAccounts(),
    FewCampaigns(),
    NoChoice(),
    UnknownMoney(),
    MissingTables(),
    FewerFolds(),
    NoOverlap(),
    NothingLearnt(),
)


def run(evidence: Evidence) -> list[Finding]:
    """Return what each check found, in the order of their codes."""
    return [check.run(evidence) for check in ALL]
