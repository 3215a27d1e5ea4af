"""The data contract, checked: every problem of every table at once, and the rows in question."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from features import casts
from features.errors import SettingError
from features.problems import Problem, count_groups, count_rows, fetch, literal, quoted
from features.progress import quiet
from features.readers import one_line, read
from features.rules import NULL_EVERYWHERE, group_rules, reference_rules, row_rules
from features.sources import label, lacking
from features.table_rules import is_percent, mixtures, outcome_problems, table_problems
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import pyarrow as pa

    from features.problems import Rule
    from features.progress import Progress
    from features.readers import Reading
    from features.store import EventStore
    from features.tables import Table

    Source = str | Path | Mapping[str, pd.DataFrame | pa.Table]


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes
    ----------
    problems
        Errors first, then in the order of the contract.
    tables
        The number of rows of every table that could be read.
    """

    problems: tuple[Problem, ...]
    tables: dict[str, int]
    _source: Any = field(repr=False)
    _refused: dict[tuple[str, str], str] = field(repr=False)  # SQL of the rows, by table and rule

    @property
    def ok(self) -> bool:
        """Whether there are no errors; warnings there may be."""
        return all(problem.severity != "error" for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON: `ok`, `tables`, `problems`."""
        return {"ok": self.ok, "tables": dict(self.tables), "problems": [asdict(problem) for problem in self.problems]}

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems) or "No problems."

    def refused(self, folder: str | Path) -> list[Path]:
        """Write the rows that break rules of severity `error`, as they were received.

        Returns
        -------
        The files, `<table>.<rule>.parquet`, one for each table and rule; none for rules that are not about rows. The
        source is read again for this.

        Raises
        ------
        SettingError
            The folder cannot be written to.
        """
        folder = Path(folder)
        connection = read(self._source).connection
        paths = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for (table, rule), sql in self._refused.items():
                paths.append(folder / f"{table}.{rule}.parquet")
                fetch(connection, f"COPY ({sql}) TO {literal(str(paths[-1]))} (FORMAT parquet)")
        except (OSError, duckdb.Error) as error:
            raise SettingError(f"Refused rows cannot be written to {str(folder)!r}: {one_line(error)}.") from error
        finally:
            connection.close()
        return paths


def check(source: Source, *, store: EventStore | None = None, progress: Progress = quiet) -> CheckReport:
    """Check a source against the whole data contract.

    Parameters
    ----------
    source
        What `features.sources.open_tables` takes.
    store
        The event store that the source has further rows for: it need not have every table then, may refer to accounts
        and campaigns of the store, and must not bring an outcome that is there already.
    progress
        Told which table is being checked, and which share of all rows was.

    Returns
    -------
    All problems of all tables at once; bad data never raises.

    Raises
    ------
    DataError
        There is no such source, or it has no known form.
    """
    reading = read(source)
    problems = [*reading.problems, *lacking(reading)]
    relations: dict[str, str] = {}  # of the tables that could be read to their end
    stored = {} if store is None else _stored(store)
    rows: dict[str, int] = {}
    refused: dict[tuple[str, str], str] = {}
    sizes, done = _sizes(reading), 0
    for name, table in CONTRACT.items():
        received = reading.columns.get(name)
        if received is None:
            continue
        progress(name, done / max(sum(sizes.values()), 1))
        done += sizes[name]
        relation = f"({casts.select(table, received, keep_raw=True)})"
        try:
            rows[name], broken = _broken(reading.connection, table, received, relation, relations, stored=stored)
            if name == "outcomes" and rows[name]:
                problems += outcome_problems(reading.connection, relation)
        except duckdb.Error as error:
            rows.pop(name, None)
            message = f"It cannot be read ({one_line(error)}); write it again."
            problems.append(Problem(name, "", "unreadable", "error", 0, (), message))
            continue
        relations[name] = relation
        problems += [*table_problems(table, received, rows[name]), *(problem for _, problem in broken)]
        refused |= _refused_rows(table, received, relation, [rule for rule, _ in broken])
    problems += mixtures(reading.connection, {name: (sql, reading.columns[name]) for name, sql in relations.items()})
    reading.connection.close()
    if store is not None and reading.columns:
        problems = [problem for problem in problems if problem.rule not in _OF_ALL_ROWS]
    order = {name: place for place, name in enumerate(CONTRACT)}
    problems.sort(key=lambda problem: (problem.severity != "error", order[problem.table], problem.column, problem.rule))
    return CheckReport(tuple(problems), rows, source, refused)


def _sizes(reading: Reading) -> dict[str, int]:
    """Return how many rows tables have, 0 where they cannot be read."""
    sizes = dict.fromkeys(reading.columns, 0)
    for name in sizes:
        with suppress(duckdb.Error):
            sizes[name] = fetch(reading.connection, f"SELECT count(*) FROM raw.{quoted(name)}")[0][0]
    return sizes


_OF_ALL_ROWS = {"missing-table", "missing-optional-table", "empty-table", "few-outcomes", "no-actions"}
"""Rules about all rows that there are, which further rows need not keep by themselves."""


def _stored(store: EventStore) -> dict[str, str]:
    """Return SQL of what a store holds of some tables."""
    files = {"accounts": "accounts", "campaigns": "campaigns", "outcomes": "activations"}
    return {table: f"read_parquet({literal(str(store.file(name)))})" for table, name in files.items()}


def _broken(
    connection: Any,
    table: Table,
    received: dict[str, str],
    relation: str,
    relations: Mapping[str, str],
    *,
    stored: Mapping[str, str],
) -> tuple[int, list[tuple[Rule, Problem]]]:
    """Return the number of rows of a table, and the rules about rows that it breaks."""
    percent = is_percent(connection, table, relation)
    rules = [rule for c in table.columns if c.name in received for rule in casts.rules(c, received[c.name])]
    rules += [*row_rules(table, received, percent=percent), *reference_rules(table, received, relations, stored)]
    place = {"table": table.name, "relation": relation, "label": label(table, received)}
    touch = [casts.raw(name) for name in received]
    total, broken = count_rows(connection, **place, rules=rules, touch=touch)
    broken += count_groups(connection, **place, rules=group_rules(table, received, percent=percent))
    if any(rule.name == NULL_EVERYWHERE for rule, _ in broken):  # says more than that each of them is null
        broken = [
            (rule, found) for rule, found in broken if (rule.column, rule.name) != ("followers", "null-in-required")
        ]
    return total, broken


def _refused_rows(
    table: Table, received: Mapping[str, str], relation: str, rules: list[Rule]
) -> dict[tuple[str, str], str]:
    """Return SQL of the rows, as received, that break each rule of severity `error` in any column."""
    columns = ", ".join(f"{casts.raw(name)} AS {quoted(name)}" for name in received)
    names = dict.fromkeys(rule.name for rule in rules if rule.severity == "error")
    return {
        (table.name, name): f"SELECT {columns} FROM {relation} AS t WHERE "
        + " OR ".join(f"({rule.where})" for rule in rules if rule.name == name)
        for name in names
    }
