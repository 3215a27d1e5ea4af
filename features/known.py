"""What each pair of campaign and account may know at its decided_at, cut before any feature is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import fit_kernels, stretch_kernels
from features.briefs import microseconds
from features.errors import DataError, nearest
from features.events import BoolArray, FloatArray, History, IntArray, Rows, Window
from features.follower_classifier import COLUMNS
from features.queries import POST_LAG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from features.briefs import Briefs
    from features.bucket import Bucket, Measures
    from features.follower_classifier import FakeShare
    from features.store import EventStore
    from features.verticals import Verticals
    from features.vocabulary import Vocabulary

POST_DAYS = 180
SEASON_DAYS = 90
INTERACTION_DAYS = 90
FOLLOWER_SAMPLE_DAYS = 365
CAPTIONS = 50
"""So many captions are read, the newest ones."""


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

    def measured(self, measures: Callable[[Bucket], Measures]) -> Measures:
        """Return a family's values of single events, worked out once for the bucket."""
        return self.bucket.measured(measures)

    def history(self, table: str, *, lag: int = 0) -> History:
        """Return what of one table's events of the account itself may be known."""
        return History(self.bucket.events[table], self.account, self.decided_at, lag)

    @cached_property
    def stats(self) -> History:
        """The account's public counters."""
        return self.history("stats")

    @cached_property
    def has_stats(self) -> BoolArray:
        """Whether a reading of the account's public counters is known."""
        return self.stats.stop > self.stats.events.offsets[self.account]

    @cached_property
    def followers(self) -> FloatArray:
        """The account's last known number of followers."""
        return self.stats.as_of(self.stats.events.numbers("followers"))

    @cached_property
    def posts(self) -> Window:
        """Posts of the last 180 days that are at least three days old, each as it was last read by decided_at."""
        return self.posts_of(self.account, self.decided_at)

    @cached_property
    def captions(self) -> Window:
        """The newest of these posts that have a caption, `CAPTIONS` at most."""
        return self.posts.where(self.posts.flags("caption_known")).newest(CAPTIONS)

    @cached_property
    def rated_posts(self) -> Window:
        """The same posts, and none where no number of followers is known: for rates."""
        return self.posts.of_pairs(self.has_stats)

    @cached_property
    def season(self) -> Window:
        """The known posts of the last 90 days."""
        return self.posts.recent(SEASON_DAYS)

    @cached_property
    def rated_season(self) -> Window:
        """The same posts, and none where no number of followers is known: for rates."""
        return self.season.of_pairs(self.has_stats)

    def posts_of(self, account: IntArray, decided_at: IntArray, *, days: float = POST_DAYS) -> Window:
        """Return the known posts of any accounts of the bucket."""
        posts = self.bucket.events["posts"]
        window = History(posts, account, decided_at, POST_LAG).window(days=days)
        return window.valid(posts.codes("known_at"), posts.codes("superseded_at"))

    def beside_posts(self, table: str, *, days: float) -> Window:
        """Return the events of one table that are old enough for the posts before them to be known."""
        return self.history(table, lag=POST_LAG).window(days=days)

    @cached_property
    def interactions(self) -> Window:
        """Reactions of others in the last 90 days."""
        return self.history("interactions").window(days=INTERACTION_DAYS)

    @cached_property
    def follower_sample(self) -> Window:
        """Sampled followers of the last year."""
        return self.history("followers").window(days=FOLLOWER_SAMPLE_DAYS)

    @cached_property
    def fake_sample(self) -> FakeShare:
        """Share of fakes among all followers, as the sampled ones tell it, with its 90 % interval."""
        tally = self.follower_sample.tally(self.measured(_fake_scores)["score"])
        return self.bucket.follower_classifier.share_from_sums(*tally)

    @cached_property
    def suspicious_share(self) -> FloatArray:
        """Share of fakes among all followers, as the sampled ones tell it; null without a sample."""
        return self.fake_sample.share

    @cached_property
    def audience(self) -> Window:
        """The slices of the newest audience report of each dimension."""
        reports = self.bucket.events["audiences"]
        return self.history("audiences").window().valid(reports.at, reports.codes("superseded_at"))

    @cached_property
    def outcomes(self) -> Window:
        """The account's own activations whose outcome is settled."""
        return _settled(History(self.bucket.outcomes, self.account, self.decided_at))

    @cached_property
    def decisions(self) -> Window:
        """The account's own activations that were decided, in the order in which they close.

        Of those not in `outcomes` nothing may be looked at but who decided, when and for which fee.
        """
        outcomes = self.bucket.outcomes
        first, stop = outcomes.offsets[self.account], outcomes.offsets[self.account + 1]
        every = Window(outcomes.at, outcomes.columns, outcomes.every, first, stop, self.decided_at)
        return every.valid(outcomes.codes("decided_at"), outcomes.codes("until"))

    @cached_property
    def influencer_outcomes(self) -> Window:
        """Settled activations of all accounts of the influencer."""
        influencer = self.bucket.influencer[self.account]
        return _settled(History(self.bucket.influencer_outcomes, influencer, self.decided_at))

    @cached_property
    def siblings(self) -> Rows:
        """All accounts of each influencer, the account itself included, as they stand at decided_at."""
        order, bounds = self.bucket.siblings
        influencer = self.bucket.influencer[self.account]
        sibling, pair, ends = stretch_kernels.expand(order, bounds[influencer], bounds[influencer + 1])
        row = np.arange(len(pair))
        return Rows(self.decided_at[pair], {"account": sibling}, row, ends[:-1], ends[1:], self.decided_at, pair)

    @cached_property
    def everywhere(self) -> KnownAccount:
        """What may be known of each of `siblings`."""
        return KnownAccount(self.bucket, self.siblings.codes("account"), self.siblings.at)


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
    verticals : Verticals
        What the campaigns of the store have made known of their verticals.
    vocabularies : mapping of moment to Vocabulary
        How common each word of captions is, by publication (`features.vocabulary`).
    """

    briefs: Briefs
    campaign: IntArray
    fee: FloatArray
    verticals: Verticals
    vocabularies: Mapping[int, Vocabulary]

    def text_lengths(self, captions: Window, vocabulary: Vocabulary) -> FloatArray:
        """Return the (posts,) squared length of the words of captions, by post; see `fit_kernels.text_lengths`."""
        return text_lengths(captions, vocabulary)


def known_account(store: EventStore, account_id: str, as_of: pd.Timestamp | str) -> KnownAccount:
    """Return what may be known of one account at a moment, UTC where it has no zone.

    Raises
    ------
    DataError
        Where the account is unknown, or `as_of` is no moment.
    """
    row = store.row_of.get(account_id)
    if row is None:
        raise DataError(f"Unknown account {account_id!r}.{nearest(account_id, islice(store.row_of, 10_000))}")
    moment = microseconds(pd.Series([as_of], name="as_of"))
    return KnownAccount(store.bucket(int(store.bucket_of[row])), store.owner_of[[row]], moment)


def text_lengths(captions: Window, vocabulary: Vocabulary) -> FloatArray:
    """Return the (posts,) squared length of the words of the captions of a window, by post."""
    lists = (captions.codes(f"words{part}") for part in ("_start", "_size", ""))
    weights = vocabulary.places, vocabulary.code, vocabulary.weight
    return fit_kernels.text_lengths(captions.row, captions.start, captions.stop, *lists, *weights)


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


def _settled(history: History) -> Window:
    return history.window().valid(history.events.codes("since"), history.events.codes("until"))


def _fake_scores(bucket: Bucket) -> Measures:
    sample = bucket.events["followers"]
    return {"score": bucket.follower_classifier.scores(**{name: sample.numbers(name) for name in COLUMNS})}
