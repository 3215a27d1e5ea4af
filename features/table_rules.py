"""What the data contract asks of a table as a whole, and of all tables together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from features.casts import raw
from features.errors import nearest
from features.problems import Problem, fetch
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from features.problems import Severity
    from features.tables import Table

ENOUGH_OUTCOMES = 200
"""Closed activations below which there is too little to learn from."""

_NUMBERS = ("INT", "FLOAT", "DOUBLE", "DECIMAL")
_OFFSET = r"\d{2}:\d{2}.*([Zz]|[+-]\d{2}(:?\d{2})?)$"


def table_problems(table: Table, received: Mapping[str, str], rows: int) -> Iterator[Problem]:
    """Yield what is wrong with a table of so many rows, received with these columns and types."""
    if not rows:
        severity: Severity = "error" if table.required else "warning"
        consequence = (
            "Impel cannot work without it" if table.required else f"features stay null that say {table.serves}"
        )
        yield Problem(table.name, "", "empty-table", severity, 0, (), f"The table has no rows; {consequence}.")
    known = {column.name: column for column in table.columns}
    absent = [name for name in known if name not in received]
    for name, sql_type in received.items():
        if name not in known:
            message = f"The column is not part of the data contract and stays out.{nearest(name, absent)}"
            yield Problem(table.name, name, "extra-column", "warning", 0, (), message)
        elif known[name].kind == "id" and any(number in sql_type for number in _NUMBERS):
            message = (
                f"The ids are numbers ({sql_type}), read as texts; write texts, or ids such as 007 lose their zeros."
            )
            yield Problem(table.name, name, "id-not-text", "warning", 0, (), message)


def outcome_problems(connection: Any, relation: str) -> Iterator[Problem]:
    """Yield what keeps outcomes, some rows of them, from being learnt from."""
    closed, actions = fetch(connection, f"SELECT count(closed_at), coalesce(sum(actions), 0) FROM {relation} AS t")[0]
    if closed < ENOUGH_OUTCOMES:
        message = f"{closed:,} closed activations are few to learn from; bring {ENOUGH_OUTCOMES} or more."
        yield Problem("outcomes", "", "few-outcomes", "warning", 0, (), message)
    if not actions:
        message = "No activation brought any action, so there is nothing to learn; look whether actions were counted."
        yield Problem("outcomes", "actions", "no-actions", "warning", 0, (), message)


def is_percent(connection: Any, table: Table, relation: str) -> bool:
    """Whether the shares of a table look like percentages: those of the median report sum to more than 2."""
    if "share" not in [column.name for column in table.columns]:
        return False
    report = ", ".join(name for name in table.key if name != "bucket")
    sums = f"SELECT sum(share) AS total, max(share) AS largest FROM {relation} AS t GROUP BY {report}"
    total, largest = fetch(connection, f"SELECT median(total), max(largest) FROM ({sums})")[0]
    return total is not None and total > 2 and largest <= 100.5  # rounding


def mixtures(connection: Any, tables: Mapping[str, tuple[str, Mapping[str, str]]]) -> Iterator[Problem]:
    """Yield where the time columns of all tables (relation, and columns with types) differ in zone or in resolution."""
    zones: dict[str, set[str]] = {}
    units: dict[str, set[str]] = {}
    for name, (relation, received) in tables.items():
        times = {column: received[column] for column in CONTRACT[name].times if column in received}
        for column, sql_type in times.items():
            place = f"{name}.{column}"
            if sql_type == "VARCHAR":
                zones[place], units[place] = _written(connection, relation, column)
            elif sql_type == "DATE":
                units[place] = {"days"}
            elif sql_type.startswith("TIMESTAMP"):
                has_zone = sql_type in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
                zones[place] = {"with a time zone" if has_zone else "without"}
                units[place] = {_UNITS.get(sql_type.rpartition("_")[2], "microseconds")}
            if column in _MAY_BE_DAYS:
                units[place] = units.get(place, set()) - {"days"}
    yield from _mixture("mixed-time-zones", zones, "those without are taken as UTC; write all in UTC with a Z.")
    yield from _mixture("mixed-resolutions", units, "all become microseconds, a day its first one; write all alike.")


_MAY_BE_DAYS = ("created_at", "starts_at", "ends_at")
_UNITS = {"S": "seconds", "MS": "milliseconds", "NS": "nanoseconds"}


def _written(connection: Any, relation: str, column: str) -> tuple[set[str], set[str]]:
    """Return which zones and resolutions the times of a text column are written in."""
    x = f"trim({raw(column)})"
    has_zone, has_time = f"regexp_matches({x}, '{_OFFSET}')", f"contains({x}, ':')"
    counts = f"count(*) FILTER (WHERE {has_zone}), count(*) FILTER (WHERE {has_time}), count({x})"
    zoned, timed, filled = fetch(connection, f"SELECT {counts} FROM {relation} AS t")[0]
    zones = {"with a time zone": zoned, "without": timed - zoned}
    units = {"microseconds": timed, "days": filled - timed}
    return {zone for zone, count in zones.items() if count}, {unit for unit, count in units.items() if count}


def _mixture(rule: str, found: Mapping[str, Collection[str]], consequence: str) -> Iterator[Problem]:
    kinds = Counter(kind for column in found.values() for kind in column)
    if len(kinds) < 2:
        return
    usual = kinds.most_common(1)[0][0]
    odd = next(place for place, column in found.items() if set(column) - {usual})
    listed = "; ".join(f"{kind}: {', '.join(place for place in found if kind in found[place])}" for kind in kinds)
    table, _, column = odd.partition(".")
    yield Problem(table, column, rule, "warning", 0, (), f"Times are written differently ({listed}); {consequence}")
