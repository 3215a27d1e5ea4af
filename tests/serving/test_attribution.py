"""Where a likelihood comes from: parts that add up, start where they should, and stay when inputs hardly move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from serving.attribution import Attributed, Attribution
from tests.models import NUMBERS, made_features
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.bundle import Bundle

ROWS = 200
TOP = 3


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Return a model with all its parts: followers and rate drive the actions, the platform whether it is posted."""
    random = np.random.default_rng(5)
    X = made_features(500, seed=5)
    mean = np.exp(0.5 * (X["log_followers"] - 9) + 12 * (X["engagement_rate_median_90d"].fillna(0.05) - 0.05))
    mean *= np.where(X["goal"] == "sale", 3, 40)
    posted = random.random(len(X)) < np.where(X["platform"] == "tiktok", 0.95, 0.5)
    decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(random.uniform(0, 300, len(X))), unit="D")
    model = ActionModel(rounds=30, folds=2).fit(
        X,
        np.where(posted, random.poisson(mean), 0),
        decided_at=decided,
        closed_at=decided + pd.Timedelta(days=30),
        posted=posted,
    )
    assert model.bundle_.posted is not None
    assert model.bundle_.thresholds is not None
    return model.bundle_


@pytest.fixture(scope="module")
def X() -> pd.DataFrame:
    return made_features(ROWS, seed=6)


@pytest.fixture(scope="module")
def at_least() -> np.ndarray:
    return np.random.default_rng(6).choice([1.0, 2.0, 10.0, 100.0], ROWS)


@pytest.fixture(scope="module")
def attribute(bundle: Bundle) -> Attribution:
    return Attribution(bundle)


@pytest.fixture(scope="module")
def found(attribute: Attribution, X: pd.DataFrame, at_least: np.ndarray) -> Attributed:
    return attribute(X, at_least)


def test_parts_add_up_to_the_likelihood_that_is_shown(
    bundle: Bundle, found: Attributed, X: pd.DataFrame, at_least: np.ndarray
) -> None:
    assert np.array_equal(found.likelihood, bundle.distribution(X).likelihood(at_least))
    np.testing.assert_allclose(found.base + found.parts.sum(axis=1), found.likelihood, rtol=0, atol=1e-15)
    assert found.likelihood.std() > 0.1


EXTREME: list[Callable[[pd.DataFrame], pd.DataFrame]] = [
    lambda X: X.assign(**dict.fromkeys(NUMBERS, np.nan)),
    lambda X: X.assign(**dict.fromkeys(NUMBERS, 1e300)),
    lambda X: X.assign(goal="never seen", platform="nowhere", vertical=pd.array([None] * len(X), dtype="str")),
]


@pytest.mark.parametrize("change", EXTREME)
@pytest.mark.parametrize("asked", [1.0, 1e9, 1e16])
def test_they_add_up_at_the_edges_too(
    bundle: Bundle,
    attribute: Attribution,
    X: pd.DataFrame,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    asked: float,
) -> None:
    rows = change(X.head(20))
    found = attribute(rows, np.full(20, asked))
    assert np.array_equal(found.likelihood, bundle.distribution(rows).likelihood(asked))
    np.testing.assert_allclose(found.base + found.parts.sum(axis=1), found.likelihood, rtol=0, atol=1e-15)


def test_the_base_is_what_average_scores_of_the_goal_say(
    bundle: Bundle, found: Attributed, X: pd.DataFrame, at_least: np.ndarray
) -> None:
    spec = bundle.spec
    for row in range(20):
        past = bundle.background[bundle.background["goal"] == X["goal"][row]]
        matrix = spec.encoding.matrix(past)
        goal = spec.goal(matrix)
        score, posted = bundle.scores(matrix, goal)
        opinion = bundle.opinion(matrix, goal)
        assert opinion is not None
        second = opinion(np.full(len(past), at_least[row])).mean()
        said = spec.distribution(goal[:1], score.mean(axis=0)[None], posted.mean()[None], lambda _, value=second: value)
        assert said.likelihood(at_least[row]) == pytest.approx(found.base[row], abs=1e-9)


def test_one_brief_has_one_base(found: Attributed, X: pd.DataFrame, at_least: np.ndarray) -> None:
    bases = pd.DataFrame({"goal": X["goal"], "at_least": at_least, "base": found.base}).groupby(["goal", "at_least"])
    assert (bases["base"].min() == bases["base"].max()).all()
    assert bases["base"].first().nunique() > 4


def test_what_is_asked_is_no_reason_and_what_says_nothing_has_no_part(found: Attributed, bundle: Bundle) -> None:
    parts = pd.DataFrame(found.parts, columns=bundle.features)
    assert (parts["goal"] == 0).all()
    assert (parts["kred_influence"] == 0).all()


def test_what_drives_the_outcomes_has_the_greatest_parts(found: Attributed, bundle: Bundle, X: pd.DataFrame) -> None:
    parts = pd.DataFrame(found.parts, columns=bundle.features)
    strength = parts.abs().mean().sort_values(ascending=False)
    assert set(strength.index[:3]) == {"log_followers", "platform", "engagement_rate_median_90d"}
    assert strength.iloc[3] < 0.5 * strength.iloc[2]
    # Nothing raises or lowers what is certain or impossible anyway.
    assert (parts["platform"][X["platform"] == "tiktok"] >= 0).mean() > 0.95
    assert (parts["platform"][X["platform"] != "tiktok"] <= 0).mean() > 0.95


def test_each_row_is_explained_by_itself(
    attribute: Attribution, found: Attributed, X: pd.DataFrame, at_least: np.ndarray
) -> None:
    for row in (0, 1, 77, 199):
        alone = attribute(X.iloc[[row]], at_least[[row]])
        for one, all_rows in zip(alone, found, strict=True):
            assert one[0].tobytes() == all_rows[row].tobytes()


def test_a_change_that_nobody_sees_changes_no_order(
    attribute: Attribution, found: Attributed, X: pd.DataFrame, at_least: np.ndarray
) -> None:
    nudged = X.assign(**{name: X[name] * (1 + 1e-6) for name in NUMBERS})
    moved = attribute(nudged, at_least)
    assert np.abs(moved.parts - found.parts).max() < 1e-3
    assert np.array_equal(top(moved), top(found))


def test_a_little_noise_seldom_changes_the_order(
    attribute: Attribution, found: Attributed, X: pd.DataFrame, at_least: np.ndarray
) -> None:
    random = np.random.default_rng(8)
    noisy = X.assign(**{name: X[name] + 0.01 * X[name].std() * random.standard_normal(ROWS) for name in NUMBERS})
    moved = attribute(noisy, at_least)
    assert (top(moved)[:, 0] == top(found)[:, 0]).mean() >= 0.95
    # Where two change places they were nearly alike: no part moves far.
    assert np.quantile(np.abs(moved.parts - found.parts).max(axis=1), 0.95) < 0.05


def top(found: Attributed) -> np.ndarray:
    return np.argsort(-np.abs(found.parts), axis=1, kind="stable")[:, :TOP]
