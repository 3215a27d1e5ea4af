"""Columns of generated tables as Arrow arrays: ids, words, moments, counts and sentences, each drawn at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import norm

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SYLLABLES = [f"{start}{end}" for start in "bdfgklmnprst" for end in ("an", "e", "ila", "o", "u")]
WORDS = np.array([first + second for first in SYLLABLES for second in SYLLABLES])


def numbered(letter: str, numbers: Ints) -> pa.Array:
    """Return ids: a letter and a number."""
    return pc.binary_join_element_wise(letter, pc.cast(pa.array(numbers), pa.string()), "")


def pick(words: Sequence[str] | npt.NDArray[np.str_], place: Ints, null: Flags | None = None) -> pa.Array:
    """Return the words at some places, with nulls."""
    return pa.array([str(word) for word in words]).take(pa.array(place, mask=null))


def moments(at: Ints, null: Flags | None = None) -> pa.Array:
    """Return microseconds as timestamps in UTC, with nulls."""
    return pa.array(at, mask=null).cast(pa.timestamp("us", "UTC"))


def counts(values: npt.NDArray[np.floating[Any]], null: Flags | None = None) -> pa.Array:
    """Return numbers rounded down to integers, with nulls."""
    return pa.array(np.floor(values).astype(np.int64), mask=null)


def sentence(rng: np.random.Generator, n: int, words: int, null: Flags | None = None) -> Any:
    """Return n texts of about so many words, a few of them fewer, with nulls."""
    vocabulary = pa.array([str(word) for word in WORDS])
    # The smaller numbers come more often, as in any language.
    place = (len(WORDS) * rng.random((words, n)) ** 2).astype(np.int64)
    # Never without a first word: a row of nulls alone would be left out.
    columns = [vocabulary.take(pa.array(row, mask=(rng.random(n) < 0.2) & (i > 0))) for i, row in enumerate(place)]
    text = pc.binary_join_element_wise(*columns, " ", null_handling="skip")
    return text if null is None else pc.if_else(pa.array(null), pa.scalar(None, pa.string()), text)


def spread(some: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """Repeat each of some as often as its size says; return them and the number of each repetition, from 0."""
    owner = np.repeat(some, sizes)
    return owner, np.arange(len(owner)) - np.repeat(before(sizes), sizes)


def skewed(mean: float, sigma: float, most: int, n: int) -> Ints:
    """Return the quantiles of a lognormal distribution: the same skew at every size."""
    z = norm.ppf((np.arange(n) + 0.5) / n)
    return np.minimum(np.round(mean * np.exp(sigma * z - sigma**2 / 2)), most).astype(np.int64)


def before(sizes: Ints) -> Ints:
    """Return how many come before each."""
    return np.cumsum(sizes) - sizes


def within(rng: np.random.Generator, begin: Ints, end: int) -> Ints:
    """Return moments, one for each beginning, evenly up to the end."""
    return begin + (rng.random(len(begin)) * (end - begin)).astype(np.int64)
