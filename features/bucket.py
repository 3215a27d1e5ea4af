"""One bucket of the event store in memory: all that is known of some influencers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.codes import SLICE_SEPARATOR, code
from features.events import NEVER, divide, sum_measured
from features.follower_classifier import default_classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    import numpy.typing as npt
    import pandas as pd

    from features.events import Events, FloatArray, IntArray
    from features.follower_classifier import FollowerClassifier
    from features.peers import Curves

Measures = dict[str, "npt.NDArray[Any]"]
"""Values of single events by name, one per event."""


@dataclass
class Bucket:
    """All that is known of some influencers, in memory.

    Parameters
    ----------
    accounts : DataFrame
        One row per account, in the order of the owners of the events; `row` is the account's place in the store.
    events : mapping of name to Events
        stats, posts, interactions, given, audiences, followers, outcomes; owners are accounts.
    follower_classifier : FollowerClassifier
        Tells fake followers from real ones.
    peers : mapping of moment to Curves
        What is usual for accounts of one size and platform, by publication (`features.peers.publish`).
    """

    accounts: pd.DataFrame
    events: dict[str, Events]
    follower_classifier: FollowerClassifier = field(default_factory=default_classifier)
    peers: Mapping[int, Curves] = field(default_factory=dict)
    _measured: dict[Callable[[Bucket], Measures], Measures] = field(default_factory=dict, init=False)

    def measured(self, measures: Callable[[Bucket], Measures]) -> Measures:
        """Return the values of single events that a family works with, worked out once for the bucket."""
        if measures not in self._measured:
            self._measured[measures] = measures(self)
        return self._measured[measures]

    @cached_property
    def influencer(self) -> IntArray:
        """The (accounts,) number of each account's influencer within the bucket."""
        return self.accounts["influencer"].to_numpy(np.int64)

    @cached_property
    def siblings(self) -> tuple[IntArray, IntArray]:
        """The accounts sorted by influencer, and where each influencer's begin and end among them."""
        order = np.argsort(self.influencer, kind="stable")
        return order, np.concatenate([[0], np.cumsum(np.bincount(self.influencer))]).astype(np.int64)

    @cached_property
    def platform(self) -> IntArray:
        """The (accounts,) code of each account's platform."""
        words = self.accounts["platform"].tolist()
        codes = {word: code(word) for word in set(words)}
        return np.array([codes[word] for word in words], np.int64)

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
    def post_followers(self) -> FloatArray:
        """The (posts,) followers of the account when each post was published; NaN where unknown.

        Where no reading is that old, the first one after it; who does not know that reading must not look here.
        """
        posts, stats = self.events["posts"], self.events["stats"]
        first, end = stats.offsets[posts.owner], stats.offsets[posts.owner + 1]
        position = np.maximum(posts.codes("stats_position"), first)
        known = position < end
        result = np.full(len(position), np.nan)
        result[known] = stats.numbers("followers")[position[known]]
        return result

    @cached_property
    def engagements(self) -> FloatArray:
        """The (posts,) likes and comments of each post, as far as measured."""
        posts = self.events["posts"]
        return sum_measured(posts.numbers("likes"), posts.numbers("comments"))

    @cached_property
    def engagement_rate(self) -> FloatArray:
        """The (posts,) likes and comments per follower of each post."""
        return divide(self.engagements, self.post_followers)

    @cached_property
    def outcomes(self) -> Events:
        """The outcomes with what `Window.valid` asks for: from when each may be known, and until."""
        return _settled(self.events["outcomes"])

    @cached_property
    def influencer_outcomes(self) -> Events:
        """The same with the influencers as owners."""
        return _settled(self.events["outcomes"].regrouped(self.influencer, int(self.influencer.max(initial=-1)) + 1))


def _settled(outcomes: Events) -> Events:
    # An activation that is decided and closed in one moment would otherwise know its own outcome.
    since = np.maximum(outcomes.at, outcomes.codes("decided_at") + 1)
    return outcomes.having(since=since, until=np.full(len(since), NEVER))
