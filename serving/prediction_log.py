"""The log of predictions: append-only Parquet parts in a folder, with the features that each answer was made from.

A part is written under a name that readers pass over, brought to disk and renamed, so what is there is whole. A process
that dies loses what it has not written yet: `SECONDS` of predictions at most, or `PART_ROWS` of them.
"""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.briefs import microseconds
from features.catalogue import CATEGORIES
from features.errors import DataError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pandas as pd

    from serving.distribution import FloatArray
    from serving.reference import Reference
    from serving.schemas import Brief

logger = logging.getLogger(__name__)

PART_ROWS = 20_000
SECONDS = 60.0
MOST_WAITING = 40_000
"""Predictions that wait for a disk that does not take them; further ones are dropped, and counted."""
DROPPED = "impel.dropped"
WRITER = "impel.writer"
"""Of a part's metadata: how many predictions its writer has dropped so far, and which process that is."""

_PREDICTIONS, _MODELS, _MARK = "predictions", "models", "log.json"
_FORMAT = 1
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


def log_answers(folder: Path, answer: pd.DataFrame, X: pd.DataFrame, *, fee: Any, digest: str) -> None:
    """Write answers of `Predictor.predict`, with the features and fees that they were made from."""
    folder, name = opened(folder), uuid4().hex
    size = len(answer)
    told = ("model_version", "campaign_id", "account_id", "at_least", "likelihood", "expected_actions")
    columns = {column: answer[column].to_numpy() for column in (*told, "actions_low", "actions_high", "support")}
    given = {"request_id": name, "endpoint": "file", "catalogue_digest": digest}
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
        part = f"{started:%Y%m%dT%H%M%SZ}-{name[:12]}-{number:06d}.parquet"
        write_part(folder / _PREDICTIONS / part, table.slice(start, PART_ROWS))


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if kind == pa.int64():  # counts are computed as float64
        values = np.asarray(values).astype(np.int64)
    found = pa.array(values, pa.string() if kind == _CODED else None, from_pandas=True)
    return found.dictionary_encode() if kind == _CODED else found.cast(kind)


class PredictionLog:
    """Rows of the log on their way to disk; one thread at a time.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    part_rows, seconds : int, float
        A part is written when so many rows wait, or the first has waited so long.
    most_waiting : int
        Rows that wait at most while the disk does not take them.

    Attributes
    ----------
    written, waiting, dropped, failures : int
        Predictions on disk, on their way, lost; and parts that could not be written.

    Raises
    ------
    SettingError
        Where the folder is no log and holds something else, or cannot be written to.
    """

    def __init__(
        self, folder: Path, *, part_rows: int = PART_ROWS, seconds: float = SECONDS, most_waiting: int = MOST_WAITING
    ) -> None:
        self.folder = opened(folder)
        self.written = self.waiting = self.dropped = self.failures = 0
        self._part_rows, self._seconds, self._most_waiting = part_rows, seconds, most_waiting
        self._tables: list[pa.Table] = []
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

    def write_due(self) -> None:
        """Write a part if enough rows wait, or the first has waited long enough."""
        now = time.monotonic()
        due = self.waiting >= self._part_rows or now - self._since >= self._seconds
        if self.waiting and due and now >= self._not_before:
            self._write()

    def close(self) -> None:
        """Write what waits; what cannot be written is dropped."""
        if self.waiting:
            self._write()
        self._drop_waiting()
        self._tell("the service stops")

    def _write(self) -> None:
        metadata = {DROPPED: str(self.dropped), WRITER: self._writer}
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self._writer}-{self._parts:06d}.parquet"
        try:
            table = pa.concat_tables(self._tables, promote_options="default").unify_dictionaries()
            write_part(self.folder / _PREDICTIONS / name, table, metadata)
        except OSError as error:
            self.failures += 1
            self._not_before = time.monotonic() + self._seconds
            self._tell(f"the disk says: {error.strerror or error}", failed=True)
            return
        except Exception:
            # Trying again would fail again.
            logger.exception("a part of the prediction log cannot be made")
            self._drop_waiting()
            return
        self._parts += 1
        self.written += self.waiting
        self._tables, self.waiting = [], 0
        self._tell("there was no room for them")

    def _drop_waiting(self) -> None:
        self.drop(self.waiting)
        self._tables, self.waiting = [], 0

    def _tell(self, why: str, *, failed: bool = False) -> None:
        """Say in the service's log what has been dropped since it was last said."""
        lost = self.dropped - self._told
        if lost or failed:
            logger.warning("%d predictions were not logged, %d wait (%s)", lost, self.waiting, why)
            self._told = self.dropped


def write_part(path: Path, table: pa.Table, metadata: dict[str, str] | None = None) -> None:
    """Write a Parquet file, all or nothing, and bring it to disk."""
    draft = path.with_name(f".{path.name}.unfinished")
    try:
        with draft.open("wb") as file:
            # Without Arrow's own schema texts are read as texts, not as categories.
            with pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False) as writer:
                writer.write_table(table)
                writer.add_key_value_metadata(metadata or {})
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    with suppress(OSError):  # it is there, and would be there twice if it were written again
        sync(path.parent)


def sync(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def opened(folder: Path) -> Path:
    """Return the folder of a log, made where there is nothing; SettingError where it holds something else."""
    try:
        if not is_log(folder):
            # Another process may be just about to make it, too: what it has not named yet is hidden, and it names the
            # mark first.
            full = folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir())
            if full and not is_log(folder):
                raise SettingError(f"{folder} holds something that is no prediction log; give a new or empty folder.")
            folder.mkdir(parents=True, exist_ok=True)
            _write_text(folder / _MARK, json.dumps({"format": _FORMAT}) + "\n")
        for name in (_PREDICTIONS, _MODELS):
            (folder / name).mkdir(exist_ok=True)
    except OSError as error:
        raise SettingError(f"The prediction log {folder} cannot be written to: {error.strerror}.") from None
    return folder


def _write_text(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    draft.write_text(text, encoding="utf-8")
    draft.rename(path)


def is_log(folder: str | Path) -> bool:
    """Say whether a folder is a log of predictions."""
    try:
        found = json.loads((Path(folder) / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("format") == _FORMAT


def parts(folder: Path) -> list[Path]:
    """Return the parts of a log in the order of their time; DataError where the folder is none."""
    if not is_log(folder):
        raise DataError(f"{folder} is no prediction log; `impel serve DATA --log {folder}` keeps one.")
    return sorted(path for path in (folder / _PREDICTIONS).glob("*.parquet") if not path.name.startswith("."))


def keep_reference(folder: Path, version: str, reference: Reference | None) -> None:
    """Put beside the predictions what the model's features were when it was trained, for `impel monitor`."""
    if reference is not None:
        _write_text(folder / _MODELS / f"{quote(version, safe='')}.json", reference.model_dump_json())


def reference_of(folder: Path, version: str) -> Reference | None:
    """Return what `keep_reference` kept; None where there is nothing, DataError where it cannot be read."""
    from serving.reference import Reference  # noqa: PLC0415 - a service that only writes does not need it

    path = folder / _MODELS / f"{quote(version, safe='')}.json"
    if not path.is_file():
        return None
    try:
        return Reference.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({str(error).splitlines()[0]}); start the service again.") from None
