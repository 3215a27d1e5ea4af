"""The lift of a treatment against a known effect, where who is treated depends on what moves the outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.errors import DataError
from training.lift import estimate_lift, matched_difference

WORLDS, ROWS, PER_GROUP = 40, 800, 4


class World:
    """Rows in groups that share a shock; two covariates move treatment and outcome, one the outcome, one neither."""

    def __init__(self, random: np.random.Generator, *, effect: float = 2.0, steep: float = 0.9) -> None:
        self.groups = np.arange(ROWS) // PER_GROUP
        shock = random.normal(size=ROWS // PER_GROUP)[self.groups]
        x = random.normal(size=(ROWS, 4))
        x[:, 0] += 0.5 * shock
        logit = -1 + steep * x[:, 0] + 0.6 * (x[:, 1] > 0)
        self.treated = random.random(ROWS) < 1 / (1 + np.exp(-logit))
        each = effect and effect + 0.5 * x[:, 0]  # more where treatment is likelier
        before = 2 * x[:, 0] + 1.5 * (x[:, 1] > 0) + x[:, 2] + 0.5 * shock + 1.5 * random.normal(size=ROWS)
        self.outcome = before + self.treated * each
        self.covariates = pd.DataFrame(x, columns=["reach", "topic", "luck", "noise"])
        self.true = float(np.mean((self.treated * each)[self.treated]))


def test_intervals_hold_the_effect_and_naive_ones_do_not() -> None:
    random = np.random.default_rng(4)
    adjusted, naive, errors, widths = [], [], [], []
    for _ in range(WORLDS):
        world = World(random)
        found = estimate_lift(world.treated, world.outcome, world.covariates, world.groups)
        adjusted.append(found.adjusted.low <= world.true <= found.adjusted.high)
        naive.append(found.naive.low <= world.true <= found.naive.high)
        errors.append(found.adjusted.value - world.true)
        widths.append(found.adjusted.high - found.adjusted.low)
    # 95 % is promised; of 40 worlds fewer than 34 would be a chance of one in 300.
    assert np.mean(adjusted) >= 34 / WORLDS
    assert np.mean(naive) == 0
    assert abs(np.mean(errors)) < 0.1
    assert np.std(errors) == pytest.approx(np.mean(widths) / 3.92, rel=0.4)


def test_no_effect_is_not_found() -> None:
    world = World(np.random.default_rng(2), effect=0.0)
    found = estimate_lift(world.treated, world.outcome, world.covariates, world.groups)
    assert found.adjusted.low < 0 < found.adjusted.high
    assert found.naive.low > 1
    assert found.without_mean == pytest.approx(found.treated_mean - found.adjusted.value)


def test_weighing_balances_the_covariates() -> None:
    world = World(np.random.default_rng(3))
    balance = estimate_lift(world.treated, world.outcome, world.covariates, world.groups).balance
    assert list(balance["covariate"]) == ["reach", "topic", "luck", "noise"]
    assert balance["before"].iloc[0] > 0.5
    assert (balance["after"].abs() < 0.2).all()
    of_treated = world.covariates[world.treated].mean()
    assert balance["treated"].to_numpy() == pytest.approx(of_treated.to_numpy())


def test_treated_without_anybody_alike_are_left_out() -> None:
    random = np.random.default_rng(5)
    world = World(random)
    apart = random.random(ROWS) < 0.3
    covariates = world.covariates.assign(chain=apart.astype(float))
    found = estimate_lift(world.treated | apart, world.outcome + 100 * apart, covariates, world.groups)
    assert found.left_out == pytest.approx(apart.sum() / (world.treated | apart).sum(), abs=0.1)
    assert found.adjusted.value == pytest.approx(world.true, abs=1)


def test_the_same_seed_gives_the_same_bits() -> None:
    world = World(np.random.default_rng(6))
    one, two = (estimate_lift(world.treated, world.outcome, world.covariates, world.groups, seed=1) for _ in range(2))
    assert one.adjusted == two.adjusted
    other = estimate_lift(world.treated, world.outcome, world.covariates, world.groups, seed=2)
    assert other.adjusted != one.adjusted


def test_matched_sets_are_compared_within() -> None:
    random = np.random.default_rng(7)
    sets = np.repeat(np.arange(200), 3)
    level = random.normal(size=200)[sets] * 50
    treated = np.tile([True, False, False], 200)
    found = matched_difference(treated, level + 3 * treated + random.normal(size=600), sets)
    assert found.low < 3 < found.high
    assert found.high - found.low < 1
    lonely = matched_difference(np.append(treated, True), np.append(level + 3 * treated, 1e9), np.append(sets, 999))
    assert lonely.value == pytest.approx(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treated": np.zeros(ROWS, dtype=bool)}, "0 treated and 800 untreated rows; at least 30 of each"),
        ({"outcome": np.full(ROWS, np.nan)}, "the outcome must be finite numbers"),
        ({"outcome": np.zeros(3)}, "outcome 3, covariates 800"),
        ({"groups": np.zeros(ROWS)}, "fewer groups than folds"),
        (
            {"treated": np.arange(ROWS) < 400, "covariates": pd.DataFrame({"x": np.arange(ROWS) < 400})},
            "only 0 treated",
        ),
    ],
)
def test_what_is_refused(change: dict[str, Any], message: str) -> None:
    world = World(np.random.default_rng(8))
    given = {"treated": world.treated, "outcome": world.outcome, "covariates": world.covariates, "groups": world.groups}
    with pytest.raises(DataError, match=message):
        estimate_lift(**{**given, **change})


def test_too_few_matched_sets() -> None:
    with pytest.raises(DataError, match="only 1 sets have both treated and untreated rows; at least 30"):
        matched_difference([True, False, True], [1.0, 2.0, 3.0], ["a", "a", "b"])
