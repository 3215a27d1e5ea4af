"""Putting rows into an event store: the first ones, and in the same way all that come later.

DuckDB reads each table once and hands it on in whatever order it comes; the rows are dealt to their buckets, and those
of a bucket are brought into their order in memory. What looks across accounts is settled here, as a time-stamped column
of the event, so that a bucket is self-contained.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from features import lookback, queries
from features.codes import codes
from features.errors import DataError
from features.events import NEVER
from features.lookback import Addition, Parts
from features.manifest import Manifest
from features.ordering import dealt, distinct, gathered, in_order
from features.processors import usable_processors
from features.segments import extended, store
from features.tables import CONTRACT
from features.words import words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from features.manifest import Segment
    from features.progress import Progress
    from features.sources import Tables

MEMORY = 2 << 30
"""Bytes that preparing may take unless asked otherwise."""
LIBRARIES = 512 << 20
"""Bytes that go into libraries and compiled kernels, whatever there is to do."""
ROWS_PER_BUCKET = 1_000_000
"""As many as go well with `MEMORY`."""
HELD = 1 / 32
"""In that share of the memory rows wait until their buckets are whole; further ones wait in files."""
BATCH = 100_000
BUFFER = 1 << 18
"""Bytes that are written to the file of a bucket at a time."""
WORDS = 100
"""So many words of a caption are kept."""
THREADS = min(2, usable_processors())
"""As many buckets are brought into order at a time, which is what memory allows for."""
_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
Runs = list[tuple[int, pa.Table]]
"""Rows of buckets, by the numbers of these."""
_TEMPORARY = (
    *("known_accounts", "listed_accounts", "known_campaigns", "listed_campaigns", "reactions", "recalled"),
    *("texts", "earlier", "heard", "changed", "exchanges", "judged"),
)


def made(folder: Path) -> Path:
    """Make a folder where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(tables: Tables, folder: Path, *, buckets: int | None, memory: int, progress: Progress) -> None:
    """Write the store of a source into an empty folder; see `EventStore.prepare`."""
    if buckets is None:
        rows = sum(_sizes(tables.connection).values())
        buckets = 1 + int(rows / ROWS_PER_BUCKET * _for_data(MEMORY) / _for_data(memory))
    nothing = Manifest(
        fingerprint="",
        appended=(),
        missing=tuple(CONTRACT),
        buckets=buckets,
        newest={},
        whole={},
        empty={},
        segments={name: [[] for _ in range(buckets)] for name in queries.EVENTS},
        ledgers={"texts": [], "exchanges": []},
        published="published",
    )
    added, _ = _add(tables, folder, nothing, tag="0", memory=memory, progress=progress)
    replace(added, fingerprint=tables.fingerprint).write(folder)


def append(tables: Tables, folder: Path, *, memory: int, progress: Progress) -> None:
    """Put further rows into the store of a folder; see `EventStore.append`."""
    before = Manifest.read(folder)
    if before is None:
        raise DataError(f"{folder} is no longer an event store of this version of Impel.")
    if tables.fingerprint in (before.fingerprint, *before.appended):
        raise DataError("These rows are in the store already; append only what is new.")
    fingerprint = hashlib.sha256(f"{before.fingerprint} {tables.fingerprint}".encode()).hexdigest()
    tag = fingerprint[:12]
    added, since = _add(tables, folder, before, tag=tag, memory=memory, progress=progress)
    appended = (*before.appended, tables.fingerprint)
    after = replace(added, fingerprint=fingerprint, appended=appended, published=f"published-{tag}")
    _keep_published(folder, before, after, since)
    if Manifest.read(folder) != before:
        raise DataError(f"Another process has changed the store in {folder} meanwhile; append the rows again.")
    after.write(folder)
    # Who has opened the store before still reads the files of then; what is older, or of a run cut off, goes.
    published = {before.published, after.published}
    for path in [*folder.glob("*.parquet"), *folder.glob("*/*.*")]:
        name = path.relative_to(folder)
        if name.as_posix() not in before.files | after.files and name.parts[0] not in published:
            path.unlink()
    for path in folder.glob("published*"):
        if path.name not in published:
            shutil.rmtree(path)


def _add(
    tables: Tables, folder: Path, before: Manifest, *, tag: str, memory: int, progress: Progress
) -> tuple[Manifest, int]:
    """Write the files of a store with further rows beside those that are there.

    Returns
    -------
    Manifest
        Of the store with the further rows; it is not written.
    int
        The moment before which nothing has changed, microseconds.
    """
    spool = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder))
    pool = ThreadPoolExecutor(THREADS)
    try:
        with _bounded(tables.connection, memory, spool) as database:
            addition = Addition(database, folder, before, tag)
            fresh = lookback.list_known(addition)
            sizes = {**_sizes(database), "recalled": lookback.recall(addition, fresh["accounts"])}
            kinds = {name: sum(sizes[source] for source in sources) for name, sources in queries.SOURCES.items()}
            added, done = before, 0
            arrived: dict[str, _Arrived] = {}
            for name, rows in kinds.items():
                if name == "interactions":
                    # The database looks back while posts are brought into order.
                    added = lookback.look_back(addition)
                if rows or name not in before.empty:
                    progress(f"sorting {name}", done / max(sum(kinds.values()), 1))
                    arrived[name] = _arrived(
                        addition, pool, name, spool=spool, held=int(memory * HELD), stored=added.segments[name]
                    )
                done += rows
            about = "SELECT min(moment), count(*) - count(owner) FROM reactions"
            [(first, nobodys)] = database.execute(about).fetchall()
            left_out = ["interactions"] if nobodys else []
            for name, of in arrived.items():
                if name not in {"interactions", "given"} and of.rows < kinds[name]:
                    left_out += queries.SOURCES[name]
            changed = {name: len(ids) for name, ids in fresh.items()}
            changed |= {"campaign_audience": sizes["campaign_audience"], "activations": sizes["outcomes"]}
            changed |= {"follower_labels": sizes["followers"], "slices": sizes["audiences"]}
            whole = {name: _whole(addition, name) for name in changed if changed[name] or name not in before.whole}
            if left_out:
                whole["strangers"] = lookback.strangers(addition, left_out)
        for name, of in arrived.items():
            added = of.entered(added, name)
        missing = tuple(name for name in before.missing if name in tables.missing)
        firsts = [first, *(of.first for of in arrived.values())]
        return (
            replace(added, missing=missing, whole={**before.whole, **whole}),
            min((moment for moment in firsts if moment is not None), default=NEVER),
        )
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(spool, ignore_errors=True)


@dataclass
class _Arrived:
    """Further events of one kind: how many there are, and from when to when; they may still be brought into order.

    Attributes
    ----------
    empty
        The file without a row.
    segments
        Those of each bucket.
    """

    empty: str
    segments: dict[int, Future[list[Segment]]] = field(default_factory=dict)
    rows: int = 0
    first: int | None = None
    last: int | None = None

    def noting(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Take note of rows on their way."""
        for batch in batches:
            if not len(batch):
                continue
            at = batch["at"].to_numpy()
            read = batch["known_at"].filter(batch["dated"]).to_numpy() if "dated" in batch.schema.names else at[:0]
            self.rows += len(at)
            self.first = min(int(at.min()), int(at[0] if self.first is None else self.first))
            self.last = max(int(at.max()), int(read.max(initial=at[0])), int(at[0] if self.last is None else self.last))
            yield batch

    def entered(self, added: Manifest, name: str) -> Manifest:
        """Return the manifest with the events, once they are in order."""
        newest, segments = {**added.newest}, list(added.segments[name])
        if self.last is not None:
            newest[name] = max(self.last, newest.get(name, self.last))
        for number, ordered in self.segments.items():
            segments[number] = ordered.result()
        empty = {name: self.empty, **added.empty}
        return replace(added, newest=newest, empty=empty, segments={**added.segments, name: segments})


def _arrived(
    addition: Addition, pool: ThreadPoolExecutor, name: str, *, spool: Path, held: int, stored: list[list[Segment]]
) -> _Arrived:
    """Read further events of one kind and deal them to their buckets, which the pool brings into order meanwhile."""
    folder = addition.folder
    reader = addition.database.sql(queries.EVENTS[name]).to_arrow_reader(BATCH)
    read = _read_posts if name == "posts" else pa.Table.combine_chunks
    nothing = read(reader.schema.empty_table()).remove_column(0)
    arrived = _Arrived(f"{name}/empty.arrow")

    def deal(batch: pa.RecordBatch) -> Runs:
        return _runs(read(pa.Table.from_batches([batch])))

    def sort(number: int, part: Callable[[], pa.Table]) -> list[Segment]:
        return extended(folder, stored[number], part(), f"{name}/{number}-{addition.tag}.arrow")

    parts = _collected(_ahead(pool, deal, arrived.noting(reader)), made(spool / name), held=held)
    if name == "outcomes":
        nothing = nothing.append_column("expected_log", pa.array([], pa.float64()))
        parts = lookback.expected(parts, folder, stored)
        stored = [[] for _ in stored]
    if name not in addition.before.empty:
        store(in_order(nothing), folder / arrived.empty)
    arrived.segments = {number: pool.submit(sort, number, part) for number, part in parts.items()}
    return arrived


def _read_posts(posts: pa.Table) -> pa.Table:
    """Put codes in place of each post's topics, each once, and the codes of its words in place of its caption."""
    listed = posts["topics"].combine_chunks()
    # Topics are few: each is looked up once.
    topic = listed.flatten().dictionary_encode()
    code = np.append(codes(topic.dictionary.to_pylist()), 0)[topic.indices.fill_null(-1).to_numpy()]
    known = topic.is_valid().to_numpy(zero_copy_only=False)
    topics = distinct(listed.value_lengths().fill_null(0).to_numpy(), code.view(np.uint64), known)
    offsets, word = words_in(posts["caption"].combine_chunks(), most=WORDS)
    words = pa.ListArray.from_arrays(offsets.astype(np.int32), word.view(np.uint64))
    posts = posts.set_column(posts.column_names.index("topics"), "topics", topics)
    return posts.drop_columns("caption").append_column("words", words)


def _ahead(pool: ThreadPoolExecutor, work: Callable[[_Item], _Made], items: Iterable[_Item]) -> Iterator[_Made]:
    """Yield what `work` makes of each item, in order, so many at a time as there are threads: memory holds no more."""
    waiting: deque[Future[_Made]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) >= THREADS:
            yield waiting.popleft().result()
    for one in waiting:
        yield one.result()


def _collected(dealt: Iterable[Runs], spool: Path, *, held: int) -> Parts:
    """Put together what each bucket gets: so many bytes in memory, the rest through files."""
    parts: dict[int, list[pa.Table]] = {}
    size = 0
    with ExitStack() as files:
        writers: dict[int, Any] = {}
        for number, part in chain.from_iterable(dealt):
            few = parts.setdefault(number, [])
            if size < held:
                size += part.nbytes
                few.append(part)
                continue
            if number not in writers:
                # Small parts are written many at a time.
                file = files.enter_context(pa.BufferedOutputStream(pa.OSFile(str(spool / str(number)), "wb"), BUFFER))
                writers[number] = files.enter_context(ipc.new_stream(file, part.schema))
            writers[number].write_table(part)
    return {number: partial(_taken, few, spool / str(number)) for number, few in parts.items()}


def _taken(parts: list[pa.Table], file: Path) -> pa.Table:
    """Return rows out of memory and those out of a file, which goes with them."""
    if file.exists():
        with pa.memory_map(str(file)) as mapped:
            parts = [*parts, ipc.open_stream(mapped).read_all()]
        file.unlink()
    return pa.concat_tables(parts)


def _runs(rows: pa.Table) -> Runs:
    """Deal rows to their buckets, and within them to their owners: what comes to lie together is close by then."""
    order, bounds = dealt(rows["bucket"].to_numpy(), rows["owner"].to_numpy())
    rows = gathered(rows.remove_column(0), order)
    return [
        (number, rows.slice(start, stop - start))
        for number, (start, stop) in enumerate(pairwise(bounds.tolist()))
        if start < stop
    ]


def _whole(addition: Addition, name: str) -> str:
    """Write a table that is read whole, with what is stored of it."""
    database, folder = addition.database, addition.folder
    query, order = queries.WHOLE[name]
    stored = addition.before.whole.get(name)
    if stored is not None and name in {"campaign_audience", "slices", "activations", "follower_labels"}:
        there = f"FROM read_parquet('{folder / stored}')"
        # A campaign may come again as it is, and its audience with it; slices do all the time.
        new = f"({query}) EXCEPT {there}" if name in {"campaign_audience", "slices"} else query
        query = f"({new}) UNION ALL {there}"
    file = f"{name}-{addition.tag}.parquet"
    pq.write_table(database.sql(f"FROM ({query}) ORDER BY {order}").to_arrow_table(), folder / file)
    return file


def _keep_published(folder: Path, before: Manifest, after: Manifest, since: int) -> None:
    """Hand on what was published of moments before anything changed; accounts that are new since have no part in it."""
    made(folder / after.published)
    old, new = (
        pd.Index(pq.read_table(folder / of.whole["accounts"], columns=["account_id"])["account_id"].to_pandas())
        for of in (before, after)
    )
    place = new.get_indexer(old)
    for path in (folder / before.published).glob("**/*.np[yz]"):
        # What is missing or not is the same at all moments.
        if before.missing != after.missing or not path.stem.lstrip("-").isdigit() or int(path.stem) >= since:
            continue
        copy = folder / after.published / path.relative_to(folder / before.published)
        made(copy.parent)
        if path.parts[-3] == "scores" and len(old) < len(new):
            with np.load(path, allow_pickle=False) as saved:
                columns = dict(saved)
            scores = np.full((len(new), columns["scores"].shape[1]), np.nan)
            scores[place] = columns["scores"]
            np.savez(copy, **{**columns, "scores": scores, "account": place[columns["account"]]})
        else:
            shutil.copyfile(path, copy)


def _for_data(memory: int) -> int:
    """Return how many bytes are left for data."""
    return max(memory - LIBRARIES, memory // 2)


def _sizes(database: Any) -> dict[str, int]:
    return {name: int(database.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]) for name in CONTRACT}


@contextmanager
def _bounded(database: Any, memory: int, spool: Path) -> Iterator[Any]:
    """Let the database take half of the memory for data, and spill the rest beside the store; leave it as it was."""
    settings = {"memory_limit": f"{_for_data(memory) // 2}B", "preserve_insertion_order": "false"}
    before = {name: database.execute(f"SELECT current_setting('{name}')").fetchall()[0][0] for name in settings}
    with suppress(duckdb.Error):  # it has spilled elsewhere already
        database.execute(f"SET temp_directory = '{spool}'")
    try:
        for name, value in settings.items():
            database.execute(f"SET {name} = '{value}'")
        yield database
    finally:
        for table in _TEMPORARY:
            database.execute(f"DROP TABLE IF EXISTS {table}")
        for name, value in before.items():
            database.execute(f"SET {name} = '{value}'")
