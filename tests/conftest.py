"""A real PostgreSQL server for whoever asks for it, and logs in it: what takes `storage` holds for a folder, too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serving.log_storage import LogStorage


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
