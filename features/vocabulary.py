"""How common each word of captions is: published every ninety days, so that a pair's text fit knows no later caption.

A word says the more the fewer captions it stands in. To count captions looks across accounts, so it is done at fixed
moments, as for social scores: a pair reads the last publication before its decided_at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import fit_kernels
from features.events import DAY, FloatArray, IntArray, moments_of
from features.known import KnownAccount
from features.publications import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.briefs import Briefs
    from features.bucket import Bucket
    from features.store import EventStore

PERIOD = 90 * DAY
"""Between two publications."""
LARGEST = 50_000
"""So many words are published, the most frequent ones; of equally frequent ones those with the smaller code."""


@dataclass(frozen=True)
class Vocabulary:
    """One publication.

    Parameters
    ----------
    captions : int
        How many captions of posts were known at its moment; see `KnownAccount.posts`.
    code : (words,) int64
        The published words, ascending.
    count : (words,) int64
        In how many of the captions each stands.
    """

    captions: int
    code: IntArray
    count: IntArray

    @cached_property
    def weight(self) -> FloatArray:
        """The (words + 1,) weight of each word, and behind them that of every other word, taken as never seen.

        The smoothed inverse document frequency of scikit-learn: log((1 + captions) / (1 + count)) + 1.
        """
        return np.log((1 + self.captions) / (1 + np.append(self.count, 0))) + 1

    @cached_property
    def places(self) -> IntArray:
        """The (65,537,) place of the first word whose upper 16 bits are at least so many: codes are spread evenly."""
        return np.searchsorted(self.code >> 48, np.arange(-(2**15), 2**15 + 1))


def needed(briefs: Briefs, decided_at: IntArray) -> list[int]:
    """Return the moments of the publications that pairs of these moments read: none where no brief has a word."""
    return moments_of(decided_at, PERIOD) if len(briefs.word_code) else []


def published(store: EventStore, moments: list[int]) -> dict[int, Vocabulary]:
    """Return the publications of some moments.

    What was published before lies in the store's folder; what was not is counted in one pass over the buckets.
    """
    known = store.published_words
    wanted = [moment for moment in moments if moment not in known]
    known.update(kept(store.publications / "vocabulary", Vocabulary, wanted, lambda missing: _counts(store, missing)))
    return {moment: known[moment] for moment in moments}


def _counts(store: EventStore, moments: list[int]) -> Iterator[tuple[int, Vocabulary]]:
    captions = dict.fromkeys(moments, 0)
    counts = dict.fromkeys(moments, pd.Series(dtype=np.int64))
    for counted in store.each_bucket(lambda bucket: [_counted(bucket, moment) for moment in moments]):
        for moment, (size, words) in zip(moments, counted, strict=True):
            captions[moment] += size
            counts[moment] = pd.concat([counts[moment], words]).groupby(level=0).sum()
    for moment in moments:
        yield moment, _largest(captions[moment], counts[moment])


def _counted(bucket: Bucket, moment: int) -> tuple[int, pd.Series]:
    """Return the number of captions of a bucket known at a moment, and in how many of them each word stands."""
    account = np.arange(len(bucket.accounts))
    posts = KnownAccount(bucket, account, np.full(len(account), moment)).posts
    posts = posts.where(posts.flags("caption_known"))
    columns = (posts.codes("words_start"), posts.codes("words_size"), posts.codes("words"))
    words = fit_kernels.different(posts.row, posts.start, posts.stop, *columns)
    return int(posts.count().sum()), pd.Series(words).value_counts(sort=False)


def _largest(captions: int, counts: pd.Series) -> Vocabulary:
    code, count = counts.index.to_numpy(np.int64), counts.to_numpy(np.int64)
    most = np.sort(np.lexsort((code, -count))[:LARGEST])
    return Vocabulary(captions, code[most], count[most])
