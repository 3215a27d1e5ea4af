"""Outcomes that were reported: one CSV file in the log's folder, which is the contract's table `outcomes`.

What is acknowledged is on disk. Several processes may share the folder: each report is compared and written under a
lock, after what others have written was read.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import io
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from features.errors import DataError
from features.tables import CONTRACT
from serving.prediction_log import sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from serving.schemas import Outcome

FILE = "outcomes.csv"
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


class _Known(NamedTuple):
    content: bytes
    closed_at: str


class OutcomeLog:
    """Reported outcomes, the last word on each pair of campaign and account.

    Parameters
    ----------
    folder : Path
        Of the log.

    Raises
    ------
    DataError
        Where the file holds something else.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known: dict[bytes, _Known] = {}
        self._read = 0
        self._lock = Lock()
        with self._lock, self._locked() as file:
            self._catch_up(file)

    def report(self, outcomes: Sequence[Outcome]) -> Reported:
        """Bring outcomes to disk, all or none.

        One that was reported before with the same values changes nothing. One with other values is a correction where
        it closed later than what is known, and a contradiction otherwise.

        Raises
        ------
        ContradictionError
            Where there are contradictions, among themselves too.
        OSError
            Where they could not be written; then none was.
        """
        received = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._lock, self._locked() as file:
            self._catch_up(file)
            fresh: dict[bytes, _Known] = {}
            rows, wrong, counts = [], [], {"accepted": 0, "repeated": 0, "corrected": 0}
            for place, outcome in enumerate(outcomes):
                row = _row(outcome)
                key, said = _key(row), _said(row)
                known = fresh.get(key) or self._known.get(key)
                if known is not None and known.content == said.content:
                    counts["repeated"] += 1
                    continue
                if known is not None and said.closed_at <= known.closed_at:
                    wrong.append(place)
                    continue
                counts["accepted" if known is None else "corrected"] += 1
                fresh[key] = said
                rows.append([*row, outcome.request_id or "", received])
            if wrong:
                raise ContradictionError(wrong)
            if rows:
                self._read = _append(file, rows)
                self._known |= fresh
        return Reported(**counts)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the file for this process alone."""
        there = self._path.exists()
        with self._path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not there:
                sync(self._path.parent)
            yield file

    def _catch_up(self, file: BinaryIO) -> None:
        """Read what was written since the last look; what a process that died left unfinished goes."""
        if file.seek(0, os.SEEK_END) < self._read:  # somebody has put it away and begun anew
            self._known, self._read = {}, 0
        file.seek(self._read)
        fresh = file.read()
        if torn := len(fresh) - (fresh.rfind(b"\n") + 1):
            file.truncate(self._read + len(fresh) - torn)
            fresh = fresh[: len(fresh) - torn]
        if not self._read and not fresh:
            self._read = _append(file, [COLUMNS])
            return
        for row in csv.reader(io.StringIO(fresh.decode(), newline="")):
            if len(row) != len(COLUMNS):
                raise DataError(f"{self._path} is damaged: a line has {len(row)} values instead of {len(COLUMNS)}.")
            if tuple(row) != COLUMNS:
                self._known[_key(row)] = _said(row)
        self._read += len(fresh)


def _append(file: BinaryIO, rows: Sequence[Sequence[str]]) -> int:
    """Write rows at the end and bring them to disk, or leave the file as it was; return where it ends now."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    end = file.seek(0, os.SEEK_END)
    try:
        taken = file.write(content)
        os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise
    if taken != len(content):
        file.truncate(end)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return end + len(content)


def _row(outcome: Outcome) -> list[str]:
    """Return an outcome as the texts of the contract's columns; empty is null."""
    found = outcome.model_dump()
    return [_text(found[name]) for name in CONTRACT_COLUMNS]


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)


def _key(row: Sequence[str]) -> bytes:
    return hashlib.blake2b("\0".join(row[:2]).encode(), digest_size=16).digest()


def _said(row: Sequence[str]) -> _Known:
    values = row[: len(CONTRACT_COLUMNS)]
    content = hashlib.blake2b("\0".join(values).encode(), digest_size=16).digest()
    return _Known(content, values[CONTRACT_COLUMNS.index("closed_at")])
