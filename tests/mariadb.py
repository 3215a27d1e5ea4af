"""A MariaDB server of Debian's own for the tests: one for the session, in a temporary folder, on a socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pymysql

from tests import debian

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "s3cret/pässword"


def program() -> Path | None:
    """Return the server's program; as root it is installed where it is missing."""
    if _installed() is None:
        debian.install("mariadb-server")
    return _installed()


def _installed() -> Path | None:
    return next((path for path in (Path("/usr/sbin/mariadbd"), Path("/usr/bin/mariadbd")) if path.exists()), None)


@contextmanager
def server(server_program: Path) -> Iterator[str]:
    """Run a server and give the URL of its database; it is gone afterwards, with all that it held."""
    folder = Path(tempfile.mkdtemp(prefix="impel-mariadb-"))
    user = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    shutil.chown(folder, user)
    socket = folder / "socket"
    common = ["--no-defaults", f"--datadir={folder / 'data'}", f"--user={user}"]
    small = ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"]
    with (folder / "server.log").open("w") as log:
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, stdout=log, stderr=log, timeout=120)
        command = [str(server_program), *common, *small, f"--socket={socket}", "--skip-networking"]
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with _connected(socket, running) as root, root.cursor() as cursor:
            cursor.execute("CREATE DATABASE impel CHARACTER SET utf8mb4")
            cursor.execute("CREATE USER impel@localhost IDENTIFIED BY %s", [PASSWORD])
            cursor.execute("GRANT ALL ON impel.* TO impel@localhost")
        yield f"mysql://impel:{quote(PASSWORD, safe='')}@localhost/impel?unix_socket={socket}"
    finally:
        running.terminate()
        running.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _connected(socket: Path, running: subprocess.Popen[bytes]) -> pymysql.Connection:
    """Return a connection as root as soon as the server listens."""
    until = time.monotonic() + 60
    while not socket.exists() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    return pymysql.connect(unix_socket=str(socket), user="root")
