"""What each pair of campaign and account may know at its decided_at, cut before any feature is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.authenticity import suspicion
from features.events import DAY, FloatArray, History, IntArray, Window, divide, sum_measured
from features.prepare import POST_LAG
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.briefs import Briefs
    from features.bucket import Bucket

POST_DAYS = 180
INTERACTION_DAYS = 90
FOLLOWER_SAMPLE_DAYS = 365


@dataclass
class KnownAccount:
    """Everything that may be known of n accounts of one bucket, each at a moment of its own.

    This is the only way in which features see events.

    Parameters
    ----------
    bucket : Bucket
        The events.
    account : (n,) int64
        Rows in the bucket.
    decided_at : (n,) int64
        Microseconds.
    """

    bucket: Bucket
    account: IntArray
    decided_at: IntArray

    def __len__(self) -> int:
        return len(self.account)

    def history(self, table: str, *, lag: int = 0) -> History:
        """Return what of one table's events of the account itself may be known."""
        return History(self.bucket.events[table], self.account, self.decided_at, lag)

    @cached_property
    def stats(self) -> History:
        """The account's public counters."""
        return self.history("stats")

    @cached_property
    def followers(self) -> FloatArray:
        """The account's last known number of followers."""
        return self.stats.as_of("followers")

    @cached_property
    def posts(self) -> Window:
        """Posts of the last 180 days that are at least three days old, each as it was last read by decided_at."""
        return self.posts_of(self.account, self.decided_at)

    def posts_of(self, account: IntArray, decided_at: IntArray) -> Window:
        """Return the known posts of any accounts of the bucket."""
        window = History(self.bucket.events["posts"], account, decided_at, POST_LAG).window(days=POST_DAYS)
        moment = decided_at[window.pair]
        return window.where((window.codes("known_at") <= moment) & (window.codes("superseded_at") > moment))

    @cached_property
    def post_followers(self) -> FloatArray:
        """The account's followers when each post was published.

        Where no reading is that old, the first one after it that is known by decided_at.
        """
        stats = self.bucket.events["stats"]
        position = self.posts.codes("stats_position")
        owner = self.posts.history.owner[self.posts.pair]
        first = stats.offsets[owner]
        position = np.maximum(position, first)
        known = position < self.stats_end[self.posts.pair]
        result = np.full(len(position), np.nan)
        result[known] = stats["followers"][position[known]]
        return result

    @cached_property
    def stats_end(self) -> IntArray:
        """Position behind the last known reading of each pair's account."""
        return self.stats.events.position(self.account, self.decided_at)

    @cached_property
    def engagements(self) -> FloatArray:
        """Likes and comments of each post, as far as measured."""
        return sum_measured(self.posts.numbers("likes"), self.posts.numbers("comments"))

    @cached_property
    def engagement_rate(self) -> FloatArray:
        """Likes and comments per follower of each post."""
        return divide(self.engagements, self.post_followers)

    @cached_property
    def interactions(self) -> Window:
        """Reactions of others in the last 90 days."""
        return self.history("interactions").window(days=INTERACTION_DAYS)

    @cached_property
    def follower_sample(self) -> Window:
        """Sampled followers of the last year."""
        return self.history("followers").window(days=FOLLOWER_SAMPLE_DAYS)

    @cached_property
    def suspicious_share(self) -> FloatArray:
        """Share of the sampled followers whose profile looks fake."""
        sample = self.follower_sample
        suspicious = suspicion(
            followers=sample.numbers("followers"),
            following=sample.numbers("following"),
            posts=sample.numbers("posts"),
            has_picture=sample.numbers("has_picture"),
        )
        return sample.mean(suspicious)

    @cached_property
    def audience(self) -> Window:
        """The slices of the newest audience report of each dimension."""
        window = self.history("audiences").window()
        return window.where(window.codes("superseded_at") > self.decided_at[window.pair])

    @cached_property
    def outcomes(self) -> Window:
        """The account's own activations whose outcome is settled."""
        return _settled(self.history("outcomes").window())

    @cached_property
    def influencer_outcomes(self) -> Window:
        """Settled activations of all accounts of the influencer."""
        history = History(self.bucket.influencer_outcomes, self.bucket.influencer[self.account], self.decided_at)
        return _settled(history.window())

    @cached_property
    def siblings(self) -> tuple[IntArray, IntArray]:
        """All accounts of each influencer, the account itself included: its number among the n, and the sibling."""
        influencer = self.bucket.influencer
        start = np.searchsorted(influencer, influencer[self.account], side="left")
        size = np.searchsorted(influencer, influencer[self.account], side="right") - start
        pair = np.repeat(np.arange(len(self)), size)
        return pair, np.arange(len(pair)) - np.repeat(np.cumsum(size) - size - start, size)

    def kind(self, *names: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Say of each reaction whether it is of one of these kinds."""
        return np.isin(self.interactions["kind"], [INTERACTIONS.index(name) for name in names])


@dataclass
class Known(KnownAccount):
    """What n pairs of campaign and account may know.

    Parameters
    ----------
    briefs : Briefs
        The campaigns.
    campaign : (n,) int64
        Each pair's campaign: its entry in the briefs.
    fee : (n,) float64
        NaN where unknown.
    """

    briefs: Briefs
    campaign: IntArray
    fee: FloatArray


def cost(bucket: Bucket, account: IntArray, decided_at: IntArray) -> IntArray:
    """Return how many events each pair would bring into memory, without looking at one."""

    def size(table: str, days: int | None) -> IntArray:
        return History(bucket.events[table], account, decided_at).size(days=days)

    return (
        size("posts", POST_DAYS)
        + size("interactions", INTERACTION_DAYS)
        + size("followers", FOLLOWER_SAMPLE_DAYS)
        + size("audiences", None)
        + size("outcomes", None)
    )


def _settled(window: Window) -> Window:
    # An activation that is decided and closed in one moment would otherwise know its own outcome.
    return window.where(window.codes("decided_at") < window.history.decided_at[window.pair])


def days_since(known: KnownAccount, moment: FloatArray) -> FloatArray:
    """Return the days from a moment (microseconds, NaN for null) to decided_at."""
    return (known.decided_at - moment) / DAY
