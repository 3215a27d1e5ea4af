"""The log of predictions: rows with the features that each answer was made from, and their way to where it is kept.

They are kept part by part. A process that dies loses what it has not written yet: `SECONDS` of predictions at most, or
`PART_ROWS` of them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa

from features.briefs import microseconds
from features.catalogue import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from serving.distribution import FloatArray
    from serving.log_storage import LogStorage
    from serving.reference import Reference
    from serving.schemas.requests import Brief

logger = logging.getLogger(__name__)

PART_ROWS = 20_000
SECONDS = 60.0
MOST_WAITING = 40_000
"""Predictions that wait for a disk or database that does not take them; further ones are dropped, and counted."""

_CODED = pa.dictionary(pa.int32(), pa.string())
_MOMENT = pa.timestamp("us", "UTC")
COLUMNS: dict[str, pa.DataType] = {
    "request_id": _CODED,
    "endpoint": _CODED,
    "answered_at": _MOMENT,
    "model_version": _CODED,
    "catalogue_digest": _CODED,
    "decided_at": _MOMENT,
    "campaign_id": _CODED,
    "account_id": pa.string(),
    "fee": pa.float64(),
    "at_least": pa.int64(),
    "likelihood": pa.float64(),
    "expected_actions": pa.float64(),
    "actions_low": pa.int64(),
    "actions_high": pa.int64(),
    "support": _CODED,
    "brief": _CODED,
}
"""What is logged of a prediction beside its features: float32 under their own names, then goal, platform, vertical."""


class Values(NamedTuple):
    """The features of n predictions.

    Attributes
    ----------
    names : of the numbers
    numbers : (n, names) float64, NaN where unknown
    texts : for each of `CATEGORIES` n texts
    """

    names: Sequence[str]
    numbers: FloatArray
    texts: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Answered:
    """What was answered to one request.

    Parameters
    ----------
    request_id, endpoint, answered_at : name of the answer, what was asked, when
    model_version, catalogue_digest, decided_at : what answered, out of what was known when
    brief : what was asked about
    accounts, fee : (n,) answered accounts with what is offered to them
    scores : of shape (n,), as `Predictor.score` returns them
    features : makes their features; called when they are written, not when they are answered
    """

    request_id: str
    endpoint: str
    answered_at: datetime
    model_version: str
    catalogue_digest: str
    decided_at: datetime
    brief: Brief
    accounts: Sequence[str]
    fee: Any
    scores: Mapping[str, Any]
    features: Callable[[], Values]

    @cached_property
    def known(self) -> Values:
        """The features."""
        return self.features()


def table_of(answers: Sequence[Answered]) -> pa.Table:
    """Return answers as rows of the log, one per prediction."""
    answer = np.repeat(np.arange(len(answers), dtype=np.int32), [len(one.accounts) for one in answers])

    def each(name: str, values: Iterable[Any]) -> pa.Array:
        found = pa.array(values, pa.string() if COLUMNS[name] == _CODED else COLUMNS[name])
        return (found.dictionary_encode() if COLUMNS[name] == _CODED else found).take(pa.array(answer))

    columns = {
        name: each(name, [getattr(one, name) for one in answers])
        for name in ("request_id", "endpoint", "answered_at", "model_version", "catalogue_digest", "decided_at")
    }
    columns |= {
        "campaign_id": each("campaign_id", [one.brief.campaign_id for one in answers]),
        "brief": each("brief", [one.brief.model_dump_json(exclude_none=True) for one in answers]),
        "account_id": [account for one in answers for account in one.accounts],
        "fee": np.concatenate([one.fee for one in answers]),
    }
    columns |= {
        name: np.concatenate([one.scores[name] for one in answers])
        for name in ("at_least", "likelihood", "expected_actions", "actions_low", "actions_high", "support")
    }
    numbers = np.concatenate([one.known.numbers for one in answers]).T
    texts = {name: [text for one in answers for text in one.known.texts[name]] for name in CATEGORIES}
    return rows(columns, numbers=dict(zip(answers[0].known.names, numbers, strict=True)), texts=texts)


def rows(columns: Mapping[str, Any], *, numbers: Mapping[str, Any], texts: Mapping[str, Any]) -> pa.Table:
    """Return columns of `COLUMNS`, those not given being null, and features as a table of the log."""
    size = len(columns["account_id"])
    found = {
        name: _column(columns[name], kind) if name in columns else pa.nulls(size, kind)
        for name, kind in COLUMNS.items()
    }
    with np.errstate(over="ignore"):
        found |= {
            name: pa.array(np.asarray(values, dtype=np.float32), from_pandas=True) for name, values in numbers.items()
        }
    return pa.table(found | {name: pa.array(values, pa.string(), from_pandas=True) for name, values in texts.items()})


def log_answers(storage: LogStorage, answer: pd.DataFrame, X: pd.DataFrame, *, fee: Any, digest: str) -> None:
    """Write answers of `Predictor.predict`, with the features and fees that they were made from."""
    writer = uuid4().hex
    size = len(answer)
    told = ("model_version", "campaign_id", "account_id", "at_least", "likelihood", "expected_actions")
    columns = {column: answer[column].to_numpy() for column in (*told, "actions_low", "actions_high", "support")}
    given = {"request_id": writer, "endpoint": "file", "catalogue_digest": digest}
    columns |= {column: np.full(size, value, dtype=object) for column, value in given.items()}
    columns |= {
        "answered_at": np.full(size, datetime.now(UTC).replace(tzinfo=None), dtype="datetime64[us]"),
        "decided_at": microseconds(answer["decided_at"]).view("datetime64[us]"),
        "fee": fee,
    }
    numbers = {column: X[column].to_numpy() for column in X.columns if column not in CATEGORIES}
    table = rows(columns, numbers=numbers, texts={column: X[column] for column in CATEGORIES})
    started = datetime.now(UTC)
    for number, start in enumerate(range(0, size, PART_ROWS)):
        name = _part_name(started, writer[:12], number)
        storage.write(name, table.slice(start, PART_ROWS), writer=writer[:12], dropped=0)


def _part_name(moment: datetime, writer: str, number: int) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}-{writer}-{number:06d}"


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if kind == pa.int64():  # counts are computed as float64
        values = np.asarray(values).astype(np.int64)
    found = pa.array(values, pa.string() if kind == _CODED else None, from_pandas=True)
    return found.dictionary_encode() if kind == _CODED else found.cast(kind)


class PredictionLog:
    """Rows of the log on their way to where it is kept; one thread at a time.

    Parameters
    ----------
    storage : LogStorage
    part_rows, seconds : int, float
        A part is written when so many rows wait, or the first has waited so long.
    most_waiting : int
        Rows that wait at most while the storage does not take them.

    Attributes
    ----------
    written, waiting, dropped, failures : int
        Predictions that are kept, on their way, lost; and parts that could not be written.
    """

    def __init__(
        self,
        storage: LogStorage,
        *,
        part_rows: int = PART_ROWS,
        seconds: float = SECONDS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self.storage = storage
        self.written = self.waiting = self.dropped = self.failures = 0
        self._part_rows, self._seconds, self._most_waiting = part_rows, seconds, most_waiting
        self._tables: list[pa.Table] = []
        # What is tried again stays the same part: it may be there already, though nobody said so.
        self._part: tuple[str, pa.Table] | None = None
        self._references: dict[str, str] = {}
        self._since = self._not_before = 0.0
        self._writer = uuid4().hex[:12]
        self._parts = self._told = 0

    def add(self, table: pa.Table) -> None:
        """Take rows in, as many as there is room for, and write a part where one is due."""
        room = self._most_waiting - self.waiting
        if table.num_rows > room:
            self.drop(table.num_rows - room)
            table = table.slice(0, room)
        if table.num_rows:
            self._since = self._since if self._tables else time.monotonic()
            self._tables.append(table)
            self.waiting += table.num_rows
        self.write_due()

    def drop(self, rows: int) -> None:
        """Count predictions that are lost; the next part, and the service's log, say how many."""
        self.dropped += rows

    def keep_reference(self, version: str, reference: Reference) -> None:
        """Keep beside the next part what a model's features were when it was trained, for `impel monitor`."""
        self._references[version] = reference.model_dump_json()

    def write_due(self) -> None:
        """Write a part if enough rows wait, or the first has waited long enough."""
        now = time.monotonic()
        due = self._part is not None or self.waiting >= self._part_rows or now - self._since >= self._seconds
        if self.waiting and due and now >= self._not_before:
            self._write()

    def close(self) -> None:
        """Write what waits; what cannot be written is dropped."""
        while self.waiting and self._write():
            pass
        self._drop_waiting()
        self._tell("the service stops")

    def _write(self) -> bool:
        """Write a part and say whether that was done with."""
        try:
            name, table = self._part = self._part or self._next()
            self._write_references()
            self.storage.write(name, table, writer=self._writer, dropped=self.dropped)
        except OSError as error:
            self.failures += 1
            self._not_before = time.monotonic() + self._seconds
            self._tell(f"the log cannot be written: {error.strerror or error}", failed=True)
            return False
        except Exception:
            # Trying again would fail again.
            logger.exception("a part of the prediction log cannot be made")
            self._drop_waiting()
            return False
        self._part = None
        self._parts += 1
        self.written += table.num_rows
        self.waiting -= table.num_rows
        self._tell("there was no room for them")
        return True

    def _write_references(self) -> None:
        while self._references:
            version, reference = self._references.popitem()
            try:
                self.storage.keep_reference(version, reference)
            except OSError:
                self._references.setdefault(version, reference)
                raise

    def _next(self) -> tuple[str, pa.Table]:
        """Return a part of all that waits."""
        tables, self._tables = self._tables, []
        table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
        return _part_name(datetime.now(UTC), self._writer, self._parts), table

    def _drop_waiting(self) -> None:
        self.drop(self.waiting)
        self._tables, self._part, self.waiting = [], None, 0

    def _tell(self, why: str, *, failed: bool = False) -> None:
        """Say in the service's log what has been dropped since it was last said."""
        lost = self.dropped - self._told
        if lost or failed:
            logger.warning("%d predictions were not logged, %d wait (%s)", lost, self.waiting, why)
            self._told = self.dropped
