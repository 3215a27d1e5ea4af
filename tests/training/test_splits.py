"""Walk-forward folds: nobody trains on what was not known yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from features.errors import SettingError
from training.splits import walk_forward

START = pd.Timestamp("2025-01-01")
ALL = {"min_train": 1, "min_test": 1}  # every fold, however small


def days(numbers: Any) -> pd.Series:
    """Return moments so many days after the start; NaN is NaT."""
    return START + pd.to_timedelta(pd.Series(numbers, dtype="float64"), unit="D")


def folds(decided: pd.Series, closed: pd.Series, **options: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(walk_forward(decided, closed, **options))


def check_embargo(decided: pd.Series, closed: pd.Series, train: np.ndarray, test: np.ndarray) -> None:
    first = decided.iloc[test].min()
    assert (closed.iloc[train] <= first).all()  # False for NaT
    assert not set(train) & set(test)
    for part in (train, test):
        assert decided.iloc[part].is_monotonic_increasing
        assert len(set(part)) == len(part)


def test_by_hand() -> None:
    decided = days(range(10))
    closed = decided + pd.Timedelta(days=2)
    found = folds(decided, closed, folds=3, first_share=0.4, **ALL)
    # Six rows in three blocks; on day 4 what was decided on days 0 to 2 had closed, on the moment exactly for day 2.
    assert [(train.tolist(), test.tolist()) for train, test in found] == [
        ([0, 1, 2], [4, 5]),
        ([0, 1, 2, 3, 4], [6, 7]),
        ([0, 1, 2, 3, 4, 5, 6], [8, 9]),
    ]


def test_a_moment_after_the_first_decision_is_too_late() -> None:
    decided = days(range(10))
    closed = decided + pd.Timedelta(days=2)
    closed.iloc[2] += pd.Timedelta(microseconds=1)
    train, test = folds(decided, closed, folds=3, first_share=0.4, **ALL)[0]
    assert train.tolist() == [0, 1]
    assert test.tolist() == [4, 5]


def test_positions_are_those_of_the_rows_as_given() -> None:
    decided, mixed = days(range(60)), np.random.default_rng(0).permutation(60)
    closed = decided + pd.Timedelta(days=5)
    plain = folds(decided, closed, folds=3, **ALL)
    shuffled = folds(decided.iloc[mixed], closed.iloc[mixed], folds=3, **ALL)
    for one, two in zip(plain, shuffled, strict=True):
        for ours, theirs in zip(one, two, strict=True):
            assert ours.tolist() == mixed[theirs].tolist()


@pytest.mark.parametrize("as_array", [lambda x: x, lambda x: x.to_numpy(), list, lambda x: x.dt.as_unit("ns")])
def test_datetimes_in_any_form(as_array: Any) -> None:
    decided = days(range(60))
    closed = decided + pd.Timedelta(days=5)
    expected = folds(decided, closed, folds=3)
    found = folds(as_array(decided), as_array(closed), folds=3)
    assert [test.tolist() for _, test in found] == [test.tolist() for _, test in expected]
    assert [train.tolist() for train, _ in found] == [train.tolist() for train, _ in expected]


def test_everything_after_the_first_share_is_tested_once() -> None:
    random = np.random.default_rng(1)
    decided = days(np.sort(random.uniform(0, 365, 500)))
    found = folds(decided, decided + pd.Timedelta(days=20), folds=5, first_share=0.4)
    tested = np.concatenate([test for _, test in found])
    assert tested.tolist() == list(range(200, 500))
    assert {len(test) for _, test in found} == {60}


def test_equal_timestamps_are_on_one_side_of_a_cut() -> None:
    decided = days(np.repeat(range(12), 7))
    found = folds(decided, decided, folds=5, first_share=0.3, **ALL)
    blocks = [set(decided.iloc[test]) for _, test in found]
    assert len(blocks) == 5
    assert sum(len(block) for block in blocks) == len(set.union(*blocks))
    for train, test in found:
        assert not set(decided.iloc[train]) & set(decided.iloc[test])


def test_one_timestamp_only_gives_no_fold() -> None:
    assert folds(days([3.0] * 50), days([3.0] * 50), **ALL) == []


def test_a_group_is_tested_in_the_block_of_its_first_decision() -> None:
    random = np.random.default_rng(2)
    group = random.integers(0, 40, 400)
    decided = days(group * 5 + random.uniform(0, 12, 400))  # groups overlap in time
    closed = decided + pd.Timedelta(days=3)
    found = folds(decided, closed, folds=4, groups=group, **ALL)
    assert len(found) == 4
    tested = [set(group[test]) for _, test in found]
    assert sum(len(block) for block in tested) == len(set.union(*tested))
    for train, test in found:
        check_embargo(decided, closed, train, test)
        assert not set(group[train]) & set(group[test])
        whole = np.flatnonzero(np.isin(group, group[test]))
        assert sorted(test) == whole.tolist()


def test_what_is_still_open_is_never_trained_on() -> None:
    decided = days(range(100))
    closed = decided + pd.Timedelta(days=4)
    closed.iloc[::3] = pd.NaT
    for train, _ in folds(decided, closed, folds=4):
        assert closed.iloc[train].notna().all()
        assert len(train)


def test_what_is_still_open_is_never_tested_on() -> None:
    decided = days(range(100))
    closed = decided + pd.Timedelta(days=4)
    closed.iloc[::3] = pd.NaT
    found = folds(decided, closed, folds=4)
    assert len(found) == 4
    for _, test in found:
        assert closed.iloc[test].notna().all()
    everything = np.concatenate([test for _, test in found])
    assert sorted(everything) == [position for position in range(40, 100) if position % 3]


def test_too_small_folds_are_left_out() -> None:
    decided = days(range(100))
    slow = decided + pd.Timedelta(days=55)
    # Blocks begin on days 40, 55, 70, 85; then 0, 1, 16, 31 outcomes were known.
    assert [len(train) for train, _ in folds(decided, slow, folds=4, min_train=1, min_test=1)] == [1, 16, 31]
    assert [len(train) for train, _ in folds(decided, slow, folds=4)] == [31]
    assert folds(decided, slow, folds=4, min_train=32) == []
    assert len(folds(decided, slow, folds=4, min_train=1, min_test=15)) == 3
    assert folds(decided, slow, folds=4, min_train=1, min_test=16) == []


def test_no_rows_no_folds() -> None:
    assert folds(days([]), days([])) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 0}, "folds must be at least 1, got 0"),
        ({"folds": -3}, "folds must be at least 1, got -3"),
        ({"first_share": 0.0}, r"first_share must lie between 0 and 1, got 0\.0"),
        ({"first_share": 1.0}, r"first_share must lie between 0 and 1, got 1\.0"),
        ({"first_share": float("nan")}, "first_share must lie between 0 and 1, got nan"),
    ],
)
def test_wrong_settings(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        folds(days(range(50)), days(range(50)), **options)


@pytest.mark.parametrize(
    ("decided", "closed", "message"),
    [
        ([0.0, 1.0], [1.0], "decided_at has 2 rows, closed_at 1"),
        ([0.0, float("nan")], [1.0, 2.0], "decided_at must not be missing"),
    ],
)
def test_wrong_times(decided: list[float], closed: list[float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        folds(days(decided), days(closed))


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 60), st.one_of(st.none(), st.integers(0, 30)), st.integers(0, 8)),
        min_size=1,
        max_size=80,
    ),
    number=st.integers(1, 8),
    first_share=st.floats(0.05, 0.95),
    grouped=st.booleans(),
    finished=st.booleans(),
)
# A campaign whose first activation is still open, and whose next one is decided after the next block's first.
@example(
    rows=[(0, 0, 0), (10, None, 1), (20, 5, 2), (50, 1, 1)],
    number=3,
    first_share=0.25,
    grouped=True,
    finished=False,
)
def test_embargo(
    rows: list[tuple[int, int | None, int]],
    number: int,
    first_share: float,
    grouped: bool,  # noqa: FBT001 - hypothesis passes by name
    finished: bool,  # noqa: FBT001
) -> None:
    decided = days([day for day, _, _ in rows])
    closed = days([day + (lasts or 0) if finished or lasts is not None else np.nan for day, lasts, _ in rows])
    group = np.array([member for _, _, member in rows])
    found = folds(decided, closed, folds=number, first_share=first_share, groups=group if grouped else None, **ALL)
    assert len(found) <= number
    tested = [position for _, test in found for position in test]
    assert len(tested) == len(set(tested))
    start = decided.groupby(group).transform("min") if grouped else decided
    moment = pd.Timestamp.min
    for place, (train, test) in enumerate(found):
        check_embargo(decided, closed, train, test)
        assert start.iloc[test].min() >= moment
        if finished:  # else an open activation may have begun the block, somewhere after the block before
            moment = start.iloc[test].min()
        # All that was known is trained on, but for what is tested now or later.
        known = set(np.flatnonzero(closed <= moment))
        tested_later = {position for _, test in found[place:] for position in test}
        assert known <= set(train) | tested_later
        moment = start.iloc[test].max()
