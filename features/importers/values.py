"""From the text of an export to a value of a table, as SQL: null where nothing was measured or it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features import casts
from features.problems import literal

if TYPE_CHECKING:
    from features.importers.mapping import Spec
    from features.tables import Column

MISSING = (
    "",
    "-",
    "--",
    "\u2013",
    "\u2014",
    "n/a",
    "na",
    "nan",
    "null",
    "none",
    "undefined",
    "not available",
    "#n/a",
    "(not set)",
)
"""How exports write that nothing was measured, in lower case; never 0."""

_OFFSET = r"([Zz]|UTC|GMT|[+-]\d{2}:?\d{2})$"
_EPOCHS = {"seconds": 1_000_000, "milliseconds": 1_000}  # microseconds
_SUFFIXES = {"k": "1e3", "m": "1e6", "b": "1e9"}
_SPACES = "'\u00a0\u202f_"  # what groups thousands besides the mark and a blank


def present(x: str) -> str:
    """Return SQL of a text, trimmed; null where it says that nothing was measured."""
    missing = ", ".join(literal(word) for word in MISSING)
    return f"CASE WHEN lower(trim({x})) NOT IN ({missing}) THEN trim({x}) END"


def typed(column: Column, spec: Spec, x: str, *, zone: str | None) -> str:
    """Return SQL of a present text as a value of the column, null where it cannot be read.

    Parameters
    ----------
    zone
        The zone of times that name none.
    """
    x = _rewritten(spec, x)
    if spec.values is not None:
        return _enumeration(spec.values | {value: value for value in spec.given.values()}, x)
    number = _number(x, spec, percent=column.kind == "share")
    match column.kind:
        case "id":
            # A spreadsheet that writes 1.78E+16 has lost the last digits for good.
            value = f"CASE WHEN NOT regexp_full_match({x}, '\\d(\\.\\d+)?[eE]\\+\\d+') THEN {x} END"
        case "code":
            value = f"lower({x})" if column.name in _LOWER else x
        case "count":
            value = f"CASE WHEN abs({number} - round({number})) < 1e-6 THEN round({number})::BIGINT END"
        case "number":
            value = number
        case "share":
            value = f"CASE WHEN {number} BETWEEN 0 AND 1 THEN {number} END"
        case "time":
            value = _time(x, spec, zone)
        case _:
            value = casts.value(column, "VARCHAR").replace(f'"{column.name}"', f"({x})")
    return value


_LOWER = ("code", "kind", "status", "platform", "goal", "dimension")


def _rewritten(spec: Spec, x: str) -> str:
    """Return SQL of the text that is read: the part that the pattern names, in the right letters."""
    if spec.pattern is not None:
        x = f"nullif(regexp_extract({x}, {literal(spec.pattern)}, 1), '')"
    if spec.case is not None:
        x = f"{spec.case}({x})"
    for written, meant in spec.replace.items():
        x = f"CASE WHEN {x} = {literal(written)} THEN {literal(meant)} ELSE {x} END"
    return x


def local(spec: Spec, x: str) -> str:
    """Return the SQL condition that a present text is a time without a zone."""
    if "iso" in spec.time:
        return f"NOT regexp_matches({x}, '{_OFFSET}|^\\d+$')"
    has_zone = all(form in _EPOCHS or "%z" in form for form in spec.time)
    return "false" if has_zone else "true"


def _enumeration(values: dict[str, str], x: str) -> str:
    cases = " ".join(f"WHEN {literal(written.casefold())} THEN {literal(value)}" for written, value in values.items())
    return f"CASE lower({x}) {cases} END"


def _number(x: str, spec: Spec, *, percent: bool = False) -> str:
    """Return SQL of a number such as 1,234.5 or 1.2K; a percent sign is taken by shares only."""
    mark, other = (".", ",") if spec.decimal == "." else (",", ".")
    grouped = rf"[+-]?(\d{{1,3}}([ {other}{_SPACES}]\d{{3}})+|\d+)?([{mark}]\d+)?([eE][+-]?\d+)?"
    form = grouped + r"\s?[kKmMbB]?" + (r"\s?%?" if percent else "")
    suffix = f"lower(regexp_extract({x}, '[kKmMbB]', 0))"
    factor = " ".join(f"WHEN '{letter}' THEN {size}" for letter, size in _SUFFIXES.items())
    digits = f"replace(regexp_replace({x}, '[^0-9eE{mark}+-]', '', 'g'), '{mark}', '.')"
    divisor = f"CASE WHEN contains({x}, '%') THEN 100 ELSE {spec.scale!r} END" if percent else repr(spec.scale)
    number = f"TRY_CAST({digits} AS DOUBLE) * CASE {suffix} {factor} ELSE 1 END / {divisor}"
    return f"(CASE WHEN regexp_full_match({x}, {literal(form)}) THEN {number} END)"


def _time(x: str, spec: Spec, zone: str | None) -> str:
    """Return SQL of a moment in UTC, without a zone: by the first form that a text has."""
    moments = []
    for form in spec.time:
        if form in _EPOCHS:
            since = f"make_timestamp(TRY_CAST({x} AS BIGINT) * {_EPOCHS[form]})"
            moments.append(f"CASE WHEN regexp_full_match({x}, '\\d+') THEN {since} END")
        elif form == "iso":
            closed = f"regexp_replace({x}, '\\s+([+-]\\d{{2}}:?\\d{{2}})$', '\\1')"  # DuckDB takes no blank before it
            given = f"timezone('UTC', TRY_CAST({closed} AS TIMESTAMPTZ))"
            naive = f"TRY_CAST({x} AS TIMESTAMP)"
            moment = f"CASE WHEN {local(spec, x)} THEN {_at(naive, zone, spec)} ELSE {given} END"
            moments.append(
                f"CASE WHEN regexp_full_match({x}, '\\d{{4}}-\\d{{2}}-\\d{{2}}([T ]\\d.*)?') THEN {moment} END"
            )
        else:
            moments.append(_at(f"try_strptime({x}, {literal(form)})", zone, spec))
    return f"coalesce({', '.join(moments)})"


def _at(naive: str, zone: str | None, spec: Spec) -> str:
    """Return SQL of the moment at which clocks of a zone show a time; the later one where they show it twice."""
    if spec.until:
        naive = f"date_trunc('{spec.until}', {naive}) + INTERVAL 1 {spec.until}"
    return f"timezone('UTC', timezone({literal(zone or 'UTC')}, {naive}))"
