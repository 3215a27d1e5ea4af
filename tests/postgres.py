"""A PostgreSQL server of Debian's own for the tests: one for the session, in a temporary folder, on a socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests import debian

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "s3cret/pässword"


def programs() -> Path | None:
    """Return the folder of the server's programs; as root they are installed where they are missing."""
    if _installed() is None:
        debian.install("postgresql")
    return _installed()


def _installed() -> Path | None:
    return next(iter(sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)


@dataclass(frozen=True)
class Server:
    """A server that runs: the URL of its database, and how it is stopped at once and started again."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def server(bin_folder: Path) -> Iterator[Server]:
    """Run a server; it is gone afterwards, with all that it held."""
    folder = Path(tempfile.mkdtemp(prefix="impel-postgres-"))
    # The server refuses to run as root: then it runs as the user that comes with its package.
    as_user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    if as_user:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, secret = folder / "data", folder / "password"
    secret.write_text(PASSWORD + "\n", encoding="utf-8")
    secret.chmod(0o644)

    def run(program: str, *arguments: str) -> None:
        command = [str(bin_folder / program), *arguments]
        log = folder / f"{program}.log"
        with log.open("w") as file:
            subprocess.run(command, check=True, stdout=file, stderr=file, cwd=folder, timeout=120, **as_user)

    def control(*arguments: str) -> None:
        run("pg_ctl", "-D", str(data), "-w", "-t", "100", *arguments)

    def start() -> None:
        control("-l", str(folder / "server.log"), "-o", settings, "start")

    def stop() -> None:
        control("-m", "immediate", "stop")

    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c shared_buffers=16MB"
    try:
        run(
            "initdb",
            "-D",
            str(data),
            "-U",
            "impel",
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(secret),
            "--no-sync",
            "-E",
            "UTF8",
        )
        start()
        try:
            yield Server(f"postgresql://impel:{quote(PASSWORD, safe='')}@/postgres?host={folder}", stop, start)
        finally:
            if (data / "postmaster.pid").exists():
                stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
