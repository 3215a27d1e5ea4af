"""Outcomes that are reported: the last word on each pair of campaign and account, wherever the log is kept."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.schemas.requests import Outcome

CONTRACT_COLUMNS = tuple(column.name for column in CONTRACT["outcomes"].columns)
COLUMNS = (*CONTRACT_COLUMNS, "request_id", "received_at")


class Reported(NamedTuple):
    """What became of a report: how many were new, known already, or corrections of what was known."""

    accepted: int
    repeated: int
    corrected: int


class ContradictionError(Exception):
    """Some outcomes are known otherwise and did not close later; `places` says which of those reported."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__(f"{len(places)} outcomes contradict what was reported before")
        self.places = tuple(places)


class OutcomeLog(Protocol):
    """Where outcomes are kept; what is acknowledged outlasts the process."""

    def report(self, outcomes: Sequence[Outcome]) -> Reported:
        """Keep outcomes, all or none.

        One that was reported before with the same values changes nothing. One with other values is a correction where
        it closed later than what is known, and a contradiction otherwise.

        Raises
        ------
        ContradictionError
            Where there are contradictions, among themselves too.
        OSError
            Where they could not be kept; send them again.
        """
        ...


class Known(NamedTuple):
    """The last word on an activation: a digest of what it says, and when it closed."""

    content: bytes
    closed_at: str


def sorted_out(outcomes: Sequence[Outcome], known: Mapping[bytes, Known]) -> tuple[list[list[str]], Reported]:
    """Return the rows of `COLUMNS` that a report adds to what is known, and what became of it.

    Parameters
    ----------
    outcomes : of one report
    known : by `key_of`, at least of the activations that are reported on

    Raises
    ------
    ContradictionError
        See `OutcomeLog.report`.
    """
    received = datetime.now(UTC).isoformat(timespec="microseconds")
    fresh: dict[bytes, Known] = {}
    rows, wrong, counts = [], [], {"accepted": 0, "repeated": 0, "corrected": 0}
    for place, outcome in enumerate(outcomes):
        row = row_of(outcome)
        key, said = key_of(row), known_of(row)
        before = fresh.get(key) or known.get(key)
        if before is not None and before.content == said.content:
            counts["repeated"] += 1
            continue
        if before is not None and said.closed_at <= before.closed_at:
            wrong.append(place)
            continue
        counts["accepted" if before is None else "corrected"] += 1
        fresh[key] = said
        rows.append([*row, outcome.request_id or "", received])
    if wrong:
        raise ContradictionError(wrong)
    return rows, Reported(**counts)


def row_of(outcome: Outcome) -> list[str]:
    """Return an outcome as the texts of the contract's columns; empty is null."""
    found = outcome.model_dump()
    return [text_of(found[name]) for name in CONTRACT_COLUMNS]


def text_of(value: object) -> str:
    """Return a value as its text in a row; empty is null."""
    if value is None:
        return ""
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)


def key_of(row: Sequence[str]) -> bytes:
    """Return what a row is about, its campaign and account, as a digest."""
    return hashlib.blake2b("\0".join(row[:2]).encode(), digest_size=16).digest()


def known_of(row: Sequence[str]) -> Known:
    """Return what a row says."""
    values = row[: len(CONTRACT_COLUMNS)]
    content = hashlib.blake2b("\0".join(values).encode(), digest_size=16).digest()
    return Known(content, values[CONTRACT_COLUMNS.index("closed_at")])
