"""The features over the buckets of a store, on the workers of a Dask or a Spark cluster.

Pairs are dealt by the bucket of their account, and a worker calls `features.build` on the pairs of one bucket: the same
function, the same bits. What looks across buckets is published every thirty days and kept in the store's folder; it is
published first, so that building a bucket reads no other. docs/scale.md says what a cluster needs.
"""

from __future__ import annotations

import os
import pickle
from functools import partial
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

import numpy as np

from features.catalogue import FEATURES
from features.errors import DataError, ImpelError
from features.follower_classifier import FollowerClassifier
from features.pipeline import Asked, build
from features.social_scores import PERIOD
from features.store import EventStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from distributed import Client
    from pyspark.sql import SparkSession

    from features.events import IntArray

    Work = Callable[[bytes], Any]
    Engine = Callable[[Work, list[bytes]], Iterator[Any]]
    """Applies a function to each task somewhere and yields what it returned, in the order of the tasks."""

PERIODS_AT_ONCE = 6
"""Publications of one task: each task reads the whole store once, which costs about as much as publishing for six."""
PAIRS_AT_ONCE = 100_000
"""Pairs of one task: bounds what a worker sends back."""
SAME = ("impel", "duckdb", "numba", "numpy", "pandas")
"""Packages that decide the bits: their versions must be equal everywhere."""


def build_dask(
    store: EventStore, pairs: pd.DataFrame, *, client: Client, campaigns: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compute the features of pairs on the workers of a Dask cluster.

    Parameters
    ----------
    store : EventStore
        Its folder must be seen by all workers under the same path.
    pairs, campaigns : DataFrame
        As in `features.build`.
    client : distributed.Client
        A connection to the cluster. A worker holds a bucket per thread.

    Returns
    -------
    DataFrame
        What `features.build` returns, to the bit.

    Raises
    ------
    DataError
        As in `features.build`; also where a worker lacks the store, may not write to it, or has other versions.
    """

    def engine(work: Work, tasks: list[bytes]) -> Iterator[Any]:
        # One by one: a task within the graph outlives its worker, and a graph of all of them would be a large one.
        futures = [client.submit(work, task, pure=False) for task in tasks]
        futures.reverse()
        while futures:
            # Popped, so that the worker may forget a result once it is here.
            yield futures.pop().result()

    return _spread(store, pairs, campaigns, engine)


def build_spark(
    store: EventStore, pairs: pd.DataFrame, *, spark: SparkSession, campaigns: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Compute the features of pairs on the executors of a Spark cluster.

    Parameters
    ----------
    store : EventStore
        Its folder must be seen by all executors under the same path.
    pairs, campaigns : DataFrame
        As in `features.build`.
    spark : pyspark.sql.SparkSession
        A classic session (Spark Connect has no RDDs). An executor holds a bucket per core, outside of the JVM's heap.

    Returns
    -------
    DataFrame
        What `features.build` returns, to the bit.

    Raises
    ------
    DataError
        As in `features.build`; also where an executor lacks the store, may not write to it, or has other versions.
    """
    from pyspark import StorageLevel  # noqa: PLC0415  (an extra: whoever has a session has it)

    def engine(work: Work, tasks: list[bytes]) -> Iterator[Any]:
        results = spark.sparkContext.parallelize(tasks, len(tasks)).map(work).persist(StorageLevel.DISK_ONLY)
        try:
            # All at once, kept where they were computed; then fetched one by one, or the driver would hold them twice
            # and spark.driver.maxResultSize would end it.
            results.count()
            yield from results.toLocalIterator()
        finally:
            results.unpersist()

    return _spread(store, pairs, campaigns, engine)


def _spread(store: EventStore, pairs: pd.DataFrame, campaigns: pd.DataFrame | None, engine: Engine) -> pd.DataFrame:
    """Publish, then build the features, both by tasks that an engine runs."""

    def answers(tasks: Sequence[Callable[[EventStore], Any]]) -> Iterator[Any]:
        for answer in engine(_worker(store), [pickle.dumps(task) for task in tasks]) if tasks else ():
            if isinstance(answer, str):
                raise DataError(answer)
            yield answer

    asked = Asked.of(store, pairs, campaigns)
    wanted = pairs.columns.intersection(["campaign_id", "account_id", "decided_at", "fee"])
    narrow = pairs[wanted].reset_index(drop=True)
    _, first = np.unique(asked.decided_at // PERIOD, return_index=True)
    # All of one account: what is published is the same, and a task then builds in one bucket.
    some = [narrow.iloc[rows].assign(account_id=narrow["account_id"].iloc[0]) for rows in _runs(first, PERIODS_AT_ONCE)]
    for _ in answers([partial(_publish, pairs=few, campaigns=campaigns) for few in some]):
        pass
    bucket = store.bucket_of[asked.row]
    parts = [rows for number in np.unique(bucket) for rows in _runs(np.flatnonzero(bucket == number), PAIRS_AT_ONCE)]
    columns = np.full((len(FEATURES), len(pairs)), np.nan)
    tasks = [partial(build, pairs=narrow.iloc[rows], campaigns=campaigns) for rows in parts]
    for rows, part in zip(parts, answers(tasks), strict=True):
        columns[:, rows] = part[list(FEATURES)].to_numpy().T
    return asked.frame(store, columns, slice(None))


def _runs(rows: IntArray, size: int) -> list[IntArray]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _publish(store: EventStore, pairs: pd.DataFrame, campaigns: pd.DataFrame | None) -> None:
    """Publish what one pair of each period needs, which is what all of that period need."""
    if not os.access(store.folder, os.W_OK):
        raise DataError(f"Worker {gethostname()} cannot write to {store.folder}, where social scores are published.")
    build(store, pairs, campaigns=campaigns)


def _worker(store: EventStore) -> Work:
    """Return what a worker runs; it answers errors as texts, which no engine buries in a traceback or tries again.

    It is nested and imports for itself, so that it travels by value: a worker without Impel can still say so.
    """
    of = (str(store.folder.absolute()), store.fingerprint, store.follower_classifier.to_json())
    wanted = {name: version(name) for name in SAME}

    def work(task: bytes) -> Any:
        from importlib import import_module, metadata  # noqa: PLC0415
        from socket import gethostname  # noqa: PLC0415

        try:
            for name, here in wanted.items():
                if (there := metadata.version(name)) != here:
                    raise ImportError(f"{name} is {there}, not {here}")  # noqa: TRY301
            answer = import_module("features.distributed").answer
        except ImportError as error:
            return f"Worker {gethostname()} cannot run Impel: {error}; install the same versions everywhere."
        return answer(*of, task)

    return work


def answer(folder: str, fingerprint: str, followers: str, task: bytes) -> Any:
    """Run a pickled function of the store on a worker; return what it returns, or as a text why it cannot."""
    try:
        store = _opened(Path(folder), fingerprint)
        store.follower_classifier = FollowerClassifier.from_json(followers)
        return pickle.loads(task)(store)  # noqa: S301  (what engines do too; here it waited for the versions)
    except ImpelError as error:
        return str(error)


def _opened(folder: Path, fingerprint: str) -> EventStore:
    if not (folder / "manifest.json").exists():
        raise DataError(
            f"Worker {gethostname()} sees no event store in {folder}; keep it on a file system that all workers share."
        )
    store = EventStore(folder)
    if store.fingerprint != fingerprint:
        raise DataError(f"Worker {gethostname()} sees another event store in {folder}; all must share one.")
    # Memory is bounded by a bucket for each task that a worker runs at a time.
    store.resident = 1
    return store
