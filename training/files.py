"""Files that commands read and write: the user's data as an event store, tables of pairs, fees and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from features import EventStore, open_tables
from features.checks import check
from features.errors import DataError, SettingError
from serving.settings import home
from training import console

if TYPE_CHECKING:
    from pathlib import Path


def prepared(data: str) -> EventStore:
    """Open DATA's event store, prepared and checked once and kept in IMPEL_HOME for as long as DATA stays the same.

    Raises
    ------
    DataError
        Where DATA breaks the data contract.
    """
    with open_tables(data) as tables:
        folder = home() / "stores" / tables.fingerprint[:16]
        if not folder.exists():
            with console.progress("checking"):
                report = check(data)
            errors = [problem for problem in report.problems if problem.severity == "error"]
            if errors:
                more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
                raise DataError(f"{data} breaks the data contract: {errors[0]}{more}; see: impel check {data}")
        with console.progress("preparing the event store") as tell:
            return EventStore.prepare(tables, folder, progress=tell)


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
        raise DataError(f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a .csv or .parquet file, and the folder that it is in.

    Raises
    ------
    SettingError
        Where it is neither, or cannot be written.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise SettingError(f"{path} must end in .csv or .parquet.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.") from None
