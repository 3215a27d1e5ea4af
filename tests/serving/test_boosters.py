from __future__ import annotations

import random
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pytest

from serving.boosters import trees
from serving.forest import Forest

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES = 5
KINDS: dict[str, dict[str, Any]] = {
    "plain": {"objective": "binary"},
    "monotone": {"objective": "binary", "monotone_constraints": [1, -1, 0, 0, 0]},
    "two scores": {"objective": "none", "num_class": 2},
    "one leaf": {"objective": "binary", "min_data_in_leaf": 10_000},
}


def matrix(rows: int = 400) -> np.ndarray:
    draw = np.random.default_rng(3)
    X = draw.normal(size=(rows, FEATURES))
    X[:, 4] = draw.integers(0, 40, rows)
    X[draw.random(X.shape) < 0.1] = np.nan
    return X


@cache
def text(kind: str) -> str:
    X = matrix()
    y = (0.2 * np.nan_to_num(X[:, 0]) + (np.nan_to_num(X[:, 4]) % 3 == 1) > 0.5).astype(float)
    settings = {**KINDS[kind], "verbosity": -1, "num_leaves": 7, "min_data_per_group": 5, "num_threads": 1}
    data = lightgbm.Dataset(X, y, categorical_feature=[4])
    if settings.get("num_class") == 2:
        settings["objective"] = lambda score, _: (score - y[:, None], np.ones_like(score))
    return str(lightgbm.train(settings, data, num_boost_round=6).model_to_string())


def scores(kind: str) -> int:
    return int(KINDS[kind].get("num_class", 1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_handed_on_predicts_the_same(kind: str) -> None:
    core = trees(text(kind), features=FEATURES, scores=scores(kind))
    before, after = lightgbm.Booster(model_str=text(kind)), lightgbm.Booster(model_str=core)
    for how in ({"raw_score": True}, {"pred_contrib": True}):
        assert np.array_equal(before.predict(matrix(), **how), after.predict(matrix(), **how))
    assert "parameters" not in core


def test_the_examples_have_what_they_are_for() -> None:
    assert "cat_threshold" in text("plain").partition("Tree=1")[0]
    assert "num_leaves=1\n" in text("one leaf")
    assert "monotone_constraints" in text("monotone")


def line(name: str, value: str) -> Callable[[str], str]:
    """Change a line of the first tree, and its size in the head."""

    def change(model: str) -> str:
        old = re.search(rf"^{name}=.*$", model[model.index("Tree=0") :], re.MULTILINE)
        assert old is not None
        new = f"{name}={value}"
        grown = len(new) - len(old[0])
        sized = re.sub(r"tree_sizes=(\d+)", lambda size: f"tree_sizes={int(size[1]) + grown}", model)
        return sized.replace(old[0], new, 1)

    return change


def head(pattern: str, replacement: str) -> Callable[[str], str]:
    return lambda model: re.sub(pattern, replacement, model, count=1)


DAMAGES: list[tuple[Callable[[str], str], str]] = [
    (lambda _: "", "begin"),
    (lambda _: "tree\n\n", "other lines"),
    (lambda model: model[: model.index("Tree=1") + 100], "more trees|begin or end"),
    (lambda model: model[: model.index("end of trees")], "more trees"),
    (lambda model: "\n" + model, "begin"),
    (head("version=v4", "version=v9"), "version"),
    (head("Column_3", "Column_٣"), "plain text"),
    (head("label_index=0", "linear_tree=1"), "other lines"),
    (head("max_feature_idx=4", "max_feature_idx=5"), "has 6 features"),
    (head("num_class=1", "num_class=2"), "num_class is 2"),
    (head("objective=binary sigmoid:1", "objective=lambdarank"), "objective"),
    (head("Column_4", ""), "feature_names"),
    (head(r"feature_infos=\S+ ", "feature_infos="), "feature_infos"),
    (head(r"tree_sizes=(\d)", r"tree_sizes=9\1"), "begin or end"),
    (head(r"tree_sizes=\d+ ", "tree_sizes="), "begin or end"),
    (head(r" (\d+)\n\nTree=0", "\n\nTree=0"), "more trees"),
    (head("Tree=1\n", "Tree=2\n"), "begin or end"),
    (line("num_leaves", "999999999"), "number of leaves"),
    (line("num_leaves", "3"), "other lengths"),
    (line("num_leaves", "-1"), "number of leaves"),
    (line("num_cat", "7"), "number of leaves"),
    (line("num_cat", "0"), "other lines"),
    (line("split_feature", "0 1 2 3 4 9"), "splits by a feature"),
    (line("split_feature", "0 1 2 3 4 -1"), "splits by a feature"),
    (line("split_feature", "0 1 2 3 4"), "other lengths"),
    (line("decision_type", "2 2 2 2 2 99"), "unknown way"),
    (line("decision_type", "2 2 2 2 2 2"), "num_cat"),
    (line("left_child", "0 0 0 0 0 0"), "no tree"),
    (line("left_child", "-99 1 2 3 4 5"), "no tree"),
    (line("leaf_value", "1 2 3 4 5 6 inf"), "without end"),
    (line("leaf_value", "1 2 3 4 5 6 nan"), "leaf_value"),
    (line("leaf_value", "1 2 3"), "other lengths"),
    (line("threshold", "1 2 3 4 5 x"), "threshold"),
    (line("cat_boundaries", "0 99999999"), "cat_boundaries"),
    (line("cat_threshold", ""), "cat_boundaries"),
    (line("is_linear", "1"), "another kind"),
    (line("shrinkage", "1\nleaf_features=0"), "other lines|begin or end"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_what_would_harm_lightgbm_never_reaches_it(damage: Callable[[str], str], message: str) -> None:
    broken = damage(text("plain"))
    assert broken != text("plain")
    with pytest.raises(ValueError, match=message):
        trees(broken, features=FEATURES, scores=1)


def test_splits_that_lead_back_are_refused() -> None:
    model = text("plain")
    left, right = (re.search(rf"{side}_child=(.*)", model) for side in ("left", "right"))
    assert left is not None
    assert right is not None
    children = [[int(child) for child in side[1].split()] for side in (left, right)]
    # Two splits change places, so that each is still the child of one, but one comes before its parent.
    swap = {1: 5, 5: 1}
    for side, found in zip(("left", "right"), children, strict=True):
        model = line(f"{side}_child", " ".join(str(swap.get(child, child)) for child in found))(model)
    with pytest.raises(ValueError, match="goes round"):
        trees(model, features=FEATURES, scores=1)


def test_changed_at_random_it_is_refused_or_harmless() -> None:
    draw, X = random.Random(11), matrix(50)
    refused = 0
    for _ in range(300):
        model = list(text(draw.choice(["plain", "monotone"])))
        for _ in range(draw.choice([1, 3])):
            place = draw.randrange(model.index("="), len(model) // 2)
            model[place] = draw.choice("0123456789-.e =\nx")
        try:
            core = trees("".join(model), features=FEATURES, scores=1)
        except ValueError:
            refused += 1
            continue
        booster = lightgbm.Booster(model_str=core)
        booster.predict(X, num_threads=1)
        booster.predict(X, pred_contrib=True, num_threads=1)
        Forest("".join(model), features=FEATURES).scores(X)
    assert 100 < refused < 300
