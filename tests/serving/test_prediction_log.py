"""The log of predictions: whole parts, nothing lost silently, nobody kept waiting."""

from __future__ import annotations

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.catalogue import CATEGORIES
from features.errors import DataError, SettingError
from serving.log_folder import DROPPED, LogFolder
from serving.log_storage import log_storage
from serving.prediction_log import COLUMNS, Answered, PredictionLog, Values, table_of
from serving.recorder import Recorder
from serving.schemas.requests import Brief
from tests.models import NUMBERS, made_features

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENT = datetime(2026, 6, 1, tzinfo=UTC)


def values(X: pd.DataFrame) -> Values:
    texts = {name: X[name].tolist() for name in CATEGORIES}
    return Values(NUMBERS, X[list(NUMBERS)].to_numpy(), texts)


def table(found: Values) -> pd.DataFrame:
    return pd.DataFrame(found.numbers, columns=list(found.names)).assign(**found.texts)


def answered(rows: int, *, seed: int = 0, **brief: Any) -> Answered:
    random = np.random.default_rng(seed)
    likelihood = random.random(rows)
    return Answered(
        request_id=uuid4().hex,
        endpoint="predict",
        answered_at=datetime.now(UTC),
        model_version="demo/1",
        catalogue_digest="abc",
        decided_at=MOMENT,
        brief=Brief.model_validate({"goal": "sale", "vertical": "food", "starts_at": MOMENT, **brief}),
        accounts=[f"a{number}" for number in range(rows)],
        fee=np.where(likelihood < 0.5, np.nan, 100.0),
        scores={
            "at_least": np.full(rows, 3.0),
            "likelihood": likelihood,
            "expected_actions": likelihood * 10,
            "actions_low": np.zeros(rows),
            "actions_high": np.full(rows, 40.0),
            "support": np.full(rows, "in", dtype="<U7"),
        },
        features=lambda: values(made_features(rows, seed=seed)),
    )


def logged(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(part) for part in LogFolder(folder).parts()], ignore_index=True)


def log_in(folder: Path, **options: float) -> PredictionLog:
    """Return a log in a folder, which is made where it is not there."""
    storage = LogFolder(folder)
    storage.create()
    return PredictionLog(storage, **options)  # type: ignore[arg-type]


def test_what_was_answered_is_logged_as_it_was(tmp_path: Path) -> None:
    answers = [answered(5, seed=1, campaign_id="c1"), answered(1, seed=2), answered(3, seed=3, brief="new jelly")]
    log = log_in(tmp_path / "log", part_rows=5)
    for one in answers:
        log.add(table_of([one]))
    assert (log.written, log.waiting, log.dropped) == (5, 4, 0), "rolled by size"
    log.close()
    assert (log.written, log.waiting, log.dropped) == (9, 0, 0)
    found = logged(tmp_path / "log")
    assert list(found.columns) == [*COLUMNS, *NUMBERS, "goal", "platform", "vertical"]
    assert found["request_id"].tolist() == [one.request_id for one in answers for _ in one.accounts]
    assert found["likelihood"].tolist() == [value for one in answers for value in one.scores["likelihood"]]
    assert found["campaign_id"].fillna("").tolist() == ["c1"] * 5 + [""] * 4
    assert '"brief":"new jelly"' in found["brief"].iloc[-1]
    X = pd.concat([table(one.known) for one in answers])
    for name in NUMBERS:
        assert np.array_equal(found[name].to_numpy(np.float32), X[name].to_numpy(np.float32), equal_nan=True), name
    for name in ("goal", "platform", "vertical"):
        assert found[name].tolist() == X[name].tolist()


def test_many_threads_record_everything_once(tmp_path: Path) -> None:
    recorder = Recorder(log_in(tmp_path / "log"), seconds=0.01)
    answers = [answered(1 + number % 5, seed=number) for number in range(200)]
    with ThreadPoolExecutor(8) as many:
        assert all(many.map(recorder.record, answers))
    recorder.close()
    found = logged(tmp_path / "log").groupby("request_id").size().to_dict()
    assert found == {one.request_id: len(one.accounts) for one in answers}


def test_parts_are_rolled_by_time(tmp_path: Path) -> None:
    recorder = Recorder(log_in(tmp_path / "log", seconds=0.05), seconds=0.01)
    recorder.record(answered(2))
    end = time.monotonic() + 20
    while not LogFolder(tmp_path / "log").parts() and time.monotonic() < end:
        time.sleep(0.01)
    assert len(logged(tmp_path / "log")) == 2
    recorder.close()


def test_a_full_queue_drops_and_counts_at_once(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log")
    recorder = Recorder(log, most_queued=10, seconds=3600)
    assert [recorder.record(answered(4)) for _ in range(4)] == [True, True, False, False]
    recorder.close()
    assert (log.written, log.dropped) == (8, 8)
    (part,) = LogFolder(tmp_path / "log").parts()
    assert pq.read_metadata(part).metadata[DROPPED.encode()] == b"8", "whoever reads the log learns of it"


def test_an_answer_that_cannot_be_counted_is_dropped_and_those_after_it_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Values:
        raise ValueError("no features")

    log = log_in(tmp_path / "log")
    recorder = Recorder(log, most_queued=10, seconds=0.01)
    recorder.record(replace(answered(8), features=broken))
    end = time.monotonic() + 20
    while not recorder.record(answered(4)) and time.monotonic() < end:
        time.sleep(0.01)
    recorder.close()
    assert "8 predictions could not be counted" in caplog.text
    assert log.written == 4
    assert log.dropped >= 8
    assert len(logged(tmp_path / "log")) == 4


def test_a_folder_that_cannot_be_written_to_costs_only_what_finds_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = log_in(tmp_path / "log", seconds=0, most_waiting=10)
    (tmp_path / "log" / "predictions").rename(tmp_path / "away")
    (tmp_path / "log" / "predictions").write_text("")
    for number in range(4):
        log.add(table_of([answered(4, seed=number)]))
    assert (log.written, log.waiting, log.dropped, log.failures) == (0, 10, 6, 4)
    assert "2 predictions were not logged, 10 wait (the log cannot be written: Not a directory)" in caplog.text
    (tmp_path / "log" / "predictions").unlink()
    (tmp_path / "away").rename(tmp_path / "log" / "predictions")
    log.add(table_of([answered(4)]))
    log.close()
    assert (log.written, log.dropped) == (10, 10)
    assert len(logged(tmp_path / "log")) == 10


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_half_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = log_in(tmp_path / "log")
    log.add(table_of([answered(500)]))
    with files_of_at_most(4000):
        log.close()
    assert (log.written, log.waiting, log.dropped, log.failures) == (0, 0, 500, 1)
    assert "500 predictions were not logged, 0 wait (the service stops)" in caplog.text
    assert list((tmp_path / "log" / "predictions").iterdir()) == []


def test_what_holds_something_else_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("")
    with pytest.raises(SettingError, match="holds something that is no prediction log"):
        log_in(tmp_path)
    with pytest.raises(SettingError, match="cannot be written to"):
        log_in(tmp_path / "report.html" / "log")
    with pytest.raises(DataError, match="no prediction log"), LogFolder(tmp_path).local(days=1):
        pass
    with pytest.raises(SettingError, match="kept in a folder or at postgresql") as refused:
        log_storage("mysql://impel:secret@host/database")
    assert "secret" not in str(refused.value)


def test_processes_may_make_the_log_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as many:
        logs = list(many.map(lambda _: log_in(tmp_path / "log"), range(16)))
    for log in logs:
        log.add(table_of([answered(1)]))
        log.close()
    assert len(logged(tmp_path / "log")) == 16


def test_a_part_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    log = log_in(tmp_path / "log", part_rows=1)
    log.add(table_of([answered(2)]))
    (tmp_path / "log" / "predictions" / ".later.parquet.unfinished").write_bytes(b"PAR1")
    assert len(logged(tmp_path / "log")) == 2
