"""What is read of a log: its predictions, what came of them, and what it lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from features.errors import DataError, without_password
from features.problems import literal
from serving.log_folder import DROPPED, WRITER
from serving.log_storage import log_storage
from serving.prediction_log import COLUMNS
from serving.reference import Reference
from training.reported import outcomes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from features.store import EventStore
    from serving.log_folder import LogFolder

Against = Literal["training", "before"]
MOST_ROWS = 200_000
"""Predictions that features are compared on at most: a fixed part of more."""
_JOINED = "campaign_id, account_id, actions, likelihood, at_least, actions_low, actions_high, expected_actions, goal"


@dataclass(frozen=True)
class Seen:
    """What checks and pictures of a log look at.

    Attributes
    ----------
    reference : what is compared with; None where the model that answered last says nothing of its training
    rows : predictions of that model in the last days, the last of each brief and account, with their features
    joined : its predictions of any time with the outcomes that came of them, one row per outcome
    figures : counts and shares as plain values
    """

    reference: Reference | None
    rows: pd.DataFrame
    joined: pd.DataFrame
    figures: dict[str, Any]


def look(log: str | Path, *, days: float, store: EventStore | None = None, against: Against = "training") -> Seen:
    """Read a log.

    A prediction belongs to an outcome of the same account where the outcome names its request, or else its campaign;
    of several the last one whose features knew nothing later than the decision.

    Parameters
    ----------
    log : str or Path
        Its folder, or the URL of its database.
    days : float
        How far back from the last prediction features and likelihoods are looked at.
    store : EventStore, optional
        Its outcomes count beside those that were reported.
    against : "training" or "before"
        Whether to compare with training, or with all predictions of as many days before.

    Raises
    ------
    DataError
        Where there is no log, or it holds no prediction, or none before.
    """
    with log_storage(log).local(days=days if against == "training" else 2 * days) as folder:
        if not folder.parts():
            shown = without_password(str(log))
            raise DataError(f"{shown} holds no predictions yet; a running service writes them within a minute.")
        return _look(folder, days=days, store=store, against=against)


def _look(log: LogFolder, *, days: float, store: EventStore | None, against: Against) -> Seen:
    files = log.parts()
    came = _outcomes(log, store)
    with duckdb.connect() as connection:
        listed = ", ".join(literal(str(file)) for file in files)
        connection.execute(f"""
            CREATE VIEW log AS SELECT * REPLACE (answered_at AT TIME ZONE 'UTC' AS answered_at,
                                                 decided_at AT TIME ZONE 'UTC' AS decided_at)
            FROM read_parquet([{listed}], union_by_name = true)
        """)
        connection.register("came", came)
        version, last = connection.execute(
            "SELECT arg_max(model_version, answered_at), max(answered_at) FROM log"
        ).fetchone()
        since = last - timedelta(days=days)
        connection.execute(
            "CREATE TEMP TABLE recent AS SELECT * FROM log WHERE model_version = $1 AND answered_at >= $2",
            [version, since],
        )
        (first,) = connection.execute("SELECT min(answered_at) FROM recent").fetchone()
        rows = _last_of_each(connection, "recent")
        if against == "training":
            reference = log.reference_of(version)
        else:
            reference = _before(connection, since - timedelta(days=days), since)
        joined = _joined(connection, version)
        figures = {
            "model_version": version,
            "against": "training" if against == "training" else f"the {days:g} days before",
            "from": f"{first:%Y-%m-%dT%H:%M:%SZ}",
            "until": f"{last:%Y-%m-%dT%H:%M:%SZ}",
            **_counts(connection),
            "compared": len(rows),
            "accounts": int(rows["account_id"].nunique()),
            "briefs": int(rows["asked"].nunique()),
            "outcomes": len(came),
            "joined": len(joined),
            "campaigns_joined": int(joined["campaign_id"].nunique()),
            **_lost(files),
        }
    return Seen(reference, rows, joined, figures)


def _outcomes(log: LogFolder, store: EventStore | None) -> pd.DataFrame:
    """Return what came of activations: campaign_id, account_id, decided_at, actions, request_id."""
    found = outcomes(log)
    found = pd.DataFrame(
        {
            "campaign_id": found["campaign_id"].astype(object),
            "account_id": found["account_id"].astype(object),
            "decided_at": pd.to_datetime(found["decided_at"], utc=True, format="ISO8601").dt.tz_localize(None),
            "actions": found["actions"].astype(np.float64),
            "request_id": found["request_id"].astype(object).where(found["request_id"].notna(), None),
        }
    )
    if store is None:
        return found
    stored = store.activations()
    more = pd.DataFrame(
        {
            "campaign_id": stored["campaign_id"].astype(object),
            "account_id": stored["account_id"].astype(object),
            "decided_at": stored["decided_at"],
            "actions": stored["actions"],
            "request_id": None,
        }
    )
    # What was reported may name its request, and may be a correction.
    both = [frame for frame in (found, more) if len(frame)]
    both = pd.concat(both, ignore_index=True) if both else found
    return both.drop_duplicates(["campaign_id", "account_id"], keep="first").reset_index(drop=True)


def _last_of_each(connection: duckdb.DuckDBPyConnection, table: str) -> pd.DataFrame:
    """Return the last prediction of each brief and account: who asks again asks nothing new."""
    return connection.execute(f"""
        SELECT *, coalesce(campaign_id, brief, request_id) AS asked FROM {table}
        QUALIFY row_number() OVER (PARTITION BY asked, account_id ORDER BY answered_at DESC, request_id) = 1
        ORDER BY hash(asked, account_id) LIMIT {MOST_ROWS}
    """).fetch_df()


def _before(connection: duckdb.DuckDBPyConnection, start: datetime, end: datetime) -> Reference:
    """Return what the predictions of a time were, whatever model made them."""
    connection.execute(
        "CREATE TEMP TABLE earlier AS SELECT * FROM log WHERE answered_at >= $1 AND answered_at < $2", [start, end]
    )
    rows = _last_of_each(connection, "earlier")
    if rows.empty:
        raise DataError(f"The log holds no predictions from {start:%Y-%m-%d} to {end:%Y-%m-%d} to compare with.")
    features = [name for name in rows.columns if name not in {*COLUMNS, "asked"}]
    return Reference.learn(rows[features], likelihoods=rows["likelihood"].to_numpy(np.float64))


def _joined(connection: duckdb.DuckDBPyConnection, version: str) -> pd.DataFrame:
    return connection.execute(
        f"""
        SELECT {_JOINED} FROM (
            SELECT came.campaign_id, came.account_id, came.actions, log.* EXCLUDE (campaign_id, account_id)
            FROM came JOIN log ON log.account_id = came.account_id AND log.decided_at <= came.decided_at
                 AND CASE WHEN came.request_id IS NOT NULL THEN log.request_id = came.request_id
                          ELSE log.campaign_id = came.campaign_id END
            QUALIFY row_number() OVER (PARTITION BY came.campaign_id, came.account_id
                                       ORDER BY log.decided_at DESC, log.answered_at DESC) = 1
        ) WHERE model_version = $1
        ORDER BY campaign_id, account_id
        """,
        [version],
    ).fetch_df()


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    predictions, age = connection.execute("""
        SELECT count(*),
               median(epoch(answered_at) - epoch(decided_at)) FILTER (WHERE endpoint <> 'file') / 86400.0
        FROM recent
    """).fetchone()
    ways = connection.execute("SELECT endpoint, count(*) FROM recent GROUP BY 1 ORDER BY 1").fetchall()
    others = connection.execute(
        "SELECT model_version, count(*) FROM log GROUP BY 1 ORDER BY max(answered_at) DESC"
    ).fetchall()
    return {
        "predictions": predictions,
        "endpoints": dict(ways),
        "models": dict(others),
        "features_age_days": age,
    }


def _lost(files: list[Path]) -> dict[str, int]:
    """Return how many predictions are in the log, and how many the processes that wrote it say they dropped."""
    logged = 0
    dropped: dict[bytes, int] = {}
    for file in files:
        metadata = pq.read_metadata(file)
        logged += metadata.num_rows
        said = metadata.metadata or {}
        if (writer := said.get(WRITER.encode())) is not None:
            dropped[writer] = max(dropped.get(writer, 0), int(said.get(DROPPED.encode(), 0)))
    return {"logged": logged, "dropped": sum(dropped.values())}
