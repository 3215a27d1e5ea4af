"""What can be wrong with a table: rules as data, and how often each is broken, counted in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Severity = Literal["error", "warning"]

EXAMPLES = 5
"""How many ids of rows a problem names."""


@dataclass(frozen=True)
class Problem:
    """One way in which one column of one table breaks the data contract.

    Attributes
    ----------
    table, column
        Where; the column is empty where the whole table is meant.
    rule
        Stable name of the rule that is broken, such as `negative-count`.
    severity
        `error`: the data cannot be used like this; `warning`: it can, and somebody should look.
    rows
        How many rows; 0 where the problem is not one of rows.
    examples
        Up to five ids of such rows.
    message
        What is wrong, what was received and what to do, in one line.
    """

    table: str
    column: str
    rule: str
    severity: Severity
    rows: int
    examples: tuple[str, ...]
    message: str

    def __str__(self) -> str:
        place = f"{self.table}.{self.column}" if self.column else self.table
        examples = f" [{', '.join(self.examples)}]" if self.examples else ""
        return f"{self.severity}: {place}: {self.rule}: {self.message}{examples}"


@dataclass(frozen=True)
class Rule:
    """One rule about the rows of a table.

    `where` is the SQL condition that rows which break the rule fulfil. `message` may name `{rows}`, `{received}` (a
    value of the SQL expression `value` in such rows) and `{hint}`, which is `hint(received)`.
    """

    column: str
    name: str
    where: str
    message: str
    value: str = ""
    severity: Severity = "error"
    hint: Callable[[str], str] = lambda _received: ""


@dataclass(frozen=True)
class GroupRule:
    """One rule about rows that belong together.

    Of the rows that fulfil `where`, those belong together whose SQL expressions `by` are equal, nulls too. Groups for
    which `having` holds break the rule. `message` may name `{rows}`, those of all such groups.
    """

    column: str
    name: str
    by: tuple[str, ...]
    having: str
    message: str
    where: str = "true"
    severity: Severity = "error"

    def groups(self, relation: str) -> str:
        """Return SQL of the groups that break the rule: their keys k0, k1, ... and `n`, the number of their rows."""
        keys = ", ".join(f"{sql} AS k{number}" for number, sql in enumerate(self.by))
        return f"SELECT {keys}, count(*) AS n FROM {relation} AS t WHERE {self.where} GROUP BY ALL HAVING {self.having}"

    def as_rule(self, relation: str) -> Rule:
        """Return the same rule for the single rows of such groups."""
        same = " AND ".join(f"g.k{number} IS NOT DISTINCT FROM {sql}" for number, sql in enumerate(self.by))
        where = f"({self.where}) AND EXISTS (SELECT 1 FROM ({self.groups(relation)}) AS g WHERE {same})"
        return Rule(self.column, self.name, where, self.message, severity=self.severity)


def quoted(name: str) -> str:
    """Return a name as SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def fetch(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement and take all its rows, so that the connection is free for the next."""
    return list(connection.execute(sql).fetchall())


def count_rows(
    connection: Any, *, table: str, relation: str, label: str, rules: Iterable[Rule], touch: Collection[str] = ()
) -> tuple[int, list[tuple[Rule, Problem]]]:
    """Count the rows that break each rule: one pass for all rules, and one more for details where any is broken.

    Parameters
    ----------
    relation
        SQL of what is counted (a subquery in brackets or a name).
    label
        SQL expression that names one of its rows to people.
    touch
        SQL expressions that are read in any case, so that damage in them is noticed.

    Returns
    -------
    The number of rows, and the broken rules with their problems.
    """
    rules = tuple(rules)
    counts = [
        "count(*)",
        *(f"count(*) FILTER (WHERE {rule.where})" for rule in rules),
        *(f"count({sql})" for sql in touch),
    ]
    total, *rest = fetch(connection, f"SELECT {', '.join(counts)} FROM {relation} AS t")[0]
    broken = [(rule, rows) for rule, rows in zip(rules, rest, strict=False) if rows]
    if not broken:
        return total, []
    details = []
    for rule, _ in broken:
        filtered = f"FILTER (WHERE {rule.where})"
        details.append(f"min({label}, {EXAMPLES}) {filtered}")
        details.append(f"min(({rule.value or 'NULL'})::VARCHAR) {filtered}")
    found = fetch(connection, f"SELECT {', '.join(details)} FROM {relation} AS t")[0]
    return total, [
        (rule, _problem(rule, table, rows, examples, received))
        for (rule, rows), examples, received in zip(broken, found[::2], found[1::2], strict=True)
    ]


def count_groups(
    connection: Any, *, table: str, relation: str, label: str, rules: Iterable[GroupRule]
) -> list[tuple[Rule, Problem]]:
    """Count the rows of the groups that break each rule; parameters and result as in `count_rows`."""
    found = []
    for group in rules:
        if fetch(connection, f"SELECT 1 FROM ({group.groups(relation)}) LIMIT 1"):
            single = [group.as_rule(relation)]
            found += count_rows(connection, table=table, relation=relation, label=label, rules=single)[1]
    return found


def _problem(rule: Rule, table: str, rows: int, examples: list[str], received: str | None) -> Problem:
    message = rule.message.format(
        rows="1 row" if rows == 1 else f"{rows:,} rows",
        received=shown(received),
        hint="" if received is None else rule.hint(received),
    )
    return Problem(table, rule.column, rule.name, rule.severity, rows, tuple(dict.fromkeys(examples)), message)


def shown(value: object) -> str:
    """Return a received value for a message: quoted, on one line and cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")
