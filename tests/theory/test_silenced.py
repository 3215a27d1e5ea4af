"""A marketplace in which one family of features says nothing: it counts for nothing, and likelihoods are still kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.theory.conftest import fit
from training import metrics
from training.importance import families, rises
from training.model import ActionModel
from training.usual import Usual

if TYPE_CHECKING:
    import pandas as pd

    from tests.theory.conftest import Learnt

FAMILY = "audience fit"
EVERY = 3  # one past activation in so many is learnt from, to save time


def silenced(X: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return features in which each account has the family of another one, so that it is as it was but for its link."""
    names = families(X.columns.tolist())[FAMILY]
    order = np.random.default_rng(seed).permutation(len(X))
    return X.assign(**{name: X[name].array[order] for name in names})


@pytest.fixture(scope="module")
def usual(learnt: Learnt) -> Usual:
    return Usual.of(learnt.past_x["goal"], learnt.past["actions"])


def importance(model: ActionModel, X: pd.DataFrame, actions: pd.Series, usual: Usual) -> dict[str, float]:
    """Return by how much the loss rises as each family is shuffled."""
    found = rises(model.bundle_, X, actions.to_numpy(float), usual.thresholds(X["goal"]), seed=0)
    return {name.removeprefix("rise_"): float(rise.mean()) for name, rise in found.items()}


def test_a_family_that_says_nothing_counts_for_nothing(learnt: Learnt, usual: Usual) -> None:
    past, X = (table.iloc[::EVERY].reset_index(drop=True) for table in (learnt.past, learnt.past_x))
    model = fit(ActionModel(rounds=100), past, silenced(X, seed=1))
    later = silenced(learnt.later_x, seed=2)
    found, before = (
        importance(one, features, learnt.later["actions"], usual)
        for one, features in ((model, later), (learnt.model, learnt.later_x))
    )
    share, spoken = (max(one[FAMILY], 0.0) / sum(max(rise, 0.0) for rise in one.values()) for one in (found, before))
    assert share <= 0.02
    assert spoken >= 0.05  # where it has something to say it is heard
    for at_least in usual.thresholds(later["goal"]):
        reached = (learnt.later["actions"].to_numpy() >= at_least).astype(float)
        said = model.likelihood(later, at_least)
        assert metrics.calibration_error(metrics.reliability(reached, said, bins=8)) <= 0.06
