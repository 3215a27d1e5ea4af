"""From whatever type a column arrives in to the type of the contract, as SQL, without losing a value silently."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from features.problems import Rule, quoted
from features.tables import SQL_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.tables import Column, Kind, Table

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WIDE = ("UBIGINT", "HUGEINT", "UHUGEINT", "BIGNUM")  # integers that a BIGINT may not hold
_MOMENTS = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_COARSE = ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS")  # reach further than microseconds do
_PLAIN = "VARCHAR|[A-Z]*INT|[A-Z]*INTEGER|FLOAT|DOUBLE|BOOLEAN|UUID|ENUM.*|DECIMAL.*"

_NOT_FINITE = "('nan', 'inf', '+inf', '-inf', 'infinity', '+infinity', '-infinity')"
_MEANT: dict[Kind, str] = {
    "id": "a text",
    "text": "a text",
    "code": "a text",
    "time": "a date and time",
    "count": "a whole number",
    "number": "a number",
    "share": "a number between 0 and 1",
    "flag": "true or false",
    "list": "a list of texts",
}


def raw(name: str) -> str:
    """Return the SQL name under which `select(keep_raw=True)` carries a column as it was received."""
    return quoted(f"received {name}")


def select(table: Table, received: dict[str, str] | None, *, keep_raw: bool = False) -> str:
    """Return the SELECT that normalises a table.

    Parameters
    ----------
    received
        The columns that were received, with their DuckDB types; columns of the contract not among them become null.
        None where the whole table is absent: the result has no rows.
    keep_raw
        Carry each received column along as it came, under the name `raw(column)`.
    """
    types = received or {}
    parts = [
        f"{value(column, types[column.name])} AS {quoted(column.name)}"
        if column.name in types
        else f"NULL::{SQL_TYPES[column.kind]} AS {quoted(column.name)}"
        for column in table.columns
    ]
    if keep_raw:
        parts += [f"{quoted(name)} AS {raw(name)}" for name in types]
    return f"SELECT {', '.join(parts)}" + (" WHERE false" if received is None else f" FROM raw.{quoted(table.name)}")


def value(column: Column, received: str) -> str:
    """Return the SQL expression of a column in the contract's type; null where its value cannot be read."""
    # Any value of a type that cannot be read at all is a wrong type; a column of such a type that is all null is none.
    return _READERS[column.kind](quoted(column.name), received) or f"NULL::{SQL_TYPES[column.kind]}"


def _text(x: str, received: str) -> str | None:
    if _is_decimal(received):  # what pandas makes of integers with nulls
        return f"({_whole(x)})::VARCHAR"
    if _is_text(received) or _is_integer(received):
        return x if received == "VARCHAR" else f"{x}::VARCHAR"
    return None


def _time(x: str, received: str) -> str | None:
    if _is_text(received):
        form = r"'\d{4}-\d{2}-\d{2}([T ]\d.*)?'"
        return _where_form(x, form, f"TRY_CAST({_trimmed(x)} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'")
    if received not in (*_MOMENTS, *_COARSE):
        return None
    if received == "TIMESTAMPTZ_NS":
        x = f"timezone('UTC', {x})"
    if received == "TIMESTAMP WITH TIME ZONE":
        # `timezone` asks for the rules of a zone, row by row, which costs more than all the rest of a column.
        return f"CASE WHEN isfinite({x}) THEN make_timestamp(epoch_us({x})) ELSE timezone('UTC', {x}) END"
    if received.endswith("_NS"):
        # Rounded down: DuckDB's own cast rounds to the nearest microsecond, so sometimes into the future.
        nanoseconds = f"epoch_ns({x})"
        return f"make_timestamp(({nanoseconds} - (({nanoseconds} % 1000) + 1000) % 1000) // 1000)"
    return f"TRY_CAST({x} AS TIMESTAMP)" if received in _COARSE else x


def _count(x: str, received: str) -> str | None:
    if _is_text(received):
        return _where_form(x, r"'[+-]?\d+(\.0*)?'", f"TRY_CAST(split_part({_trimmed(x)}, '.', 1) AS BIGINT)")
    if _is_integer(received):
        return x if received == "BIGINT" else f"TRY_CAST({x} AS BIGINT)"
    return _whole(x) if _is_decimal(received) else None


def _number(x: str, received: str) -> str | None:
    if _is_text(received):
        number = f"TRY_CAST({_trimmed(x)} AS DOUBLE)"
        return _where_form(x, r"'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?'", _finite(number))
    if _is_integer(received) or received.startswith("DECIMAL"):
        return f"{x}::DOUBLE"
    return _finite(f"{x}::DOUBLE") if _is_decimal(received) else None


def _flag(x: str, received: str) -> str | None:
    if _is_text(received):
        text = f"lower({_trimmed(x)})"
        yes, no = "('true', 't', 'yes', 'y', '1', '1.0')", "('false', 'f', 'no', 'n', '0', '0.0')"
        return f"CASE WHEN {text} IN {yes} THEN true WHEN {text} IN {no} THEN false END"
    if _is_integer(received) or _is_decimal(received):
        return f"CASE {x} WHEN 0 THEN false WHEN 1 THEN true END"
    return x if received == "BOOLEAN" else None


def _list(x: str, received: str) -> str | None:
    if _is_text(received):
        text = _trimmed(x)
        items = f"list_transform(string_split_regex({text}, '[;|]'), lambda item: trim(item))"
        json = f"TRY_CAST(TRY_CAST({text} AS JSON) AS VARCHAR[])"
        return f"CASE WHEN starts_with({text}, '[') THEN {json} ELSE list_filter({items}, lambda item: item <> '') END"
    if _is_list(received):
        return x if received == "VARCHAR[]" else f"{x}::VARCHAR[]"
    return None


_READERS: dict[Kind, Callable[[str, str], str | None]] = {
    "id": _text,
    "text": _text,
    "code": _text,
    "time": _time,
    "count": _count,
    "number": _number,
    "share": _number,
    "flag": _flag,
    "list": _list,
}


def _trimmed(x: str) -> str:
    return f"trim({x}::VARCHAR)"


def _where_form(x: str, form: str, sql: str) -> str:
    """Return the expression where the text has the form: DuckDB's casts alone accept '1_000' and round '1.5'."""
    return f"CASE WHEN regexp_full_match({_trimmed(x)}, {form}) THEN {sql} END"


def _whole(x: str) -> str:
    return f"CASE WHEN {x} = round({x}) THEN TRY_CAST({x} AS BIGINT) END"


def _finite(x: str) -> str:
    return f"CASE WHEN isfinite({x}) THEN {x} END"


def rules(column: Column, received: str) -> list[Rule]:
    """Return the rules for values of a column that cannot be read; none where its type can hold no such value."""
    kind, x = column.kind, raw(column.name)
    if _is_lossless(kind, received):
        return []
    unread = f"{x} IS NOT NULL AND {quoted(column.name)} IS NULL"
    not_finite = []
    if kind in ("count", "number", "share") and (_is_text(received) or _is_decimal(received)):
        odd = f"lower({_trimmed(x)}) IN {_NOT_FINITE}" if _is_text(received) else f"NOT isfinite({x}::DOUBLE)"
        unread = f"{unread} AND NOT ({odd})"
        message = "{rows} with {received}; leave it null where it was not measured."
        not_finite = [Rule(column.name, "not-finite", f"{x} IS NOT NULL AND {odd}", message, value=x)]
    message = f"{{rows}} with something that is not {_MEANT[kind]}: {{received}}{{hint}}."
    advise = partial(hint, kind, received)
    return [Rule(column.name, "wrong-type", unread, message, value=x, hint=advise), *not_finite]


def hint(kind: Kind, received: str, text: str) -> str:
    """Say what to do about a value that cannot be read as a column of this kind."""
    text = text.strip()
    if not _is_text(received):
        return f" in a column of type {received}; write {_MEANT[kind]}"
    if text.lower() in ("", "null", "none", "na", "n/a", "-", "?", "unknown"):
        return "; leave the cell empty where nothing was measured"
    if kind in ("count", "number", "share"):
        return next((advice for form, advice in _NUMBER_ADVICE if re.search(form, text)), f"; write {_MEANT[kind]}")
    return _ADVICE.get(kind, f"; write {_MEANT[kind]}")


_ADVICE: dict[Kind, str] = {
    "time": "; write times as 2026-01-31T18:30:00Z",
    "list": """; write a JSON array such as ["food", "home"], or food;home""",
}
_NUMBER_ADVICE = (
    (r"^[+-]?\d{1,3}([,.' ]\d{3})+([.,]\d+)?$", "; write numbers without thousands separators"),
    (r"[$€£¥₹฿]|^[A-Z]{3}\b|\b[A-Z]{3}$", "; write amounts as plain numbers, without the currency"),
    (r"%$", "; write shares as numbers between 0 and 1, without the percent sign"),
    (r"^[+-]?\d+,\d+$", "; write numbers with a decimal point"),
    (r"^[\d.,]+\s*[kKmMbB]$", "; write numbers in full"),
)


def _is_text(received: str) -> bool:
    return received in ("VARCHAR", "UUID") or received.startswith("ENUM")


def _is_integer(received: str) -> bool:
    return received in (*_INTEGERS, *_WIDE)


def _is_decimal(received: str) -> bool:
    return received in ("FLOAT", "DOUBLE") or received.startswith("DECIMAL")


def _is_list(received: str) -> bool:
    # Lists that are all empty have elements of no type.
    return re.fullmatch(rf"""({_PLAIN}|"NULL")\[\d*\]""", received) is not None


def _is_lossless(kind: Kind, received: str) -> bool:
    """Whether every value of the type received can be held by the contract's type."""
    return {
        "id": _is_text(received) or _is_integer(received),
        "text": _is_text(received) or _is_integer(received),
        "code": _is_text(received) or _is_integer(received),
        "time": received in _MOMENTS,
        "count": received in _INTEGERS,
        "number": _is_integer(received) or received.startswith("DECIMAL"),
        "share": _is_integer(received) or received.startswith("DECIMAL"),
        "flag": received == "BOOLEAN",
        "list": _is_list(received),
    }[kind]
