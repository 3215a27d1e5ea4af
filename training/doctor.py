"""`impel doctor`: what is wrong with a set-up, and the next step for each thing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import psutil
from packaging.specifiers import SpecifierSet

from features import EventStore, open_tables
from features.catalogue import digest
from features.errors import ImpelError, LogError, SettingError, nearest, without_password
from features.manifest import Manifest, is_store
from features.prepare import MEMORY
from features.processors import usable_processors
from features.snapshot import Snapshot
from serving import backtest_file, keys, loading
from serving.bundle import Bundle
from serving.fetch import locate
from serving.guard import rate_limit
from serving.libraries import needs
from serving.log_storage import log_storage
from serving.settings import VARIABLES, home, sqlite_file, tracking_uri
from serving.spec import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from features.progress import Progress

State = Literal["ok", "warning", "error"]

_GIB = 2**30
_SECONDS = 2.0
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
# Models are small; prepared data are about as large as their Parquet files.
_DISK = 2 * _GIB


@dataclass(frozen=True)
class Finding:
    """One line of the examination; the message of a warning or an error ends with the next step."""

    check: str
    state: State
    message: str


def examine(data: str | None, *, model: str, tracking: str | None, port: int, progress: Progress) -> list[Finding]:
    """Look at everything that a command or the service needs, whatever of it fails.

    Parameters
    ----------
    data : str, optional
        DATA as commands take it.
    model : str
        A registered model or a bundle folder.
    tracking : str, optional
        See `serving.settings.tracking_uri`.
    port : int
        Where the service is to listen.
    progress : callable
        Told what is looked at, and which share was.
    """
    place = tracking_uri(tracking)
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "python": _python,
        "libraries": _libraries,
        "processors": _processors,
        "memory": _memory,
        "home": _home,
        "variables": _variables,
        "keys": _keys,
        "log": _log,
        "snapshot": _snapshot,
        "backtest": _backtest,
        "port": lambda: _port(port),
        "registry": lambda: _registry(place),
        "model": lambda: _model(model, place),
        "data": lambda: _data(data),
    }
    found: list[Finding] = []
    for number, (name, check) in enumerate(checks.items()):
        progress(name, number / len(checks))
        if name == "model" and model.startswith("models:") and found[-1].state != "ok":
            continue  # without its registry there is nothing more to say of it
        try:
            found.extend(check())
        except ImpelError as error:
            found.append(Finding(name, "error", str(error)))
    return found


def _python() -> Iterator[Finding]:
    wanted = metadata.metadata("impel")["Requires-Python"]
    version = platform.python_version()
    if version in SpecifierSet(wanted):
        yield Finding("python", "ok", version)
    else:
        yield Finding(
            "python", "error", f"{version}, but Impel needs {wanted}; set it up with a Python of that version."
        )
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield Finding(
            "byte code",
            "warning",
            "PYTHONDONTWRITEBYTECODE is set: every start takes two to three times as long; unset it.",
        )


def _libraries() -> Iterator[Finding]:
    wrong = []
    for needed in (wanted := list(needs("impel"))):
        try:
            version = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{needed.name} is missing")
            continue
        if not needed.specifier.contains(version, prereleases=True):
            wrong.append(f"{needed.name} is {version}, not {needed.specifier}")
    if wrong:
        yield Finding(
            "libraries", "error", f"{'; '.join(wrong)}. Install Impel anew: make install, or pip install impel."
        )
    else:
        yield Finding("libraries", "ok", f"all {len(wanted)} fit")


def _processors() -> Iterator[Finding]:
    usable = usable_processors()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > usable:
        yield Finding(
            "processors",
            "warning",
            f"{usable} usable, but OMP_NUM_THREADS asks for {threads}, which then wait for each other; unset it.",
        )
    else:
        yield Finding("processors", "ok", f"{usable} usable")


def _memory() -> Iterator[Finding]:
    free = psutil.virtual_memory().available
    if free < MEMORY:
        yield Finding(
            "memory",
            "warning",
            f"{free / _GIB:.1f} GiB free, and preparing large data takes {MEMORY / _GIB:.0f} GiB; end what else runs.",
        )
    else:
        yield Finding("memory", "ok", f"{free / _GIB:.1f} GiB free")


def _home() -> Iterator[Finding]:
    folder = home()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Finding(
            "home", "error", f"{folder} cannot be written ({error.strerror}); set IMPEL_HOME to a folder of yours."
        )
        return
    yield Finding("home", "ok", f"{folder}{'' if folder.exists() else ', which will be made'}")
    free = shutil.disk_usage(there).free
    if free < _DISK:
        yield Finding(
            "disk",
            "warning",
            f"{free / _GIB:.1f} GiB free at {there}, where models and prepared data go; clear some, or set IMPEL_HOME.",
        )
    else:
        yield Finding("disk", "ok", f"{free / _GIB:.0f} GiB free")


def _variables() -> Iterator[Finding]:
    given = sorted(name for name in os.environ if name.upper().startswith("IMPEL_"))
    unknown = [name for name in given if name not in VARIABLES]
    for name in unknown:
        yield Finding(
            "variables", "warning", f"{name} is set, but nothing reads it.{nearest(name, VARIABLES)} Unset it."
        )
    wrong = False
    for check in (rate_limit, loading.reload_seconds, loading.shadow_share):
        try:
            check()
        except SettingError as error:
            wrong = True
            yield Finding("variables", "error", str(error))
    if not (unknown or wrong):
        yield Finding("variables", "ok", ", ".join(given) or "none set")


def _keys() -> Iterator[Finding]:
    name = os.environ.get("IMPEL_KEYS")
    if not name:
        return
    try:
        mode = stat.S_IMODE(Path(name).stat().st_mode)
    except OSError as error:
        yield Finding("keys", "error", f"IMPEL_KEYS names {name}, which cannot be read ({error.strerror}); correct it.")
        return
    keys.read(Path(name))
    if mode & 0o077:
        yield Finding("keys", "warning", f"others may read {name} (mode {mode:o}); chmod 600 {name}")
    else:
        yield Finding("keys", "ok", name)


def _log() -> Iterator[Finding]:
    where = os.environ.get("IMPEL_LOG")
    if not where:
        return
    try:
        there = log_storage(where).exists()
    except LogError as error:
        yield Finding("log", "error", f"{error} Start the database, or correct IMPEL_LOG.")
        return
    yield Finding("log", "ok", f"{without_password(where)}{'' if there else ', which will be made'}")


def _snapshot() -> Iterator[Finding]:
    folder = os.environ.get("IMPEL_SNAPSHOT")
    if folder:
        yield Finding("snapshot", "ok", f"as of {Snapshot.open(Path(folder)).as_of}, in {folder}")


def _backtest() -> Iterator[Finding]:
    folder = os.environ.get("IMPEL_BACKTEST")
    if folder:
        backtest_file.read(Path(folder))
        yield Finding("backtest", "ok", folder)


def _port(port: int) -> Iterator[Finding]:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            yield Finding(
                "port",
                "warning",
                f"{port} cannot be had ({error.strerror}); serve with another one: impel serve --port",
            )
        else:
            yield Finding("port", "ok", f"{port} is free")


def _registry(uri: str) -> Iterator[Finding]:
    """Look whether anybody listens at the tracking URI: MLflow itself would try for long."""
    shown = without_password(uri)
    file = sqlite_file(uri)
    if file is not None:
        if file.is_file():
            yield Finding("registry", "ok", shown)
        else:
            yield Finding("registry", "warning", f"{shown} is not there yet; the first impel train DATA makes it.")
        return
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme not in _PORTS or not parts.hostname:
        yield Finding("registry", "error", f"{shown} is no tracking URI; give a server's address or a database's.")
        return
    try:
        socket.create_connection((parts.hostname, parts.port or _PORTS[scheme]), timeout=_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        yield Finding(
            "registry",
            "error",
            f"nobody answers at {shown} ({reason}); start the server, or correct IMPEL_TRACKING_URI.",
        )
    else:
        yield Finding("registry", "ok", shown)


def _model(model: str, tracking: str) -> Iterator[Finding]:
    found = locate(model, tracking=tracking)
    yield Finding("model", "ok", f"{found.version or model} in {found.folder}")
    bundle = Bundle.load(found.folder)
    trained, here = bundle.spec.environment, environment()
    others = [f"{name} {trained[name]} (here {here[name]})" for name in here if trained.get(name) != here[name]]
    if others:
        yield Finding(
            "examples",
            "warning",
            f"reproduced but for the last digits, since it was trained with {', '.join(others)}; train it here to have "
            "them to the bit.",
        )
    else:
        yield Finding("examples", "ok", f"all {len(bundle.examples)} reproduced to the bit")
    if bundle.metadata.catalogue_digest in {"", digest()}:
        yield Finding("catalogue", "ok", "features are computed as it was trained on")
    else:
        yield Finding(
            "catalogue", "error", "features are computed otherwise than it was trained on; impel train DATA anew."
        )


def _data(data: str | None) -> Iterator[Finding]:
    if data is None:
        return
    if is_store(data):
        yield _store(Path(data))
        return
    with open_tables(data) as tables:
        folder = home() / "stores" / tables.fingerprint[:16]
        manifest = Manifest.read(folder)
        if manifest is None or manifest.fingerprint != tables.fingerprint:
            yield Finding(
                "data",
                "warning",
                f"{data} is not prepared as it is now; the next command checks and prepares it. See impel check {data}",
            )
            return
    yield _store(folder)


def _store(folder: Path) -> Finding:
    store, manifest = EventStore(folder), Manifest.read(folder)
    lost = sorted(name for name in manifest.files if not (folder / name).is_file()) if manifest else []
    if lost:
        more = f" and {len(lost) - 1} more files" if len(lost) > 1 else ""
        return Finding(
            "data", "error", f"{folder / lost[0]}{more} are missing; prepare the store anew from its tables."
        )
    return Finding("data", "ok", f"{len(store.accounts):,} accounts, newest moment {store.newest}, in {folder}")
