"""What campaigns have made known of their verticals: which brands compete there, and which topics they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd

from features import fit_kernels
from features.events import NEVER

if TYPE_CHECKING:
    from features.briefs import Briefs
    from features.events import BoolArray, IntArray


@dataclass(frozen=True)
class Listed:
    """Codes by vertical, ascending, each once: those of vertical i from `offsets[i]` to `offsets[i + 1]`.

    Parameters
    ----------
    offsets : (verticals + 1,) int64
    code : (codes,) int64
    since : (codes,) int64
        When the first campaign of the vertical that brought it started, microseconds.
    """

    offsets: IntArray
    code: IntArray
    since: IntArray

    @cached_property
    def first(self) -> IntArray:
        """The (verticals + 1,) moment from which each vertical lists anything; `NEVER` for one that lists nothing.

        The last entry is that of -1, which stands for a vertical without a campaign.
        """
        vertical = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        first = np.full(len(self.offsets), NEVER)
        np.minimum.at(first, vertical, self.since)
        return first

    @cached_property
    def sieve(self) -> BoolArray:
        """The (verticals + 1, 4096) flags whether a vertical lists a code with these lower 12 bits.

        The last are those of -1, which lists none.
        """
        vertical = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        sieve = np.zeros((len(self.offsets), 4096), np.bool_)
        sieve[vertical, self.code & 4095] = True
        return sieve

    @classmethod
    def of(cls, vertical: IntArray, code: IntArray, since: IntArray, *, verticals: int) -> Self:
        """List codes from rows of vertical, code and start."""
        rows = pd.DataFrame({"vertical": vertical, "code": code, "since": since})
        first = rows.groupby(["vertical", "code"], as_index=False)["since"].min()
        return cls(
            offsets=np.searchsorted(first["vertical"].to_numpy(np.int64), np.arange(verticals + 1)),
            code=first["code"].to_numpy(np.int64),
            since=first["since"].to_numpy(np.int64),
        )


@dataclass(frozen=True)
class Verticals:
    """The verticals of all campaigns of a store.

    Parameters
    ----------
    code : (verticals,) int64
        Ascending.
    brands, named, topics : Listed
        The brands with a campaign there; the words that name them; the topics that those campaigns asked for.
    """

    code: IntArray
    brands: Listed
    named: Listed
    topics: Listed

    @classmethod
    def of(cls, briefs: Briefs) -> Self:
        """Read them off all briefs of a store."""
        code, vertical = np.unique(briefs.vertical_code, return_inverse=True)
        rows = np.repeat(np.arange(len(vertical)), np.diff(briefs.topic_offsets))
        has_name = briefs.brand_word != 0

        def listed(rows: IntArray | BoolArray, codes: IntArray) -> Listed:
            return Listed.of(vertical[rows], codes, briefs.starts_at[rows], verticals=len(code))

        return cls(
            code=code,
            brands=listed(np.arange(len(vertical)), briefs.brand_code),
            named=listed(has_name, briefs.brand_word[has_name]),
            topics=listed(rows, briefs.topic_code),
        )

    def number(self, vertical: IntArray) -> IntArray:
        """Return the number of verticals given by code; -1 for one without a campaign in the store."""
        return fit_kernels.places(self.code, vertical)
