"""An exported file as rows in DuckDB: CSV with whatever separator, JSON documents and lines of JSON."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from features.errors import DataError, SettingError, nearest
from features.importers.paths import first_key, json_rows, json_value
from features.importers.values import present
from features.problems import fetch, literal, quoted
from features.readers import distinct, file_literal, head, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from features.importers.mapping import Mapping, Rows, Shape

_CSV = (".csv", ".tsv", ".txt")
_JSON = (".json", ".jsonl", ".ndjson")
_LARGEST = 512 << 20  # bytes of one JSON document, which DuckDB holds in memory


@dataclass(frozen=True)
class Export:
    """A file that can be read as rows.

    Attributes
    ----------
    columns
        The names in the header of a CSV file; None for JSON.
    relation
        SQL of its records: columns of a CSV file as texts, or one column `json`.
    """

    path: Path
    connection: Any
    columns: tuple[str, ...] | None
    relation: str

    def rows(self, table: Rows) -> str:
        """Return SQL of the rows of a table: for JSON l0, the document, l1, the elements of its first array, ..."""
        if self.columns is not None:
            return f"SELECT * FROM {self.relation}"
        sql = f"SELECT json AS l0 FROM {self.relation}"
        for level, path in enumerate(table.rows):
            sql = f"SELECT *, unnest({json_rows(f'l{level}', path)}) AS l{level + 1} FROM ({sql})"
        return sql

    def value(self, table: Rows, names: tuple[str, ...], *, join: bool = False) -> str:
        """Return SQL of the first of the named sources that has a value in a row, or of all joined by `/`."""
        parts = [present(self._text(table, name)) for name in names if self.has(name)]
        if join:
            return f"nullif(concat_ws('/', {', '.join(parts)}), '')"
        return f"coalesce({', '.join(parts)})" if len(parts) > 1 else (parts or ["NULL::VARCHAR"])[0]

    def _text(self, table: Rows, name: str) -> str:
        if self.columns is not None:
            return quoted(next(column for column in self.columns if _alike(column) == _alike(name)))
        level = len(table.rows)
        while name.startswith("../"):
            name, level = name.removeprefix("../"), level - 1
        if level < 0:
            raise SettingError(f"The path of {table.table} climbs above the document with too many '../'.")
        return json_value(f"l{level}", name)

    def has(self, name: str) -> bool:
        """Whether a source column is there, whatever its case, blanks and `_`; JSON records may have any key."""
        return self.columns is None or _alike(name) in map(_alike, self.columns)

    def lacking(self, table: Rows, more: tuple[str, ...] = ()) -> list[str]:
        """Return which source columns are not there that the rows of a table need."""
        needs = [*table.needs, *((name,) for name in more)]
        if self.columns is not None:
            return [" or ".join(names) for names in needs if not any(self.has(name) for name in names)]
        counts = ", ".join(f"count({self.value(table, names)})" for names in needs)
        found = fetch(self.connection, f"SELECT {counts} FROM ({self.rows(table)} LIMIT 1000)")[0]
        return [" or ".join(names) for names, count in zip(needs, found, strict=True) if not count]

    def unknown(self, shape: Shape) -> list[str]:
        """Return the columns, or the keys of records, that the mapping does not speak of."""
        if self.columns is not None:
            known = {*shape.ignored, *shape.needs, *(name for table in shape.tables for name in table.sources)}
            alike = set(map(_alike, known))
            return [name for name in self.columns if _alike(name) not in alike]
        first = shape.tables[0]
        keys = f"SELECT DISTINCT unnest(json_keys(l{len(first.rows)})) AS name FROM ({self.rows(first)}) ORDER BY 1"
        known = {first_key(name.replace("../", "")) for table in shape.tables for name in (*table.sources, *table.rows)}
        return [name for (name,) in fetch(self.connection, keys) if name not in known | set(shape.ignored)]


def _alike(name: str) -> str:
    return re.sub(r"[\s_]+", "", name.casefold())


def open_export(path: Path, connection: Any) -> Export:
    """Open a file.

    Raises
    ------
    DataError
        It is not there, or neither CSV nor JSON in UTF-8.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in _CSV:
            return _csv(path, connection)
        if suffix in _JSON:
            return _json(path, connection)
    except OSError as error:
        hint = nearest(path.name, [entry.name for entry in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise DataError(f"{path} cannot be read: {error.strerror}.{hint}") from None
    raise DataError(f"{path.name} is neither CSV nor JSON ({', '.join(_CSV + _JSON)}); save spreadsheets as UTF-8 CSV.")


def _csv(path: Path, connection: Any) -> Export:
    text = head(path)
    lines = text.splitlines()
    skipped = next((n for n, line in enumerate(lines) if line.strip(" ,;\t") and not line.startswith("#")), 0)
    body = "\n".join(lines[skipped:])
    headers = {mark: next(csv.reader(io.StringIO(body, newline=""), delimiter=mark)) for mark in ",;\t"}
    mark = max(headers, key=lambda mark: len(headers[mark]))
    names = distinct([name.strip() for name in headers[mark]], path)
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    options = (
        f"columns = {{{columns}}}, auto_detect = false, header = true, skip = {skipped}, delim = {literal(mark)}, "
        "quote = '\"', escape = '\"', null_padding = true"
    )
    return Export(path, connection, tuple(names), f"read_csv([{file_literal(path)}], {options})")


def _json(path: Path, connection: Any) -> Export:
    head(path)
    size = path.stat().st_size
    largest = min(max(size, 16 << 20), _LARGEST)
    relation = f"read_json_objects([{file_literal(path)}], format = 'auto', maximum_object_size = {largest})"
    try:
        fetch(connection, f"SELECT count(*) FROM {relation}")
    except duckdb.Error as error:
        hint = "; write one record on each line" if size > _LARGEST else ""
        raise DataError(f"{path.name} cannot be read as JSON ({one_line(error)}){hint}.") from None
    return Export(path, connection, None, relation)


def find_shape(export: Export, mapping: Mapping) -> Shape:
    """Return which of a provider's files a file is.

    Raises
    ------
    DataError
        It is none of them: says what is missing in the one that is nearest, and where to get it.
    """
    kind = "csv" if export.columns is not None else "json"
    shapes = [shape for shape in mapping.shapes if kind in shape.format]
    if not shapes:
        raise DataError(f"{export.path.name} is {kind.upper()}; {mapping.name} exports {_exports(mapping)}.")
    named = [shape for shape in shapes if shape.name == export.path.stem]
    missing = {shape.name: export.lacking(shape.tables[0], shape.needs) for shape in shapes}
    fitting = [shape for shape in named or shapes if not missing[shape.name]]
    if fitting:
        return max(fitting, key=lambda shape: _likeness(export, shape))
    best = min(named or shapes, key=lambda shape: (len(missing[shape.name]), -_likeness(export, shape)))
    lacks = ", ".join(repr(name) for name in missing[best.name])
    hint = nearest(missing[best.name][0], export.columns or ())
    raise DataError(
        f"{export.path.name} lacks {lacks}, so it is not the file {best.name!r} of {mapping.name}.{hint} "
        f"Export: {best.export}. ({mapping.name} reads {', '.join(shape.name for shape in mapping.shapes)}.)"
    )


def _likeness(export: Export, shape: Shape) -> int:
    known = len(shape.needs) + sum(len(table.needs) for table in shape.tables)
    return known if export.columns is None else len(export.columns) - len(export.unknown(shape))


def _exports(mapping: Mapping) -> str:
    return ", ".join(f"{shape.name} ({' or '.join(shape.format).upper()})" for shape in mapping.shapes)
