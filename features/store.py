"""The event store: bucketed by influencer, sorted by account and time; prepared once, read many times.

A bucket is self-contained: all accounts of an influencer and all that happened to them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from features.briefs import Briefs
from features.errors import DataError
from features.prepare import LAYOUT, made, write
from features.segments import read
from features.verticals import Verticals

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.bucket import Bucket
    from features.events import IntArray
    from features.social_scores.publish import Publication
    from features.sources import Tables
    from features.vocabulary import Vocabulary


class EventStore:
    """Events of all accounts, prepared for windows and as-of look-ups.

    Parameters
    ----------
    folder : Path
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
    published_scores : dict
        Social scores by the moment of their publication; see `features.social_scores.publish`.
    published_words : dict
        How common each word of captions is, by publication; see `features.vocabulary`.

    Raises
    ------
    DataError
        Where the folder is no event store, or one of another version.
    """

    def __init__(self, folder: Path) -> None:
        manifest = _manifest(folder)
        if manifest is None:
            raise DataError(
                f"{folder} is not an event store of this version of Impel; prepare it anew from its tables."
            )
        self.folder = folder
        self.accounts = pd.read_parquet(folder / "accounts.parquet")
        self.campaigns = pd.read_parquet(folder / "campaigns.parquet")
        self.campaign_audience = pd.read_parquet(folder / "campaign_audience.parquet")
        self.newest = pd.Timestamp(manifest["newest"])
        self.missing = tuple(manifest["missing"])
        self.fingerprint = str(manifest["fingerprint"])
        self.buckets = int(manifest["buckets"])
        self.resident = 4
        self.published_scores: dict[int, Publication] = {}
        self.published_words: dict[int, Vocabulary] = {}
        self._resident: dict[int, Bucket] = {}

    @cached_property
    def briefs(self) -> Briefs:
        """The store's own campaigns."""
        return Briefs.of(self.campaigns, self.campaign_audience)

    @cached_property
    def verticals(self) -> Verticals:
        """What the store's own campaigns have made known of their verticals."""
        return Verticals.of(self.briefs)

    @cached_property
    def account_index(self) -> pd.Index:
        """The account ids, for looking up the place of an account."""
        return pd.Index(self.accounts["account_id"])

    @cached_property
    def bucket_of(self) -> IntArray:
        """The (accounts,) bucket of each account."""
        return self.accounts["bucket"].to_numpy(np.int64)

    @cached_property
    def owner_of(self) -> IntArray:
        """The (accounts,) place of each account in its bucket."""
        return self.accounts["owner"].to_numpy(np.int64)

    @cached_property
    def platform(self) -> pd.api.extensions.ExtensionArray:
        """The (accounts,) platform of each account."""
        return self.accounts["platform"].array

    @classmethod
    def prepare(
        cls,
        tables: Tables,
        folder: Path | None = None,
        *,
        buckets: int | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> EventStore:
        """Sort and bucket the tables of a source.

        Parameters
        ----------
        tables : Tables
            The source.
        folder : Path, optional
            Where the store is kept; a store of the same content that is there already is opened as it is. Without it
            the store lies in a temporary folder that goes with the object.
        buckets : int, optional
            Into how many buckets influencers are dealt; by default as many as keep a bucket at about four million rows.
        progress : callable, optional
            Told in words what is being prepared.

        Raises
        ------
        DataError
            Where the folder holds something else: it would be lost.
        """
        if folder is None:
            temporary = Path(tempfile.mkdtemp(prefix="impel-store-"))
            try:
                write(tables, temporary, buckets, progress)
                store = cls(temporary)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            weakref.finalize(store, shutil.rmtree, temporary, ignore_errors=True)
            return store
        manifest = _manifest(folder)
        if manifest is None or manifest["fingerprint"] != tables.fingerprint:
            if folder.exists() and not (folder / "manifest.json").exists() and any(folder.iterdir()):
                raise DataError(f"{folder} holds something that is no event store; give a new or empty folder.")
            # Prepared beside it and moved, so that a run that is cut off leaves no half store behind.
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=made(folder.parent)))
            try:
                write(tables, unfinished, buckets, progress)
                shutil.rmtree(folder, ignore_errors=True)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        return cls(folder)

    def activations(self) -> pd.DataFrame:
        """Return past activations with their labels, sorted by decided_at, campaign_id and account_id.

        Columns: campaign_id, account_id, decided_at, fee, goal, value_per_action, actions, posted, closed_at.
        """
        return pd.read_parquet(self.folder / "activations.parquet")

    def bucket(self, number: int) -> Bucket:
        """Read one bucket; the last few stay in memory."""
        if number not in self._resident:
            while len(self._resident) >= self.resident:
                self._resident.pop(next(iter(self._resident)))
            mine = self.accounts["bucket"].to_numpy() == number
            accounts = self.accounts[mine].assign(row=np.flatnonzero(mine)).reset_index(drop=True)
            self._resident[number] = read(self.folder, number, accounts)
        return self._resident[number]


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Read a store's manifest; None where there is none, or its layout or DuckDB's hashes are of another version."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return manifest if (manifest.get("layout"), manifest.get("duckdb")) == (LAYOUT, duckdb.__version__) else None
