from __future__ import annotations

import re
from typing import Any

import lightgbm
import numpy as np
import pytest

from serving.forest import Forest

FEATURES, TEXT, LAST = 6, 3, 5
KINDS: dict[str, dict[str, Any]] = {
    "numbers and texts": {},
    "nothing is missing": {"use_missing": False},
    "zero is missing": {"zero_as_missing": True},
    "several outputs": {"objective": "multiclass", "num_class": 2},
    "trees of one leaf": {"min_data_in_leaf": 10_000},
    "trees without end": {"num_leaves": 200, "min_data_in_leaf": 1, "min_data_per_group": 1},
}


def matrix(rows: int, *, seed: int) -> np.ndarray:
    """Return rows with unknown values, exact zeros, codes of a text, some never seen, and few values of the last."""
    draw = np.random.default_rng(seed)
    made = draw.normal(size=(rows, FEATURES)).round(2)
    made[:, TEXT] = draw.integers(0, 90, rows)
    made[:, LAST] = draw.choice([-1.0, 0.0, 1.0, 2.0], rows)
    made[draw.random(made.shape) < 0.1] = 0.0
    made[:, :LAST][draw.random((rows, LAST)) < 0.1] = np.nan
    return made


def booster(parameters: dict[str, Any]) -> lightgbm.Booster:
    X = matrix(800, seed=1)
    known = np.nan_to_num(X)
    y = known[:, 0] * (known[:, TEXT] % 5 > 2) + known[:, 1] * known[:, LAST] + np.isnan(X[:, 2])
    labels = np.digitize(y, [np.median(y)]) if parameters.get("num_class") else y
    settings = {"num_leaves": 12, "min_data_per_group": 5, "cat_smooth": 1.0, "verbose": -1, "num_threads": 1}
    data = lightgbm.Dataset(X, labels, categorical_feature=[TEXT])
    return lightgbm.train({**settings, **parameters}, data, num_boost_round=12)


def forest(model: lightgbm.Booster) -> Forest:
    # Without the objective, which scores do not depend on.
    text = re.sub(r"objective=.*\n", "", model.model_to_string())
    return Forest(text, features=FEATURES, outputs=model.num_model_per_iteration())


@pytest.mark.parametrize("parameters", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("rows", [0, 1, 15, 16, 17, 300])
def test_scores_are_those_of_lightgbm_to_the_last_bit(parameters: dict[str, Any], rows: int) -> None:
    model, X = booster(parameters), matrix(rows, seed=2)
    trees = forest(model)
    X[:1, TEXT], X[1:2, TEXT], X[2:3, TEXT], X[3:4, TEXT] = -1.0, -0.5, 2.9, 1e12
    raw = model.predict(X, raw_score=True) if rows else np.empty(0)
    assert trees.scores(X).tobytes() == np.asarray(raw, dtype=np.float64).tobytes()


@pytest.mark.parametrize("name", [name for name in KINDS if name != "several outputs"])
def test_a_table_holds_the_scores_with_each_value_of_the_last_feature(name: str) -> None:
    trees, X = forest(booster(KINDS[name])), matrix(50, seed=3)
    values = np.array([-3.0, -1.0, -0.5, 0.0, 1e-40, 0.5, 1.5, 2.0, 9.0])
    table = trees.table(X[:, :LAST], values)
    assert table.shape == (50, len(values))
    for place, value in enumerate(values):
        X[:, LAST] = value
        assert table[:, place].tobytes() == trees.scores(X)[:, 0].tobytes()
    chosen = np.array([2, 3, 8])
    assert trees.table(X[:, :LAST], values, chosen).tobytes() == np.ascontiguousarray(table[:, chosen]).tobytes()


@pytest.mark.parametrize("threshold", ["inf", "-inf"])
@pytest.mark.parametrize("name", ["numbers and texts", "nothing is missing", "zero is missing"])
def test_a_threshold_without_end_tells_the_unknown_from_the_rest(name: str, threshold: str) -> None:
    text = re.sub(r"objective=.*\n", "", booster(KINDS[name]).model_to_string(num_iteration=1))
    number = next(part for part in re.findall(r"threshold=(.*)", text)[0].split() if "." in part)
    # The size of the tree stands in the text.
    new = text.replace(number, threshold.ljust(len(number)).replace(" ", ""), 1)
    size = int(re.findall(r"tree_sizes=(\d+)", text)[0]) - len(text) + len(new)
    new = re.sub(r"tree_sizes=\d+", f"tree_sizes={size}", new)
    X = matrix(300, seed=5)
    X[:50, :TEXT] = np.random.default_rng(5).choice([np.inf, -np.inf, 1e308, -1e308], (50, TEXT))
    raw = lightgbm.Booster(model_str=new).predict(X, raw_score=True)
    assert Forest(new, features=FEATURES).scores(X).tobytes() == np.asarray(raw).tobytes()


@pytest.mark.parametrize("parameters", KINDS.values(), ids=KINDS)
def test_many_rows_get_the_same_bits_as_one(parameters: dict[str, Any]) -> None:
    trees, X = forest(booster(parameters)), matrix(200, seed=4)
    alone = np.concatenate([trees.scores(X[[row]]) for row in range(len(X))])
    assert trees.scores(X).tobytes() == alone.tobytes()
    assert trees.scores(np.asfortranarray(X)).tobytes() == alone.tobytes()


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="has 6 features"):
        Forest(re.sub(r"objective=.*\n", "", booster({}).model_to_string()), features=5)
