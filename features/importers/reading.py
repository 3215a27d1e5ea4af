"""One exported file, read by a mapping: rows in the columns of tables, and what was refused and left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import duckdb

from features.errors import DataError, SettingError, nearest
from features.importers import values
from features.importers.files import find_shape, open_export
from features.importers.mapping import Spec
from features.importers.staging import MONEY, STAGED
from features.problems import Rule, count_rows, fetch, literal, quoted
from features.readers import one_line

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from features.importers.files import Export
    from features.importers.mapping import Mapping, Rows
    from features.tables import Column


@dataclass(frozen=True)
class Options:
    """What files do not say.

    Attributes
    ----------
    time_zone
        The zone of times that name none, such as `Europe/Berlin`.
    currency
        The currency of amounts; rows in another are refused.
    exported_at
        The moment of the export, in UTC.
    """

    time_zone: str | None = None
    currency: str | None = None
    exported_at: pd.Timestamp | None = None


def checked(options: Options) -> Options:
    """Return options as they are used; SettingError where a zone or currency cannot be one."""
    zone, currency = options.time_zone, options.currency
    if zone is not None and zone not in available_timezones():
        raise SettingError(
            f"There is no time zone {zone!r}; write one such as Europe/Berlin.{nearest(zone, available_timezones())}"
        )
    if currency is not None and (len(currency) != 3 or not currency.isalpha()):
        raise SettingError(f"{currency!r} is no currency; write its three letters, such as EUR.")
    moment = options.exported_at
    if moment is not None and moment.tzinfo is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    return Options(zone, currency and currency.upper(), moment)


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
    table = STAGED[rows.table]
    specs = {
        name: spec
        for name, spec in rows.columns.items()
        if not spec.source or any(export.has(source) for source in spec.source)
    }
    columns = [column for column in table.columns if column.name in specs]
    raw = {column.name: _raw(export, rows, rows.columns[column.name], options) for column in columns}
    for name, spec in specs.items():
        if isinstance(spec.prefix, Spec):
            raw[f"prefix of {name}"] = _raw(export, rows, spec.prefix, options)
    filters = [_filter(export, rows, name, kept, keep=True) for name, kept in rows.only.items()]
    filters += [_filter(export, rows, name, gone, keep=False) for name, gone in rows.without.items()]
    filters += [f"{export.value(rows, (name,))} IS NOT NULL" for name in rows.filled]
    picked = ", ".join(["row_number() OVER () AS row", *(f"{sql} AS {_from(name)}" for name, sql in raw.items())])
    source = f"SELECT {picked} FROM ({export.rows(rows)}) WHERE {' AND '.join(filters) or 'true'}"
    _ask_for_zone(export, rows, columns, source, options)
    typed = ", ".join(
        f"{_typed(column, rows.columns[column.name], options)} AS {quoted(column.name)}" for column in columns
    )
    relation = f"(SELECT *, {typed} FROM ({source}))"
    rules = [rule for column in columns for rule in _rules(column, rows.columns[column.name])]
    rules += _currency(export, rows, relation, options, report)
    labels = [_from(name) for name in table.key if name in raw] or ["row::VARCHAR"]
    read, broken = count_rows(
        export.connection,
        table=table.name,
        relation=relation,
        label=f"concat_ws('/', {', '.join(labels)})",
        rules=rules,
    )
    good = " AND ".join(f"NOT coalesce({rule.where}, false)" for rule in rules) or "true"
    kept = ", ".join(["row", *(quoted(column.name) for column in columns)])
    fetch(
        export.connection,
        f"COPY (SELECT {kept} FROM {relation} WHERE {good}) TO {literal(str(target))} (FORMAT parquet)",
    )
    found = report.tables.setdefault(rows.table, TableReport())
    found.read += read
    for _, problem in broken:
        examples = f" [{', '.join(problem.examples)}]" if problem.examples else ""
        where = " or ".join(rows.columns[problem.column].source) if problem.column in rows.columns else problem.column
        message = f"{problem.column} from {where}: {problem.message}{examples}"
        found.refused[message] = found.refused.get(message, 0) + problem.rows
    found.columns |= {column.name: _origin(rows.columns[column.name]) for column in columns}
    _look(export, rows, columns, target, found)
    if rows.table == "conversions":
        _cover(export, target, options, report)


def _from(name: str) -> str:
    return quoted(f"from {name}")


def _raw(export: Export, rows: Rows, spec: Spec, options: Options) -> str:
    """Return SQL of the text that a column comes from, as it is in the file."""
    if spec.value is not None:
        text = literal(spec.value)
    elif spec.exported:
        if options.exported_at is None:
            raise DataError(
                f"{export.path.name} does not say when its numbers were read; say when it was exported, "
                "such as --exported-at 2026-01-31."
            )
        text = literal(options.exported_at.isoformat())
    else:
        text = export.value(rows, spec.source)
    for name, value in spec.given.items():
        text = f"CASE WHEN {export.value(rows, (name,))} IS NOT NULL THEN {literal(value)} ELSE {text} END"
    return text


def _typed(column: Column, spec: Spec, options: Options) -> str:
    x = _from(column.name)
    if spec.exported or spec.value is not None:
        return values.typed(column, _PLAIN, x, zone="UTC")
    before = ""
    if isinstance(spec.prefix, Spec):
        before = f"{_prefix(column, spec.prefix)} || ':' || "
    elif spec.prefix is not None:
        before = f"{literal(spec.prefix + ':')} || "
    value = values.typed(column, spec, x, zone=spec.zone or options.time_zone)
    if column.name in ("account_id", "influencer_id", "name"):
        return f"lower({before}ltrim({value}, '@'))"
    return f"{before}{value}"


_PLAIN = Spec.model_validate({"from": "-"})


def _prefix(column: Column, prefix: Spec) -> str:
    return values.typed(column, prefix, _from(f"prefix of {column.name}"), zone=None)


def _filter(export: Export, rows: Rows, name: str, listed: tuple[str, ...], *, keep: bool) -> str:
    words = ", ".join(literal(word.casefold()) for word in listed)
    found = f"coalesce(lower({export.value(rows, (name,))}) IN ({words}), false)"
    return found if keep else f"NOT {found}"


def _rules(column: Column, spec: Spec) -> list[Rule]:
    x, value = _from(column.name), quoted(column.name)
    found = []
    unread = f"{x} IS NOT NULL AND {value} IS NULL"
    if isinstance(spec.prefix, Spec):
        before = _from(f"prefix of {column.name}")
        message = "{rows} of {received}, which is " + _meant(column, spec.prefix) + "."
        found.append(
            Rule(
                column.name,
                "prefix",
                f"{before} IS NOT NULL AND {_prefix(column, spec.prefix)} IS NULL",
                message,
                value=before,
            )
        )
        unread += f" AND {_prefix(column, spec.prefix)} IS NOT NULL"
    message = "{rows} with {received}, which is " + _meant(column, spec) + "."
    found.append(Rule(column.name, "unread", unread, message, value=x))
    if not column.nullable:
        message = "{rows} without a value, which a row cannot do without."
        found.append(Rule(column.name, "missing", f"{x} IS NULL", message))
    return found


def _meant(column: Column, spec: Spec) -> str:
    """Say what a value is not that cannot be read, and what it would have to be; fit for the message of a rule."""
    wanted = {
        "count": f"no whole number (with the decimal mark {spec.decimal!r})",
        "number": f"no number (with the decimal mark {spec.decimal!r})",
        "share": f"no share of at most {spec.scale:g}",
        "time": "no time of the form that the mapping names",
        "id": "no id any more: a spreadsheet has rounded it; export again and do not open the file in one",
    }
    choices = wanted.get(column.kind, "not readable")
    if spec.values:
        choices = "none of " + ", ".join(sorted(spec.values))
    return choices.replace("{", "(").replace("}", ")")


def _ask_for_zone(export: Export, rows: Rows, columns: list[Column], source: str, options: Options) -> None:
    """Refuse times without a zone that nobody named; nothing else says when they were."""
    for column in columns:
        spec = rows.columns[column.name]
        if column.kind != "time" or not spec.source or spec.zone or options.time_zone:
            continue
        x = _from(column.name)
        local = f"SELECT min({x}) FROM ({source}) WHERE {x} IS NOT NULL AND {values.local(spec, x)}"
        first = fetch(export.connection, local)[0][0]
        if first is not None:
            raise DataError(
                f"{export.path.name}: {' or '.join(spec.source)} has local times such as {first!r}; say in which "
                "time zone, such as --time-zone Europe/Berlin."
            )


def _currency(export: Export, rows: Rows, relation: str, options: Options, report: FileReport) -> list[Rule]:
    """Return the rule that amounts are in the currency asked for; refuse a file with several otherwise."""
    amount = MONEY.get(rows.table)
    if amount not in rows.columns or "currency" not in rows.columns:
        return []
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
    if spec.exported:
        return "the moment of the export"
    return f"always {spec.value!r}" if spec.value is not None else " or ".join(spec.source)


def _look(export: Export, rows: Rows, columns: list[Column], target: Path, found: TableReport) -> None:
    """Count what was kept, what comes twice and which alternatives were used, and show the first values."""
    staged = f"read_parquet({literal(str(target))})"
    names = [column.name for column in columns]
    key = [name for name in STAGED[rows.table].key if name in names]
    repeated = f"count(*) - count(DISTINCT ({', '.join(key)}))" if key else "0"
    kept, again = fetch(export.connection, f"SELECT count(*), {repeated} FROM {staged}")[0]
    found.kept += kept
    found.repeated += again
    shown = fetch(
        export.connection, f"SELECT {', '.join(f'{quoted(name)}::VARCHAR' for name in names)} FROM {staged} LIMIT 3"
    )
    for place, name in enumerate(names):
        first = [str(row[place]) for row in shown if row[place] is not None]
        found.first[name] = [*found.first.get(name, []), *first][:3]
    for name in names:
        sources = [source for source in rows.columns[name].source if export.has(source)]
        if len(sources) > 1:
            sql = [
                f"count({export.value(rows, (s,))}) FILTER (WHERE {_first(export, rows, sources[:n])})"
                for n, s in enumerate(sources)
            ]
            counts = fetch(export.connection, f"SELECT {', '.join(sql)} FROM ({export.rows(rows)})")[0]
            found.alternatives[name] = dict(zip(sources, counts, strict=True))


def _first(export: Export, rows: Rows, before: list[str]) -> str:
    return " AND ".join(f"{export.value(rows, (name,))} IS NULL" for name in before) or "true"


def _cover(export: Export, target: Path, options: Options, report: FileReport) -> None:
    """Note from when to when conversions were counted: to the export, or as far as there are any."""
    staged = f"read_parquet({literal(str(target))})"
    for kind, first, last in fetch(export.connection, f'SELECT kind, min("at"), max("at") FROM {staged} GROUP BY ALL'):
        end = last if options.exported_at is None else max(last, options.exported_at.to_pydatetime())
        report.covers[kind] = [first.isoformat(), end.isoformat()]
