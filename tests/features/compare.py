"""Preparing stores of frames in memory, and comparing features bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from features import EventStore, open_tables
from features.catalogue import CATEGORIES, FEATURES

if TYPE_CHECKING:
    import pandas as pd

Frames = dict[str, "pd.DataFrame"]


def prepared(frames: Frames, **options: Any) -> EventStore:
    with open_tables(frames) as tables:
        return EventStore.prepare(tables, **options)


def different(left: pd.DataFrame, right: pd.DataFrame) -> set[str]:
    """Return the features in which one bit differs; nulls are equal."""
    one, other = (frame[list(FEATURES)].to_numpy() for frame in (left, right))
    assert one.dtype == other.dtype == np.float64
    same = (np.isnan(one) & np.isnan(other)) | (one.view(np.int64) == other.view(np.int64))
    return {name for name, good in zip(FEATURES, same.all(axis=0), strict=True) if not good}


def assert_same_bits(left: pd.DataFrame, right: pd.DataFrame) -> None:
    assert list(left.columns) == list(right.columns)
    assert different(left, right) == set()
    for name in CATEGORIES:
        assert list(left[name]) == list(right[name])
