"""The event store: bucketed by influencer, sorted by account and time; prepared once, read many times.

A bucket is self-contained: all accounts of an influencer and all that happened to them.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from features.allocator import give_back
from features.briefs import TEXT, Briefs
from features.codes import SLICE_SEPARATOR, codes
from features.errors import DataError
from features.follower_classifier import default_classifier
from features.manifest import Manifest, has_grown
from features.prepare import MEMORY, append, made, write
from features.processors import usable_processors
from features.progress import quiet
from features.segments import read
from features.verticals import Verticals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.bucket import Bucket
    from features.events import IntArray
    from features.follower_classifier import FollowerClassifier
    from features.peers import Curves
    from features.progress import Progress
    from features.social_scores.publish import Publication
    from features.sources import Tables
    from features.vocabulary import Vocabulary

_Made = TypeVar("_Made")


class EventStore:
    """Events of all accounts, prepared for windows and as-of look-ups.

    Parameters
    ----------
    folder : Path or str
        A folder that `prepare` wrote.

    Attributes
    ----------
    accounts, campaigns, campaign_audience : DataFrame
        The contract's tables; `accounts` in the order of the store, with the columns bucket, owner and influencer.
    newest : Timestamp
        The newest moment of the data; NaT where nothing has one.
    missing : tuple of str
        Optional tables that the source lacks; the features that need them are null.
    fingerprint : str
        Of the source's content.
    resident : int
        How many buckets stay in memory.
    publications : Path
        The folder for what is published at one moment and looks across accounts; an appended store has another one.
    publications_of_classifier : Path
        The same for what depends on the follower classifier, each of which has a folder of its own.
    published_scores : dict
        Social scores by the moment of their publication; see `features.social_scores.publish`.
    published_peers : dict
        What is usual for accounts of one size and platform, by publication; see `features.peers.publish`.
    published_words : dict
        In how many captions words stand, by publication; see `features.vocabulary`.

    Raises
    ------
    DataError
        Where the folder is no event store, or one of another version, or damaged, or may not be read.
    """

    def __init__(self, folder: Path | str) -> None:
        folder = Path(folder)
        manifest = Manifest.read(folder)
        if manifest is None and not (folder / "manifest.json").exists():
            raise DataError(f"{folder} is not an event store; make one with: impel prepare DATA --out {folder}")
        if manifest is None:
            raise DataError(
                f"{folder} is not an event store of this version of Impel; prepare it anew from its tables."
            )
        self.folder = folder
        self._manifest = manifest
        try:
            self.accounts, self.campaigns, self.campaign_audience = (
                pd.read_parquet(self.file(name)) for name in ("accounts", "campaigns", "campaign_audience")
            )
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{folder} is damaged ({reason}); prepare the store anew from its tables.") from None
        self.newest = pd.Timestamp(max(manifest.newest.values()), unit="us") if manifest.newest else pd.NaT
        self.missing = manifest.missing
        self.fingerprint = manifest.fingerprint
        self.buckets = manifest.buckets
        self.resident = 4
        self.published_scores: dict[int, Publication]
        self.published_peers: dict[int, Curves] = {}
        self.published_words: dict[int, Vocabulary] = {}
        self._resident: dict[int, Bucket]
        self.publications = folder / manifest.published
        self._reading = [Lock() for _ in range(self.buckets)]
        self._choosing = Lock()
        self._temporary: object = None
        self._classifier_content = ""
        self.follower_classifier = default_classifier()

    @property
    def follower_classifier(self) -> FollowerClassifier:
        """Tells fake followers from real ones; by default the one that Impel comes with.

        Whoever sets another sees nothing that was read or published by way of the one before. It is not to be set while
        features are built.
        """
        return self._follower_classifier

    @follower_classifier.setter
    def follower_classifier(self, classifier: FollowerClassifier) -> None:
        content = classifier.to_json()
        if content == self._classifier_content:
            return
        published = self.publications
        if content != default_classifier().to_json():
            published /= f"followers-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        self._classifier_content, self._follower_classifier = content, classifier
        self.publications_of_classifier = published
        # Buckets that somebody still holds keep what belongs to them.
        self._resident, self.published_scores = {}, {}

    @cached_property
    def briefs(self) -> Briefs:
        """The store's own campaigns."""
        return Briefs.of(self.campaigns, self.campaign_audience)

    @cached_property
    def verticals(self) -> Verticals:
        """What the store's own campaigns have made known of their verticals."""
        return Verticals.of(self.briefs)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The place of each account by its id."""
        return {account: row for row, account in enumerate(self.accounts["account_id"].tolist())}

    @cached_property
    def bucket_of(self) -> IntArray:
        """The (accounts,) bucket of each account."""
        return self.accounts["bucket"].to_numpy(np.int64)

    @cached_property
    def owner_of(self) -> IntArray:
        """The (accounts,) place of each account in its bucket."""
        return self.accounts["owner"].to_numpy(np.int64)

    @cached_property
    def slice_of(self) -> dict[int, tuple[str, str]]:
        """Dimension and bucket of each slice of audience reports, by its code."""
        table = pd.read_parquet(self.file("slices"))
        named = list(zip(table["dimension"].tolist(), table["bucket"].tolist(), strict=True))
        return dict(zip(codes(SLICE_SEPARATOR.join(name) for name in named).tolist(), named, strict=True))

    @cached_property
    def campaign_of(self) -> dict[int, int]:
        """The place of each campaign by the code of its id."""
        return {number: place for place, number in enumerate(codes(self.campaigns["campaign_id"].tolist()).tolist())}

    @cached_property
    def platform(self) -> pd.api.extensions.ExtensionArray:
        """The (accounts,) platform of each account."""
        return pd.array(self.accounts["platform"], dtype=TEXT)

    @classmethod
    def prepare(
        cls,
        tables: Tables,
        folder: Path | str | None = None,
        *,
        buckets: int | None = None,
        memory: int = MEMORY,
        progress: Progress = quiet,
    ) -> EventStore:
        """Sort and bucket the tables of a source.

        Parameters
        ----------
        tables : Tables
            The source.
        folder : Path or str, optional
            Where the store is kept; a store of the same content that is there already is opened as it is. Without it
            the store lies in a temporary folder that goes with the object.
        buckets : int, optional
            Into how many buckets influencers are dealt; by default as many as `memory` asks for: with 2 GiB, a
            bucket has about one million rows, with 1 GiB a third of that.
        memory : int, optional
            Bytes that preparing may take, about, and later the building of features in parts.
        progress : callable, optional
            Told what is being prepared, and which share is.

        Raises
        ------
        DataError
            Where the folder holds something else, or a store to which rows were appended: they would be lost.
        """
        if folder is None:
            temporary = Path(tempfile.mkdtemp(prefix="impel-store-"))
            try:
                write(tables, temporary, buckets=buckets, memory=memory, progress=progress)
                store = cls(temporary)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            store._temporary = _Temporary(temporary)
            return store
        folder = Path(folder)
        manifest = Manifest.read(folder)
        if manifest is None or manifest.fingerprint != tables.fingerprint:
            if folder.exists() and not (folder / "manifest.json").exists() and any(folder.iterdir()):
                raise DataError(f"{folder} holds something that is no event store; give a new or empty folder.")
            if has_grown(folder):
                raise DataError(
                    f"Rows were appended to the store in {folder}, and preparing it anew would lose them; "
                    "give a new or empty folder."
                )
            # Prepared beside it and moved, so that a run that is cut off leaves no half store behind.
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=made(folder.parent)))
            try:
                write(tables, unfinished, buckets=buckets, memory=memory, progress=progress)
                unfinished.chmod(0o755)  # others may serve it
                _move(unfinished, folder, tables.fingerprint)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        return cls(folder)

    def append(self, tables: Tables, *, memory: int = MEMORY, progress: Progress = quiet) -> EventStore:
        """Add rows to the store, in its folder.

        The store that comes out is, bit by bit, the one that `prepare` makes of all rows at once, whatever the order in
        which they come: rows that are late, new readings of old posts, new accounts and campaigns, tables that were
        missing. Rows in order of time cost what they are; where rows come late, the reactions that are stored are read.
        Accounts, campaigns and campaign audiences that are stored may come again as they are; other rows that come
        again are there twice, as they are where one source holds them twice.

        Parameters
        ----------
        tables : Tables
            A source with the new rows only.
        memory : int, optional
            Bytes that appending may take, about.
        progress : callable, optional
            Told what is being appended, and which share is.

        Returns
        -------
        EventStore
            The store with the new rows. This one still reads what it did; the files that only it needs go when rows are
            appended again.

        Raises
        ------
        DataError
            Where these very tables are in the store; where an account or campaign is stored with other values, or comes
            after rows of it, which were left out; where the store was changed by another process meanwhile. The store
            is as before then.
        """
        append(tables, self.folder, memory=memory, progress=progress)
        return self.reopened()

    def reopened(self) -> EventStore:
        """Return the store as its folder is now, with what was appended to it meanwhile; this one stays as it is."""
        store = EventStore(self.folder)
        store._temporary = self._temporary
        store.follower_classifier = self.follower_classifier
        return store

    def activations(self) -> pd.DataFrame:
        """Return past activations with their labels, sorted by decided_at, campaign_id and account_id.

        Columns: campaign_id, account_id, decided_at, fee, goal, value_per_action, actions,
        incremental_actions (null where no holdout was run), posted, closed_at, and propensity, the logged probability
        with which the account was chosen (null where none was logged).
        """
        return pd.read_parquet(self.file("activations"))

    def follower_labels(self) -> pd.DataFrame:
        """Return the followers that are labelled as fake or real, sorted by follower_id and observed_at.

        Columns: follower_id, observed_at, followers, following, posts, has_picture, is_private, fake; all but the first
        two float64, NaN where unknown; `fake` is 1 or 0.
        """
        return pd.read_parquet(self.file("follower_labels"))

    def file(self, name: str) -> Path:
        """Return the Parquet file of a table that lies in one: accounts, campaigns, activations and the like."""
        return self.folder / self._manifest.whole[name]

    def bucket(self, number: int) -> Bucket:
        """Read one bucket; the last few stay in memory. Several threads may ask at a time."""
        with self._reading[number]:
            with self._choosing:
                if number in self._resident:
                    return self._resident[number]
                while len(self._resident) >= self.resident:
                    self._resident.pop(next(iter(self._resident)))
            bucket = read(self.folder, self._manifest, number, self.bucket_accounts(number))
            bucket.follower_classifier = self.follower_classifier
            bucket.peers = self.published_peers
            with self._choosing:
                self._resident[number] = bucket
                while len(self._resident) > self.resident:
                    self._resident.pop(next(iter(self._resident)))
            return bucket

    def bucket_accounts(self, number: int) -> pd.DataFrame:
        """Return the accounts of one bucket in its order, each with its `row` in the store."""
        mine = self.bucket_of == number
        return self.accounts[mine].assign(row=np.flatnonzero(mine)).reset_index(drop=True)

    def bucket_digest(self, number: int) -> str:
        """Return a hash of all that is stored of the accounts of one bucket."""
        accounts = self.bucket_accounts(number).drop(columns="row")
        digest = hashlib.sha256(accounts.to_json(date_format="iso", date_unit="us").encode())
        for name, buckets in sorted(self._manifest.segments.items()):
            for segment in buckets[number]:
                with (self.folder / segment.file).open("rb") as file:
                    digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()

    def each_bucket(self, work: Callable[[Bucket], _Made]) -> Iterator[_Made]:
        """Yield what `work` makes of each bucket, in their order; as many threads work as there are processors.

        Buckets that will not stay in memory anyway are let go of at once.
        """

        def turn(number: int) -> _Made:
            made = work(self.bucket(number))
            if self.buckets > self.resident:
                self.release(number)
            return made

        with ThreadPoolExecutor(usable_processors()) as pool:
            yield from pool.map(turn, range(self.buckets))
        give_back()

    def release(self, number: int) -> None:
        """Let go of a bucket that is not needed soon: of one after the other, the last few would only fill memory."""
        with self._choosing:
            self._resident.pop(number, None)


class _Temporary:
    """A folder that goes with the last store that reads it."""

    def __init__(self, folder: Path) -> None:
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def _move(prepared: Path, folder: Path, fingerprint: str) -> None:
    """Put a prepared store in its place; of two processes that prepare the same, the first to come stays."""
    while True:
        with suppress(OSError):  # something is there: what another process prepared meanwhile, or a store of before
            prepared.rename(folder)
            return
        there = Manifest.read(folder)
        if there is not None and there.fingerprint == fingerprint:
            return
        old = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
        try:
            with suppress(FileNotFoundError):
                folder.rename(old / "store")
        finally:
            shutil.rmtree(old, ignore_errors=True)
