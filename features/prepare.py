"""Preparing the event store: tables sorted by bucket, account and time, cut into one Parquet file per bucket.

DuckDB reads and sorts the tables (spilling to disk where memory ends) and hands them on in order. What looks across
accounts is worked out here, as a time-stamped column of the event, so that a bucket is self-contained.
"""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.codes import SLICE_SEPARATOR
from features.events import DAY, divide
from features.exchanges import judge
from features.tables import GOALS, INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from features.sources import Tables


POST_LAG = 3 * DAY
"""A post is known three days after it was published: most engagement arrives within two (data-contract.md)."""
LAYOUT = 3
"""Raise it when what is stored changes: a store of another layout is prepared anew."""
ROWS_PER_BUCKET = 4_000_000
WORD = r"[\p{L}\p{N}_]{2,}"
"""What counts as a word of a caption (RE2)."""
WORDS = 100
"""So many words of a caption are kept."""

_ACCOUNTS = """
SELECT account_id, influencer_id, platform, country, language, created_at, bucket::BIGINT AS bucket,
       hash(account_id) AS actor,
       row_number() OVER (PARTITION BY bucket ORDER BY influencer_id, account_id) - 1 AS owner,
       dense_rank() OVER (PARTITION BY bucket ORDER BY influencer_id) - 1 AS influencer
FROM (SELECT *, hash(influencer_id) % {buckets} AS bucket FROM accounts)
ORDER BY bucket, owner
"""

# Each query gives bucket, owner and at first; the rest of ORDER BY makes the order, and so every sum, unique.
EVENTS = {
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
               list_transform(list_sort(list_distinct(coalesce(topics, []))), lambda topic: hash(topic)) AS topics,
               caption IS NOT NULL AS caption_known,
               list_transform(regexp_extract_all(lower(coalesce(caption, '')), '{word}')[:{words}],
                              lambda word: hash(word)) AS words
        FROM posts JOIN account_rows USING (account_id)
        ORDER BY ALL
    """,
    # A comment is generic when its text was read before, anywhere, or has fewer than three words (case and outer white
    # space aside); a reaction is reciprocal when the account has itself reacted to the actor's account shortly before.
    "interactions": """
        WITH known AS (
            SELECT *, rank() OVER (PARTITION BY lower(trim(text, ' \t\n\r')) ORDER BY interactions.at) > 1
                      OR NOT regexp_matches(text, '\\S\\s+\\S+\\s+\\S') AS plain
            FROM interactions)
        SELECT bucket, owner, epoch_us(known.at) AS at, hash(actor_id) AS actor,
               list_position({kinds}, kind) - 1 AS kind, actor_followers::DOUBLE AS actor_followers,
               hash(post_id) AS post, post_id IS NOT NULL AS post_known,
               CASE WHEN text IS NOT NULL AND kind IN ('comment', 'reply') THEN plain::DOUBLE END AS generic,
               coalesce(reciprocal, false) AS reciprocal, coalesce(pod_links, 0.0) AS pod_links
        FROM known JOIN account_rows USING (account_id)
        LEFT JOIN exchanges ON giver = hash(actor_id) AND receiver = account_rows.actor
                               AND exchanges.at = epoch_us(known.at)
        WHERE actor_id <> account_id
        ORDER BY ALL
    """,
    "given": """
        SELECT bucket, owner, epoch_us(interactions.at) AS at, list_position({kinds}, kind) - 1 AS kind,
               hash(interactions.account_id) AS receiver
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
               is_private::DOUBLE AS is_private, fake::DOUBLE AS fake
        FROM followers JOIN account_rows USING (account_id) ORDER BY ALL
    """,
    "outcomes": """
        SELECT bucket, owner, epoch_us(closed_at) AS at, hash(campaign_id) AS campaign,
               epoch_us(decided_at) AS decided_at, list_position({goals}, goal) - 1 AS goal,
               hash(vertical) AS vertical, hash(brand_id) AS brand,
               posted_at IS NOT NULL AS posted, epoch_us(posted_at)::DOUBLE AS posted_at,
               actions::DOUBLE AS actions, impressions::DOUBLE AS impressions, clicks::DOUBLE AS clicks,
               incremental_actions AS incremental, fee, value_per_action
        FROM outcomes JOIN account_rows USING (account_id) JOIN campaigns USING (campaign_id) ORDER BY ALL
    """,
}

_EXCHANGES = """
SELECT DISTINCT epoch_us(interactions.at) AS at, giver.actor AS giver, receiver.actor AS receiver
FROM interactions JOIN account_rows giver ON giver.account_id = actor_id
JOIN account_rows receiver ON receiver.account_id = interactions.account_id
WHERE actor_id <> interactions.account_id ORDER BY ALL
"""

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


def made(folder: Path) -> Path:
    """Make a folder where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(tables: Tables, folder: Path, buckets: int | None, progress: Callable[[str], None] | None) -> None:
    """Write the store of a source into a folder; see `EventStore.prepare`."""
    database = tables.connection
    if buckets is None:
        sizes = (database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in _COUNTED)
        buckets = 1 + sum(sizes) // ROWS_PER_BUCKET
    database.execute("CREATE OR REPLACE TEMP TABLE account_rows AS " + _ACCOUNTS.format(buckets=buckets))
    constants = {
        "separator": ord(SLICE_SEPARATOR),
        "post_lag": POST_LAG,
        "word": WORD,
        "words": WORDS,
        "kinds": list(INTERACTIONS),
        "goals": list(GOALS),
    }
    _judge_exchanges(database)
    for name, query in EVENTS.items():
        if progress is not None:
            progress(f"sorting {name}")
        rows = database.sql(query.format(**constants)).to_arrow_reader(1_000_000)
        _split(rows, made(folder / name), buckets)
    _add_expectations(folder / "outcomes", buckets)
    for name, query in _WHOLE.items():
        pq.write_table(database.sql(query).to_arrow_table(), folder / f"{name}.parquet")
    newest = database.execute(_NEWEST).fetchone()[0]
    database.execute("DROP TABLE account_rows")
    database.execute("DROP TABLE exchanges")
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


def _judge_exchanges(database: Any) -> None:
    """Make the table of the reactions between accounts that are answers or come out of a pod."""
    rows = database.sql(_EXCHANGES).to_arrow_table()
    giver, receiver = (rows[name].to_numpy().view(np.int64) for name in ("giver", "receiver"))
    reciprocal, links = judge(giver, receiver, rows["at"].to_numpy())
    told = pa.array(reciprocal | (links > 0))
    rows = rows.append_column("reciprocal", pa.array(reciprocal)).append_column("pod_links", pa.array(links))
    database.register("told", rows.filter(told))
    database.execute("CREATE OR REPLACE TEMP TABLE exchanges AS FROM told")
    database.unregister("told")


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
