"""Features on a cluster: the bits of the local run, and errors that can be read."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from pyspark.sql import SparkSession

from features import EventStore, build
from features.distributed import build_dask, build_spark
from features.errors import DataError
from features.follower_classifier import FollowerClassifier
from tests.features.compare import assert_same_bits, different, prepared
from tests.labels import labelled
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
FRAMES = random_tables(np.random.default_rng(1), influencers=9, accounts=15, campaigns=20, outcomes=100)


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    """Return a store whose scores nobody has published yet."""
    return prepared(FRAMES, folder=tmp_path / "store", buckets=3)


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Return pairs of all buckets in no order, some of them twice, with an index of their own and a column too many."""
    drawn = random_pairs(np.random.default_rng(2), FRAMES, 60).sample(200, replace=True, random_state=3)
    return drawn.set_axis(pd.Index([f"pair {number}" for number in range(200)], name="pair")).assign(note="x")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Start two Dask workers, each a process of its own."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Start a Spark cluster of two executors; they are processes that get the code shipped."""
    java = subprocess.run([ROOT / ".ci" / "java"], capture_output=True, text=True, check=False)
    if java.returncode:
        pytest.skip(java.stderr.strip().splitlines()[-1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            SparkSession.builder.master("local-cluster[2,1,2048]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        yield session
        session.stop()


def test_dask_gives_the_bits_of_the_local_run(
    store: EventStore, pairs: pd.DataFrame, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.distributed.PAIRS_AT_ONCE", 30)
    assert_same(build_dask(store, pairs, client=client), build(store, pairs))


def test_workers_use_the_follower_classifier_of_the_store(
    store: EventStore, pairs: pd.DataFrame, client: Client
) -> None:
    labels = labelled(60, 70)
    default = build(store, pairs)
    store.follower_classifier = FollowerClassifier().fit(labels, labels["fake"])
    found = build_dask(store, pairs, client=client)
    assert_same(found, build(store, pairs))
    assert "fake_share" in different(found, default)


def test_spark_gives_the_bits_of_the_local_run(store: EventStore, pairs: pd.DataFrame, spark: SparkSession) -> None:
    assert_same(build_spark(store, pairs, spark=spark), build(store, pairs))
    # In the same test, since each process of pytest would start a cluster of its own.
    with pytest.raises(DataError, match=r"^Unknown campaign 'nobody'\. It is not in the table campaigns\.$"):
        build_spark(store, pairs.iloc[:1].assign(campaign_id="nobody"), spark=spark)


def test_pairs_without_fees_and_no_pairs(store: EventStore, pairs: pd.DataFrame, client: Client) -> None:
    for few in (pairs.drop(columns="fee").iloc[:3], pairs.iloc[:0]):
        assert_same(build_dask(store, few, client=client), build(store, few))


def test_campaigns_that_the_store_does_not_know(store: EventStore, pairs: pd.DataFrame, client: Client) -> None:
    brief = (
        FRAMES["campaigns"]
        .head(1)
        .assign(campaign_id="new", topics=[["food"]], audience=[{"country": {"US": 0.8, "GB": 0.2}}])
    )
    asked = pairs.assign(campaign_id="new")
    assert_same(build_dask(store, asked, client=client, campaigns=brief), build(store, asked, campaigns=brief))


def test_scores_are_published_first_and_then_a_worker_reads_one_bucket(
    store: EventStore, pairs: pd.DataFrame, client: Client
) -> None:
    whole = build_dask(store, pairs, client=client)
    others = [path for number in (1, 2) for path in store.folder.glob(f"*/{number}-*.arrow")]
    assert others
    for path in others:
        path.unlink()
    first = pairs["account_id"].isin(store.accounts.query("bucket == 0")["account_id"]).to_numpy()
    assert_same(build_dask(store, pairs[first], client=client), whole[first])


@pytest.mark.parametrize(
    "wrong",
    [
        {"campaign_id": "nobody"},
        {"account_id": "nobody"},
        {"decided_at": "yesterday"},
        {"fee": -1.0},
        {"campaign_id": None},
    ],
    ids=str,
)
def test_wrong_pairs_are_refused_as_by_the_local_run(
    store: EventStore, pairs: pd.DataFrame, client: Client, wrong: dict[str, object]
) -> None:
    one = pairs.iloc[:1].assign(**wrong)
    refused = [message(lambda: build(store, one)), message(lambda: build_dask(store, one, client=client))]
    assert refused[0] == refused[1]


def test_a_missing_column_is_named(store: EventStore, pairs: pd.DataFrame, client: Client) -> None:
    with pytest.raises(DataError, match="The pairs have no column 'decided_at'"):
        build_dask(store, pairs.drop(columns="decided_at"), client=client)


def test_a_worker_that_does_not_see_the_store_says_so(store: EventStore, pairs: pd.DataFrame, client: Client) -> None:
    store.folder.rename(store.folder.with_name("elsewhere"))
    assert message(lambda: build_dask(store, pairs, client=client)) == (
        f"Worker {gethostname()} sees no event store in {store.folder}; "
        "keep it on a file system that all workers share."
    )


def test_a_worker_that_sees_another_store_says_so(
    store: EventStore, pairs: pd.DataFrame, client: Client, tmp_path: Path
) -> None:
    store.folder.rename(store.folder.with_name("elsewhere"))
    prepared(FRAMES | {"posts": FRAMES["posts"].iloc[1:]}, folder=tmp_path / "store")
    assert message(lambda: build_dask(store, pairs, client=client)) == (
        f"Worker {gethostname()} sees another event store in {store.folder}; all must share one."
    )


def test_a_worker_with_another_version_says_so(
    store: EventStore, pairs: pd.DataFrame, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "duckdb-0.10.dist-info").mkdir()
    (tmp_path / "duckdb-0.10.dist-info" / "METADATA").write_text("Name: duckdb\nVersion: 0.10\n")
    place = str(tmp_path)
    client.run(lambda: sys.path.insert(0, place))
    try:
        refused = message(lambda: build_dask(store, pairs, client=client))
    finally:
        client.run(lambda: sys.path.remove(place))
    assert refused == (
        f"Worker {gethostname()} cannot run Impel: duckdb is 0.10, not {version('duckdb')}; "
        "install the same versions everywhere."
    )


def test_a_worker_without_impel_says_so(store: EventStore, pairs: pd.DataFrame, tmp_path: Path) -> None:
    # Everything that is installed but Impel, which development links to the checkout.
    installed = tmp_path / "installed"
    installed.mkdir()
    for path in Path(pd.__file__).parents[1].iterdir():
        if not path.name.lower().startswith("impel"):
            (installed / path.name).symlink_to(path)
    program = "from distributed.cli.dask_worker import main; main()"
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        subprocess.Popen(
            [sys.executable, "-S", "-c", program, cluster.scheduler_address, "--no-nanny", "--no-dashboard"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(installed)},
            stderr=subprocess.DEVNULL,
        ) as worker,
        Client(cluster) as client,
    ):
        try:
            refused = message(lambda: build_dask(store, pairs, client=client))
        finally:
            worker.terminate()
    assert refused == (
        f"Worker {gethostname()} cannot run Impel: No package metadata was found for impel; "
        "install the same versions everywhere."
    )


def test_neither_engine_is_imported_without_being_asked_for() -> None:
    program = "import sys, features, features.distributed; print({'dask', 'distributed', 'pyspark'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"set()\n"


def assert_same(found: pd.DataFrame, local: pd.DataFrame) -> None:
    assert_same_bits(found, local)
    pd.testing.assert_index_equal(found.index, local.index)
    assert list(found.dtypes) == list(local.dtypes)


def message(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as refused:
        call()
    return str(refused.value)
