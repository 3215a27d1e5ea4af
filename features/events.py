"""Windows and as-of look-ups over sorted events: the only code that knows time.

Events of one owner (an account, or an influencer over all accounts) lie together, sorted by time. A `History` is what
of them each pair may know at its decided_at; a `Window` is a stretch of it with the reductions that features are made
of. Times are integer microseconds since 1970, UTC. Every reduction depends on the values of its own pair alone, summed
in the order of time, so that one pair gives the same bits alone and among a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """Divide element by element; null (NaN) where the denominator is 0 or either side is null."""
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    usable = (bottom != 0) & ~np.isnan(bottom)
    return np.divide(top, bottom, out=np.full(np.broadcast_shapes(top.shape, bottom.shape), np.nan), where=usable)


def log_positive(values: FloatArray) -> FloatArray:
    """Natural logarithm; null where the value is 0, negative or null."""
    return np.log(values, out=np.full(values.shape, np.nan), where=values > 0)


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

    def __getitem__(self, name: str) -> npt.NDArray[np.generic]:
        return self.columns[name]

    def position(self, owner: IntArray, moment: IntArray) -> IntArray:
        """Return, for each owner and moment, the position behind its last event at or before that moment.

        A binary search inside each owner's stretch, for all rows at once; one key made of owner and time would
        overflow 64 bits.
        """
        low, high = self.offsets[owner].copy(), self.offsets[owner + 1].copy()
        if not len(self.at):
            return low
        last = len(self.at) - 1
        while (unsettled := low < high).any():
            middle = (low + high) >> 1
            right = unsettled & (self.at[np.minimum(middle, last)] <= moment)
            low = np.where(right, middle + 1, low)
            high = np.where(unsettled & ~right, middle, high)
        return low

    def having(self, **columns: npt.NDArray[np.generic]) -> Events:
        """Return the same events with further columns."""
        return Events(self.offsets, self.at, {**self.columns, **columns})

    def regrouped(self, group: IntArray, groups: int) -> Events:
        """Return the same events under other owners: owner `i` becomes `group[i]`; order is by group and time."""
        owner = np.repeat(group, np.diff(self.offsets))
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

    def as_of(self, column: str, moment: IntArray | None = None) -> FloatArray:
        """Return the (n,) last value at or before `moment` (default and at most decided_at); null without an event."""
        stop = self.events.position(self.owner, self._end if moment is None else np.minimum(moment, self._end))
        found = stop > self.events.offsets[self.owner]
        values = np.full(len(self.owner), np.nan)
        values[found] = self.events[column][stop[found] - 1]
        return values

    def size(self, *, days: float | None = None) -> IntArray:
        """Return the (n,) number of events in the window, without looking at one of them."""
        start, stop = self._bounds(days)
        return stop - start

    def window(self, *, days: float | None = None) -> Window:
        """Return the window of the last `days` before decided_at, or of everything known."""
        start, stop = self._bounds(days)
        size = stop - start
        pair = np.repeat(np.arange(len(size)), size)
        before = np.cumsum(size) - size
        position = np.arange(len(pair)) - np.repeat(before - start, size)
        return Window(self, pair, position)

    @property
    def _end(self) -> IntArray:
        return self.decided_at - self.lag

    def _bounds(self, days: float | None) -> tuple[IntArray, IntArray]:
        stop = self.events.position(self.owner, self._end)
        if days is None:
            return self.events.offsets[self.owner], stop
        start = self.events.position(self.owner, self.decided_at - int(days * DAY))
        return np.minimum(start, stop), stop


class Window:
    """One row per pair and event, pairs ascending, within a pair by time; the reductions of features.

    Values handed to a reduction have one entry per row of the window, NaN for null; results have one entry per pair.
    Nulls are left out; a pair without a measured value gives null, but `count` gives 0.
    """

    def __init__(self, history: History, pair: IntArray, position: IntArray) -> None:
        self.history = history
        self.pair = pair
        self.position = position
        self.pairs = len(history.owner)

    def __getitem__(self, column: str) -> npt.NDArray[np.generic]:
        return self.history.events[column][self.position]

    def numbers(self, column: str) -> FloatArray:
        """Return a column as float64."""
        return np.asarray(self[column], np.float64)

    def codes(self, column: str) -> IntArray:
        """Return a column of codes."""
        return np.asarray(self[column], np.int64)

    def flags(self, column: str) -> BoolArray:
        """Return a column of flags."""
        return np.asarray(self[column], np.bool_)

    @property
    def at(self) -> IntArray:
        """When each row's event happened, microseconds."""
        return self.history.events.at[self.position]

    @property
    def age_days(self) -> FloatArray:
        """Days from each row's event to its pair's decided_at."""
        return (self.history.decided_at[self.pair] - self.at) / DAY

    def where(self, keep: BoolArray) -> Window:
        """Return the window of those rows only."""
        return Window(self.history, self.pair[keep], self.position[keep])

    def newest_first(self) -> IntArray:
        """Return each row's rank within its pair by time: 0 for the newest."""
        size = np.bincount(self.pair, minlength=self.pairs)
        return np.cumsum(size)[self.pair] - 1 - np.arange(len(self.pair))

    def count(self, keep: BoolArray | None = None) -> FloatArray:
        """Count the rows, or those to keep; 0 where there is none."""
        return np.bincount(self.pair if keep is None else self.pair[keep], minlength=self.pairs).astype(np.float64)

    def sum(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Add up the measured values; null where there is none."""
        pair, measured = self._measured(values, keep)
        total = np.bincount(pair, measured, minlength=self.pairs)
        return np.where(np.bincount(pair, minlength=self.pairs) > 0, total, np.nan)

    def mean(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Average the measured values."""
        pair, measured = self._measured(values, keep)
        return divide(np.bincount(pair, measured, minlength=self.pairs), np.bincount(pair, minlength=self.pairs))

    def share(self, flags: BoolArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the share of the rows whose flag is set; null without a row."""
        return self.mean(flags.astype(np.float64), keep)

    def deviation(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the population standard deviation of the measured values; null for fewer than two."""
        pair, measured = self._measured(values, keep)
        count = np.bincount(pair, minlength=self.pairs)
        mean = divide(np.bincount(pair, measured, minlength=self.pairs), count)
        squares = np.bincount(pair, (measured - mean[pair]) ** 2, minlength=self.pairs)
        return np.where(count > 1, np.sqrt(divide(squares, count)), np.nan)

    def median(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the median of the measured values; the mean of the two middle ones where their number is even."""
        pair, ordered = self._measured(values, keep)
        ordered = ordered[np.lexsort((ordered, pair))]
        count = np.bincount(pair, minlength=self.pairs)
        found = count > 0
        start = (np.cumsum(count) - count)[found]
        low, high = ordered[start + (count[found] - 1) // 2], ordered[start + count[found] // 2]
        result = np.full(self.pairs, np.nan)
        # Not low + high, which overflows for the largest numbers.
        result[found] = low + (high - low) / 2
        return result

    def maximum(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the largest measured value."""
        pair, measured = self._measured(values, keep)
        result = np.full(self.pairs, -np.inf)
        np.maximum.at(result, pair, measured)
        return np.where(np.bincount(pair, minlength=self.pairs) > 0, result, np.nan)

    def last(self, values: FloatArray, keep: BoolArray | None = None) -> FloatArray:
        """Give the newest measured value."""
        pair, measured = self._measured(values, keep)
        result = np.full(self.pairs, np.nan)
        ends = np.flatnonzero(np.diff(pair, append=-1) != 0)
        result[pair[ends]] = measured[ends]
        return result

    def repeats(self, codes: IntArray, keep: BoolArray | None = None) -> tuple[IntArray, FloatArray]:
        """Return, for each pair and distinct code, the pair and how often the code stands in its window."""
        pair, code = (self.pair, codes) if keep is None else (self.pair[keep], codes[keep])
        order = np.lexsort((code, pair))
        pair, code = pair[order], code[order]
        first = np.ones(len(pair), np.bool_)
        first[1:] = (pair[1:] != pair[:-1]) | (code[1:] != code[:-1])
        starts = np.flatnonzero(first)
        return pair[starts], np.diff(starts, append=len(pair)).astype(np.float64)

    def step(self, values: FloatArray) -> FloatArray:
        """Return each row's value less that of the row before it; null for the first row of a pair."""
        result = np.full(len(values), np.nan)
        result[1:] = np.where(self.pair[1:] == self.pair[:-1], values[1:] - values[:-1], np.nan)
        return result

    def _measured(self, values: FloatArray, keep: BoolArray | None) -> tuple[IntArray, FloatArray]:
        usable = ~np.isnan(values)
        if keep is not None:
            usable &= keep
        return self.pair[usable], values[usable]
