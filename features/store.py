"""The event store: bucketed by influencer, sorted by account and time; prepared once, read many times.

DuckDB reads and sorts the tables (spilling to disk where memory ends) and hands them on in order; they are written as
one Parquet file per table and bucket. What looks across accounts is worked out here, as a time-stamped column of the
event, so that a bucket is self-contained: all accounts of an influencer and all that happened to them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import DataError
from features.events import DAY, NEVER, Events, FloatArray, IntArray, divide
from features.tables import GOALS, INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.sources import Tables


SLICE_SEPARATOR = "\x1f"
"""Stands between an audience dimension and its bucket where both make one word."""
POST_LAG = 3 * DAY
"""A post is known three days after it was published: most engagement arrives within two (data-contract.md)."""
LAYOUT = 2
"""Raise it when what is stored changes: a store of another layout is prepared anew."""
ROWS_PER_BUCKET = 4_000_000
PAIR_MEMORY = 90 * DAY
"""Within which an answer to somebody's interaction counts as reciprocal."""

_ACCOUNTS = """
SELECT account_id, influencer_id, platform, country, language, created_at, bucket::BIGINT AS bucket,
       hash(account_id) AS actor,
       row_number() OVER (PARTITION BY bucket ORDER BY influencer_id, account_id) - 1 AS owner,
       dense_rank() OVER (PARTITION BY bucket ORDER BY influencer_id) - 1 AS influencer
FROM (SELECT *, hash(influencer_id) % {buckets} AS bucket FROM accounts)
ORDER BY bucket, owner
"""

# Each query gives bucket, owner and at first; the rest of ORDER BY makes the order, and so every sum, unique.
_EVENTS = {
    "stats": """
        SELECT bucket, owner, epoch_us(observed_at) AS at, followers::DOUBLE AS followers,
               following::DOUBLE AS following
        FROM account_stats JOIN account_rows USING (account_id) ORDER BY ALL
    """,
    "posts": """
        SELECT bucket, owner, epoch_us(published_at) AS at, hash(post_id) AS post,
               coalesce(epoch_us(observed_at), epoch_us(published_at) + {post_lag}) AS known_at,
               observed_at IS NOT NULL AS dated,
               hash(sponsor_id) AS sponsor, sponsor_id IS NOT NULL AS sponsored,
               views::DOUBLE AS views, likes::DOUBLE AS likes, comments::DOUBLE AS comments, shares::DOUBLE AS shares,
               saves::DOUBLE AS saves, clicks::DOUBLE AS clicks,
               topics IS NOT NULL AS topics_known,
               list_transform(list_sort(list_distinct(coalesce(topics, []))), lambda topic: hash(topic)) AS topics
        FROM posts JOIN account_rows USING (account_id)
        ORDER BY ALL
    """,
    # A comment is generic when its text was read before, anywhere, or has fewer than three words (case and outer white
    # space aside); a reaction is reciprocal when the account has itself reacted to the actor's account shortly before.
    "interactions": """
        WITH known AS (
            SELECT *, rank() OVER (PARTITION BY lower(trim(text, ' \t\n\r')) ORDER BY interactions.at) > 1
                      OR NOT regexp_matches(text, '\\S\\s+\\S+\\s+\\S') AS plain
            FROM interactions),
        given AS (SELECT DISTINCT actor_id AS giver, account_id AS receiver, interactions.at AS given_at
                  FROM interactions WHERE actor_id IN (SELECT account_id FROM accounts))
        SELECT bucket, owner, epoch_us(known.at) AS at, hash(actor_id) AS actor,
               list_position({kinds}, kind) - 1 AS kind, actor_followers::DOUBLE AS actor_followers,
               CASE WHEN text IS NOT NULL AND kind IN ('comment', 'reply') THEN plain::DOUBLE END AS generic,
               coalesce(epoch_us(known.at) - epoch_us(given_at) < {pair_memory}, false) AS reciprocal
        FROM known JOIN account_rows USING (account_id)
        ASOF LEFT JOIN given ON giver = account_id AND receiver = actor_id AND given_at <= known.at
        WHERE actor_id <> account_id
        ORDER BY ALL
    """,
    "given": """
        SELECT bucket, owner, epoch_us(interactions.at) AS at, list_position({kinds}, kind) - 1 AS kind
        FROM interactions JOIN account_rows ON actor_id = account_rows.account_id
        WHERE actor_id <> interactions.account_id ORDER BY ALL
    """,
    "audiences": """
        SELECT account_rows.bucket, owner, epoch_us(observed_at) AS at, hash(dimension) AS dimension,
               hash(dimension || chr({separator}) || audiences.bucket) AS slice, share
        FROM audiences JOIN account_rows USING (account_id) ORDER BY ALL
    """,
    "followers": """
        SELECT bucket, owner, epoch_us(observed_at) AS at, followers::DOUBLE AS followers,
               following::DOUBLE AS following, posts::DOUBLE AS posts, has_picture::DOUBLE AS has_picture,
               is_private::DOUBLE AS is_private
        FROM followers JOIN account_rows USING (account_id) ORDER BY ALL
    """,
    "outcomes": """
        SELECT bucket, owner, epoch_us(closed_at) AS at, hash(campaign_id) AS campaign,
               epoch_us(decided_at) AS decided_at, list_position({goals}, goal) - 1 AS goal,
               hash(vertical) AS vertical, posted_at IS NOT NULL AS posted,
               actions::DOUBLE AS actions, fee, value_per_action
        FROM outcomes JOIN account_rows USING (account_id) JOIN campaigns USING (campaign_id) ORDER BY ALL
    """,
}

_ACTIVATIONS = """
SELECT campaign_id, account_id, decided_at, fee, goal, value_per_action, actions::DOUBLE AS actions,
       posted_at IS NOT NULL AS posted, closed_at
FROM outcomes JOIN campaigns USING (campaign_id) ORDER BY decided_at, campaign_id, account_id
"""

_WHOLE = {
    "accounts": "SELECT * FROM account_rows ORDER BY bucket, owner",
    "campaigns": "SELECT * FROM campaigns ORDER BY campaign_id",
    "campaign_audience": "SELECT * FROM campaign_audience ORDER BY ALL",
    "activations": _ACTIVATIONS,
}
_COUNTED = ("account_stats", "posts", "interactions", "audiences", "followers", "outcomes")

_NEWEST = """
SELECT max(moment) FROM (
    SELECT max(observed_at) AS moment FROM account_stats UNION ALL SELECT max(published_at) FROM posts
    UNION ALL SELECT max(observed_at) FROM posts UNION ALL SELECT max(interactions.at) FROM interactions
    UNION ALL SELECT max(observed_at) FROM audiences UNION ALL SELECT max(observed_at) FROM followers
    UNION ALL SELECT max(closed_at) FROM outcomes)
"""


@lru_cache(maxsize=65_536)
def code(word: str) -> int:
    """Return the number that stands for a word in the store: DuckDB's hash, as a signed integer."""
    unsigned = _HASHER.cursor().execute("SELECT hash(?::VARCHAR)", [word]).fetchone()[0]
    return int(np.array(unsigned, np.uint64).view(np.int64))


_HASHER = duckdb.connect(":memory:", config={"threads": 1})


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
        Social scores by the moment of their publication; see `features.social_scores.scores_at`.

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
        self.published_scores: dict[int, FloatArray] = {}
        self._resident: dict[int, Bucket] = {}

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
                _write(tables, temporary, buckets, progress)
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
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=_made(folder.parent)))
            try:
                _write(tables, unfinished, buckets, progress)
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
            self._resident[number] = self._read(number)
        return self._resident[number]

    def _read(self, number: int) -> Bucket:
        mine = self.accounts["bucket"].to_numpy() == number
        accounts = self.accounts[mine].assign(row=np.flatnonzero(mine)).reset_index(drop=True)
        events = {name: _read_events(self.folder / name / f"{number}.parquet", len(accounts)) for name in _EVENTS}
        posts, stats, audiences = events["posts"], events["stats"], events["audiences"]
        owner = np.repeat(np.arange(len(accounts)), np.diff(posts.offsets))
        events["posts"] = posts.having(
            superseded_at=_superseded(
                posts, np.asarray(posts["post"], np.int64), np.asarray(posts["known_at"], np.int64), one_row=True
            ),
            # Where the account's counters as of the post's own time lie, looked up once instead of at every request.
            stats_position=stats.position(owner, posts.at) - 1,
        )
        events["audiences"] = audiences.having(
            superseded_at=_superseded(
                audiences, np.asarray(audiences["dimension"], np.int64), audiences.at, one_row=False
            )
        )
        return Bucket(accounts, events)


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Read a store's manifest; None where there is none, or its layout or DuckDB's hashes are of another version."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return manifest if (manifest.get("layout"), manifest.get("duckdb")) == (LAYOUT, duckdb.__version__) else None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(tables: Tables, folder: Path, buckets: int | None, progress: Callable[[str], None] | None) -> None:
    database = tables.connection
    if buckets is None:
        sizes = (database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in _COUNTED)
        buckets = 1 + sum(sizes) // ROWS_PER_BUCKET
    database.execute("CREATE OR REPLACE TEMP TABLE account_rows AS " + _ACCOUNTS.format(buckets=buckets))
    constants = {
        "separator": ord(SLICE_SEPARATOR),
        "post_lag": POST_LAG,
        "pair_memory": PAIR_MEMORY,
        "kinds": list(INTERACTIONS),
        "goals": list(GOALS),
    }
    for name, query in _EVENTS.items():
        if progress is not None:
            progress(f"sorting {name}")
        rows = database.sql(query.format(**constants)).to_arrow_reader(1_000_000)
        _split(rows, _made(folder / name), buckets)
    _add_expectations(folder / "outcomes", buckets)
    for name, query in _WHOLE.items():
        pq.write_table(database.sql(query).to_arrow_table(), folder / f"{name}.parquet")
    newest = database.execute(_NEWEST).fetchone()[0]
    database.execute("DROP TABLE account_rows")
    manifest = {
        "layout": LAYOUT,
        "duckdb": duckdb.__version__,
        "fingerprint": tables.fingerprint,
        "missing": list(tables.missing),
        "buckets": buckets,
        "newest": None if newest is None else newest.isoformat(),
    }
    # Written last: a folder without a manifest is not a store.
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2))


def _split(batches: pa.RecordBatchReader, folder: Path, buckets: int) -> None:
    """Write a stream sorted by bucket as one file per bucket: one pass, a batch at a time in memory."""
    schema = batches.schema.remove(0)
    for bucket, runs in groupby(_runs(batches), key=itemgetter(0)):
        with pq.ParquetWriter(folder / f"{bucket}.parquet", schema) as writer:
            for _, rows in runs:
                writer.write_table(rows)
    for bucket in range(buckets):
        if not (folder / f"{bucket}.parquet").exists():
            pq.write_table(schema.empty_table(), folder / f"{bucket}.parquet")


def _runs(batches: pa.RecordBatchReader) -> Iterator[tuple[int, pa.Table]]:
    for batch in batches:
        bucket = batch.column(0).to_numpy(zero_copy_only=False)
        rows = pa.Table.from_batches([batch]).remove_column(0)
        edges = np.flatnonzero(np.diff(bucket, prepend=-1) != 0)
        for start, stop in zip(edges, np.append(edges[1:], len(bucket)), strict=True):
            yield int(bucket[start]), rows.slice(start, stop - start)


def _add_expectations(folder: Path, buckets: int) -> None:
    """Add to each outcome what was to be expected of its goal when it closed.

    `expected_log` is the mean log1p(actions) of the posted outcomes of all accounts with the same goal that had closed
    before it: a look across accounts, settled at closing time. Null for the first.
    """
    parts = [pq.read_table(folder / f"{bucket}.parquet") for bucket in range(buckets)]
    whole = pa.concat_tables(parts)
    goal, at, posted, actions = (whole[name].to_numpy() for name in ("goal", "at", "posted", "actions"))
    logs = np.where(posted, np.log1p(actions), 0.0)
    # Added up in the order of closing, so that a later outcome cannot change an earlier sum by one bit.
    order = np.lexsort((logs, at, goal))
    expected = np.full(len(whole), np.nan)
    for number in range(len(GOALS)):
        mine = order[goal[order] == number]
        total = np.concatenate([[0.0], np.cumsum(logs[mine])])
        count = np.concatenate([[0], np.cumsum(posted[mine])])
        before = np.searchsorted(at[mine], at[mine], side="left")
        expected[mine] = divide(total[before], count[before])
    start = 0
    for bucket, part in enumerate(parts):
        column = pa.array(expected[start : start + len(part)])
        pq.write_table(part.append_column("expected_log", column), folder / f"{bucket}.parquet")
        start += len(part)


def _read_events(path: Path, owners: int) -> Events:
    table = pq.read_table(path)
    owner = table["owner"].to_numpy().astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=owners))]).astype(np.int64)
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table[name].combine_chunks()
        if pa.types.is_list(values.type):
            ends = values.offsets.to_numpy().astype(np.int64)
            columns |= {f"{name}_start": ends[:-1], f"{name}_size": np.diff(ends), name: _numbers(values.values)}
        elif name not in ("owner", "at"):
            columns[name] = _numbers(values)
    return Events(offsets, table["at"].to_numpy().astype(np.int64), columns)


def _numbers(values: pa.Array) -> Any:
    """Turn an Arrow column into float64 with NaN for null, int64 or bool."""
    if pa.types.is_floating(values.type):
        return values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    plain = values.to_numpy(zero_copy_only=False)
    return plain.view(np.int64) if plain.dtype == np.uint64 else plain


def _superseded(events: Events, thing: IntArray, known_at: IntArray, *, one_row: bool) -> IntArray:
    """Say when the next reading of the same thing of the same owner became known, so that none is read twice.

    A reading is one row, or all rows of one moment (the slices of an audience report).
    """
    owner = np.repeat(np.arange(len(events.offsets) - 1), np.diff(events.offsets))
    order = np.lexsort((known_at, thing, owner))
    keys = (owner[order], thing[order], known_at[order])
    result = np.full(len(owner), NEVER)
    if not len(owner):
        return result
    # Each row looks to the reading after its own; of two rows of a post with one moment the second is the reading.
    new_thing = np.any([np.diff(key, prepend=key[0]) != 0 for key in keys[:2]], axis=0)
    new_reading = new_thing | (np.diff(keys[2], prepend=keys[2][0]) != 0) | one_row
    new_reading[0] = True
    starts = np.flatnonzero(new_reading)
    following = np.append(np.where(new_thing[starts[1:]], NEVER, keys[2][starts[1:]]), NEVER)
    result[order] = np.repeat(following, np.diff(starts, append=len(owner)))
    return result
