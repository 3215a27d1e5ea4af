"""`impel doctor`: sound and broken set-ups, what it says of each, and its exit code."""

from __future__ import annotations

import json
import re
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from features import EventStore, open_tables
from features.manifest import Manifest
from serving.log_folder import LogFolder
from tests.models import made_bundle
from training.cli import main
from training.marketplace import simulate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a bundle, a marketplace, and its prepared store."""
    folder = tmp_path_factory.mktemp("doctor")
    made_bundle(folder / "bundle")
    data = simulate(folder / "data", influencers=50, campaigns=5)
    with open_tables(data) as tables:
        EventStore.prepare(tables, folder / "home" / "stores" / tables.fingerprint[:16])
    return folder


@pytest.fixture(autouse=True)
def _clean(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMPEL_TRACKING_URI", "PYTHONDONTWRITEBYTECODE", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMPEL_HOME", str(place / "home"))


def doctor(*arguments: object, port: int | None = None) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and state and message by check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = port or free.getsockname()[1]
    result = CliRunner().invoke(main, ["doctor", "--json", "--port", str(port), *map(str, arguments)])
    assert result.exit_code in {0, 1}, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    assert answer["ok"] == (result.exit_code == 0)
    return result.exit_code, {each["check"]: (each["state"], each["message"]) for each in answer["findings"]}


def test_a_sound_set_up(place: Path) -> None:
    code, found = doctor(place / "data", "--model", place / "bundle")
    assert code == 0
    states = {check: state for check, (state, _) in found.items()}
    machine = {"memory", "disk"}  # as it happens to be
    assert {check: state for check, state in states.items() if check not in machine} == {
        **dict.fromkeys(("python", "libraries", "processors", "home", "variables", "port"), "ok"),
        "registry": "warning",
        "model": "ok",
        "examples": "ok",
        "catalogue": "ok",
        "data": "ok",
    }
    assert "impel train" in found["registry"][1]


def test_lines_for_people(place: Path) -> None:
    result = CliRunner().invoke(main, ["doctor", "--model", str(place / "nowhere")])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert all(line.split()[0] in {"ok", "warning", "error"} for line in lines)
    assert [line.split()[1] for line in lines if line.startswith("error")] == ["model"]


def test_variables_nobody_reads(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPEL_TRACKING_URL", "http://localhost")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "4096")
    code, found = doctor("--model", place / "bundle")
    assert code == 0
    assert found["variables"][0] == found["byte code"][0] == found["processors"][0] == "warning"
    assert "Did you mean 'IMPEL_TRACKING_URI'?" in found["variables"][1]


def test_damaged_and_strange_models(place: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(place / "bundle", tmp_path / "broken")
    (broken / "canary.parquet").write_bytes(b"PAR1")
    code, found = doctor("--model", broken)
    assert code == 1
    assert found["model"][0] == "error"
    assert "canary.parquet is damaged" in found["model"][1]
    assert "examples" not in found


def test_features_of_another_version(place: Path, tmp_path: Path) -> None:
    from serving.bundle import Bundle

    other = Bundle.load(place / "bundle").described(catalogue_digest="0123").save(tmp_path / "other")
    code, found = doctor("--model", other)
    assert (code, found["examples"][0], found["catalogue"][0]) == (1, "ok", "error")


def test_a_registry_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("IMPEL_TRACKING_URI", f"http://me:secret@127.0.0.1:{taken.getsockname()[1]}")
        code, found = doctor()
    assert code == 1
    assert found["registry"][0] == "error"
    assert "secret" not in json.dumps(found)
    assert "model" not in found, "nothing can be said of it"
    monkeypatch.setenv("IMPEL_TRACKING_URI", "ftp://somewhere")
    assert doctor()[1]["registry"][0] == "error"


def test_a_port_that_is_taken(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, found = doctor("--model", place / "bundle", port=port)
    assert code == 0
    assert found["port"][0] == "warning"
    assert str(port) in found["port"][1]


def test_a_home_that_cannot_be_written(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMPEL_HOME", str(tmp_path / "file" / "home"))
    code, found = doctor("--model", place / "bundle")
    assert (code, found["home"][0]) == (1, "error")


def test_keys_that_others_may_read(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.json"
    monkeypatch.setenv("IMPEL_KEYS", str(keys))
    assert doctor("--model", place / "bundle")[1]["keys"][0] == "error"
    keys.write_text('{"keys": []}')
    for mode, state in ((0o644, "warning"), (0o600, "ok")):
        keys.chmod(mode)
        assert doctor("--model", place / "bundle")[1]["keys"][0] == state


@pytest.mark.parametrize(
    ("setting", "value", "check", "message"),
    [
        ("IMPEL_KEYS", "{file}", "keys", "is no file of keys"),
        ("IMPEL_RATE_LIMIT", "many", "variables", "must be a number at least 0.001, not 'many'"),
        ("IMPEL_RELOAD_SECONDS", "soon", "variables", "must be a number at least 0, not 'soon'"),
        ("IMPEL_SHADOW_SHARE", "10", "variables", "must be a number from 0 to 1, not '10'"),
        ("IMPEL_LOG", "mysql://impel:secret@db/log", "log", "a folder or at postgresql://user@host/database, not at"),
        ("IMPEL_SNAPSHOT", "{file}", "snapshot", "impel materialize DATA --out"),
        ("IMPEL_BACKTEST", "{file}", "backtest", "There is no backtest in"),
    ],
)
def test_a_service_that_would_not_start(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, check: str, message: str
) -> None:
    file = tmp_path / "file"
    file.write_text("{}")
    file.chmod(0o600)
    monkeypatch.setenv(setting, value.format(file=file))
    code, found = doctor("--model", place / "bundle")
    assert (code, found[check][0]) == (1, "error")
    assert message in found[check][1]
    assert "secret" not in found[check][1]


def test_a_log_that_is_there_or_will_be_made_or_cannot_be_reached(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = LogFolder(tmp_path / "log")
    for said in (", which will be made", ""):
        monkeypatch.setenv("IMPEL_LOG", str(folder.folder))
        assert doctor("--model", place / "bundle")[1]["log"] == ("ok", f"{folder.folder}{said}")
        folder.create()
    monkeypatch.setenv("IMPEL_LOG", "postgresql://impel:secret@127.0.0.1:1/log")
    state, message = doctor("--model", place / "bundle")[1]["log"]
    assert state == "error"
    assert re.search(r"postgresql://impel:\*\*\*@127.0.0.1:1/log cannot be used .* correct IMPEL_LOG\.$", message)
    assert "secret" not in message


def test_data_unprepared_changed_and_damaged(place: Path, tmp_path: Path) -> None:
    data = shutil.copytree(place / "data", tmp_path / "data")
    (data / "interactions.parquet").unlink()
    code, found = doctor(data, "--model", place / "bundle")
    assert (code, found["data"][0]) == (0, "warning")
    code, found = doctor(tmp_path / "nowhere", "--model", place / "bundle")
    assert (code, found["data"][0]) == (1, "error")
    (prepared,) = (place / "home" / "stores").iterdir()
    store = shutil.copytree(prepared, tmp_path / "store")
    assert doctor(store, "--model", place / "bundle")[1]["data"][0] == "ok"
    manifest = Manifest.read(store)
    assert manifest is not None
    lost = next(segment.file for buckets in manifest.segments.values() for bucket in buckets for segment in bucket)
    (store / lost).unlink()
    code, found = doctor(store, "--model", place / "bundle")
    assert (code, found["data"][0]) == (1, "error")
    assert lost in found["data"][1]
