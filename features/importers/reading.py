"""One exported file, read by a mapping: rows in the columns of tables, and what was refused and left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb

from features.errors import DataError
from features.importers import rows as sql
from features.importers import values
from features.importers.files import find_shape, open_export
from features.importers.staging import MONEY, STAGED
from features.problems import Rule, count_rows, fetch, literal, quoted
from features.readers import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from features.importers.files import Export
    from features.importers.mapping import Mapping, Rows, Spec
    from features.importers.options import Options
    from features.problems import Problem
    from features.tables import Column


@dataclass
class TableReport:
    """What became of the rows of one table.

    Attributes
    ----------
    read, kept, repeated
        Rows that there were, those that could be read, and how many of these have the key of another.
    refused
        Messages, with the number of rows.
    columns
        Column to where it comes from.
    first
        Column to its first values, as texts.
    alternatives
        Column to how many rows each of its alternative sources filled.
    """

    read: int = 0
    kept: int = 0
    repeated: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)
    alternatives: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class FileReport:
    """What was understood of one file.

    Attributes
    ----------
    shape
        Which file of the provider it is.
    ignored, unknown
        Columns that are left out: those the mapping speaks of, with why, and the others.
    notes
        Tables that could not be filled, and why.
    covers
        Kind of conversion to the first and the last moment that the file tells of.
    currencies
        In which amounts are.
    """

    file: str
    shape: str
    tables: dict[str, TableReport] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    covers: dict[str, list[str]] = field(default_factory=dict)
    currencies: list[str] = field(default_factory=list)


def read_file(path: Path, mapping: Mapping, options: Options, folder: Path, connection: Any) -> FileReport:
    """Read one file and write its rows to `<table>.parquet` in a folder.

    Raises
    ------
    DataError
        The file cannot be read, is none of the provider's, or needs to be told a zone, a moment or a currency.
    """
    export = open_export(path, connection)
    try:
        shape = find_shape(export, mapping)
        report = FileReport(path.name, shape.name, unknown=export.unknown(shape))
        report.ignored = {
            name: why for name, why in shape.ignored.items() if export.columns is None or export.has(name)
        }
        for number, rows in enumerate(shape.tables):
            lacking = [] if number == 0 or export.columns is None else export.lacking(rows)
            if lacking:
                report.notes.append(f"{rows.table} is not filled: the file has no {', '.join(lacking)}")
                continue
            _read_table(export, rows, options, folder / f"{rows.table}.{number}.parquet", report)
    except duckdb.Error as error:
        raise DataError(f"{path.name} cannot be read ({one_line(error)}); export it again.") from None
    return report


def _read_table(export: Export, rows: Rows, options: Options, target: Path, report: FileReport) -> None:
    table, columns = STAGED[rows.table], sql.filled(export, rows)
    # The file is read once; all that follows looks at what was made of it.
    everything = target.with_suffix(".all")
    _copy(export.connection, sql.select(export, rows, options), everything)
    relation = f"read_parquet({literal(str(everything))})"
    _ask_for_zone(export, columns, relation, options)
    rules = [rule for column, spec in columns.values() for rule in sql.rules(column, spec)]
    amount = MONEY.get(rows.table)
    if amount in columns and "currency" in columns:
        rules += _currency(export, amount, relation, options, report)
    labels = [sql.text_of(name) for name in table.key if name in columns] or ["row::VARCHAR"]
    label = f"concat_ws('/', {', '.join(labels)})"
    read, broken = count_rows(export.connection, table=table.name, relation=relation, label=label, rules=rules)
    good = " AND ".join(f"NOT coalesce({rule.where}, false)" for rule in rules) or "true"
    _copy(export.connection, f"SELECT row, {', '.join(map(quoted, columns))} FROM {relation} WHERE {good}", target)
    found = report.tables.setdefault(rows.table, TableReport())
    found.read += read
    for _, problem in broken:
        message = _refusal(problem, rows)
        found.refused[message] = found.refused.get(message, 0) + problem.rows
    found.columns |= {name: _origin(spec) for name, (_, spec) in columns.items()}
    _look(export, columns, relation, target, found)
    if rows.table == "conversions":
        _cover(export, target, options, report)
    everything.unlink()


def _copy(connection: Any, query: str, target: Path) -> None:
    fetch(connection, f"COPY ({query}) TO {literal(str(target))} (FORMAT parquet)")


def _refusal(problem: Problem, rows: Rows) -> str:
    examples = f" [{', '.join(problem.examples)}]" if problem.examples else ""
    source = " or ".join(rows.columns[problem.column].source)
    return f"{problem.column} from {source or 'a constant'}: {problem.message}{examples}"


def _ask_for_zone(export: Export, columns: dict[str, tuple[Column, Spec]], relation: str, options: Options) -> None:
    """Refuse times without a zone that nobody named; nothing else says when they were."""
    for name, (column, spec) in columns.items():
        if column.kind != "time" or not spec.source or spec.zone or options.time_zone:
            continue
        x = sql.text_of(name)
        local = f"SELECT min({x}) FROM {relation} WHERE {x} IS NOT NULL AND {values.local(spec, x)}"
        first = fetch(export.connection, local)[0][0]
        if first is not None:
            raise DataError(
                f"{export.path.name}: {' or '.join(spec.source)} has local times such as {first!r}; say in which "
                "time zone, such as --time-zone Europe/Berlin."
            )


def _currency(export: Export, amount: str, relation: str, options: Options, report: FileReport) -> list[Rule]:
    """Return the rule that amounts are in the currency asked for; refuse a file with several otherwise."""
    found = fetch(
        export.connection,
        f"SELECT upper(currency), count(*) FROM {relation} WHERE {amount} IS NOT NULL AND currency IS NOT NULL "
        "GROUP BY ALL ORDER BY 2 DESC, 1",
    )
    report.currencies = [options.currency] if options.currency else [name for name, _ in found]
    if options.currency is None and len(found) > 1:
        listed = " and ".join(f"{name} ({count:,} rows)" for name, count in found)
        raise DataError(
            f"{export.path.name}: {amount} is in {listed}; Impel reads one currency and converts none. Convert the "
            f"amounts, or say which to keep, such as --currency {found[0][0]}."
        )
    other = f"{amount} IS NOT NULL AND upper(currency) <> {literal((options.currency or '').upper())}"
    message = "{rows} in {received}; only " + (options.currency or "") + " was asked for."
    return [Rule("currency", "other-currency", other, message, value="currency")] if options.currency else []


def _origin(spec: Spec) -> str:
    if spec.value is not None:
        return f"always {spec.value!r}"
    return (" and " if spec.join else " or ").join(spec.source) or f"--{spec.ask}"


def _look(
    export: Export, columns: dict[str, tuple[Column, Spec]], relation: str, target: Path, found: TableReport
) -> None:
    """Count what was kept, what comes twice and which alternatives were used, and show the first values."""
    staged = f"read_parquet({literal(str(target))})"
    key = [name for name in STAGED[target.name.partition(".")[0]].key if name in columns]
    repeated = f"count(*) - count(DISTINCT ({', '.join(map(quoted, key))}))" if key else "0"
    kept, again = fetch(export.connection, f"SELECT count(*), {repeated} FROM {staged}")[0]
    found.kept += kept
    found.repeated += again
    texts = ", ".join(f"{quoted(name)}::VARCHAR" for name in columns)
    for row in fetch(export.connection, f"SELECT {texts} FROM {staged} LIMIT 3"):
        for name, value in zip(columns, row, strict=True):
            found.first.setdefault(name, []).extend([] if value is None else [str(value)])
    for name, (_, spec) in columns.items():
        if len(spec.source) > 1 and not spec.join:
            counts = fetch(export.connection, f"SELECT {quoted(f'used {name}')}, count(*) FROM {relation} GROUP BY 1")
            used = {place: count for place, count in counts if place is not None}
            found.alternatives[name] = {
                source: used.get(place, 0) for place, source in enumerate(spec.source, 1) if export.has(source)
            }


def _cover(export: Export, target: Path, options: Options, report: FileReport) -> None:
    """Note from when to when conversions were counted: to the export, or as far as there are any."""
    staged = f"read_parquet({literal(str(target))})"
    for kind, first, last in fetch(export.connection, f'SELECT kind, min("at"), max("at") FROM {staged} GROUP BY ALL'):
        end = last if options.exported_at is None else max(last, options.exported_at.to_pydatetime())
        report.covers[kind] = [first.isoformat(), end.isoformat()]
