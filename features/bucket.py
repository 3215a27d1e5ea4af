"""One bucket of the event store in memory: all that is known of some influencers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.codes import SLICE_SEPARATOR, code

if TYPE_CHECKING:
    import pandas as pd

    from features.events import Events, FloatArray, IntArray


@dataclass
class Bucket:
    """All that is known of some influencers, in memory.

    Parameters
    ----------
    accounts : DataFrame
        One row per account, in the order of the owners of the events; `row` is the account's place in the store.
    events : mapping of name to Events
        stats, posts, interactions, given, audiences, followers, outcomes; owners are accounts.
    """

    accounts: pd.DataFrame
    events: dict[str, Events]

    @cached_property
    def influencer(self) -> IntArray:
        """The (accounts,) number of each account's influencer within the bucket, ascending."""
        return self.accounts["influencer"].to_numpy(np.int64)

    @cached_property
    def created_at(self) -> FloatArray:
        """The (accounts,) moment each account was made, microseconds; NaN where unknown."""
        created = self.accounts["created_at"]
        moments = created.to_numpy("datetime64[us]").astype(np.int64).astype(np.float64)
        return np.where(created.notna(), moments, np.nan)

    @cached_property
    def language_slice(self) -> IntArray:
        """The (accounts,) code of the audience slice of each account's own language; 0 where it has none."""
        words = self.accounts["language"].tolist()
        slices = {word: code(f"language{SLICE_SEPARATOR}{word}") for word in set(words) if isinstance(word, str)}
        # Not through a Series, whose nulls would make floats of the codes.
        return np.array([slices.get(word, 0) for word in words], np.int64)

    @cached_property
    def influencer_outcomes(self) -> Events:
        """The outcomes with the influencers as owners."""
        return self.events["outcomes"].regrouped(self.influencer, int(self.influencer.max(initial=-1)) + 1)
