"""Windows and as-of look-ups over sorted events: the only code that knows time.

Events of one owner (an account, or an influencer over all accounts) lie together, sorted by time. A `History` is what
of them each pair may know at its decided_at; a `Window` is a stretch of it with the reductions that features are made
of. Times are integer microseconds since 1970, UTC. Every reduction depends on the values of its own pair alone, summed
in the order of time, so that one pair gives the same bits alone and among a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from features import kernels, stretch_kernels

if TYPE_CHECKING:
    from collections.abc import Mapping

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Features = dict[str, FloatArray]

DAY = 86_400_000_000
"""One day in microseconds."""

NEVER = np.iinfo(np.int64).max
"""A moment after every other."""

_EVERYTHING = np.empty(0, np.bool_)
_HALF = np.array([0.5])


def moments_of(decided_at: IntArray, period: int) -> list[int]:
    """Return the moments, multiples of a period, that were the last before or at those of n pairs; each once."""
    # Not np.unique, which sorts, and takes a single request ten times as long.
    return sorted(set((decided_at // period * period).tolist()))


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Divide element by element; null (NaN) where the denominator is 0 or either side is null."""
    return kernels.divide(numerator, denominator)


def known_or_zero(values: FloatArray) -> FloatArray:
    """Return the values with 0 for null."""
    return np.where(np.isnan(values), 0.0, values)


def log_positive(values: FloatArray) -> FloatArray:
    """Natural logarithm; null where the value is 0, negative or null."""
    return kernels.log_positive(values)


def sum_measured(*parts: FloatArray) -> FloatArray:
    """Add element by element what was measured; null only where nothing was."""
    total = np.zeros(parts[0].shape)
    measured = np.zeros(parts[0].shape, np.bool_)
    for part in parts:
        known = ~np.isnan(part)
        total[known] += part[known]
        measured |= known
    return np.where(measured, total, np.nan)


@dataclass(frozen=True)
class Events:
    """Events of many owners, sorted by owner and then by time.

    Parameters
    ----------
    offsets : (owners + 1,) int64
        Where each owner's events begin; the last entry is the number of events.
    at : (events,) int64
        When each event happened, microseconds.
    columns : mapping of name to (events,) array
        float64 with NaN for null, int64 codes, or bool.
    """

    offsets: IntArray
    at: IntArray
    columns: Mapping[str, npt.NDArray[np.generic]]

    def __post_init__(self) -> None:
        # Arrow's arrays may not be written to; to the compiler that is another type, compiled anew.
        object.__setattr__(self, "columns", {name: _owned(values) for name, values in self.columns.items()})
        object.__setattr__(self, "at", _owned(self.at))

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        return self.columns[name]

    def numbers(self, name: str) -> FloatArray:
        """Return a column as float64."""
        return np.asarray(self.columns[name], np.float64)

    def codes(self, name: str) -> IntArray:
        """Return a column of codes."""
        return np.asarray(self.columns[name], np.int64)

    def flags(self, name: str) -> BoolArray:
        """Return a column of flags."""
        return np.asarray(self.columns[name], np.bool_)

    @cached_property
    def every(self) -> IntArray:
        """The (events,) positions of all events."""
        return np.arange(len(self.at))

    @cached_property
    def owner(self) -> IntArray:
        """The (events,) owner of each event."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def position(self, owner: IntArray, moment: IntArray) -> IntArray:
        """Return, for each owner and moment, the position behind its last event at or before that moment."""
        return stretch_kernels.search(self.at, self.offsets, owner, moment, 0)

    def step(self, values: FloatArray) -> FloatArray:
        """Return each event's value less that of the event before it of the same owner; null for the first."""
        result = np.full(len(values), np.nan)
        result[1:] = np.where(self.owner[1:] == self.owner[:-1], values[1:] - values[:-1], np.nan)
        return result

    def having(self, **columns: npt.NDArray[np.generic]) -> Events:
        """Return the same events with further columns."""
        return Events(self.offsets, self.at, {**self.columns, **columns})

    def regrouped(self, group: IntArray, groups: int) -> Events:
        """Return the same events under other owners: owner `i` becomes `group[i]`; order is by group and time."""
        owner = group[self.owner]
        order = np.lexsort((self.at, owner))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=groups))]).astype(np.int64)
        return Events(offsets, self.at[order], {name: values[order] for name, values in self.columns.items()})


@dataclass(frozen=True)
class History:
    """The events that each of n pairs may know: those of its owner up to `lag` before its decided_at.

    Parameters
    ----------
    events : Events
    owner : (n,) int64
    decided_at : (n,) int64
    lag : int
        Microseconds before decided_at at which knowledge ends.
    """

    events: Events
    owner: IntArray
    decided_at: IntArray
    lag: int = 0

    def as_of(self, values: FloatArray, moment: IntArray | None = None) -> FloatArray:
        """Return the (n,) last value at or before `moment` (default and at most decided_at); null without an event."""
        stop = self.stop
        if moment is not None:
            stop = np.minimum(self.events.position(self.owner, moment), stop)
        return stretch_kernels.last_before(values, self.events.offsets, self.owner, stop)

    def size(self, *, days: float | None = None) -> IntArray:
        """Return the (n,) number of events in the window, without looking at one of them."""
        return self.stop - self._start(days)

    def window(self, *, days: float | None = None) -> Window:
        """Return the window of the last `days` before decided_at, or of everything known."""
        return Window(
            self.events.at, self.events.columns, self.events.every, self._start(days), self.stop, self.decided_at
        )

    @cached_property
    def stop(self) -> IntArray:
        """The (n,) position behind the last event that may be known."""
        return self._position(self.lag)

    def _start(self, days: float | None) -> IntArray:
        if days is None:
            return self.events.offsets[self.owner]
        return np.minimum(self._position(int(days * DAY)), self.stop)

    def _position(self, before: int) -> IntArray:
        return stretch_kernels.search(self.events.at, self.events.offsets, self.owner, self.decided_at, before)


class Tally(NamedTuple):
    """Number, sum and sum of squares of the measured values of each pair: (n,) float64 each."""

    number: FloatArray
    total: FloatArray
    squares: FloatArray


class Repeats(NamedTuple):
    """How often codes repeat within the window of each pair: (n,) float64 each.

    Attributes
    ----------
    distinct, returning
        Number of codes; number of codes that stand there more than once.
    squares
        Sum of the squared counts.
    top
        The largest count.
    """

    distinct: FloatArray
    returning: FloatArray
    squares: FloatArray
    top: FloatArray


@dataclass(frozen=True)
class Window:
    """For each of n pairs a stretch of events, in the order of time, and the reductions of features.

    Values handed to a reduction, and flags that say what to keep, have one entry per event (not per pair); NaN is null.
    They are made once for a bucket (`measures` of a family): what is worked out over all events of a bucket at every
    request costs as much as the bucket is large. Results have one entry per pair. Nulls are left out; a pair without
    a measured value gives null, but `count` gives 0.

    Parameters
    ----------
    at : (events,) int64
        When each event happened.
    columns : mapping of name to (events,) array
    row : (m,) int64
        Positions of events.
    start, stop : (n,) int64
        Where in `row` each pair's stretch lies.
    moment : (n,) int64
        Each pair's decided_at.
    """

    at: IntArray
    columns: Mapping[str, npt.NDArray[np.generic]]
    row: IntArray
    start: IntArray
    stop: IntArray
    moment: IntArray

    def __len__(self) -> int:
        return len(self.start)

    def numbers(self, name: str) -> FloatArray:
        """Return a column as float64."""
        return np.asarray(self.columns[name], np.float64)

    def codes(self, name: str) -> IntArray:
        """Return a column of codes."""
        return np.asarray(self.columns[name], np.int64)

    def flags(self, name: str) -> BoolArray:
        """Return a column of flags."""
        return np.asarray(self.columns[name], np.bool_)

    def recent(self, days: float) -> Self:
        """Return the window of the events younger than `days`."""
        before = int(days * DAY)
        return self._of(start=stretch_kernels.later(self.at, self.row, self.start, self.stop, self.moment, before))

    def newest(self, number: int) -> Self:
        """Return the window of the last events, at most so many."""
        return self._of(start=np.maximum(self.start, self.stop - number))

    def of_pairs(self, mask: BoolArray) -> Self:
        """Return the window in which pairs without the mask have no event."""
        return self._of(start=np.where(mask, self.start, self.stop))

    def where(self, keep: BoolArray) -> Self:
        """Return the window of the events to keep."""
        return self.selected(*stretch_kernels.keep_flagged(self.row, self.start, self.stop, keep))

    def matching(self, codes: IntArray, wanted: IntArray) -> Self:
        """Return the window of the events whose code is the one that the pair wants, (n,) int64."""
        return self.selected(*stretch_kernels.keep_equal(self.row, self.start, self.stop, codes, wanted))

    def valid(self, since: IntArray, until: IntArray) -> Self:
        """Return the window of the events for which since <= decided_at < until."""
        return self.selected(*stretch_kernels.keep_between(self.row, self.start, self.stop, since, until, self.moment))

    def expanded(self) -> Rows:
        """Return a window over copies of the events, one for each pair: for values that depend on the pair."""
        row, pair, bounds = stretch_kernels.expand(self.row, self.start, self.stop)
        columns = _Gathered(self.columns, row)
        return Rows(self.at[row], columns, np.arange(len(row)), bounds[:-1], bounds[1:], self.moment, pair)

    def count(self, keep: BoolArray | None = None) -> FloatArray:
        """Count the events, or those to keep; 0 where there is none."""
        if keep is None:
            return (self.stop - self.start).astype(np.float64)
        return kernels.count(self.row, self.start, self.stop, keep, _EVERYTHING)

    def sum(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Add up the measured values; null where there is none."""
        return kernels.total(self.row, self.start, self.stop, values, _flags(keep))

    def mean(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Average the measured values."""
        return kernels.mean(self.row, self.start, self.stop, values, _flags(keep))

    def ratio(self, top: FloatArray, bottom: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Divide two sums over the events on which both values are measured."""
        return kernels.ratio(self.row, self.start, self.stop, top, bottom, _flags(keep))

    def measured(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Count the measured values; 0 where there is none."""
        return kernels.measured(self.row, self.start, self.stop, values, _flags(keep))

    def tally(self, values: FloatArray) -> Tally:
        """Count and add up the measured values and their squares; 0 everywhere without one."""
        return Tally(*kernels.tally(self.row, self.start, self.stop, values))

    def share(self, flags: BoolArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the share of the events whose flag is set; null without an event."""
        return kernels.share(self.row, self.start, self.stop, flags, _flags(keep))

    def deviation(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the population standard deviation of the measured values; null for fewer than two."""
        return kernels.deviation(self.row, self.start, self.stop, values, _flags(keep))

    def median(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the median of the measured values; the mean of the two middle ones where their number is even."""
        return kernels.quantiles(self.row, self.start, self.stop, values, _flags(keep), _HALF)[0]

    def quantile(self, values: FloatArray, share: float, keep: BoolArray | None = None) -> FloatArray:
        """Give a quantile of the measured values, interpolated linearly (Hyndman and Fan 1996, type 7)."""
        return self.quantiles(values, (share,), keep)[0]

    def quantiles(self, values: FloatArray, shares: tuple[float, ...], keep: BoolArray | None = None) -> FloatArray:
        """Give several quantiles at once, (shares, n)."""
        return kernels.quantiles(self.row, self.start, self.stop, values, _flags(keep), np.array(shares))

    def maximum(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the largest measured value."""
        return kernels.extreme(self.row, self.start, self.stop, values, _flags(keep), 1)

    def minimum(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the smallest measured value."""
        return kernels.extreme(self.row, self.start, self.stop, values, _flags(keep), -1)

    def first(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the oldest measured value."""
        return kernels.outermost(self.row, self.start, self.stop, values, _flags(keep), False)  # noqa: FBT003

    def last(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the newest measured value."""
        return kernels.outermost(self.row, self.start, self.stop, values, _flags(keep), True)  # noqa: FBT003

    def days_since_last(self, keep: BoolArray | None = None) -> FloatArray:
        """Give the days from the newest event, or the newest of those to keep, to decided_at."""
        return kernels.days_since_last(self.at, self.row, self.start, self.stop, self.moment, _flags(keep))

    def slope(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the least-squares slope of the measured values per day; null below three, or at one moment."""
        return kernels.slope(self.at, self.row, self.start, self.stop, values, _flags(keep))

    def decayed(self, values: FloatArray, half_life: float) -> FloatArray:
        """Add up the measured values, each halved for every `half_life` days of age; null where there is none."""
        return kernels.decayed(self.at, self.row, self.start, self.stop, values, self.moment, half_life)

    def gaps(self) -> tuple[FloatArray, FloatArray]:
        """Give mean and population standard deviation of the days between neighbours; null without, or below two."""
        mean, deviation = kernels.gaps(self.at, self.row, self.start, self.stop)
        return mean, deviation

    def distinct(self, codes: IntArray, keep: BoolArray | None = None) -> Repeats:
        """Say how often codes repeat; 0 everywhere for a pair without an event."""
        return Repeats(*kernels.distinct(self.row, self.start, self.stop, codes, _flags(keep)))

    def concentration(self, lists: str) -> FloatArray:
        """Say how probably two words out of a column of lists are the same (Simpson 1949); null below two words."""
        columns = (self.codes(f"{lists}_start"), self.codes(f"{lists}_size"), self.codes(lists))
        return kernels.word_concentration(self.row, self.start, self.stop, *columns)

    def faithful(self, who: IntArray, what: IntArray, keep: BoolArray, *, least: int) -> FloatArray:
        """Count the events to keep of those `who` that stand beside at least so many different `what`."""
        return kernels.count_faithful(self.row, self.start, self.stop, who, what, keep, least)

    def _of(self, *, start: IntArray) -> Self:
        return self._with(start=start)

    def selected(self, row: IntArray, bounds: IntArray) -> Self:
        """Return the window of other stretches: those of pair i lie in row[bounds[i]:bounds[i + 1]]."""
        return self._with(row=row, start=bounds[:-1], stop=bounds[1:])

    def _with(self, **changes: IntArray) -> Self:
        # dataclasses.replace takes longer than most reductions of one pair.
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **changes)
        return made


@dataclass(frozen=True)
class Rows(Window):
    """A window over copies of events, one for each pair that has the event in its window.

    Parameters
    ----------
    pair : (rows,) int64
        The pair that each copy belongs to.
    """

    pair: IntArray

    @property
    def age_days(self) -> FloatArray:
        """Days from each copy's event to its pair's decided_at."""
        return (self.moment[self.pair] - self.at) / DAY


class _Gathered(dict[str, npt.NDArray[np.generic]]):
    """Columns of copies of events, gathered when they are asked for."""

    def __init__(self, columns: Mapping[str, npt.NDArray[np.generic]], row: IntArray) -> None:
        super().__init__()
        self._columns, self._row = columns, row

    def __missing__(self, name: str) -> npt.NDArray[np.generic]:
        self[name] = self._columns[name][self._row]
        return self[name]


def _owned(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    return np.require(values, requirements=["C", "W"])


def _flags(keep: BoolArray | None) -> BoolArray:
    return _EVERYTHING if keep is None else keep
