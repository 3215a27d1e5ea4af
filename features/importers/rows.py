"""The rows of one table of an export, as SQL: what is in the file beside what becomes of it, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.errors import DataError
from features.importers import values
from features.importers.mapping import Spec
from features.importers.staging import STAGED
from features.problems import Rule, literal, quoted

if TYPE_CHECKING:
    from features.importers.files import Export
    from features.importers.mapping import Rows
    from features.importers.options import Options
    from features.tables import Column


def filled(export: Export, rows: Rows) -> dict[str, tuple[Column, Spec]]:
    """Return the columns that the file can fill, with how."""
    found = {}
    for column in STAGED[rows.table].columns:
        spec = rows.columns.get(column.name)
        if spec is not None and (not spec.source or any(export.has(source) for source in spec.source)):
            found[column.name] = (column, spec)
    return found


def select(export: Export, rows: Rows, options: Options) -> str:
    """Return the SELECT of a table's rows.

    Of every column that can be filled it has the text in the file (`from <name>`) and the value (`<name>`); of ids with
    a platform in front its text and value too (`from prefix of <name>`, `prefix of <name>`); of columns with
    alternatives the number of the one that was used, from 1 (`used <name>`); and `row`, the number of the row.

    Raises
    ------
    DataError
        The mapping asks for something that the options do not say.
    """
    raw, typed = ["row_number() OVER () AS row"], []
    for name, (column, spec) in filled(export, rows).items():
        raw.append(f"{_raw(export, rows, spec, options)} AS {text_of(name)}")
        if isinstance(spec.prefix, Spec):
            raw.append(f"{_raw(export, rows, spec.prefix, options)} AS {text_of(f'prefix of {name}')}")
            prefix = values.typed(column, spec.prefix, text_of(f"prefix of {name}"), zone=None)
            typed.append(f"{prefix} AS {quoted(f'prefix of {name}')}")
        if len(spec.source) > 1 and not spec.join:
            cases = [
                f"WHEN {export.value(rows, (source,))} IS NOT NULL THEN {n}" for n, source in enumerate(spec.source, 1)
            ]
            raw.append(f"CASE {' '.join(cases)} END AS {quoted(f'used {name}')}")
        typed.append(f"{_typed(column, spec, options)} AS {quoted(name)}")
    conditions = [_filter(export, rows, name, kept, keep=True) for name, kept in rows.only.items()]
    conditions += [_filter(export, rows, name, gone, keep=False) for name, gone in rows.without.items()]
    conditions += [f"{export.value(rows, (name,))} IS NOT NULL" for name in rows.filled]
    source = f"SELECT {', '.join(raw)} FROM ({export.rows(rows)}) WHERE {' AND '.join(conditions) or 'true'}"
    return f"SELECT *, {', '.join(typed)} FROM ({source})"


def text_of(name: str) -> str:
    """Return the SQL name of the text that a column comes from."""
    return quoted(f"from {name}")


def _raw(export: Export, rows: Rows, spec: Spec, options: Options) -> str:
    """Return SQL of the text that a column comes from, as it is in the file."""
    if spec.value is not None:
        text = literal(spec.value)
    elif spec.ask == "exported-at":
        if options.exported_at is None:
            raise DataError(
                f"{export.path.name} does not say when its numbers were read; say when it was exported, "
                "such as --exported-at 2026-01-31."
            )
        text = literal(options.exported_at.isoformat())
    elif spec.ask == "account":
        if options.account is None:
            raise DataError(f"{export.path.name} does not say whose it is; say it, such as --account youtube:anna.")
        text = literal(options.account)
    else:
        text = export.value(rows, spec.source, join=spec.join)
    for name, value in spec.given.items():
        text = f"CASE WHEN {export.value(rows, (name,))} IS NOT NULL THEN {literal(value)} ELSE {text} END"
    return text


def _typed(column: Column, spec: Spec, options: Options) -> str:
    x = text_of(column.name)
    if not spec.source:
        return values.typed(column, _PLAIN, x, zone="UTC")
    before = ""
    if isinstance(spec.prefix, Spec):
        prefix = values.typed(column, spec.prefix, text_of(f"prefix of {column.name}"), zone=None)
        before = f"{prefix} || ':' || "
    elif spec.prefix is not None:
        before = f"{literal(spec.prefix + ':')} || "
    value = values.typed(column, spec, x, zone=spec.zone or options.time_zone)
    if column.name in ("account_id", "influencer_id", "name"):
        return f"lower({before}ltrim({value}, '@'))"
    return f"{before}{value}"


_PLAIN = Spec.model_validate({"from": "-"})


def _filter(export: Export, rows: Rows, name: str, listed: tuple[str, ...], *, keep: bool) -> str:
    words = ", ".join(literal(word.casefold()) for word in listed)
    found = f"coalesce(lower({export.value(rows, (name,))}) IN ({words}), false)"
    return found if keep else f"NOT {found}"


def rules(column: Column, spec: Spec) -> list[Rule]:
    """Return the rules that keep a row out: a value that cannot be read, or one missing that must be there."""
    x, value = text_of(column.name), quoted(column.name)
    found = []
    unread = f"{x} IS NOT NULL AND {value} IS NULL"
    if isinstance(spec.prefix, Spec):
        before = text_of(f"prefix of {column.name}")
        message = "{rows} of {received}, which is " + _meant(column, spec.prefix) + "."
        known = f"{quoted(f'prefix of {column.name}')} IS NOT NULL"
        found.append(Rule(column.name, "prefix", f"{before} IS NOT NULL AND NOT {known}", message, value=before))
        unread += f" AND ({known} OR {before} IS NULL)"
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
        "id": "no id: its platform is missing, or a spreadsheet has rounded it (export again and open it in none)",
    }
    choices = wanted.get(column.kind, "not readable")
    if spec.values:
        choices = "none of " + ", ".join(sorted(spec.values))
    return choices.replace("{", "(").replace("}", ")")
