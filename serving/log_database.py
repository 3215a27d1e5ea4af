"""A log in a PostgreSQL database: rows are only ever added, those of a part or a report in one transaction.

`impel_log_parts` names the parts, `impel_log_predictions` holds their rows: the columns of `prediction_log.COLUMNS` and
all features in one array of float32, whose names `impel_log_features` has. Briefs, which many rows share, are kept once
for each part in `impel_log_briefs`. `impel_log_outcomes` holds what was reported, `impel_log_models` what models were
trained on. Every use has a connection of its own, so that a server that was away is found again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.catalogue import CATEGORIES
from features.databases import patient, postgresql_driver, told
from features.errors import DataError, LogError, SettingError, without_password
from features.problems import literal
from features.tables import CONTRACT
from serving.log_folder import OUTCOMES, LogFolder
from serving.outcomes import COLUMNS as OUTCOME_COLUMNS
from serving.outcomes import CONTRACT_COLUMNS, key_of, known_of, sorted_out, text_of
from serving.prediction_log import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from serving.outcomes import Known, Reported
    from serving.schemas.requests import Outcome

_FORMAT = 1
_TURN = 0x696D70656C  # the advisory lock of whoever makes the tables or reports outcomes
_LONG = 36_500  # days, which is for ever
_WAIT = 5.0  # seconds that a report waits for others of the same process
_MOMENT = pa.timestamp("us", "UTC")
_KINDS = {"id": pa.string(), "time": _MOMENT, "count": pa.int64(), "number": pa.float64(), "share": pa.float64()}
_OUTCOMES = {column.name: _KINDS[column.kind] for column in CONTRACT["outcomes"].columns} | {
    "request_id": pa.string(),
    "received_at": _MOMENT,
}
_SAID = {name: pa.string() if pa.types.is_dictionary(kind) else kind for name, kind in COLUMNS.items()}
_SQL = {pa.string(): "text", pa.int64(): "bigint", pa.float64(): "double precision", _MOMENT: "timestamptz"}


def _defined(columns: dict[str, pa.DataType]) -> str:
    return ", ".join(f"{name} {_SQL[kind]}" for name, kind in columns.items())


_ROW = {name: kind for name, kind in _SAID.items() if name != "brief"} | dict.fromkeys(CATEGORIES, pa.string())
_TABLES = f"""
CREATE TABLE impel_log (format integer NOT NULL);
CREATE TABLE impel_log_features (digest text PRIMARY KEY, names text[] NOT NULL);
CREATE TABLE impel_log_parts (
    part bigserial PRIMARY KEY, name text NOT NULL UNIQUE, writer text NOT NULL, dropped bigint NOT NULL,
    until timestamptz NOT NULL, features text NOT NULL REFERENCES impel_log_features
);
CREATE TABLE impel_log_briefs (
    part bigint REFERENCES impel_log_parts ON DELETE CASCADE, number integer, brief text NOT NULL,
    PRIMARY KEY (part, number)
);
CREATE TABLE impel_log_predictions (
    part bigint REFERENCES impel_log_parts ON DELETE CASCADE, place integer, {_defined(_ROW)}, brief integer,
    features real[] NOT NULL, PRIMARY KEY (part, place)
);
CREATE TABLE impel_log_outcomes (place bigserial PRIMARY KEY, {_defined(_OUTCOMES)});
CREATE INDEX ON impel_log_outcomes (campaign_id, account_id);
CREATE TABLE impel_log_models (
    model_version text NOT NULL, reference text NOT NULL, kept_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO impel_log VALUES ({_FORMAT})
"""


class LogDatabase:
    """A database as a `serving.log_storage.LogStorage`.

    Parameters
    ----------
    url : str
        postgresql://user:password@host/database, or what else libpq takes; no error holds its password.

    Raises
    ------
    SettingError
        Where the driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._driver = postgresql_driver()
        self._created = False

    def exists(self) -> bool:
        """Say whether the database holds a log."""
        with self.transaction() as cursor:
            return _is_log(cursor)

    def create(self) -> None:
        """Make the tables of a log where there are none; SettingError where there are those of another version."""
        if self._created:
            return
        with self.transaction() as cursor:
            if not _is_log(cursor):
                _take_turn(cursor)
                for statement in () if _is_log(cursor) else _TABLES.split(";"):
                    cursor.execute(statement)
            cursor.execute("SELECT format FROM impel_log")
            (version,) = cursor.fetchone()
        if version != _FORMAT:
            raise SettingError(
                f"{without_password(self._url)} holds a prediction log of another version of Impel (format {version}, "
                f"not {_FORMAT}); give another database, or another schema by ?options=-csearch_path%3DNAME."
            )
        self._created = True

    def write(self, name: str, table: pa.Table, *, writer: str, dropped: int) -> None:
        """Put a part into the database in one transaction; see `LogStorage`."""
        self.create()
        names = [column for column in table.column_names if column not in {*COLUMNS, *CATEGORIES}]
        digest = hashlib.blake2b("\0".join(names).encode(), digest_size=16).hexdigest()
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('impel_log_parts', 'part')) "
                "WHERE NOT EXISTS (SELECT FROM impel_log_parts WHERE name = $1)",
                (name,),
            )
            if (new := cursor.fetchone()) is None:
                return  # it is there, and the word that it was never came
            cursor.execute(
                "INSERT INTO impel_log_features VALUES ($1, string_to_array($2, ',')) ON CONFLICT DO NOTHING",
                (digest, ",".join(names)),
            )
            until = pc.max(table["answered_at"])
            part = {"part": new[0], "name": name, "writer": writer, "dropped": dropped, "features": digest}
            told = pa.table({column: [value] for column, value in part.items()}).append_column(
                "until", pa.array([until])
            )
            cursor.adbc_ingest("impel_log_parts", told, mode="append")
            for target, rows in _rows_of(table, new[0], names).items():
                cursor.adbc_ingest(target, rows, mode="append")

    def keep_reference(self, version: str, reference: str) -> None:
        """Put beside the predictions what a model's features were when it was trained; see `LogStorage`."""
        self.create()
        with self.transaction() as cursor:
            cursor.execute(
                "INSERT INTO impel_log_models (model_version, reference) SELECT $1, $2 WHERE NOT EXISTS "
                "(SELECT FROM impel_log_models WHERE model_version = $1 AND reference = $2)",
                (version, reference),
            )

    def outcomes(self) -> OutcomeTable:
        """Return the outcomes of the log."""
        return OutcomeTable(self)

    @contextmanager
    def local(self, *, days: float) -> Iterator[LogFolder]:
        """Copy the log into a temporary folder, batch by batch, as it is at this moment; see `LogStorage`."""
        with tempfile.TemporaryDirectory(prefix="impel-log-") as place:
            folder = LogFolder(Path(place) / "log")
            folder.create()
            try:
                self._copy(folder, days)
            except LogError:
                raise
            except OSError as error:
                raise SettingError(
                    f"The log cannot be copied to {place} ({error.strerror or error}); set TMPDIR to a larger one."
                ) from None
            yield folder

    def _copy(self, folder: LogFolder, days: float) -> None:
        with self.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY") as cursor:
            if not _is_log(cursor):
                shown = without_password(self._url)
                raise DataError(f"{shown} holds no prediction log; `impel serve DATA --log {shown}` keeps one.")
            _copy_predictions(cursor, folder, days)
            _copy_models(cursor, folder)
            _copy_outcomes(cursor, folder)

    @contextmanager
    def transaction(self, mode: str = "ISOLATION LEVEL READ COMMITTED READ WRITE") -> Iterator[Any]:
        """Give a cursor; what it did is there as a whole afterwards, or not at all.

        Raises
        ------
        LogError
            Where the database cannot be used now.
        DataError
            Where it can, and does not take the values.
        """
        try:
            with self._driver.connect(patient(self._url)) as connection, connection.cursor() as cursor:
                cursor.execute(f"SET TRANSACTION {mode}")
                # Whoever vanished in the middle of a report is not waited for.
                cursor.execute(
                    "SELECT set_config('lock_timeout', '5s', true), "
                    "set_config('idle_in_transaction_session_timeout', '30s', true)"
                )
                yield cursor
                connection.commit()
        except self._driver.Error as error:
            self._created = False  # it may come back as another one
            refused = (error.sqlstate or "").startswith("22")
            raise (DataError if refused else LogError)(told(self._url, error)) from None


class OutcomeTable:
    """Outcomes in the database of a log, which others may report to at the same time.

    Parameters
    ----------
    log : LogDatabase
    """

    def __init__(self, log: LogDatabase) -> None:
        self._log = log
        self._lock = Lock()

    def report(self, outcomes: Sequence[Outcome]) -> Reported:
        """Commit outcomes, all or none; see `serving.outcomes.OutcomeLog`."""
        # One connection, and nobody waits for long behind those who wait for a server that is away.
        if not self._lock.acquire(timeout=_WAIT):
            raise LogError("Other reports still wait for the database of the log.")
        try:
            self._log.create()
            with self._log.transaction() as cursor:
                _take_turn(cursor)
                rows, counts = sorted_out(outcomes, _known(cursor, outcomes))
                if rows:
                    cursor.adbc_ingest("impel_log_outcomes", _outcome_table(rows), mode="append")
            return counts
        finally:
            self._lock.release()


def _is_log(cursor: Any) -> bool:
    # Not to_regclass, which may remember that there was none.
    cursor.execute(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_name = 'impel_log' AND table_schema = ANY (current_schemas(false))"
    )
    return bool(cursor.fetchone()[0])


def _take_turn(cursor: Any) -> None:
    """Wait until nobody else makes the tables or reports; the end of the transaction ends the turn."""
    cursor.execute(f"SELECT pg_advisory_xact_lock({_TURN}) IS NULL")
    cursor.fetchone()


def _rows_of(table: pa.Table, part: int, names: list[str]) -> dict[str, pa.Table]:
    """Return what a part adds to the tables of briefs and of predictions."""
    size = table.num_rows
    brief = table["brief"].unify_dictionaries().combine_chunks()
    features = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
    offsets = np.arange(size + 1, dtype=np.int32) * np.int32(len(names))
    columns = {"part": np.full(size, part), "place": np.arange(size, dtype=np.int32)}
    columns |= {name: _text(table[name]) for name in (*COLUMNS, *CATEGORIES) if name != "brief"}
    columns |= {
        "brief": brief.indices,
        "features": pa.ListArray.from_arrays(offsets, pa.array(features.ravel(), from_pandas=True)),
    }
    briefs = brief.dictionary
    numbers = np.arange(len(briefs), dtype=np.int32)
    return {
        "impel_log_briefs": pa.table({"part": np.full(len(briefs), part), "number": numbers, "brief": briefs}),
        "impel_log_predictions": pa.table(columns),
    }


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of texts as the database takes it: without zero characters, which PostgreSQL has not."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    return pc.replace_substring(column, "\0", "\ufffd") if column.type == pa.string() else column


def _copy_predictions(cursor: Any, folder: LogFolder, days: float) -> None:
    """Copy predictions, a file for each writer and layout; their features where they are no more than so old."""
    cursor.execute("SELECT digest, names FROM impel_log_features")
    layouts = dict(cursor.fetchall())
    age = f"interval '1 day' * {min(days, _LONG)}"
    parts = f"(SELECT *, until >= max(until) OVER () - {age} AS recent FROM impel_log_parts) AS part"
    cursor.execute(f"SELECT writer, features, recent, max(dropped) FROM {parts} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")
    said = ", ".join("brief.brief" if name == "brief" else f"logged.{name}" for name in (*_SAID, *CATEGORIES))
    for number, (writer, digest, recent, dropped) in enumerate(cursor.fetchall()):
        names = layouts[digest] if recent else []
        cursor.execute(f"""
            SELECT {said}{", logged.features" if recent else ""}
            FROM {parts} JOIN impel_log_predictions AS logged USING (part)
            LEFT JOIN impel_log_briefs AS brief ON brief.part = logged.part AND brief.number = logged.brief
            WHERE writer = {literal(writer)} AND part.features = {literal(digest)} AND recent = {recent}
            ORDER BY logged.part, place
        """)
        fields = _SAID | dict.fromkeys(names, pa.float32()) | dict.fromkeys(CATEGORIES, pa.string())
        schema = pa.schema(list(fields.items()))
        with folder.part(f"{number:06d}", schema, writer=writer, dropped=dropped) as part:
            for batch in cursor.fetch_record_batch():
                part.write_table(_unpacked(batch, names).cast(schema))


def _unpacked(batch: pa.RecordBatch, names: list[str]) -> pa.Table:
    """Return rows of the database with a column for each feature."""
    found = {name: batch[name] for name in _SAID}
    if names:
        numbers = batch["features"].flatten().to_numpy(zero_copy_only=False).reshape(len(batch), len(names))
        found |= {
            name: pa.array(values.astype(np.float32), from_pandas=True)
            for name, values in zip(names, numbers.T, strict=True)
        }
    return pa.table(found | {name: batch[name] for name in CATEGORIES})


def _copy_models(cursor: Any, folder: LogFolder) -> None:
    cursor.execute("SELECT model_version, reference FROM impel_log_models ORDER BY kept_at")
    for batch in cursor.fetch_record_batch():
        for version, reference in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            folder.keep_reference(version, reference)


def _copy_outcomes(cursor: Any, folder: LogFolder) -> None:
    cursor.execute(f"SELECT {', '.join(OUTCOME_COLUMNS)} FROM impel_log_outcomes ORDER BY place")
    with (folder.folder / OUTCOMES).open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file, lineterminator="\n")
        written.writerow(OUTCOME_COLUMNS)
        for batch in cursor.fetch_record_batch():
            written.writerows(_texts(batch.to_pydict().values()))


def _known(cursor: Any, outcomes: Sequence[Outcome]) -> dict[bytes, Known]:
    """Return the last word on the activations of some outcomes, where there is one."""
    asked = [{"campaign_id": one.campaign_id, "account_id": one.account_id} for one in outcomes]
    cursor.execute(
        f"""
        SELECT DISTINCT ON (campaign_id, account_id) {", ".join(CONTRACT_COLUMNS)} FROM impel_log_outcomes
        JOIN json_to_recordset($1::json) AS asked(campaign_id text, account_id text) USING (campaign_id, account_id)
        ORDER BY campaign_id, account_id, place DESC
        """,
        (json.dumps(asked),),
    )
    return {key_of(row): known_of(row) for row in _texts(cursor.fetch_arrow_table().to_pydict().values())}


def _outcome_table(rows: list[list[str]]) -> pa.Table:
    """Return rows of outcomes as the database takes them."""
    columns = dict(zip(OUTCOME_COLUMNS, zip(*rows, strict=True), strict=True))
    return pa.table(
        {
            name: _text(pa.chunked_array([[value or None for value in columns[name]]], pa.string())).cast(kind)
            for name, kind in _OUTCOMES.items()
        }
    )


def _texts(columns: Any) -> Iterator[list[str]]:
    """Yield the rows of columns of outcomes as texts."""
    return ([text_of(value) for value in row] for row in zip(*columns, strict=True))
