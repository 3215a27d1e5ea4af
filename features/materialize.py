"""Making a snapshot out of an event store: `impel materialize`.

Buckets are worked on one by one. Where a snapshot of before lies in the folder, the part of a bucket is taken out of it
as long as nothing that it depends on has changed: its events, its accounts, the moment, what was published of all
accounts, and how features are computed. So the result is the one that would have been made from nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import catalogue, peers, stretch_kernels, vocabulary
from features.authenticity import usual_signs
from features.briefs import microseconds
from features.catalogue import FEATURES
from features.content_fit import FIGURES
from features.errors import DataError
from features.families import account_features
from features.known import KnownAccount, text_lengths
from features.offer import USUAL
from features.prepare import made
from features.snapshot import ACCOUNTS, FORMAT, LISTS, MANIFEST, Contents, Snapshot, digest_of, lost
from features.social_scores import SCORES
from features.social_scores.lookup import account_scores
from features.social_scores.publish import PERIOD, publications

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.bucket import Bucket
    from features.events import IntArray, Window
    from features.snapshot import Arrays
    from features.social_scores.publish import Publication
    from features.store import EventStore
    from features.vocabulary import Vocabulary

_POSTS = ("sponsor", "sponsored", "caption_known")
_AUDIENCES = ("dimension", "slice", "share")
_OUTCOMES = ("goal", "vertical", "brand", "actions", "posted", "expected_log")
_ACCOUNTS = ("account_id", "influencer_id", "platform", "country", "language")


def materialize(
    store: EventStore,
    folder: Path,
    *,
    as_of: pd.Timestamp | None = None,
    progress: Callable[[float], None] | None = None,
) -> Snapshot:
    """Work out what is known of all accounts of a store at one moment, and keep it in a folder.

    Parameters
    ----------
    store : EventStore
        Its follower classifier is used, and named in the snapshot.
    folder : Path
        New, empty, or a snapshot of before, which is replaced in one step when all is done; who has mapped that one
        goes on reading it.
    as_of : Timestamp, optional
        UTC without a zone; by default the newest moment of the data.
    progress : callable, optional
        Told the share of the work that is done, 0 to 1.

    Raises
    ------
    DataError
        Where the folder holds something else, or the data hold no moment and none is given.
    """
    moment = store.newest if as_of is None else as_of
    if moment is pd.NaT:
        raise DataError("The data hold no event at all; say what is known when, with --as-of TIME.")
    before = _before(folder)
    at = int(microseconds(pd.Series([moment]))[0])
    decided_at = np.array([at])
    # What evidence is compared with goes over all accounts too, for which no request has the time.
    usual_signs(store, decided_at)
    _, publication = next(publications(store, decided_at // PERIOD * PERIOD))
    words = vocabulary.published(store, [at // vocabulary.PERIOD * vocabulary.PERIOD]).popitem()[1]
    common = _common(store, at, words)
    keys, parts = [], []
    columns: tuple[str, ...] = ()
    for number in range(store.buckets):
        keys.append(_digest(common, store.bucket_digest(number)))
        if before is not None and keys[-1] in before.contents.buckets[number : number + 1]:
            mine = [before.row_of[account] for account in store.bucket_accounts(number)["account_id"]]
            part, columns = _selected(before.arrays, np.array(mine, np.int64)), before.contents.columns
        else:
            part, columns = _part(store.bucket(number), at, words)
            if store.buckets > store.resident:
                store.release(number)
        parts.append(part)
        if progress is not None:
            progress((number + 1) / store.buckets)
    rows = np.concatenate([store.bucket_accounts(number)["row"] for number in range(store.buckets)])
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    del parts
    arrays = _selected(whole, np.argsort(rows))
    for name, values in zip(SCORES, account_scores(publication, np.arange(len(rows))), strict=True):
        arrays["features"][:, columns.index(name)] = values
    for name in lost(store.missing) & set(columns):
        arrays["features"][:, columns.index(name)] = np.nan
    contents = Contents(
        as_of=at,
        store=store.fingerprint,
        catalogue=catalogue.digest(),
        classifier=digest_of(store.follower_classifier),
        missing=store.missing,
        columns=columns,
        buckets=tuple(keys),
        files={},
    )
    _write(folder, contents, _with_offsets(arrays) | _shared(store, publication, words), store.accounts)
    return Snapshot.open(folder)


def materialize_beside(known: Snapshot, store: EventStore) -> Snapshot:
    """Work out, in memory, what is known of accounts that a snapshot does not hold, at its moment.

    What looks across accounts is that of the snapshot: endorsements, verticals, words. Social scores are null, since
    they are published for known accounts.

    Parameters
    ----------
    known : Snapshot
    store : EventStore
        Of the unknown accounts, in one bucket; with the follower classifier and the `published_peers` of the store that
        the snapshot was made of.
    """
    part, columns = _part(store.bucket(0), known.contents.as_of, known.vocabulary)
    arrays = _with_offsets(_selected(part, np.argsort(store.bucket_accounts(0)["row"])))
    for name in lost(store.missing) & set(columns):
        arrays["features"][:, columns.index(name)] = np.nan
    shared = {name: values for name, values in known.arrays.items() if name.partition(".")[0] in _SHARED}
    nobody = {name: values[:0] for name, values in shared.items() if name.startswith("authority.")}
    contents = replace(known.contents, missing=store.missing, columns=columns, buckets=(), files={})
    return Snapshot(contents, store.accounts, arrays | shared | nobody)


def _before(folder: Path) -> Snapshot | None:
    """Return the snapshot that lies in a folder, None where it cannot be used."""
    if (folder / MANIFEST).exists():
        with suppress(DataError):
            return Snapshot.open(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something that is no snapshot; give a new or empty folder.")
    return None


def _common(store: EventStore, at: int, words: Vocabulary) -> str:
    """Return a hash of all that every account's part depends on beside its own bucket."""
    usual = store.published_peers[at // peers.PERIOD * peers.PERIOD]
    published = [
        *vars(usual).values(),
        *(np.array([words.captions]), words.code, words.count),
    ]
    of_store = (store.missing, digest_of(store.follower_classifier))
    return _digest(FORMAT, catalogue.digest(), at, *of_store, *(values.tobytes() for values in published))


def _digest(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def _part(bucket: Bucket, at: int, words: Vocabulary) -> tuple[Arrays, tuple[str, ...]]:
    """Work out what a snapshot holds of the accounts of one bucket, and which columns its features have."""
    account = np.arange(len(bucket.accounts))
    known = KnownAccount(bucket, account, np.full(len(account), at))
    found = account_features(known)
    columns = (*(name for name in FEATURES if name in found or name in SCORES), *USUAL, *FIGURES)
    unknown = np.full(len(account), np.nan)
    posts, captions = known.posts, known.captions
    read = np.zeros(len(posts.at), np.bool_)
    read[stretch_kernels.expand(captions.row, captions.start, captions.stop)[0]] = True
    of_posts = {name: posts.columns[name] for name in _POSTS} | {
        # Of older captions nothing is asked.
        "caption_known": read,
        "words_size": np.where(read, posts.codes("words_size"), 0),
        "engagements": bucket.engagements,
        "text_length": np.where(read, text_lengths(captions, words), 0.0),
        **{name: posts.columns[name] for name in ("topics_start", "topics_size", "topics", "words_start", "words")},
    }
    return {
        "features": np.column_stack([found.get(name, unknown) for name in columns]),
        **_kept("posts", posts, of_posts),
        **_kept("audiences", known.audience, {name: known.audience.columns[name] for name in _AUDIENCES}),
        **_kept("outcomes", known.outcomes, {name: known.outcomes.columns[name] for name in _OUTCOMES}),
    }, columns


def _kept(name: str, window: Window, columns: dict[str, Any]) -> Arrays:
    """Copy the events of a window, one account behind the other."""
    row, _, bounds = stretch_kernels.expand(window.row, window.start, window.stop)
    kept = {f"{name}.sizes": np.diff(bounds), f"{name}.at": window.at[row]}  # noqa: PD008 - no pandas
    for column, values in columns.items():
        if column.endswith("_start"):
            continue
        if column in LISTS[name]:
            size = columns[f"{column}_size"][row]
            kept[f"{name}.{column}"] = values[_spread(columns[f"{column}_start"][row], size)]
        else:
            kept[f"{name}.{column}"] = values[row]
    return kept


def _selected(arrays: Arrays, order: IntArray) -> Arrays:
    """Return what arrays hold of some accounts, in their order."""
    selected: Arrays = {"features": arrays["features"][order]}
    for name, lists in LISTS.items():
        sizes = arrays[f"{name}.sizes"]
        rows = _spread((np.cumsum(sizes) - sizes)[order], sizes[order])
        selected[f"{name}.sizes"] = sizes[order]
        for column in (key for key in arrays if key.startswith(f"{name}.") and not key.endswith(_DERIVED)):
            word = column.removeprefix(f"{name}.")
            if word in lists:
                size = arrays[f"{column}_size"]
                selected[column] = arrays[column][_spread((np.cumsum(size) - size)[rows], size[rows])]
            elif word != "sizes":
                selected[column] = arrays[column][rows]
    return selected


def _spread(start: IntArray, size: IntArray) -> IntArray:
    """Return the positions start, start + 1, ... of each stretch, one stretch behind the other."""
    ends = np.cumsum(size)
    return np.repeat(start - (ends - size), size) + np.arange(ends[-1] if len(ends) else 0)


def _with_offsets(arrays: Arrays) -> Arrays:
    """Add where the events of each account begin, and each list of an event: what reads them need not add up sizes."""
    made: Arrays = {}
    for name, lists in LISTS.items():
        made[f"{name}.offsets"] = np.concatenate([[0], np.cumsum(arrays[f"{name}.sizes"])])
        for column in lists:
            size = arrays[f"{name}.{column}_size"]
            made[f"{name}.{column}_start"] = np.cumsum(size) - size
    return arrays | made


def _shared(store: EventStore, publication: Publication, words: Vocabulary) -> Arrays:
    """Return what is known across accounts: endorsements, verticals, words."""
    verticals = store.verticals
    return {
        **{f"authority.{name}": getattr(publication, name) for name in ("account", "topic", "authority")},
        "verticals.code": verticals.code,
        **{
            f"{name}.{part}": getattr(getattr(verticals, name), part)
            for name in ("brands", "named", "topics")
            for part in ("offsets", "code", "since")
        },
        "vocabulary.captions": np.array(words.captions),
        "vocabulary.code": words.code,
        "vocabulary.count": words.count,
    }


def _write(folder: Path, contents: Contents, arrays: Arrays, accounts: pd.DataFrame) -> None:
    """Write a snapshot beside its place and move it there, so that one that is cut off leaves nothing half."""
    draft = Path(tempfile.mkdtemp(prefix="unfinished-", dir=made(folder.absolute().parent)))
    try:
        for name, values in arrays.items():
            np.save(draft / f"{name}.npy", values)
        accounts[list(_ACCOUNTS)].to_parquet(draft / ACCOUNTS, index=False)
        files = {}
        for path in sorted(draft.iterdir()):
            with path.open("rb") as file:
                files[path.name] = (path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
        (draft / MANIFEST).write_text(replace(contents, files=files).to_json(), encoding="utf-8")
        draft.chmod(0o755)
        old = draft.with_name(f"{draft.name}-old")
        with suppress(FileNotFoundError):
            folder.rename(old)
        draft.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


_DERIVED = ("_start", ".offsets")
_SHARED = ("authority", "verticals", "brands", "named", "topics", "vocabulary")
