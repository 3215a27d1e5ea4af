"""What all tests share: how `make tests` deals them out to processes, and a PostgreSQL server with logs in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import pytest
from xdist.scheduler import LoadFileScheduling

from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xdist.remote import Producer

    from serving.log_storage import LogStorage

# There are as many processes as processors. Threads of linear algebra and of boosting, which take it that each has a
# processor of its own, would wait for each other several times as long as they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TOGETHER = ("tests/console/", "tests/service/api/", "tests/theory/")
"""Folders whose files share what takes long to make; one process runs them."""
FIRST = (
    # The one compiles the kernels of `features`, the other most of `serving`: what both need is not compiled twice.
    "tests/features/test_catalogue.py",
    "tests/training/test_backtest.py",
    # No process is to be left alone with one of these at the end.
    "tests/packaging/test_documents.py",
    "tests/packaging/test_site.py",
    *TOGETHER,
)


class Scheduling(LoadFileScheduling):
    """By file, what takes longest first."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """Whoever stops it starts it again."""
    programs = postgres.programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed and cannot be (as root: apt-get install -y postgresql)")
    with postgres.server(programs) as found:
        yield found


@pytest.fixture
def log_url(server: postgres.Server) -> str:
    """The URL of a log in a schema of its own."""
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    schema = f"log_{uuid4().hex}"
    with dbapi.connect(server.url) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        connection.commit()
    return f"{server.url}&options={quote(f'-csearch_path={schema}')}"


@pytest.fixture(params=["folder", "database"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> LogStorage:
    """An empty log."""
    from serving.log_storage import log_storage

    where = tmp_path / "log" if request.param == "folder" else request.getfixturevalue("log_url")
    found = log_storage(where)
    found.create()
    return found
