"""Windows and reductions against plain loops over the events of one pair at a time."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import DAY, Events, History, Window, divide, log_positive, sum_measured

if TYPE_CHECKING:
    from collections.abc import Callable

HALF_DAY = DAY // 2
OWNERS = 4
numbers = st.one_of(st.just(np.nan), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
moments = st.integers(-10, 10)  # half days around 1970: coarse, so that many coincide
happenings = st.lists(st.tuples(st.integers(0, OWNERS - 1), moments, numbers, st.integers(0, 2)), max_size=40)
askings = st.lists(st.tuples(st.integers(0, OWNERS - 1), moments), max_size=6)
many = settings(max_examples=120, deadline=None, derandomize=True)


class Event(NamedTuple):
    """One event as the loops see it."""

    at: int
    value: float
    code: int


def events_of(rows: list[tuple[int, int, float, int]]) -> Events:
    """Sort events by owner and time, as the store does; ties stay in the order given."""
    owner, at, value, code = (np.array([row[part] for row in rows]) for part in range(4))
    order = np.lexsort((at, owner)) if rows else np.array([], np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner.astype(np.int64), minlength=OWNERS))])
    return Events(
        offsets.astype(np.int64),
        at[order].astype(np.int64) * HALF_DAY,
        {"value": value[order].astype(np.float64), "code": code[order].astype(np.int64)},
    )


def with_words(rows: list[tuple[int, int, float, int]], lists: list[list[int]]) -> Events:
    """Give each event the list of words whose number is its value."""
    events = events_of(rows)
    mine = [lists[int(value)] for value in events.numbers("value")]
    size = np.array([len(words) for words in mine])
    return events.having(
        word=np.array([word for words in mine for word in words], np.int64),
        word_start=np.cumsum(size) - size,
        word_size=size,
    )


def history_of(rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], lag: int = 0) -> History:
    owner = np.array([owner for owner, _ in pairs], np.int64)
    return History(events_of(rows), owner, np.array([at for _, at in pairs], np.int64) * HALF_DAY, lag * HALF_DAY)


def slowly(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], *, days: float | None = None, lag: int = 0
) -> list[list[Event]]:
    """Return the events of each pair's window by their definition."""
    return [
        sorted(
            (
                Event(at * HALF_DAY, value, code)
                for who, at, value, code in rows
                if who == owner
                and at <= moment - lag
                and (days is None or at * HALF_DAY > moment * HALF_DAY - days * DAY)
            ),
            key=lambda event: event.at,
        )
        for owner, moment in pairs
    ]


def inside(window: Window) -> list[list[Event]]:
    """Return what each pair finds in its window."""
    rows = window.expanded()
    found = zip(rows.at, rows.numbers("value"), rows.codes("code"), strict=True)
    events = [Event(int(at), float(value), int(code)) for at, value, code in found]
    return [
        [event for event, pair in zip(events, rows.pair, strict=True) if pair == number]
        for number in range(len(window))
    ]


def same(found: list[list[Event]], expected: list[list[Event]]) -> None:
    # Written out, because null is not equal to itself.
    assert repr(found) == repr(expected)


@many
@given(happenings, askings, st.sampled_from([None, 0.5, 1, 2.5, 100]), st.integers(0, 3))
def test_a_window_holds_what_lies_between_its_days_and_its_lag(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], days: float | None, lag: int
) -> None:
    history = history_of(rows, pairs, lag)
    expected = slowly(rows, pairs, days=days, lag=lag)
    same(inside(history.window(days=days)), expected)
    assert list(history.size(days=days)) == [len(mine) for mine in expected]
    assert list(history.window(days=days).count()) == [len(mine) for mine in expected]


@many
@given(happenings, askings, st.sampled_from([0.5, 1, 2.5]))
def test_windows_are_narrowed(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], days: float
) -> None:
    window, expected = history_of(rows, pairs).window(), slowly(rows, pairs)
    code, moment = window.codes("code"), [at * HALF_DAY for _, at in pairs]
    wanted = np.arange(len(pairs)) % 3
    since, until = window.at + HALF_DAY, window.at + 4 * HALF_DAY
    for chosen in (window, window.where(code < 2)):
        known = expected if chosen is window else [[event for event in mine if event.code < 2] for mine in expected]
        same(inside(chosen), known)
        recent = [
            [event for event in mine if event.at > at - days * DAY] for mine, at in zip(known, moment, strict=True)
        ]
        same(inside(chosen.recent(days)), recent)
        same(inside(chosen.newest(2)), [mine[-2:] for mine in known])
        same(inside(chosen.of_pairs(wanted == 1)), [mine if pair % 3 == 1 else [] for pair, mine in enumerate(known)])
        matching = [[event for event in mine if event.code == pair % 3] for pair, mine in enumerate(known)]
        same(inside(chosen.matching(code, wanted)), matching)
        valid = [
            [event for event in mine if event.at + HALF_DAY <= at < event.at + 4 * HALF_DAY]
            for mine, at in zip(known, moment, strict=True)
        ]
        same(inside(chosen.valid(since, until)), valid)


REDUCTIONS: dict[str, tuple[Callable[..., np.ndarray], Callable[[np.ndarray], float], int]] = {
    "sum": (Window.sum, np.sum, 1),
    "mean": (Window.mean, np.mean, 1),
    "median": (Window.median, np.median, 1),
    "quantile": (lambda window, values, keep: window.quantile(values, 0.3, keep), lambda v: np.quantile(v, 0.3), 1),
    "maximum": (Window.maximum, np.max, 1),
    "minimum": (Window.minimum, np.min, 1),
    "first": (Window.first, lambda values: values[0], 1),
    "last": (Window.last, lambda values: values[-1], 1),
    "deviation": (Window.deviation, np.std, 2),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("kept", [None, 1])
@many
@given(happenings, askings)
def test_reductions_leave_nulls_out(
    name: str, kept: int | None, rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]]
) -> None:
    reduce, slow, fewest = REDUCTIONS[name]
    window = history_of(rows, pairs).window(days=4)
    keep = None if kept is None else window.codes("code") == kept
    measured = [
        np.array([event.value for event in mine if not np.isnan(event.value) and kept in (None, event.code)])
        for mine in slowly(rows, pairs, days=4)
    ]
    expected = [slow(values) if len(values) >= fewest else np.nan for values in measured]
    np.testing.assert_allclose(reduce(window, window.numbers("value"), keep), expected, rtol=1e-9, atol=1e-6)
    assert list(window.measured(window.numbers("value"), keep)) == [len(values) for values in measured]


@many
@given(happenings, askings)
def test_counts_shares_and_repeats(rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]]) -> None:
    window, expected = history_of(rows, pairs).window(), slowly(rows, pairs)
    is_one, is_positive = window.codes("code") == 1, window.numbers("value") > 0
    ones = [[event for event in mine if event.code == 1] for mine in expected]
    assert list(window.count(is_one)) == [len(mine) for mine in ones]
    shares = [np.mean([event.value > 0 for event in mine]) if mine else np.nan for mine in ones]
    np.testing.assert_allclose(window.share(is_positive, is_one), shares, rtol=1e-12)
    times = [np.unique([event.code for event in mine], return_counts=True)[1] for mine in expected]
    repeats = window.distinct(window.codes("code"))
    assert list(repeats.distinct) == [len(counts) for counts in times]
    assert list(repeats.returning) == [sum(counts > 1) for counts in times]
    assert list(repeats.squares) == [sum(counts**2) for counts in times]
    assert list(repeats.top) == [max(counts, default=0) for counts in times]
    since = [(at * HALF_DAY - mine[-1].at) / DAY if mine else np.nan for mine, (_, at) in zip(ones, pairs, strict=True)]
    np.testing.assert_array_equal(window.days_since_last(is_one), since)


@many
@given(happenings, askings)
def test_ratios_and_several_quantiles(rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]]) -> None:
    window, expected = history_of(rows, pairs).window(), slowly(rows, pairs)
    value, code = window.numbers("value"), window.codes("code")
    other = np.where(code == 1, np.nan, code.astype(np.float64))
    both = [[event for event in mine if event.code != 1 and not np.isnan(event.value)] for mine in expected]
    ratios = [divide(sum(event.value for event in mine), sum(event.code for event in mine)) for mine in both]
    np.testing.assert_allclose(window.ratio(value, other), ratios, rtol=1e-9, atol=1e-6)
    alone = [
        divide(sum(event.value for event in mine if event.code), sum(event.code for event in mine)) for mine in both
    ]
    np.testing.assert_allclose(window.ratio(value, other, code > 0), alone, rtol=1e-9, atol=1e-6)
    measured = [[event.value for event in mine if not np.isnan(event.value)] for mine in expected]
    quantiles = [np.quantile(mine, (0.1, 1)) if mine else [np.nan, np.nan] for mine in measured]
    found = window.quantiles(value, (0.1, 1.0))
    np.testing.assert_allclose(found, np.reshape(quantiles, (len(pairs), 2)).T, rtol=1e-9, atol=1e-6)


@many
@given(happenings, askings, st.integers(1, 3))
def test_the_faithful_stand_beside_many_different_things(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], least: int
) -> None:
    window, expected = history_of(rows, pairs).window(), slowly(rows, pairs)
    thing, keep = np.nan_to_num(window.numbers("value")).astype(np.int64) % 4, window.numbers("value") < 100
    counts = []
    for mine in expected:
        things: dict[int, list[int]] = {}
        for event in mine:
            if event.value < 100:
                things.setdefault(event.code, []).append(int(event.value) % 4)
        counts.append(sum(len(found) for found in things.values() if len(set(found)) >= least))
    assert list(window.faithful(window.codes("code"), thing, keep, least=least)) == counts


@given(askings, st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=8))
@many
def test_the_concentration_of_words(pairs: list[tuple[int, int]], lists: list[list[int]]) -> None:
    events = with_words([(place % OWNERS, 0, float(place), 0) for place in range(len(lists))], lists)
    owner = np.array([owner for owner, _ in pairs], np.int64)
    window = History(events, owner, np.zeros(len(pairs), np.int64)).window()
    found = [[word for words in lists[owner::OWNERS] for word in words] for owner, _ in pairs]
    draws = [[one == other for one, other in permutations(words, 2)] for words in found]
    expected = [np.mean(same) if same else np.nan for same in draws]
    np.testing.assert_allclose(window.concentration("word"), expected, rtol=1e-12)


@many
@given(happenings, askings)
def test_reductions_over_time(rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]]) -> None:
    window, expected = history_of(rows, pairs).window(), slowly(rows, pairs)
    days = [np.array([event.at / DAY for event in mine]) for mine in expected]
    mean, deviation = window.gaps()
    means = [np.diff(mine).mean() if len(mine) > 1 else np.nan for mine in days]
    np.testing.assert_allclose(mean, means, rtol=1e-9, atol=1e-9)
    deviations = [np.diff(mine).std() if len(mine) > 2 else np.nan for mine in days]
    np.testing.assert_allclose(deviation, deviations, rtol=1e-6, atol=1e-9)
    half = [
        [event.value * 0.5 ** ((at * HALF_DAY - event.at) / DAY / 3) for event in mine if not np.isnan(event.value)]
        for mine, (_, at) in zip(expected, pairs, strict=True)
    ]
    decayed = [sum(mine) if mine else np.nan for mine in half]
    np.testing.assert_allclose(window.decayed(window.numbers("value"), 3), decayed, rtol=1e-9, atol=1e-6)
    slopes = []
    for mine in expected:
        measured = [(event.at / DAY, event.value) for event in mine if not np.isnan(event.value)]
        has_slope = len(measured) > 2 and len({day for day, _ in measured}) > 1
        slopes.append(np.polyfit(*np.array(measured).T, 1)[0] if has_slope else np.nan)
    np.testing.assert_allclose(window.slope(window.numbers("value")), slopes, rtol=1e-6, atol=1e-4)


@many
@given(happenings)
def test_a_step_is_taken_from_the_event_before(rows: list[tuple[int, int, float, int]]) -> None:
    events = events_of(rows)
    values = events.numbers("value")
    by_owner = [values[start:stop] for start, stop in zip(events.offsets, events.offsets[1:], strict=False)]
    steps = [np.diff(mine, prepend=np.nan) for mine in by_owner]
    np.testing.assert_array_equal(events.step(values), np.concatenate(steps))


@many
@given(happenings, askings, moments, st.integers(0, 3))
def test_as_of_gives_the_last_known_value(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]], moment: int, lag: int
) -> None:
    history = history_of(rows, pairs, lag)
    known = slowly(rows, pairs, lag=lag)
    np.testing.assert_array_equal(
        history.as_of(history.events.numbers("value")), [mine[-1].value if mine else np.nan for mine in known]
    )
    until = [[event for event in mine if event.at <= moment * HALF_DAY] for mine in known]
    then = history.as_of(history.events.numbers("value"), np.full(len(pairs), moment * HALF_DAY))
    np.testing.assert_array_equal(then, [mine[-1].value if mine else np.nan for mine in until])


@many
@given(happenings, askings)
def test_regrouped_events_are_those_of_all_owners_of_the_group(
    rows: list[tuple[int, int, float, int]], pairs: list[tuple[int, int]]
) -> None:
    group = np.array([1, 0, 1, 1])
    regrouped = events_of(rows).regrouped(group, 2)
    owner = np.array([group[owner] for owner, _ in pairs], np.int64)
    window = History(regrouped, owner, np.array([at for _, at in pairs], np.int64) * HALF_DAY).window()
    by_owner = sorted(rows, key=lambda row: row[0])  # ties in time come in the order of the owners
    expected = slowly(
        [(group[who], at, value, code) for who, at, value, code in by_owner],
        list(zip(owner, (at for _, at in pairs), strict=True)),
    )
    same(inside(window), expected)


def test_reductions_hold_at_the_ends_of_the_number_line() -> None:
    largest = np.finfo(np.float64).max
    window = history_of([(0, 0, largest, 0), (0, 1, largest, 0)], [(0, 2), (1, 2)]).window()
    np.testing.assert_array_equal(window.median(window.numbers("value")), [largest, np.nan])
    far = np.iinfo(np.int64)
    events = Events(np.array([0, 2]), np.array([far.min, far.max]), {"value": np.array([1.0, 2.0])})
    history = History(events, np.array([0, 0]), np.array([0, far.max]))
    np.testing.assert_array_equal(history.as_of(history.events.numbers("value")), [1, 2])


def test_divide_is_null_where_it_would_be_infinite_or_unknown() -> None:
    nan = np.nan
    np.testing.assert_array_equal(divide([1, 0, nan, 1, 3], [0, 0, 1, nan, 2]), [nan, nan, nan, nan, 1.5])
    np.testing.assert_array_equal(divide(1, np.array([[2.0], [0.0]])), [[0.5], [nan]])


def test_log_positive_is_null_where_there_is_no_logarithm() -> None:
    np.testing.assert_array_equal(log_positive(np.array([1, 0, -1, np.nan])), [0, np.nan, np.nan, np.nan])


def test_sum_measured_is_null_only_where_nothing_was_measured() -> None:
    nan = np.nan
    total = sum_measured(np.array([1, 1, nan, nan]), np.array([2, nan, 2, nan]))
    np.testing.assert_array_equal(total, [3, 1, 2, nan])
