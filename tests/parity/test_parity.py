"""Each feature against an independent oracle: plain SQL over the tables of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from features import EventStore, build, open_tables
from features.catalogue import FEATURES
from tests.parity.oracle import FAMILIES, recompute
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    import pandas as pd

BOTH = tuple[dict[str, "pd.DataFrame"], "pd.DataFrame"]


@pytest.fixture(scope="module", params=[0, 1, 2])
def both(request: pytest.FixtureRequest) -> BOTH:
    """Oracle, by family, and features of 600 pairs."""
    rng = np.random.default_rng(request.param)
    frames = random_tables(rng)
    pairs = random_pairs(rng, frames, 300)
    with open_tables(frames) as tables:
        return recompute(tables, pairs), build(EventStore.prepare(tables, buckets=1 + request.param), pairs)


@pytest.mark.parametrize("family", FAMILIES)
def test_features_equal_those_of_plain_sql(both: BOTH, family: str) -> None:
    oracle, X = both
    # SQL's nulls are features' NaN; a value of 0 may come out of a difference, hence the absolute tolerance.
    expected = oracle[family].astype("float64")
    for name in expected:
        np.testing.assert_allclose(X[name], expected[name], rtol=1e-9, atol=1e-12, equal_nan=True, err_msg=name)


def test_every_feature_has_an_oracle(both: BOTH) -> None:
    oracle, _ = both
    assert sorted(name for frame in oracle.values() for name in frame) == sorted(FEATURES)


def test_the_data_tries_every_feature(both: BOTH) -> None:
    _, X = both
    features = X[list(FEATURES)]
    # What is constant or mostly null is not compared.
    assert list(features.columns[~(features.min() < features.max())]) == []
    assert list(features.columns[features.notna().mean() < 0.2]) == []
