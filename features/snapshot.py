"""A snapshot: what is known of all accounts at one moment, worked out before anybody asks, and mapped into memory.

It holds every feature that no brief changes, and of the events what briefs are compared with: the posts, the newest
audience reports and the closed outcomes that may be known at that moment. What a request adds is computed from these by
the functions that compute it everywhere (`features.families.pair_features`), so that the answers are the same to the
last bit. `features.materialize` makes it.

On disk it is a folder of numpy's `.npy` files, one Parquet file of the accounts, and `manifest.json`, which names each
file with its size and SHA-256: data only, and all of it checked before it is used.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import numpy as np
import pandas as pd

from features import catalogue, stretch_kernels
from features.bucket import Bucket
from features.codes import codes
from features.content_fit import FIGURES, on_vertical
from features.errors import DataError
from features.events import Events, FloatArray, IntArray, Window
from features.families import pair_features
from features.kernels import gathered
from features.known import Known
from features.social_scores.lookup import topic_authority
from features.social_scores.publish import Publication
from features.verticals import Listed, Verticals
from features.vocabulary import PERIOD, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from features.briefs import Briefs
    from features.bucket import Measures
    from features.events import BoolArray, Features
    from features.follower_classifier import FollowerClassifier

    Arrays = dict[str, npt.NDArray[Any]]

FORMAT = 2
"""Raise it when what is stored changes: a snapshot of another format is made anew."""
LISTS = {"posts": ("topics", "words"), "audiences": (), "outcomes": ()}
"""The events of a snapshot, and which of their columns are lists."""
ACCOUNTS = "accounts.parquet"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Contents:
    """What `manifest.json` says.

    Attributes
    ----------
    as_of
        The moment, microseconds.
    store
        Fingerprint of the event store.
    catalogue, classifier
        Digests of what the features were computed with: the catalogue and the follower classifier.
    missing
        Optional tables that no source had.
    columns
        Of the array `features`.
    buckets
        For each bucket of the store a hash of all that its accounts' part depends on.
    files
        Name of each file -> its size in bytes and its SHA-256.
    """

    as_of: int
    store: str
    catalogue: str
    classifier: str
    missing: tuple[str, ...]
    columns: tuple[str, ...]
    buckets: tuple[str, ...]
    files: dict[str, tuple[int, str]]
    format: int = FORMAT
    duckdb: str = duckdb.__version__

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of a snapshot.

        Raises
        ------
        DataError
            Where there is none, it is damaged, or it is of another version.
        """
        try:
            found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{folder} is no snapshot; make one with: impel materialize DATA --out {folder}") from None
        except (OSError, ValueError):
            raise DataError(f"{folder / MANIFEST} is damaged; {_AGAIN}") from None
        if not isinstance(found, dict) or (found.get("format"), found.get("duckdb")) != (FORMAT, duckdb.__version__):
            raise DataError(f"{folder} is no snapshot of this version of Impel; {_AGAIN}")
        try:
            files = {name: (int(size), str(digest)) for name, (size, digest) in found.pop("files").items()}
            if any(Path(name).name != name for name in files):
                raise DataError(f"{folder / MANIFEST} names files that lie elsewhere; {_AGAIN}")  # noqa: TRY301
            lists = {name: tuple(map(str, found.pop(name))) for name in ("missing", "columns", "buckets")}
            contents = cls(**{**found, **lists, "files": files})
        except DataError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DataError(f"{folder / MANIFEST} is damaged; {_AGAIN}") from None
        if contents.catalogue != catalogue.digest():
            raise DataError(f"{folder} has features that this version of Impel computes otherwise; {_AGAIN}")
        return contents

    def to_json(self) -> str:
        """Return it as the text of `manifest.json`."""
        return json.dumps(asdict(self), indent=1)


class Snapshot:
    """All accounts at one moment.

    Parameters
    ----------
    contents : Contents
    accounts : DataFrame
        account_id, influencer_id, platform, country, language; the rows that every method speaks of.
    arrays : mapping of name to array
        As `features.materialize` makes them.
    folder : Path, optional
        Where they lie, for messages.

    Attributes
    ----------
    as_of : Timestamp
        The moment.
    features : (accounts, columns) float64
        What no brief changes; `column_of` says which column is which.
    """

    def __init__(self, contents: Contents, accounts: pd.DataFrame, arrays: Arrays, folder: Path | None = None) -> None:
        self.contents = contents
        self.accounts = accounts
        self.arrays = arrays
        self.folder = folder
        self.features: FloatArray = arrays["features"]
        self.as_of = pd.Timestamp(contents.as_of, unit="us")
        events = {name: _events(arrays, name) for name in LISTS}
        self._bucket = Bucket(accounts, events)
        self._bucket.engagements = events["posts"].numbers("engagements")
        self._bucket.outcomes = events["outcomes"]
        self._publication = Publication(
            self.features, *(arrays[f"authority.{name}"] for name in ("account", "topic", "authority"))
        )
        self._verticals = Verticals(
            arrays["verticals.code"],
            *(
                Listed(*(arrays[f"{name}.{part}"] for part in ("offsets", "code", "since")))
                for name in ("brands", "named", "topics")
            ),
        )
        captions, code, count = (arrays[f"vocabulary.{name}"] for name in ("captions", "code", "count"))
        self.vocabulary = Vocabulary(int(captions), code, count)
        self._vocabularies = {contents.as_of // PERIOD * PERIOD: self.vocabulary}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the snapshot that `materialize` wrote into a folder.

        Raises
        ------
        DataError
            Where the folder is no snapshot, or a file of it is missing, truncated or damaged.
        """
        contents = Contents.read(folder)
        for name, (size, digest) in contents.files.items():
            _check(folder / name, size, digest)
        try:
            arrays: Arrays = {
                # Copied where written to, which nothing does: to the compiler a read-only array is another type.
                path.stem: np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
                for path in (folder / name for name in contents.files if name.endswith(".npy"))
            }
            return cls(contents, pd.read_parquet(folder / ACCOUNTS), arrays, folder)
        except (KeyError, OSError, ValueError) as error:
            raise DataError(f"{folder} is no whole snapshot ({error}); {_AGAIN}") from None

    def require(self, classifier: FollowerClassifier) -> None:
        """Make sure that a model with this follower classifier may read the features.

        Raises
        ------
        DataError
            Where they were computed with another one.
        """
        if digest_of(classifier) != self.contents.classifier:
            raise DataError(
                f"{self.folder} was made with another follower classifier than the model's; "
                "make it anew with: impel materialize DATA --out SNAPSHOT --model MODEL"
            )

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each account by its id."""
        return {account: row for row, account in enumerate(self.accounts["account_id"].tolist())}

    @cached_property
    def column_of(self) -> dict[str, int]:
        """The column of `features` that holds each feature."""
        return {name: column for column, name in enumerate(self.contents.columns)}

    def pair_features(self, briefs: Briefs, rows: IntArray, fee: FloatArray) -> Features:
        """Compute what the first of some briefs adds to accounts: the features that are not in `features`.

        Parameters
        ----------
        briefs : Briefs
        rows : (n,) int64
        fee : (n,) float64
            NaN where unknown.
        """
        account = dict(zip(_NEEDED, gathered(self.features, rows, self._needed), strict=True))
        known = self._known(briefs, rows, fee)
        found = pair_features(known, account)
        found["peerindex_topic_authority"] = topic_authority(
            self._publication, rows, account["peerindex_authority"], briefs, known.campaign
        )
        for name in self._missing & found.keys():
            found[name] = np.full(len(rows), np.nan)
        return found

    @cached_property
    def _needed(self) -> IntArray:
        return np.array([self.column_of[name] for name in _NEEDED])

    def _moment(self, rows: IntArray) -> IntArray:
        return np.full(len(rows), self.contents.as_of)

    def _known(self, briefs: Briefs, rows: IntArray, fee: FloatArray) -> _KnownNow:
        return _KnownNow(
            self._bucket,
            rows,
            self._moment(rows),
            briefs=briefs,
            campaign=np.zeros(len(rows), np.int64),
            fee=fee,
            verticals=self._verticals,
            vocabularies=self._vocabularies if len(briefs.word_code) else {},
        )

    def posts_on(self, verticals: Collection[str], rows: IntArray) -> BoolArray:
        """Flag the accounts with a known post on a topic that campaigns of one of some verticals asked for."""
        found = np.zeros(len(rows), np.bool_)
        posts = _window(self._bucket, "posts", rows, self._moment(rows))
        for number in self._verticals.number(codes(verticals)):
            found |= on_vertical(posts, self._verticals, np.full(len(rows), number)).count() > 0
        return found

    @cached_property
    def _missing(self) -> set[str]:
        return lost(self.contents.missing)


class _KnownNow(Known):
    """What pairs may know at the moment of a snapshot: all that it holds of their accounts."""

    @cached_property
    def posts(self) -> Window:
        return _window(self.bucket, "posts", self.account, self.decided_at)

    @cached_property
    def captions(self) -> Window:
        posts, read = self.bucket.events["posts"], self.bucket.measured(_captions)
        first, last = read["bounds"][self.account], read["bounds"][1:][self.account]
        return Window(posts.at, posts.columns, read["row"], first, last, self.decided_at)

    @cached_property
    def audience(self) -> Window:
        return _window(self.bucket, "audiences", self.account, self.decided_at)

    @cached_property
    def outcomes(self) -> Window:
        return _window(self.bucket, "outcomes", self.account, self.decided_at)

    def text_lengths(self, captions: Window, vocabulary: Vocabulary) -> FloatArray:  # noqa: ARG002 - of its moment
        return captions.numbers("text_length")


def lost(missing: Collection[str]) -> set[str]:
    """Return the features that are null without the missing tables."""
    return {name for names in catalogue.without(missing).values() for name in names}


def digest_of(classifier: FollowerClassifier) -> str:
    """Return a hash of a follower classifier."""
    return hashlib.sha256(classifier.to_json().encode()).hexdigest()[:16]


_AGAIN = "make it anew with: impel materialize DATA --out SNAPSHOT"
_NEEDED = (
    *("usual followers", "usual engagements", "usual views", "usual fee log"),
    *("suspicious_follower_share", "peerindex_authority", *FIGURES),
)


def _window(bucket: Bucket, name: str, account: IntArray, decided_at: IntArray) -> Window:
    """Return all events of the accounts: whatever a snapshot holds may be known."""
    events = bucket.events[name]
    first, last = events.offsets[account], events.offsets[1:][account]
    return Window(events.at, events.columns, events.every, first, last, decided_at)


def _captions(bucket: Bucket) -> Measures:
    """Return the posts whose caption is read, those of one account behind the other, and where each one's begin."""
    posts = bucket.events["posts"]
    read = posts.every, posts.offsets[:-1], posts.offsets[1:], posts.flags("caption_known")
    return dict(zip(("row", "bounds"), stretch_kernels.keep_flagged(*read), strict=True))


def _events(arrays: Arrays, name: str) -> Events:
    prefix = f"{name}."
    columns = {key.removeprefix(prefix): values for key, values in arrays.items() if key.startswith(prefix)}
    del columns["sizes"]
    return Events(columns.pop("offsets"), columns.pop("at"), columns)


def _check(path: Path, size: int, digest: str) -> None:
    """Make sure that a file is the one that was written."""
    try:
        found = path.stat().st_size
        if found != size:
            raise DataError(f"{path} has {found} bytes instead of {size}; {_AGAIN}")
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        raise DataError(f"{path} is missing; {_AGAIN}") from None
    if not same:
        raise DataError(f"{path} is damaged: its SHA-256 differs from {MANIFEST}; {_AGAIN}")
