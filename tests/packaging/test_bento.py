"""A bento: built offline, moved to an empty folder, served from there, and its answers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from features import EventStore, open_tables
from features.errors import BundleError, SettingError, TrackingError
from serving.answers import Answers
from serving.bento import Built, build
from serving.client import Brief, Candidate, ImpelClient, PredictRequest
from serving.launch import READY
from serving.predictor import Predictor
from tests.models import made_bundle
from training.marketplace import simulate

ROOT = Path(__file__).parents[2]
NOT_SERVED = ("lightgbm", "matplotlib", "mlflow", "optuna", "sklearn")
AS_OF = "2026-06-01T12:00:00Z"


@dataclass(frozen=True)
class World:
    folder: Path
    bundle: Path
    built: Built
    store: EventStore

    @property
    def unpacked(self) -> Path:
        return self.folder / "empty"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("bento")
    uri = "sqlite:///nowhere.db"
    # Where a version out of a registry is kept once it was brought here.
    bundle = made_bundle(folder / "models" / hashlib.sha256(uri.encode()).hexdigest()[:12] / "impel" / "3")
    (bundle / "training.json").write_text('{"data": {"source": "/secret/place"}}')
    data = simulate(folder / "data", influencers=50, campaigns=5)
    store = EventStore.prepare(open_tables(data), folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPEL_HOME", str(folder))
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("UV_OFFLINE", "1")
        built = build("models:/impel/3", out=folder / "impel.bento", tracking_uri=uri)
    with tarfile.open(built.path) as archive:
        archive.extractall(folder / "empty", filter="data")
    _bring_compiled(folder / "empty" / "src")
    (folder / "without").mkdir()
    for name in NOT_SERVED:
        (folder / "without" / f"{name}.py").write_text(f"raise ModuleNotFoundError('No module {name} in a bento')\n")
    return World(folder, bundle, built, store)


def _bring_compiled(source: Path) -> None:
    """Give the packed code the kernels compiled in the checkout, which are told by the times of their sources.

    Compiling takes a minute, and is no concern of a bento.
    """
    for path in (ROOT / "features").rglob("*"):
        target = source / path.relative_to(ROOT)
        if path.suffix in {".nbc", ".nbi"}:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        elif path.suffix == ".py":
            os.utime(target, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))


def clean(world: World) -> dict[str, str]:
    """Return an environment with nothing of the checkout in it, only the data named, and no library of training."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    settings = {"IMPEL_STORE": str(world.store.folder), "IMPEL_AS_OF": AS_OF, "IMPEL_HOME": str(world.folder / "none")}
    return kept | settings | {"PYTHONPATH": str(world.folder / "without")}


def test_it_holds_code_the_model_and_its_lineage(world: World) -> None:
    names = {str(path.relative_to(world.unpacked)) for path in world.unpacked.rglob("*") if path.is_file()}
    packed = {name.removeprefix("src/serving/packed/") for name in names if name.startswith("src/serving/packed/")}
    assert packed == {f"impel/3/{path.name}" for path in world.bundle.iterdir()} - {"impel/3/training.json"}
    assert {name.split("/")[1] for name in names if name.startswith("src/")} == {
        *("features", "serving", "bentofile.yaml"),
    }
    assert "src/serving/console/index.html" in names
    about = yaml.safe_load((world.unpacked / "bento.yaml").read_text())
    assert f"{about['name']}:{about['version']}" == world.built.tag
    metadata = json.loads((world.bundle / "bundle.json").read_text())["metadata"]
    assert about["labels"] == world.built.labels
    assert about["labels"]["model_version"] == "impel/3"
    assert about["labels"]["data_fingerprint"] == metadata["data_fingerprint"]
    everything = b"".join(
        path.read_bytes() for path in world.unpacked.rglob("*") if path.suffix != ".nbi" and path.is_file()
    )
    assert b"/secret/place" not in everything


def test_it_asks_for_exact_versions_and_no_more_than_serving_needs(world: World) -> None:
    lines = (world.unpacked / "env" / "python" / "requirements.txt").read_text().split()
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+-]+", line) for line in lines)
    named = [line.split("==")[0] for line in lines]
    assert len(named) == len(set(named))
    assert {"bentoml", "duckdb", "jinja2", "numba", "numpy", "pandas", "pyarrow", "pydantic"} <= set(named)
    assert "adbc-driver-postgresql" in named, "for a log in a database"
    assert not {"lightgbm", "mlflow", "optuna", "scikit-learn", "matplotlib", "uv", "impel"} & set(named)


def test_it_serves_from_an_empty_folder_what_the_predictor_answers(world: World) -> None:
    starts_at = datetime(2026, 12, 1, tzinfo=UTC)
    request = PredictRequest(
        brief=Brief(goal="sale", vertical="food", starts_at=starts_at, value_per_action=60.0),
        candidates=[Candidate(account_id=each, fee=99.5) for each in world.store.accounts["account_id"]],
        reasons=True,
    )
    moment = pd.Timestamp(AS_OF).tz_localize(None).as_unit("us")
    here = Answers(Predictor(Predictor.load(world.bundle).bundle, version="impel/3"), world.store, as_of=moment)
    command = [sys.executable, "-m", "serving.launch", "127.0.0.1", "0"]
    source = world.unpacked / "src"
    with subprocess.Popen(command, cwd=source, env=clean(world), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(READY), line
        with ImpelClient(line.removeprefix(READY).strip()) as client:
            assert client.ready()
            answer = client.predict(request)
        process.terminate()
    assert answer == here.predict(request)
    assert len(answer.predictions) == len(world.store.accounts)


def test_a_packed_model_that_was_damaged_is_refused(world: World, tmp_path: Path) -> None:
    source = shutil.copytree(world.unpacked / "src", tmp_path / "src")
    booster = source / "serving" / "packed" / "impel" / "3" / "actions.txt"
    booster.write_text(booster.read_text().replace("leaf_value=", "leaf_value=1", 1))
    program = "from serving.fetch import *; from serving.predictor import *; Predictor.load(default_model())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=source, env=clean(world), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(r"features\.errors\.BundleError: .*actions\.txt is damaged.*", done.stderr.splitlines()[-1])


def test_what_could_not_be_served_is_not_packed(world: World, tmp_path: Path) -> None:
    broken = shutil.copytree(world.bundle, tmp_path / "broken")
    (broken / "bundle.json").write_text("{}")
    with pytest.raises(BundleError, match=r"bundle\.json is damaged"):
        build(broken, out=tmp_path / "out.bento")
    with pytest.raises(BundleError, match="There is no bundle folder"):
        build(tmp_path / "nowhere", out=tmp_path / "out.bento")
    with pytest.raises(SettingError, match=r"impel\.bento exists already"):
        build(world.bundle, out=world.built.path)
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_a_registry_cannot_be_asked_where_mlflow_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setenv("IMPEL_HOME", str(tmp_path))
    (tmp_path / "mlflow.db").touch()
    with pytest.raises(TrackingError, match=r"MLflow is not installed here.*give a bundle folder"):
        Predictor.load("models:/impel/1")
