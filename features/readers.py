"""The forms in which tables arrive: each table of a source becomes a lazy view `raw.<table>` in DuckDB."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import duckdb
import pandas as pd
import pyarrow as pa

from features.databases import SCHEMES, copy_tables
from features.errors import DataError, ImpelError, nearest
from features.manifest import is_store
from features.problems import Problem, fetch, literal, quoted, shown
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = 1 << 16  # bytes in which a header must end
FORMS = "a folder of <table>.parquet, <table>/ or <table>.csv, a .duckdb file or the URL of a database"


@dataclass
class Reading:
    """What was found in a source.

    Attributes
    ----------
    connection
        Has one view `raw.<table>` for each table that can be read, as it was received.
    columns
        For each of them its columns with their DuckDB types.
    problems
        What cannot be read.
    fingerprint
        Changes when the content of the source changes.
    others
        Names found beside the tables of the contract.
    reads
        What a table has to be called, as a format of its name.
    """

    connection: Any
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    fingerprint: str = ""
    others: tuple[str, ...] = ()
    reads: str = "{!r}"

    def refuse(self, table: str, message: str, rule: str = "unreadable") -> None:
        """Note that a table cannot be read."""
        self.problems.append(Problem(table, "", rule, "error", 0, (), message))

    def view(self, table: str, sql: str, *, what: str) -> None:
        """Make the view of one table out of SQL that selects it; `what` names its place in a message."""
        try:
            fetch(self.connection, f"CREATE VIEW raw.{quoted(table)} AS {sql}")
            described = fetch(self.connection, f"DESCRIBE raw.{quoted(table)}")
        except duckdb.Error as error:
            self.refuse(table, f"{what} cannot be read ({one_line(error)}); write it again.")
        else:
            self.columns[table] = {name: kind for name, kind, *_ in described}


def read(source: str | Path | Mapping[str, pd.DataFrame | pa.Table]) -> Reading:
    """Find the tables of a source; DataError where there is no such source or it has no known form."""
    if isinstance(source, Mapping):
        return _read_mapping(source)
    if not isinstance(source, str | Path) or not str(source):
        raise DataError(f"Data is read from {FORMS}, or a mapping of names to DataFrames; received {shown(source)}.")
    url = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(source))
    if url:
        return _read_url(str(source))
    path = Path(source).expanduser().absolute()
    try:
        if is_store(path):
            raise DataError(f"{str(source)!r} is an event store, which holds no tables; give those it was made of.")
        if path.is_dir():
            return _read_folder(path)
        if path.is_file():
            return _read_database(path)
    except OSError as error:
        raise DataError(f"The data at {str(source)!r} cannot be read: {error.strerror or error}.") from error
    hint = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else ""
    raise DataError(f"There is no data at {str(source)!r}; give {FORMS}.{hint}")


def _read_url(url: str) -> Reading:
    scheme = url.partition(":")[0].lower()
    if scheme == "duckdb":
        return read(Path(unquote(urlsplit(url).path[1:])))
    if scheme not in SCHEMES:  # the rest may hold a password
        raise DataError(f"Of databases {', '.join(SCHEMES)} are read; received '{scheme}://...'. Give {FORMS}.")
    reading = Reading(connect())
    try:
        copy_tables(url, reading)
    except ImpelError:
        reading.connection.close()
        raise
    return reading


def one_line(error: BaseException) -> str:
    """Return what a database error says, without the advice that means the library's own options."""
    lines = re.split(r"\n\s*(?:Possible|LINE \d)|\n\s*\n", str(error).strip())[0].splitlines()
    text = ", ".join(line.strip() for line in lines if not line.startswith("Original Line"))
    text = re.sub(r"^[A-Z][\w ]*Error: ", "", text)
    return (text if len(text) <= 200 else text[:197] + "...").rstrip(".")


def connect() -> Any:
    """Return a connection in UTC that loads no extensions and spills to a folder of its own."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # a missing table must not become a Python variable of that name
            "temp_directory": str(Path(tempfile.gettempdir()) / f"impel-{uuid4().hex}"),  # made only when needed
        },
    )
    fetch(connection, "SET TimeZone = 'UTC'")
    fetch(connection, "CREATE SCHEMA raw")
    return connection


def _read_folder(folder: Path) -> Reading:
    reading = Reading(connect(), reads="{0}.parquet, {0}/ or {0}.csv")
    files: list[Path] = []
    known = set()
    for table in CONTRACT:
        found = [
            path for path in (folder / f"{table}.parquet", folder / table, folder / f"{table}.csv") if path.exists()
        ]
        known.update(found)
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            reading.refuse(table, f"It is there more than once, as {names}; keep one of them.", "ambiguous-table")
        elif found:
            files += _view_of(reading, table, found[0])
    reading.others = tuple(sorted(path.name for path in folder.iterdir() if path not in known))
    reading.fingerprint = _fingerprint(files, folder)
    return reading


def _view_of(reading: Reading, table: str, path: Path) -> list[Path]:
    """Make the view of a table out of one file or folder; return the files."""
    if path.suffix == ".csv":
        try:
            names = _header(path)
        except DataError as error:
            reading.refuse(table, str(error))
        except OSError as error:
            reading.refuse(table, f"{path.name} cannot be read ({error.strerror}); write it again.")
        else:
            columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
            options = (
                f"columns = {{{columns}}}, auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"'"
            )
            reading.view(table, f"SELECT * FROM read_csv([{file_literal(path)}], {options})", what=path.name)
        return [path]
    parts = [path]
    if path.is_dir():
        parts = sorted(part for part in path.rglob("*.parquet") if part.name[0] not in "._")
        if not parts:
            reading.refuse(table, f"The folder {path.name}/ has no .parquet files; write the table's parts into it.")
            return []
    empty = next((part for part in parts if part.stat().st_size == 0), None)
    if empty:
        reading.refuse(table, f"{empty.name} is an empty file; write it again.")
        return parts
    files = ", ".join(file_literal(part) for part in parts)
    # Old writers do not mark texts as such: binary_as_string. A folder named a=1 is a place, not a column.
    options = "hive_partitioning = false, union_by_name = true, binary_as_string = true"
    reading.view(table, f"SELECT * FROM read_parquet([{files}], {options})", what=path.name)
    return parts


def _header(path: Path) -> list[str]:
    """Return the column names of a CSV file; DataError where it is not comma-separated UTF-8."""
    names = next(csv.reader(io.StringIO(head(path), newline="")), [])
    if not names:
        raise DataError(f"{path.name} starts with a blank line; its first line must name the columns.")
    if len(names) == 1:
        other = next((mark for mark in (";", "\t", "|") if mark in names[0]), None)
        if other:
            raise DataError(f"{path.name} is separated by {other!r}; save it separated by commas.")
    return distinct(names, path)


def head(path: Path) -> str:
    """Return how a text file starts; DataError where it is empty or not UTF-8."""
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if not start.strip():
        raise DataError(f"{path.name} is empty; write a header and rows, or remove it.")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        raise DataError(f"{path.name} is not UTF-8 (it looks like UTF-16 or a binary file); save it as UTF-8 CSV.")
    try:
        text = start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(start) - error.start > 4 or len(start) < _HEAD:  # a character may be cut by the end of what was read
            raise DataError(
                f"{path.name} is not UTF-8 (byte {error.start:,} is {start[error.start]:#04x}); save it as UTF-8 CSV."
            ) from error
        text = start[: error.start].decode("utf-8-sig")
    return text


def distinct(names: list[str], path: Path) -> list[str]:
    """Return the column names of a CSV file, those without one by their place; DataError where one comes twice."""
    twice = _twice(names)
    if twice:
        raise DataError(f"{path.name} has the column {twice!r} more than once; keep one.")
    return [name or f"(column {number})" for number, name in enumerate(names, 1)]


def _twice(names: list[str]) -> str | None:
    """Return the first name that is there before, in whatever case: DuckDB does not tell cases apart."""
    folded = [name.casefold() for name in names]
    return next((name for place, name in enumerate(names) if name.casefold() in folded[:place]), None)


def _read_database(path: Path) -> Reading:
    if path.suffix != ".duckdb":
        raise DataError(f"{path.name} is a single file; give {FORMS}.")
    reading = Reading(connect(), fingerprint=_fingerprint([path, path.with_name(path.name + ".wal")], path.parent))
    try:
        fetch(reading.connection, f"ATTACH {literal(str(path))} AS source (TYPE duckdb, READ_ONLY)")
    except duckdb.Error as error:
        reading.connection.close()
        raise DataError(f"{path.name} cannot be opened as a DuckDB file ({one_line(error)}).") from error
    names = {
        name
        for (name,) in fetch(
            reading.connection,
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'source' AND table_schema = 'main'",
        )
    }
    for table in CONTRACT:
        if table in names:
            reading.view(table, f"SELECT * FROM source.main.{quoted(table)}", what=f"The table in {path.name}")
    reading.others = tuple(sorted(names - set(CONTRACT)))
    return reading


def _read_mapping(source: Mapping[str, pd.DataFrame | pa.Table]) -> Reading:
    reading = Reading(connect(), others=tuple(sorted(str(name) for name in source if name not in CONTRACT)))
    digest = hashlib.blake2b(digest_size=16)
    for table in CONTRACT:
        if table not in source:
            continue
        frame = source[table]
        if not isinstance(frame, pd.DataFrame | pa.Table):
            message = f"It is a {type(frame).__name__}; give a pandas DataFrame or a pyarrow Table."
            reading.refuse(table, message)
            continue
        names = [str(name) for name in (frame.columns if isinstance(frame, pd.DataFrame) else frame.column_names)]
        twice = _twice(names)
        if twice:
            reading.refuse(table, f"It has the column {twice!r} more than once; keep one.")
            continue
        arrow = frame if isinstance(frame, pa.Table) else _to_arrow(frame)
        try:
            reading.connection.register(f"frame of {table}", arrow)
        except duckdb.Error as error:
            reading.refuse(table, f"It cannot be read ({one_line(error)}); use common column types.")
            continue
        reading.view(table, f"SELECT * FROM {quoted(f'frame of {table}')}", what="It")
        digest.update(table.encode())
        with pa.PythonFile(_Digester(digest), mode="w") as sink, pa.ipc.new_stream(sink, arrow.schema) as stream:
            stream.write_table(arrow)
    reading.fingerprint = digest.hexdigest()
    return reading


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Convert a frame column by column; objects that Arrow cannot type become texts, for the checks to judge."""
    columns = {}
    for position, name in enumerate(frame.columns):
        values = frame.iloc[:, position]
        try:
            if isinstance(values.dtype, pd.DatetimeTZDtype):  # pyarrow's own way is deprecated by pandas
                moments = pa.array(values.dt.tz_convert("UTC").dt.tz_localize(None), from_pandas=True)
                columns[str(name)] = moments.cast(pa.timestamp(moments.type.unit, "UTC"))
            else:
                columns[str(name)] = pa.array(values, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            columns[str(name)] = pa.array(
                [None if gone else str(v) for v, gone in zip(values, values.isna(), strict=True)]
            )
    return pa.table(columns)


class _Digester(io.RawIOBase):
    """A file that only hashes what is written to it."""

    def __init__(self, digest: Any) -> None:
        super().__init__()
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)


def file_literal(path: Path) -> str:
    """Return a path as SQL literal in which nothing is a wildcard."""
    return literal(re.sub(r"([\[*?])", r"[\1]", str(path)))


def _fingerprint(files: Iterable[Path], folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(files):
        if file.exists():
            state = file.stat()
            digest.update(f"{file.relative_to(folder)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
