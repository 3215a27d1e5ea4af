"""Files that commands read and write: the user's data as an event store, tables of pairs, fees and answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features import EventStore, open_tables
from features.checks import check
from features.errors import DataError, LogError, SettingError, nearest, without_password
from features.manifest import Manifest, is_store
from serving.log_storage import log_storage
from serving.prediction_log import log_answers
from serving.settings import home
from training import console
from training.reported import fresh

if TYPE_CHECKING:
    from features.checks import CheckReport
    from features.sources import Tables
    from serving.log_storage import LogStorage
    from serving.predictor import Predictor
    from training.reported import Reported


def prepared(data: str) -> EventStore:
    """Open DATA's event store: DATA itself where it is one.

    Otherwise DATA is checked and prepared once, and kept in IMPEL_HOME for as long as it stays the same.

    Raises
    ------
    DataError
        Where DATA breaks the data contract.
    """
    if is_store(data):
        return EventStore(Path(data))
    with open_tables(data) as tables:
        return _prepare(data, tables, home() / "stores" / tables.fingerprint[:16])


def prepare(data: str, folder: Path) -> EventStore:
    """Check DATA and prepare its event store in a folder of one's own, which rows may be appended to.

    Raises
    ------
    DataError
        Where DATA breaks the data contract, or the folder holds what would be lost.
    """
    with open_tables(data) as tables:
        return _prepare(data, tables, folder)


def append(folder: Path, new: str) -> tuple[EventStore, dict[str, int]]:
    """Check new rows and put them into an event store; return it, and how many rows of each table there were.

    Of a prediction log, what the store lacks is taken, if anything; the rest is said.

    Raises
    ------
    DataError
        Where the folder is no event store, or the rows break the data contract or cannot be appended. The store is as
        before then.
    """
    store = EventStore(folder)
    source: str | dict[str, pd.DataFrame] = new
    if _is_log(new):
        reported = fresh(new, store)
        _say_left(reported)
        source = reported.tables
        if not source:
            return store, {}
    with open_tables(source, partial=True) as tables:
        with console.progress("checking") as tell:
            report = check(source, store=store, progress=tell)
        _refuse_errors(report, new, see=f"impel check {new} --store {folder}")
        with console.progress("appending") as tell:
            return store.append(tables, progress=tell), report.tables


def _is_log(new: str) -> bool:
    """Say whether NEW is a log; a database may hold tables instead."""
    try:
        storage = log_storage(new)
    except SettingError:  # a URL of something else
        return False
    return storage.exists()


def _say_left(reported: Reported) -> None:
    for unknown, rows in reported.waiting.items():
        if rows:
            console.note(f"outcomes left in the log, as neither it nor the store knows their {unknown} yet: {rows:,}")
    if reported.late:
        console.note(
            f"outcomes corrected after the store had taken them in, which stay there as they were: {reported.late:,}; "
            "to correct them, prepare it anew from its tables"
        )


def _prepare(data: str, tables: Tables, folder: Path) -> EventStore:
    there = Manifest.read(folder)
    if there is None or there.fingerprint != tables.fingerprint:
        with console.progress("checking") as tell:
            report = check(data, progress=tell)
        _refuse_errors(report, data, see=f"impel check {data}")
    with console.progress("preparing the event store") as tell:
        return EventStore.prepare(tables, folder, progress=tell)


def _refuse_errors(report: CheckReport, data: str, *, see: str) -> None:
    errors = [problem for problem in report.problems if problem.severity == "error"]
    if errors:
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        raise DataError(
            without_password(f"{data} breaks the data contract: {errors[0]}{more}; see: ") + without_password(see)
        )


def log_predictions(
    log: LogStorage, predictor: Predictor, answer: pd.DataFrame, X: pd.DataFrame, *, pairs: pd.DataFrame
) -> None:
    """Log answers of a predictor as the service does; SettingError where they cannot be written."""
    fee = pairs["fee"].to_numpy(np.float64, na_value=np.nan) if "fee" in pairs else np.full(len(pairs), np.nan)
    bundle = predictor.bundle
    try:
        if bundle.reference is not None:
            log.keep_reference(predictor.version, bundle.reference.model_dump_json())
        log_answers(log, answer, X, fee=fee, digest=bundle.metadata.catalogue_digest)
    except LogError:
        raise
    except OSError as error:
        raise SettingError(f"The prediction log cannot be written to: {error.strerror}.") from None


def read(path: Path) -> pd.DataFrame:
    """Read a .csv or .parquet file; ids are texts.

    Raises
    ------
    DataError
        Where there is no such file or it cannot be read.
    SettingError
        Where it is neither.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise SettingError(f"{path} is neither a .csv nor a .parquet file.")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype={"campaign_id": "str", "account_id": "str"})
    except FileNotFoundError:
        hint = nearest(path.name, [each.name for each in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise DataError(f"There is no file {path}.{hint}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def ready(path: Path) -> None:
    """Make the folder of a .csv or .parquet file that is to be written, before the work that is to be in it.

    Raises
    ------
    SettingError
        Where it is neither, or cannot be written.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise SettingError(f"{path} must end in .csv or .parquet.")
    ready_folder(path.parent)


def ready_folder(folder: Path) -> None:
    """Make a folder that is to be written to; SettingError where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"{folder} cannot be written to: {error.strerror}; name another folder.") from None
    if not os.access(folder, os.W_OK):
        raise SettingError(f"{folder} cannot be written to; name another folder.")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a .csv or .parquet file; for errors see `ready`."""
    ready(path)
    try:
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.") from None
