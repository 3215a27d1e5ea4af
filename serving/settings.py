"""Where the state of a user's work lies, and MLflow at one URI: imported late, quiet, its errors in one shape."""

from __future__ import annotations

import logging
import math
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from features.errors import ImpelError, SettingError, TrackingError, without_password

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLES = {
    "IMPEL_HOME": "folder of models and prepared data; by default .impel in the current folder",
    "IMPEL_TRACKING_URI": "MLflow's tracking URI; by default a database in IMPEL_HOME",
    "IMPEL_DATA": "the service's data: a folder, a .duckdb file or an event store",
    "IMPEL_STORE": "folder of the service's event store; alone, without IMPEL_DATA, where it is prepared already",
    "IMPEL_MODEL": "the service's model: a bundle folder or a registry name; by default the bento's, else the champion",
    "IMPEL_AS_OF": "moment as of which the service answers; by default all of the data",
    "IMPEL_KEYS": "file of the service's API keys",
    "IMPEL_WITHOUT_KEYS": "true: the service answers everybody",
    "IMPEL_RATE_LIMIT": "requests a second of each API key",
    "IMPEL_SNAPSHOT": "folder of what `impel materialize` made; by default made anew at every start",
    "IMPEL_BACKTEST": "folder of what `impel backtest` wrote, for the console; by default it shows none",
    "IMPEL_LOG": "where the service logs predictions and outcomes: a folder, or postgresql://user@host/database",
    "IMPEL_RELOAD_SECONDS": "how often the service looks for another champion and for appended rows; 0 for never",
    "IMPEL_SHADOW_SHARE": "share of the predictions that a challenger makes, too, for the log only",
    "IMPEL_SHADOW_MODEL": "that challenger; by default the registry's",
    "IMPEL_API_KEY": "the key that `serving.client` sends",
}
"""Every environment variable that is read, and what it means."""

_QUIET = {
    # A dead server is noticed within seconds, not minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    # Progress bars have no place in a log.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Nothing is reported to MLflow's makers.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def home() -> Path:
    """Return the folder of the user's work: IMPEL_HOME, else `.impel` in the current folder."""
    return Path(os.environ.get("IMPEL_HOME") or ".impel").absolute()


def tracking_uri(given: str | None = None) -> str:
    """Return the MLflow tracking URI: the one given, else IMPEL_TRACKING_URI, else an SQLite file in `home()`."""
    return given or os.environ.get("IMPEL_TRACKING_URI") or f"sqlite:///{home() / 'mlflow.db'}"


def number(name: str, default: float, *, least: float = 0.0, most: float = math.inf) -> float:
    """Return the number in an environment variable; SettingError where it is none, or out of bounds."""
    text = os.environ.get(name)
    try:
        found = default if not text else float(text)
    except ValueError:
        found = math.nan
    if not (math.isfinite(found) and least <= found <= most):
        bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise SettingError(f"{name} must be a number {bounds}, not {text!r}.")
    return found


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite URI, None for any other URI."""
    parts = urlsplit(uri)
    return Path(parts.path[1:]).absolute() if parts.scheme == "sqlite" else None


@contextmanager
def mlflow_at(uri: str, *, create: bool = False) -> Iterator[Any]:
    """Give MLflow with its tracking and registry at a URI, and put its settings back afterwards.

    MLflow takes 200 MiB and some seconds to import, which whoever does not need it should not pay.

    Parameters
    ----------
    uri : str
        Of a tracking server or database.
    create : bool
        Whether an SQLite file that is not there is created; otherwise it is an error.

    Raises
    ------
    TrackingError
        In place of any error of MLflow, its database or its HTTP client.
    """
    shown = without_password(uri)
    file = sqlite_file(uri)
    if file is not None and not create and not file.is_file():
        raise TrackingError(f"There is no registry at {shown} yet; train a model first (impel train DATA).")
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # What MLflow warns of is its own use of other libraries.
    with warnings.catch_warnings(action="ignore"):
        try:
            import mlflow  # noqa: PLC0415
        except ModuleNotFoundError:  # a bento does without
            raise TrackingError(
                f"MLflow is not installed here, so that {shown} cannot be asked; give a bundle folder as the model."
            ) from None

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
        try:
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            yield mlflow
        except ImpelError:
            raise
        except Exception as error:
            reason = without_password((str(error).strip().splitlines() or [type(error).__name__])[0])[:200]
            raise TrackingError(f"{shown} cannot be used ({reason}).") from error
        finally:
            mlflow.set_tracking_uri(before[0])
            mlflow.set_registry_uri(before[1])
