"""What rows that are added have to do with those that are stored: all that looks across accounts, or back in time.

The first rows of a store have nothing to look back at; otherwise they go the same way as those that come later, so that
a store that grew is the store that would have been prepared at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from features import queries
from features.errors import DataError
from features.events import divide
from features.exchanges import PAIR_MEMORY, judge
from features.manifest import Segment
from features.ordering import in_order
from features.segments import GROWTH, load, store
from features.tables import CONTRACT, GOALS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from features.events import BoolArray
    from features.manifest import Manifest


Parts = dict[int, Callable[[], pa.Table]]
"""What each bucket gets, by its number; read when it is called."""


@dataclass(frozen=True)
class Addition:
    """Rows on their way into a store.

    Attributes
    ----------
    database
        The connection with the tables of the source.
    folder
        Of the store.
    before
        What is stored.
    tag
        Goes into the names of the files that are written, which no other store in the folder may use.
    """

    database: Any
    folder: Path
    before: Manifest
    tag: str


_UNKNOWN = {
    "accounts": ", 0::USMALLINT AS bucket, 0::UBIGINT AS actor, 0::INTEGER AS arrival",
    "campaigns": "",
}


def list_known(addition: Addition) -> dict[str, list[str]]:
    """Make the tables listed_accounts and listed_campaigns of what is stored and what is new.

    Returns
    -------
    dict
        The ids of the new accounts and campaigns.

    Raises
    ------
    DataError
        Where one is stored with other values, or rows of it came and were left out before it was listed itself.
    """
    database, folder, before = addition.database, addition.folder, addition.before
    fresh = {}
    for name, query in queries.LISTED.items():
        columns, (key,) = [column.name for column in CONTRACT[name].columns], CONTRACT[name].key
        source = f"(SELECT *{_UNKNOWN[name]} FROM {name} LIMIT 0)"
        if name in before.whole:
            numbers = ["bucket", "actor", "arrival"] if name == "accounts" else []
            source = f"(SELECT {', '.join([*columns, *numbers])} FROM read_parquet('{folder / before.whole[name]}'))"
        database.execute(f"CREATE OR REPLACE TEMP TABLE known_{name} AS FROM {source}")
        both = f"{name} JOIN known_{name} known USING ({key})"
        differing = " OR ".join(f"{name}.{column} IS DISTINCT FROM known.{column}" for column in columns[1:])
        found = database.execute(f"SELECT {key} FROM {both} WHERE {differing} LIMIT 1").fetchall()
        if found:
            raise DataError(
                f"{name}: {key} {found[0][0]!r} is in the store with other values; prepare the store anew to change it."
            )
        database.execute(f"CREATE OR REPLACE TEMP TABLE listed_{name} AS " + query.format(buckets=before.buckets))
        new = database.execute(f"SELECT {key} FROM {name} ANTI JOIN known_{name} USING ({key})").fetchnumpy()[key]
        fresh[name] = list(new)
    if "strangers" in before.whole:
        strangers = set(pd.read_parquet(folder / before.whole["strangers"])["id"])
        for name, ids in fresh.items():
            late = sorted(strangers & {f"{name} {word}" for word in ids})
            if late:
                raise DataError(
                    f"{late[0].replace(' ', ': ', 1)} is new, but rows of it came before and were left out; "
                    "prepare the store anew from all rows."
                )
    return fresh


def recall(addition: Addition, fresh: list[str]) -> int:
    """Make the table recalled: stored reactions whose actor has become an account only now; return how many."""
    database, folder, before = addition.database, addition.folder, addition.before
    database.execute(
        "CREATE OR REPLACE TEMP TABLE recalled "
        '(bucket USMALLINT, owner INTEGER, "at" BIGINT, actor UBIGINT, kind BIGINT)'
    )
    stored = [(number, segment) for number, of in enumerate(before.segments["interactions"]) for segment in of]
    if fresh and stored:
        codes = database.sql("SELECT actor FROM listed_accounts ANTI JOIN known_accounts USING (account_id)")
        wanted = pd.Index(codes.to_arrow_table()["actor"].to_numpy())
        for number, segment in stored:
            # Few fans become accounts: one column says whether there is anything to read.
            mine = _among(load(folder / segment.file, columns=("actor",))["actor"], wanted)
            if mine.any():
                found = load(folder / segment.file, columns=("owner", "at", "actor", "kind")).filter(pa.array(mine))
                found = found.add_column(0, "bucket", pa.array(np.full(len(found), number, np.uint16)))
                database.register("found", found)
                database.execute("INSERT INTO recalled FROM found")
                database.unregister("found")
    database.execute(
        'CREATE OR REPLACE TEMP TABLE recalled AS SELECT recalled.at AS "at", recalled.actor, kind, '
        "receiving.actor AS receiver FROM recalled "
        "JOIN listed_accounts receiving ON receiving.bucket = recalled.bucket AND arrival = owner"
    )
    return int(database.execute("SELECT count(*) FROM recalled").fetchall()[0][0])


def look_back(addition: Addition) -> Manifest:
    """Make the tables reactions, heard and judged; return the manifest with the ledgers, and what is corrected."""
    addition.database.execute(queries.REACTIONS)
    texts = hear(addition)
    exchanges, earliest = exchange(addition)
    segments = {**addition.before.segments, "interactions": corrected(addition, earliest)}
    return replace(addition.before, segments=segments, ledgers={"texts": texts, "exchanges": exchanges})


def hear(addition: Addition) -> list[Segment]:
    """Make the tables heard, of texts and when each was first read, and changed, of those stored that were so earlier.

    Returns
    -------
    list of Segment
        The ledger of all texts.
    """
    database, folder, before = addition.database, addition.folder, addition.before
    ledger = before.ledgers["texts"]
    database.execute(f"CREATE OR REPLACE TEMP TABLE texts AS {queries.TEXTS}")
    database.execute(
        "CREATE OR REPLACE TEMP TABLE earlier AS SELECT text, min(first_at) AS first_at "
        f"FROM ({_ledger(folder, ledger, 'text UBIGINT, first_at BIGINT')}) SEMI JOIN texts USING (text) GROUP BY text"
    )
    # Most texts are read at one moment only; those cannot have been read before.
    database.execute(
        "CREATE OR REPLACE TEMP TABLE heard AS "
        "SELECT text, least(texts.first_at, earlier.first_at) AS first_at FROM texts LEFT JOIN earlier USING (text) "
        "WHERE earlier.first_at IS NOT NULL OR last_at > texts.first_at"
    )
    news = (
        "SELECT text, texts.first_at FROM texts LEFT JOIN earlier USING (text) "
        "WHERE earlier.first_at IS NULL OR texts.first_at < earlier.first_at"
    )
    database.execute(
        "CREATE OR REPLACE TEMP TABLE changed AS SELECT text, texts.first_at "
        "FROM texts JOIN earlier USING (text) WHERE texts.first_at < earlier.first_at"
    )
    return _entered(addition, ledger, news, f"texts/{addition.tag}.parquet")


def exchange(addition: Addition) -> tuple[list[Segment], int | None]:
    """Make the table judged: what is to be said of the reactions between accounts since the earliest that is new.

    Returns
    -------
    list of Segment
        The ledger of all reactions between accounts.
    int or None
        The earliest moment of which something new is said, microseconds; None where there is no new reaction.
    """
    database, folder, before = addition.database, addition.folder, addition.before
    ledger = before.ledgers["exchanges"]
    database.execute(f"CREATE OR REPLACE TEMP TABLE exchanges AS {queries.EXCHANGES}")
    earliest = database.execute("SELECT min(moment) FROM exchanges").fetchall()[0][0]
    remembered = _ledger(folder, ledger, "moment BIGINT, giver UBIGINT, receiver UBIGINT")
    rows = database.sql(
        f"SELECT * FROM ({remembered}) WHERE moment > {earliest or 0} - {PAIR_MEMORY} UNION FROM exchanges ORDER BY ALL"
        if earliest is not None
        else "FROM exchanges"
    ).to_arrow_table()
    moment = rows["moment"].to_numpy()
    giver, receiver = (rows[name].to_numpy().view(np.int64) for name in ("giver", "receiver"))
    reciprocal, links = judge(giver, receiver, moment)
    told = (reciprocal | (links > 0)) & (moment >= (earliest or 0))
    rows = rows.append_column("reciprocal", pa.array(reciprocal)).append_column("pod_links", pa.array(links))
    database.register("told", rows.filter(pa.array(told)))
    database.execute("CREATE OR REPLACE TEMP TABLE judged AS FROM told")
    database.unregister("told")
    return _entered(addition, ledger, "FROM exchanges ORDER BY ALL", f"exchanges/{addition.tag}.parquet"), earliest


def corrected(addition: Addition, earliest: int | None) -> list[list[Segment]]:
    """Write anew the stored interactions of which rows that came late say something else; return all segments.

    Rows that come in order say nothing of those before them, and none is read.
    """
    database, folder, before = addition.database, addition.folder, addition.before
    segments = before.segments["interactions"]
    texts = database.sql("FROM changed").to_arrow_table()
    givers = database.sql("SELECT DISTINCT giver FROM judged").to_arrow_table()["giver"].to_numpy()
    if not len(texts) and (earliest is None or earliest > before.newest.get("interactions", earliest)):
        return segments
    changed, actors = pd.Index(texts["text"].to_numpy()), pd.Index(givers)
    result = []
    for number, of in enumerate(segments):
        now = []
        for place, segment in enumerate(of):
            part = load(folder / segment.file, columns=("at", "actor", "generic", "text"))
            touched = np.zeros(len(part), np.bool_)
            if earliest is not None:
                touched |= (part["at"].to_numpy() >= earliest) & _among(part["actor"], actors)
            if len(changed):
                touched |= (part["generic"].to_numpy() == 0) & _among(part["text"], changed)
            if touched.any():
                database.register("stored", load(folder / segment.file))
                rows = database.sql(queries.CORRECTED.format(bucket=number)).to_arrow_table()
                database.unregister("stored")
                segment = Segment(f"interactions/{number}-{addition.tag}-{place}.arrow", segment.rows)  # noqa: PLW2901
                store(in_order(rows), folder / segment.file)
            now.append(segment)
        result.append(now)
    return result


def expected(parts: Parts, folder: Path, stored: list[list[Segment]]) -> Parts:
    """Return the outcomes of each bucket, all of them, with what was to be expected of their goal when they closed.

    `expected_log` is the mean log1p(actions) of the posted outcomes of all accounts with the same goal that had closed
    before: a look across accounts, settled at closing time. Null for the first. Outcomes are few, and all are read.
    """
    buckets = {
        number: [load(folder / segment.file).drop_columns("expected_log") for segment in of]
        + ([parts[number]()] if number in parts else [])
        for number, of in enumerate(stored)
    }
    whole = {number: pa.concat_tables(of) for number, of in buckets.items() if of}
    if not whole:
        return {}
    goal, at, posted, actions = (
        np.concatenate([part[name].to_numpy() for part in whole.values()])
        for name in ("goal", "at", "posted", "actions")
    )
    logs = np.where(posted, np.log1p(actions), 0.0)
    # Added up in the order of closing, so that a later outcome cannot change an earlier sum by one bit.
    order = np.lexsort((logs, at, goal))
    result = np.full(len(logs), np.nan)
    for number in range(len(GOALS)):
        mine = order[goal[order] == number]
        total = np.concatenate([[0.0], np.cumsum(logs[mine])])
        count = np.concatenate([[0], np.cumsum(posted[mine])])
        before = np.searchsorted(at[mine], at[mine], side="left")
        result[mine] = divide(total[before], count[before])
    ends = np.cumsum([len(part) for part in whole.values()])
    return {
        number: partial(part.append_column, "expected_log", pa.array(values))
        for (number, part), values in zip(whole.items(), np.split(result, ends[:-1]), strict=True)
    }


def strangers(addition: Addition, sources: Collection[str]) -> str:
    """Note whose rows were left out of these tables because the account, or the campaign, is not listed."""
    database, folder, before = addition.database, addition.folder, addition.before
    found = [
        f"SELECT '{name} ' || {key} AS id FROM {source} ANTI JOIN listed_{name} USING ({key})"
        for source in sources
        for name, key in (("accounts", "account_id"), ("campaigns", "campaign_id"))
        if name in CONTRACT[source].references.values()
    ]
    if "strangers" in before.whole:
        found.append(f"FROM read_parquet('{folder / before.whole['strangers']}')")
    file = f"strangers-{addition.tag}.parquet"
    database.execute(f"COPY ({' UNION '.join(found)}) TO '{folder / file}' (FORMAT parquet)")
    return file


def _among(column: pa.ChunkedArray, wanted: pd.Index) -> BoolArray:
    return np.asarray(wanted.get_indexer(pd.Index(column.to_numpy())) >= 0, np.bool_)


def _ledger(folder: Path, ledger: list[Segment], columns: str) -> str:
    if not ledger:
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in (word.split() for word in columns.split(", ")))
        return f"SELECT {nothing} WHERE false"
    return f"FROM read_parquet({[str(folder / segment.file) for segment in ledger]})"


def _entered(addition: Addition, ledger: list[Segment], query: str, file: str) -> list[Segment]:
    """Enter rows into a ledger, together with its last files as far as they are small."""
    database, folder = addition.database, addition.folder
    rows = int(database.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])
    if not rows:
        return ledger
    kept, old = list(ledger), []
    while kept and kept[-1].rows < GROWTH * rows:
        old.append(kept.pop())
        rows += old[-1].rows
    (folder / file).parent.mkdir(exist_ok=True)
    more = f" UNION ALL {_ledger(folder, old, '')}" if old else ""
    database.execute(f"COPY (SELECT * FROM ({query}){more}) TO '{folder / file}' (FORMAT parquet)")
    return [*kept, Segment(file, rows)]
