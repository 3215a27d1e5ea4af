"""Where a log of predictions and outcomes is kept: a folder or a PostgreSQL database, for its users the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from features.errors import SettingError
from serving.log_database import LogDatabase
from serving.log_folder import LogFolder

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from serving.outcomes import OutcomeLog


class LogStorage(Protocol):
    """Keeps what is added to it, and gives it back as a folder. Several processes may use it at once.

    Whatever cannot be done now and may be tried again raises OSError.
    """

    def exists(self) -> bool:
        """Say whether there is a log."""
        ...

    def create(self) -> None:
        """Make the log where there is none.

        Raises
        ------
        SettingError
            Where there is something else, or it cannot be made.
        """
        ...

    def write(self, name: str, table: pa.Table, *, writer: str, dropped: int) -> None:
        """Keep a part, all or nothing.

        Parameters
        ----------
        name : of the part; where there is one of that name already, it was this one
        table : rows as `prediction_log.rows` makes them
        writer, dropped : which process writes it, and how many predictions that has dropped so far
        """
        ...

    def keep_reference(self, version: str, reference: str) -> None:
        """Keep the reference of a model, as JSON; the last one of a version counts."""
        ...

    def outcomes(self) -> OutcomeLog:
        """Return the outcomes of the log."""
        ...

    def local(self, *, days: float) -> AbstractContextManager[LogFolder]:
        """Give all of the log as a folder, which may be gone afterwards.

        Parameters
        ----------
        days : float
            Features are needed of the predictions of so many days before the last; those of others may be null.

        Raises
        ------
        DataError
            Where there is no log.
        """
        ...


def log_storage(where: str | Path) -> LogStorage:
    """Return the log in a folder, or in a PostgreSQL database by URL; SettingError for other URLs."""
    scheme = urlsplit(str(where)).scheme if "://" in str(where) else ""
    if scheme in {"postgresql", "postgres"}:
        return LogDatabase(str(where))
    if scheme:  # the rest may hold a password
        raise SettingError(f"A log is kept in a folder or at postgresql://user@host/database, not at {scheme}://...")
    return LogFolder(Path(where))
