"""Reported outcomes: on disk once they are acknowledged, whatever happens, and one word on each activation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pydantic import ValidationError

from features.errors import DataError
from serving.log_folder import OUTCOMES, OutcomeFile
from serving.outcomes import COLUMNS, ContradictionError
from serving.schemas.requests import Outcome
from tests.serving.test_prediction_log import files_of_at_most

if TYPE_CHECKING:
    from pathlib import Path

    from serving.log_storage import LogStorage

GIVEN = {"campaign_id": "c1", "account_id": "a1", "decided_at": "2026-06-01T09:00:00Z", "actions": 6}
LATER = {"closed_at": "2026-07-05T00:00:00Z"}


def outcome(**changes: Any) -> Outcome:
    given = {**GIVEN, "closed_at": "2026-07-04T18:30:00Z", **changes}
    return Outcome.model_validate_json(json.dumps(given))


def rows(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / OUTCOMES, dtype="str", keep_default_na=False)


def test_an_outcome_is_a_row_of_the_contract(tmp_path: Path) -> None:
    given = outcome(fee=250.5, clicks=0, campaign_id='a "b", c', posted_at="2026-06-03T00:00:00+02:00", request_id="r")
    assert OutcomeFile(tmp_path).report([given]) == (1, 0, 0)
    (row,) = rows(tmp_path).to_dict("records")
    assert tuple(row) == COLUMNS
    assert row["campaign_id"] == 'a "b", c'
    assert pd.Timestamp(row["posted_at"]) == pd.Timestamp("2026-06-02T22:00:00Z")
    assert (row["fee"], row["clicks"], row["impressions"], row["request_id"]) == ("250.5", "0", "", "r")


def kept(storage: LogStorage) -> pd.DataFrame:
    with storage.local(days=0) as folder:
        return rows(folder.folder)


def test_the_last_word_on_an_activation(storage: LogStorage) -> None:
    log = storage.outcomes()
    first, more, corrected = outcome(), outcome(actions=7), outcome(actions=7, **LATER)
    assert log.report([first, first]) == (1, 1, 0)
    assert log.report([first]) == (0, 1, 0)
    with pytest.raises(ContradictionError):
        log.report([more])
    assert log.report([corrected]) == (0, 0, 1)
    assert log.report([corrected]) == (0, 1, 0)
    with pytest.raises(ContradictionError):
        log.report([first])
    assert kept(storage)["actions"].tolist() == ["6", "7"]


def test_a_report_is_taken_as_a_whole_or_not_at_all(storage: LogStorage) -> None:
    log = storage.outcomes()
    log.report([outcome()])
    with pytest.raises(ContradictionError) as refused:
        log.report([outcome(account_id="a2"), outcome(actions=9), outcome(account_id="a3"), outcome(actions=8)])
    assert refused.value.places == (1, 3)
    assert len(kept(storage)) == 1


def test_processes_that_share_a_log_know_of_each_other(storage: LogStorage) -> None:
    one, other = storage.outcomes(), storage.outcomes()
    assert one.report([outcome()]) == (1, 0, 0)
    assert other.report([outcome(), outcome(account_id="a2")]) == (1, 1, 0)
    with pytest.raises(ContradictionError):
        one.report([outcome(account_id="a2", actions=1)])
    assert storage.outcomes().report([outcome(), outcome(account_id="a2")]) == (0, 2, 0)


def test_what_a_process_that_died_left_unfinished_goes(tmp_path: Path) -> None:
    living = OutcomeFile(tmp_path)
    living.report([outcome()])
    with (tmp_path / OUTCOMES).open("a") as file:
        file.write("c1,a2,2026-06-01T09:0")
    assert living.report([outcome(account_id="a3")]) == (1, 0, 0)
    assert rows(tmp_path)["account_id"].tolist() == ["a1", "a3"]
    with (tmp_path / OUTCOMES).open("a") as file:
        file.write("c1,a2")
    assert OutcomeFile(tmp_path).report([outcome(account_id="a2")]) == (1, 0, 0)
    assert rows(tmp_path)["account_id"].tolist() == ["a1", "a3", "a2"]


def test_a_file_that_was_put_away_is_begun_anew(tmp_path: Path) -> None:
    log = OutcomeFile(tmp_path)
    log.report([outcome()])
    (tmp_path / OUTCOMES).rename(tmp_path / "outcomes-old.csv")
    assert log.report([outcome(account_id="a2")]) == (1, 0, 0)
    assert rows(tmp_path)["account_id"].tolist() == ["a2"]


def test_a_full_disk_refuses_and_takes_no_part(tmp_path: Path) -> None:
    log = OutcomeFile(tmp_path)
    log.report([outcome()])
    many = [outcome(account_id=f"b{number}") for number in range(100)]
    with files_of_at_most(1000), pytest.raises(OSError, match=r"File too large|No space left"):
        log.report(many)
    assert len(rows(tmp_path)) == 1
    assert log.report([*many, outcome()]) == (100, 1, 0)
    assert len(rows(tmp_path)) == 101


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / OUTCOMES).write_text("campaign_id,account_id\nc1,a1\n")
    with pytest.raises(DataError, match="damaged: a line has 2 values"):
        OutcomeFile(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"actions": None},
        {"actions": -1},
        {"actions": 1.5},
        {"campaign_id": " "},
        {"account_id": "a1 "},
        {"account_id": "a\n1"},
        {"closed_at": "2026-05-01T00:00:00Z"},
        {"propensity": 0},
        {"fee": -1},
        {"posted": True},
    ],
    ids=str,
)
def test_what_breaks_the_contract_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        outcome(**changes)
