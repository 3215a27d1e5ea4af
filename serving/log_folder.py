"""A log in a folder: append-only Parquet parts, what models were trained on, and outcomes in one CSV file.

A part is written under a name that readers pass over, brought to disk and renamed, so what is there is whole. Several
processes may share the folder: each report of outcomes is compared and written under a lock, after what others have
written was read.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import json
import os
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote
from uuid import uuid4

import pyarrow.parquet as pq

from features.errors import DataError, SettingError
from serving.outcomes import COLUMNS, Known, key_of, known_of, sorted_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from serving.outcomes import Reported
    from serving.reference import Reference
    from serving.schemas.requests import Outcome

OUTCOMES = "outcomes.csv"
DROPPED = "impel.dropped"
WRITER = "impel.writer"
"""Of a part's metadata: how many predictions its writer has dropped so far, and which process that is."""

_PREDICTIONS, _MODELS, _MARK = "predictions", "models", "log.json"
_FORMAT = 1


class LogFolder:
    """A folder as a `serving.log_storage.LogStorage`.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        """Say whether the folder is a log."""
        try:
            found = json.loads((self.folder / _MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(found, dict) and found.get("format") == _FORMAT

    def create(self) -> None:
        """Make the log where there is nothing; SettingError where there is something else, or it cannot be made."""
        folder = self.folder
        try:
            if not self.exists():
                # Another process may be just about to make it, too: what it has not named yet is hidden, and it names
                # the mark first.
                full = folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir())
                if full and not self.exists():
                    raise SettingError(
                        f"{folder} holds something that is no prediction log; give a new or empty folder."
                    )
                folder.mkdir(parents=True, exist_ok=True)
                _write_text(folder / _MARK, json.dumps({"format": _FORMAT}) + "\n")
            for name in (_PREDICTIONS, _MODELS):
                (folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise SettingError(f"The prediction log {folder} cannot be written to: {error.strerror}.") from None

    def write(self, name: str, table: pa.Table, *, writer: str, dropped: int) -> None:
        """Bring a part to disk; see `LogStorage`."""
        with self.part(name, table.schema, writer=writer, dropped=dropped) as part:
            part.write_table(table)

    @contextmanager
    def part(self, name: str, schema: pa.Schema, *, writer: str, dropped: int) -> Iterator[pq.ParquetWriter]:
        """Give what writes the rows of a part, which is there as a whole afterwards, or not at all."""
        path = self.folder / _PREDICTIONS / f"{name}.parquet"
        draft = path.with_name(f".{path.name}.unfinished")
        try:
            with draft.open("wb") as file:
                # Without Arrow's own schema texts are read as texts, not as categories.
                with pq.ParquetWriter(file, schema, compression="zstd", store_schema=False) as part:
                    yield part
                    part.add_key_value_metadata({WRITER: writer, DROPPED: str(dropped)})
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        with suppress(OSError):  # it is there, and would be there twice if it were written again
            _sync(path.parent)

    def keep_reference(self, version: str, reference: str) -> None:
        """Put beside the predictions what a model's features were when it was trained; see `LogStorage`."""
        _write_text(self.folder / _MODELS / f"{quote(version, safe='')}.json", reference)

    def outcomes(self) -> OutcomeFile:
        """Return the outcomes of the log."""
        return OutcomeFile(self.folder)

    @contextmanager
    def local(self, *, days: float) -> Iterator[LogFolder]:  # noqa: ARG002 - all of it lies here
        """Give the folder itself; see `LogStorage`."""
        if not self.exists():
            raise DataError(f"{self.folder} is no prediction log; `impel serve DATA --log {self.folder}` keeps one.")
        yield self

    def parts(self) -> list[Path]:
        """Return the parts in the order of their time."""
        return sorted(path for path in (self.folder / _PREDICTIONS).glob("*.parquet") if not path.name.startswith("."))

    def reference_of(self, version: str) -> Reference | None:
        """Return what `keep_reference` kept; None where there is nothing, DataError where it cannot be read."""
        from serving.reference import Reference  # noqa: PLC0415 - a service that only writes does not need it

        path = self.folder / _MODELS / f"{quote(version, safe='')}.json"
        if not path.is_file():
            return None
        try:
            return Reference.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({str(error).splitlines()[0]}); start the service again.") from None


class OutcomeFile:
    """Outcomes in one CSV file, which is the contract's table `outcomes` with two columns more.

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
        self._path = folder / OUTCOMES
        self._known: dict[bytes, Known] = {}
        self._read = 0
        self._lock = Lock()
        with self._lock, self._locked() as file:
            self._catch_up(file)

    def report(self, outcomes: Sequence[Outcome]) -> Reported:
        """Bring outcomes to disk, all or none; see `serving.outcomes.OutcomeLog`."""
        with self._lock, self._locked() as file:
            self._catch_up(file)
            rows, counts = sorted_out(outcomes, self._known)
            if rows:
                self._read = _append(file, rows)
                self._known |= {key_of(row): known_of(row) for row in rows}
        return counts

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the file for this process alone."""
        there = self._path.exists()
        with self._path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not there:
                _sync(self._path.parent)
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
                self._known[key_of(row)] = known_of(row)
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


def _sync(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_text(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    draft.write_text(text, encoding="utf-8")
    draft.rename(path)
