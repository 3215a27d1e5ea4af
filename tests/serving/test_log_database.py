"""A log in a database is the log in a folder: the same rows, as whole parts, whatever becomes of the server."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import DataError, LogError, SettingError
from serving import log_database
from serving.log_database import LogDatabase
from serving.log_folder import DROPPED, OUTCOMES, WRITER
from serving.log_storage import log_storage
from serving.outcomes import ContradictionError
from serving.prediction_log import COLUMNS, PredictionLog, Values, table_of
from serving.recorder import Recorder
from serving.reference import Reference
from tests.models import NUMBERS, made_features
from tests.postgres import PASSWORD
from tests.serving.test_outcomes import outcome
from tests.serving.test_prediction_log import MOMENT, answered, files_of_at_most, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from serving.log_storage import LogStorage
    from serving.prediction_log import Answered
    from tests.postgres import Server


def read(storage: LogStorage, *, days: float = 1e9) -> pd.DataFrame:
    """Return the rows of a log, those of one writer in the order in which they were written."""
    with storage.local(days=days) as folder:
        parts = [pd.read_parquet(part) for part in folder.parts()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with LogDatabase(url).transaction() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def odd(rows: int, *, seed: int, **brief: Any) -> Answered:
    """Return an answer with everything that numbers may be."""
    one = answered(rows, seed=seed, **brief)
    X = made_features(rows, seed=seed)
    numbers = X[list(NUMBERS)].to_numpy(copy=True)
    numbers[0, 1:] = np.inf, -np.inf, 1e-45, -0.0, 1e300
    told = Values(NUMBERS, numbers, values(X).texts)
    return type(one)(**{**vars(one), "features": lambda: told})


def test_what_is_read_back_is_what_a_folder_holds(tmp_path: Path, log_url: str) -> None:
    answers = [
        odd(5, seed=1, campaign_id="c'1", brief="neu: \N{JAR} \\ \"'"),
        odd(1, seed=2),
        odd(700, seed=3, budget=1),
    ]
    answers += [answered(3, seed=number) for number in range(4, 40)]
    logs = [PredictionLog(log_storage(where), part_rows=300) for where in (tmp_path / "log", log_url)]
    for log in logs:
        log.storage.create()
        for one in answers:
            log.add(table_of([one]))
        log.drop(7)
        log.keep_reference("demo/1", REFERENCE)
        log.close()
    assert [(log.written, log.dropped) for log in logs] == [(814, 7)] * 2
    folder, database = (read(log.storage) for log in logs)
    pd.testing.assert_frame_equal(database, folder, check_exact=True)
    assert list(database.columns) == [*COLUMNS, *NUMBERS, "goal", "platform", "vertical"]
    numbers = [each[list(NUMBERS)].to_numpy() for each in (folder, database)]
    assert [each.dtype for each in numbers] == [np.float32] * 2
    assert numbers[0].tobytes() == numbers[1].tobytes(), "to the bit, the sign of a zero included"
    assert np.isinf(numbers[0]).any()
    with logs[1].storage.local(days=1) as copy:
        assert copy.reference_of("demo/1") == REFERENCE
        (part,) = copy.parts()
        metadata = pq.read_metadata(part).metadata
    assert (metadata[DROPPED.encode()], metadata[WRITER.encode()]) == (b"7", logs[1]._writer.encode())


REFERENCE = Reference.learn(made_features(200, seed=1), likelihoods=np.linspace(0, 1, 200))


def test_features_may_change_and_old_ones_stay_where_they_are(log_url: str) -> None:
    storage = log_storage(log_url)
    layouts = (NUMBERS, NUMBERS[1:4], (*NUMBERS[:2], "impressions"))
    for number, names in enumerate(layouts):
        one = answered(4, seed=number)
        told = Values(names, np.full((4, len(names)), float(number)), values(made_features(4, seed=number)).texts)
        moment = MOMENT + timedelta(days=number)
        storage.write(
            f"part {number}",
            table_of([type(one)(**{**vars(one), "answered_at": moment, "features": lambda told=told: told})]),
            writer="one",
            dropped=0,
        )
    found = read(storage)
    for number, names in enumerate(layouts):
        rows = found[found["answered_at"] == MOMENT + timedelta(days=number)]
        assert (rows[list(names)] == number).all(axis=None)
        assert (
            rows[[name for name in found.columns if name in {*NUMBERS, "impressions"} - {*names}]].isna().all(axis=None)
        )
    recent = read(storage, days=1.5)
    assert len(recent) == 12, "every prediction is there"
    assert recent["goal"].notna().all()
    oldest = recent["answered_at"] == MOMENT
    assert recent.loc[oldest, [*NUMBERS[:4]]].isna().all(axis=None), "features that nobody looks at are not fetched"
    assert recent.loc[~oldest, "engagement_rate_median_90d"].notna().all()


def test_a_part_is_there_as_a_whole_and_once(log_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = LogDatabase(log_url)
    table = table_of([answered(50)])
    storage.write("first", table, writer="one", dropped=0)
    transaction = LogDatabase.transaction

    @contextmanager
    def lost(self: LogDatabase, *mode: str) -> Iterator[Any]:
        with transaction(self, *mode) as cursor:
            yield cursor
        raise LogError("the connection broke after the commit")

    with monkeypatch.context() as patch:
        patch.setattr(LogDatabase, "transaction", lost)
        with pytest.raises(LogError):
            storage.write("second", table, writer="one", dropped=0)
    storage.write("second", table, writer="one", dropped=0)
    assert len(read(storage)) == 100
    # What does not fit into the last of a part's tables takes the others with it.
    query(log_url, "ALTER TABLE impel_log_predictions ADD CHECK (place < 40) NOT VALID")
    with pytest.raises(LogError):
        storage.write("third", table, writer="one", dropped=0)
    assert query(log_url, "SELECT count(*) FROM impel_log_parts") == [(2,)]
    assert len(read(storage)) == 100


def test_processes_write_at_once(log_url: str) -> None:
    def write(seed: int) -> int:
        log = PredictionLog(log_storage(log_url), part_rows=7)
        for number in range(5):
            log.add(table_of([answered(5, seed=seed * 10 + number)]))
        log.close()
        return log.written

    with ThreadPoolExecutor(6) as many:
        assert list(many.map(write, range(6))) == [25] * 6
    found = read(log_storage(log_url))
    assert len(found) == 150
    assert (found.groupby("request_id").size() == 5).all()


def test_a_reader_sees_what_was_there_when_it_began(log_url: str) -> None:
    storage = LogDatabase(log_url)
    storage.write("first", table_of([answered(3)]), writer="one", dropped=0)
    with storage.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY") as cursor:
        cursor.execute("SELECT count(*) FROM impel_log_predictions")
        before = cursor.fetchone()
        storage.write("second", table_of([answered(3)]), writer="one", dropped=0)
        cursor.execute("SELECT count(*) FROM impel_log_predictions")
        assert cursor.fetchone() == before == (3,)
    assert len(read(storage)) == 6


def test_a_server_that_goes_and_comes_back_costs_only_what_finds_no_room(
    server: Server, log_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = PredictionLog(log_storage(log_url), part_rows=4, seconds=0, most_waiting=10)
    log.add(table_of([answered(4, seed=0)]))
    assert (log.written, log.failures) == (4, 0)
    server.stop()
    try:
        for number in range(1, 5):
            log.add(table_of([answered(4, seed=number)]))
        assert (log.written, log.waiting, log.dropped, log.failures) == (4, 10, 6, 4)
    finally:
        server.start()
    log.close()
    assert (log.written, log.waiting, log.dropped) == (14, 0, 6)
    found = read(log_storage(log_url))
    assert len(found) == len(found.drop_duplicates(["request_id", "account_id"])) == 14
    assert query(log_url, "SELECT max(dropped) FROM impel_log_parts") == [(6,)], "whoever reads the log learns of it"
    assert (
        "2 predictions were not logged, 10 wait (the log cannot be written: The database postgresql://" in caplog.text
    )
    assert all(secret not in caplog.text for secret in (PASSWORD, quote(PASSWORD, safe="")))


def until(came: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not came():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_server_that_is_killed_under_load_neither_loses_nor_doubles_a_row(server: Server, log_url: str) -> None:
    storage = log_storage(log_url)
    storage.create()
    log = PredictionLog(storage, part_rows=20, seconds=0.05)
    recorder = Recorder(log, seconds=0.01)
    answers = []
    ends = Event()

    def ask() -> None:
        for seed in range(100_000):
            if ends.wait(0.005):
                return
            answers.append(answered(1 + seed % 7, seed=seed))
            assert recorder.record(answers[-1])

    caller = Thread(target=ask, daemon=True)
    caller.start()
    try:
        for kills in range(1, 4):
            until(lambda before=log.written: log.written > before)
            server.stop()
            until(lambda kills=kills: log.failures >= kills)
            server.start()
    finally:
        ends.set()
        caller.join()
        recorder.close()
    assert log.failures >= 3
    assert (log.waiting, log.dropped) == (0, 0)
    found = read(storage).groupby("request_id").size().to_dict()
    assert found == {one.request_id: len(one.accounts) for one in answers}


def test_no_report_is_lost_with_the_server(server: Server, log_url: str) -> None:
    outcomes = log_storage(log_url).outcomes()
    assert outcomes.report([outcome()]) == (1, 0, 0)
    server.stop()
    try:
        with pytest.raises(OSError, match="cannot be used") as away:
            outcomes.report([outcome(account_id="a2")])
        assert PASSWORD not in str(away.value)
        assert quote(PASSWORD, safe="") not in str(away.value)
    finally:
        server.start()
    assert outcomes.report([outcome(), outcome(account_id="a2")]) == (1, 1, 0)
    assert query(log_url, "SELECT count(*) FROM impel_log_outcomes") == [(2,)]


def test_one_word_on_an_activation_however_many_report_it_at_once(log_url: str) -> None:
    storages = [log_storage(log_url) for _ in range(6)]
    given = [outcome(account_id=f"a{number}") for number in range(50)]

    def report(storage: LogStorage) -> tuple[int, int, int]:
        return storage.outcomes().report(given)

    with ThreadPoolExecutor(6) as many:
        found = list(many.map(report, storages))
    assert sorted(found) == [(0, 50, 0)] * 5 + [(50, 0, 0)]
    assert query(log_url, "SELECT count(*) FROM impel_log_outcomes") == [(50,)]


def test_whoever_vanishes_in_the_middle_of_a_report_is_not_waited_for(log_url: str) -> None:
    storage = LogDatabase(log_url)
    storage.create()
    with storage.transaction() as cursor:
        log_database._take_turn(cursor)
        with pytest.raises(LogError, match="lock timeout"):
            storage.outcomes().report([outcome()])
    assert storage.outcomes().report([outcome()]) == (1, 0, 0)


def test_a_copy_that_finds_no_room_is_one_line(log_url: str) -> None:
    storage = log_storage(log_url)
    storage.write("part", table_of([answered(500)]), writer="one", dropped=0)
    with (
        files_of_at_most(4000),
        pytest.raises(SettingError, match=r"cannot be copied to .*set TMPDIR"),
        storage.local(days=1),
    ):
        pass


def test_outcomes_are_read_back_as_a_folder_keeps_them(tmp_path: Path, log_url: str) -> None:
    given = [
        outcome(fee=250.1, clicks=0, campaign_id='a "b", c', posted_at="2026-06-03T00:00:00+02:00", request_id="r"),
        outcome(actions=10**12, propensity=1e-9, incremental_actions=-1.5, impressions=3),
        outcome(actions=7, closed_at="2026-08-01T00:00:00.000001Z"),
    ]
    frames = []
    for where in (tmp_path / "log", log_url):
        storage = log_storage(where)
        storage.create()
        assert storage.outcomes().report(given) == (2, 0, 1)
        with storage.local(days=0) as folder:
            frames.append(pd.read_csv(folder.folder / OUTCOMES, dtype="str", keep_default_na=False))
    folder, database = (frame.drop(columns="received_at") for frame in frames)
    pd.testing.assert_frame_equal(database, folder)


def test_zero_characters_are_no_trouble(log_url: str) -> None:
    storage = log_storage(log_url)
    storage.write("part", table_of([answered(2, vertical="fo\0od", brief="a\0b")]), writer="one", dropped=0)
    found = read(storage)
    assert '"vertical":"fo\\u0000od"' in found["brief"][0]
    with pytest.raises(ContradictionError):
        storage.outcomes().report([outcome(request_id="r\0"), outcome(actions=9)])
    assert storage.outcomes().report([outcome(request_id="r\0")]) == (1, 0, 0)


def test_what_is_no_log_or_another_one_is_said(log_url: str) -> None:
    storage = log_storage(log_url)
    assert not storage.exists()
    with pytest.raises(DataError, match="holds no prediction log"), storage.local(days=1):
        pass
    with ThreadPoolExecutor(4) as many:  # at once
        list(many.map(lambda _: log_storage(log_url).create(), range(8)))
    assert storage.exists()
    assert read(storage).empty
    query(log_url, "UPDATE impel_log SET format = 2 RETURNING 1")
    with pytest.raises(SettingError, match=r"another version of Impel \(format 2, not 1\)") as refused:
        log_storage(log_url).create()
    assert quote(PASSWORD, safe="") not in str(refused.value)


def test_who_may_only_add_and_read_needs_no_more(log_url: str) -> None:
    log_storage(log_url).create()
    schema = log_url.rpartition("%3D")[2]
    query(
        log_url,
        f"""DO $$ BEGIN CREATE ROLE adder LOGIN PASSWORD 'added'; GRANT USAGE ON SCHEMA {schema} TO adder;
        GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO adder;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO adder; END $$""",
    )
    adder = log_storage(log_url.replace(f"impel:{quote(PASSWORD, safe='')}", "adder:added"))
    log = PredictionLog(adder)
    log.add(table_of([answered(3)]))
    log.keep_reference("demo/1", REFERENCE)
    log.close()
    assert (log.written, log.dropped) == (3, 0)
    assert adder.outcomes().report([outcome()]) == (1, 0, 0)
    assert len(read(adder)) == 3


@contextmanager
def silent() -> Iterator[tuple[str, Event]]:
    """Give the URL of a server that takes connections and says nothing, and what is set once somebody is there."""
    came = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as open_:

        def accept() -> None:
            try:
                while True:
                    open_.push(listening.accept()[0])
                    came.set()
            except OSError:
                return

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield f"postgresql://impel:secret@127.0.0.1:{listening.getsockname()[1]}/log?connect_timeout=2", came
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_nobody_who_answers_waits_for_a_server_that_says_nothing() -> None:
    with silent() as (url, came):
        log = PredictionLog(log_storage(url), seconds=0)
        recorder = Recorder(log, most_queued=20, seconds=0.01)
        assert recorder.record(answered(5))
        assert came.wait(30)
        assert log.failures == 0, "it still waits for the first word"
        taken = [recorder.record(answered(5, seed=number)) for number in range(6)]
        assert log.failures == 0, "and nobody waited with it"
        assert taken == [True] * 4 + [False] * 2
        outcomes = log_storage(url).outcomes()
        with pytest.raises(LogError) as away:
            outcomes.report([outcome()])
        assert "secret" not in str(away.value)
        recorder.close()
    assert (log.written, log.waiting) == (0, 0)
    assert log.dropped == 35, "all are accounted for"
