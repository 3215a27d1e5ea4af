"""The ablation of models: every variant learns something, and nothing that came later is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.models import Fold, compared, past_performance
from benchmarks.variants import VARIANTS, Activations
from tests.models import made_features
from training import metrics

ROWS = 300


def made(rows: int, *, seed: int) -> Activations:
    random = np.random.default_rng(seed)
    X = made_features(rows, seed=seed)
    mean = np.exp(0.5 * (X["log_followers"] - 9)) * np.where(X["goal"] == "sale", 3, 40)
    clicks = random.poisson(10 * mean)
    posted = random.random(rows) < 0.8
    decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(rows), unit="D")
    outcomes = pd.DataFrame(
        {
            "actions": np.where(posted, random.poisson(mean), 0),
            "posted": posted,
            "decided_at": decided,
            "closed_at": decided + pd.Timedelta(days=20),
        }
    )
    at_least = np.where(X["goal"] == "sale", 3.0, 40.0)
    return Activations(X, outcomes, at_least, pd.DataFrame({"clicks": np.where(posted, clicks, 0)}))


@pytest.fixture(scope="module")
def fold() -> Fold:
    later = made(ROWS, seed=2)
    return Fold(made(ROWS, seed=1), later.X, later.at_least, later.reached)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "ActionModel, 3 seeds"])
def test_every_variant_learns_something(fold: Fold, name: str) -> None:
    said = VARIANTS[name](fold.given)(fold.X, fold.at_least)
    assert ((said >= 0) & (said <= 1)).all()
    assert metrics.auc(fold.outcome, said) >= 0.7
    assert said.mean() == pytest.approx(fold.outcome.mean(), abs=0.15)


def test_the_way_to_the_truth_starts_at_the_first_variant(fold: Fold) -> None:
    first, second = compared([fold], ("scikit-learn boosting", "logistic regression"), truth=True)
    assert first["way"] == 0
    # Outcomes of 0 and 1 leave no loss to the truth.
    assert second["way"] == pytest.approx(1 - second["log_loss"] / first["log_loss"])


def test_a_record_knows_what_had_closed() -> None:
    at = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-06", "2025-01-07", "2025-01-20"], utc=True)
    bursts = pd.DataFrame({"repository": list("aabab"), "at": at, "stars": [0, 9, 9, 0, 4]})
    found = past_performance(bursts, "stars")
    assert np.isnan(found).tolist() == [True, True, True, False, False]
    # The second burst of a, nine stars where none was usual, had closed by the 7th; so had the first.
    assert found[3] == pytest.approx(np.log(10) / 3)
    later = bursts.assign(stars=[0, 9, 9, 50, 70])
    assert np.array_equal(past_performance(later, "stars")[:4], found[:4], equal_nan=True)
