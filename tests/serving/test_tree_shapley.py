"""Shapley values of trees, against their definition: every coalition of features, every row of the background."""

from __future__ import annotations

import re
from itertools import combinations
from math import factorial
from typing import Any

import lightgbm
import numpy as np
import pytest

from serving.forest import Forest
from serving.tree_shapley import TreeShapley

FEATURES, TEXT, FIXED = 5, 3, 4
ROWS = 300


def matrix(rows: int, *, seed: int) -> np.ndarray:
    """Return rows with unknown values, a text's codes and few distinct numbers, so that rows share leaves."""
    random = np.random.default_rng(seed)
    made = random.normal(size=(rows, FEATURES)).round(1)
    made[:, TEXT] = random.integers(0, 6, rows)
    made[random.random(made.shape) < 0.15] = np.nan
    made[:, FIXED] = random.choice([-1.0, 0.0, 1.0], rows)
    return made


def booster(**parameters: Any) -> lightgbm.Booster:
    X = matrix(ROWS, seed=1)
    known = np.nan_to_num(X)
    y = known[:, 0] * (known[:, TEXT] > 2) + known[:, 1] * known[:, FIXED] + np.isnan(X[:, 2])
    settings = {"num_leaves": 12, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1.0, "verbose": -1}
    many = parameters.get("num_class", 1)
    labels = np.digitize(y, [np.median(y)]) if many > 1 else y
    data = lightgbm.Dataset(X, labels, categorical_feature=[TEXT])
    return lightgbm.train({**settings, "num_threads": 1, **parameters}, data, num_boost_round=8)


def forest(model: lightgbm.Booster) -> Forest:
    outputs = model.num_model_per_iteration()
    # Without the objective, which scores do not depend on.
    text = re.sub(r"objective=.*\n", "", model.model_to_string())
    return Forest(text, features=FEATURES, outputs=outputs)


def by_definition(model: lightgbm.Booster, x: np.ndarray, background: np.ndarray, players: list[int]) -> np.ndarray:
    """Return the Shapley values of one row, (outputs, features): the others are fixed at the row's own values."""

    def worth(coalition: tuple[int, ...]) -> np.ndarray:
        mixed = np.tile(x, (len(background), 1))
        left = [player for player in players if player not in coalition]
        mixed[:, left] = background[:, left]
        return model.predict(mixed, raw_score=True).reshape(len(background), -1).mean(axis=0)

    values = np.zeros((len(worth(())), len(x)))
    for player in players:
        rest = [other for other in players if other != player]
        for size in range(len(rest) + 1):
            weight = factorial(size) * factorial(len(rest) - size) / factorial(len(players))
            for coalition in combinations(rest, size):
                values[:, player] += weight * (worth((*coalition, player)) - worth(coalition))
    return values


@pytest.mark.parametrize("fixed", [None, FIXED])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"use_missing": False}, {"zero_as_missing": True}, {"objective": "multiclass", "num_class": 2}],
    ids=["missing", "no missing", "zero is missing", "several outputs"],
)
def test_values_are_those_of_the_definition(parameters: dict[str, Any], fixed: int | None) -> None:
    model = booster(**parameters)
    background, X = matrix(20, seed=2), matrix(12, seed=3)
    X[0, TEXT], X[1, TEXT] = 17.0, 2.0  # a code beyond all that were seen
    trees = TreeShapley(forest(model), fixed=fixed)
    base, parts = trees.values(X, trees.background(background))
    players = [feature for feature in range(FEATURES) if feature != fixed]
    for row, x in enumerate(X):
        np.testing.assert_allclose(parts[row], by_definition(model, x, background, players), rtol=0, atol=1e-12)
    raw = model.predict(X, raw_score=True).reshape(len(X), -1)
    np.testing.assert_allclose(base + parts.sum(axis=2), raw, rtol=0, atol=1e-12)
    for asked in np.unique(X[:, FIXED]):
        assert len(np.unique(base[X[:, FIXED] == asked], axis=0)) == 1


def test_many_rows_get_the_same_bits_as_one() -> None:
    trees = TreeShapley(forest(booster()))
    X, background = matrix(150, seed=4), trees.background(matrix(20, seed=2))
    base, parts = trees.values(X, background)
    for row in (0, 63, 64, 149):
        own_base, own = trees.values(X[[row]], background)
        assert own[0].tobytes() == parts[row].tobytes()
        assert own_base[0].tobytes() == base[row].tobytes()


def test_a_booster_that_says_nothing() -> None:
    X = matrix(ROWS, seed=1)
    model = lightgbm.train(
        {"num_leaves": 4, "min_data_in_leaf": ROWS, "verbose": -1}, lightgbm.Dataset(X, X[:, FIXED]), num_boost_round=2
    )
    trees = TreeShapley(forest(model), fixed=FIXED)
    base, parts = trees.values(X[:3], trees.background(X[:5]))
    assert not parts.any()
    np.testing.assert_allclose(base[:, 0], model.predict(X[:3]), atol=1e-12)


def test_no_rows() -> None:
    trees = TreeShapley(forest(booster()))
    base, parts = trees.values(np.empty((0, FEATURES)), trees.background(matrix(3, seed=2)))
    assert base.shape == (0, 1)
    assert parts.shape == (0, 1, FEATURES)
