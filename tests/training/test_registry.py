from __future__ import annotations

import json
import shutil
import socket
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features.errors import BundleError, SettingError, TrackingError
from serving.predictor import Predictor
from serving.settings import mlflow_at
from tests.models import made_bundle, made_features
from training import registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = registry.DataWindow(
    source="postgresql://reader:secret@db/market",
    fingerprint="0123456789abcdef" * 4,
    activations=400,
    decided_from=datetime(2025, 1, 1),  # noqa: DTZ001 - moments are naive UTC here
    decided_until=datetime(2025, 10, 28),  # noqa: DTZ001
)
GOOD = {"log_loss": 0.30, "calibration_error": 0.02}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes much longer than copying it."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with mlflow_at(f"sqlite:///{file}", create=True) as mlflow:
        mlflow.MlflowClient().search_registered_models()
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture
def home(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPEL_HOME", str(tmp_path))
    monkeypatch.delenv("IMPEL_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def folder(home: Path, made: Path) -> Path:
    return shutil.copytree(made, home / "bundles" / "small")


def log(folder: Path, *folds: dict[str, float], **changes: Any) -> int:
    arguments: dict[str, Any] = {
        "params": {"rounds": 30, "seed": 0, "families": ["engagement", "offer"], "until": None},
        "metrics_by_fold": folds or (GOOD,),
        "metrics_by_slice": {"auc.goal.sale": 0.8, "auc.vertical.home & garden": 0.7, "auc.goal.signup": float("nan")},
        "data": DATA,
    }
    return registry.log_model(folder, **{**arguments, **changes})


def test_a_run_says_everything(folder: Path, home: Path) -> None:
    log(folder, {"log_loss": 0.4, "calibration_error": 0.04}, {**GOOD, "auc": float("nan")})
    with mlflow_at(f"sqlite:///{home / 'mlflow.db'}") as mlflow:
        client = mlflow.MlflowClient()
        run = client.get_run(client.get_model_version("impel", "1").run_id)
        history = client.get_metric_history(run.info.run_id, "log_loss")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"rounds": "30", "seed": "0", "families": "['engagement', 'offer']", "until": "None"}
    assert run.data.metrics == {**GOOD, "auc.goal.sale": 0.8, "auc.vertical.home _ garden": 0.7}
    assert [(metric.step, metric.value) for metric in history] == [(0, 0.4), (1, 0.3)]
    (data,) = run.inputs.dataset_inputs
    tags = {tag.key: tag.value for tag in data.tags}
    assert tags["decided_from"] == "2025-01-01T00:00:00"
    assert tags["decided_until"] == "2025-10-28T00:00:00"
    assert json.loads(data.dataset.source)["fingerprint"] == DATA.fingerprint
    assert "secret" not in data.dataset.source


def test_the_logged_model_has_a_signature_of_plain_types(folder: Path, home: Path) -> None:
    log(folder)
    with mlflow_at(f"sqlite:///{home / 'mlflow.db'}") as mlflow:
        info = mlflow.models.get_model_info("models:/impel/1")
    types = {column["name"]: column["type"] for column in info.signature.inputs.to_dict()}
    assert {types.pop(name) for name in ("goal", "platform", "vertical", "campaign_id", "account_id")} == {"string"}
    assert types.pop("decided_at") == "datetime"
    assert set(types.values()) == {"double"}
    assert [column["name"] for column in info.signature.outputs.to_dict()][:5] == [
        "campaign_id",
        "account_id",
        "decided_at",
        "at_least",
        "likelihood",
    ]


def test_pyfunc_answers_as_the_predictor_does_to_the_last_bit(folder: Path, home: Path) -> None:
    log(folder)
    X = made_features(300, seed=7)
    random = np.random.default_rng(7)
    extra = pd.DataFrame(
        {
            "campaign_id": [f"c{row}" for row in range(300)],
            "account_id": [f"a{row}" for row in range(300)],
            "decided_at": pd.Timestamp("2026-01-01T12:34:56.789012").as_unit("us"),
            "fee": np.where(random.random(300) < 0.3, np.nan, random.uniform(1, 500, 300)),
            "value_per_action": np.where(random.random(300) < 0.3, np.nan, random.uniform(1, 50, 300)),
            "at_least": np.where(random.random(300) < 0.7, np.nan, 4.0),
        }
    )
    with mlflow_at(f"sqlite:///{home / 'mlflow.db'}") as mlflow:
        model = mlflow.pyfunc.load_model("models:/impel@champion")
        whole = model.predict(pd.concat([extra, X], axis=1))
        bare = model.predict(X)
    predictor = Predictor.load("models:/impel@champion")
    expected = predictor.predict(X, pairs=extra, campaigns=extra[["campaign_id", "value_per_action"]])
    assert set(expected.pop("model_version")) == {"impel/1"}
    assert set(whole.pop("model_version")) == {"small"}
    pd.testing.assert_frame_equal(whole, expected, check_exact=True)
    assert set(bare["at_least"]) == {1.0}
    assert bare["expected_actions"].equals(expected["expected_actions"])


def test_the_first_version_is_champion_and_the_newest_other_one_challenger(folder: Path) -> None:
    assert [log(folder) for _ in range(3)] == [1, 2, 3]
    found = registry.models()
    assert [(each.version, each.aliases) for each in found] == [(3, ("challenger",)), (2, ()), (1, ("champion",))]
    assert found[0].bundle == "small"
    assert found[0].metrics["log_loss"] == GOOD["log_loss"]


def test_promotion_moves_the_champion(folder: Path) -> None:
    log(folder)
    log(folder, {"log_loss": 0.29, "calibration_error": 0.03})
    assert registry.promote(2).aliases == ("champion",)
    assert {each.version: each.aliases for each in registry.models()} == {2: ("champion",), 1: ()}
    assert Predictor.load("models:/impel@champion").version == "impel/2"
    assert registry.promote(2).version == 2, "promoting the champion changes nothing"


def test_a_little_noise_does_not_stop_a_promotion(folder: Path) -> None:
    log(folder)
    log(folder, {**GOOD, "log_loss": GOOD["log_loss"] + registry.TOLERANCE / 2})
    assert registry.promote(2).aliases == ("champion",)


REFUSED = [
    ({**GOOD, "log_loss": 0.31}, ["log loss on the last fold is 0.3100, the champion's .version 1. 0.3000"]),
    ({"log_loss": 0.20, "calibration_error": 0.06}, ["calibration error on the last fold is 0.0600, more than 0.05"]),
    ({"log_loss": 0.9, "calibration_error": 0.9}, ["calibration error .* 0.9000", "log loss .* 0.9000"]),
    ({"auc": 0.9}, ["no calibration error", "no log loss"]),
]


@pytest.mark.parametrize(("metrics", "reasons"), REFUSED)
def test_the_gate_refuses_with_all_reasons_at_once(folder: Path, metrics: dict[str, float], reasons: list[str]) -> None:
    log(folder)
    log(folder, GOOD, metrics)
    with pytest.raises(SettingError, match="Version 2 is not promoted: .*" + ".*; .*".join(reasons)):
        registry.promote(2)
    assert registry.models()[1].aliases == ("champion",)


def test_a_bundle_that_is_another_than_was_registered_is_refused(folder: Path, home: Path) -> None:
    log(folder)
    other = made_bundle(home / "other", seed=1)
    (logged,) = (path.parent for path in home.glob("artifacts/**/bundle.json"))
    for file in other.iterdir():
        shutil.copy(file, logged)
    with pytest.raises(BundleError, match="was changed after it was registered"):
        Predictor.load("models:/impel/1")
    assert not list(home.glob("models/*/impel/1"))


def test_the_gate_refuses_a_damaged_bundle(folder: Path, home: Path) -> None:
    log(folder)
    log(folder)
    for file in (home / "artifacts").rglob("bundle.json"):
        file.write_text(file.read_text() + " ")
    with pytest.raises(SettingError, match=r"bundle does not load .*bundle.json is damaged"):
        registry.promote(2)


def test_an_unknown_version_is_named_with_those_there_are(folder: Path) -> None:
    log(folder)
    with pytest.raises(SettingError, match="no version 7; it has 1"):
        registry.promote(7)
    with pytest.raises(TrackingError, match="no model impel/7 in sqlite"):
        Predictor.load("models:/impel/7")
    with pytest.raises(TrackingError, match="no model impel@nobody in sqlite"):
        Predictor.load("models:/impel@nobody")
    with pytest.raises(TrackingError, match=r"no model 'impell' in sqlite:.* Did you mean 'impel'"):
        registry.models(name="impell")


def test_a_version_once_fetched_needs_no_server(folder: Path, home: Path) -> None:
    log(folder)
    Predictor.load("models:/impel/1")
    (home / "mlflow.db").unlink()
    shutil.rmtree(home / "artifacts")
    assert Predictor.load("models:/impel/1").version == "impel/1"
    with pytest.raises(TrackingError, match="no registry"):
        Predictor.load("models:/impel@champion")


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_dead_server_loses_nothing(folder: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with pytest.raises(TrackingError, match=f"lies in {folder}, but {uri} .*impel log {folder} --tracking-uri {uri}"):
        log(folder, {"log_loss": 0.4}, GOOD, tracking=uri)
    assert registry.log_bundle(folder) == 1
    with mlflow_at(f"sqlite:///{home / 'mlflow.db'}") as mlflow:
        client = mlflow.MlflowClient()
        run = client.get_run(client.get_model_version("impel", "1").run_id)
    assert run.data.metrics["log_loss"] == GOOD["log_loss"]
    assert run.data.params["rounds"] == "30"
    assert len(run.inputs.dataset_inputs) == 1


def test_a_server_that_never_answers_is_given_up(
    folder: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with pytest.raises(TrackingError, match="lies in"):
        log(folder, tracking=silent_server)


def test_passwords_are_not_shown(folder: Path) -> None:
    with pytest.raises(TrackingError, match=r"https://reader:\*\*\*@127\.0\.0\.1:9 cannot be used") as caught:
        log(folder, tracking="https://reader:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)


def test_mlflow_is_left_as_it_was(folder: Path, home: Path) -> None:
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    log(folder)
    registry.models()
    assert (mlflow.get_tracking_uri(), mlflow.get_registry_uri()) == before
    assert {path.name for path in home.iterdir()} == {"mlflow.db", "artifacts", "bundles"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "training.json is missing"), ("{", "training.json is damaged"), ('{"model": "a/b"}', "damaged: model")],
)
def test_a_record_that_cannot_be_read(folder: Path, content: str | None, message: str) -> None:
    if content is not None:
        (folder / "training.json").write_text(content)
    with pytest.raises(BundleError, match=message):
        registry.log_bundle(folder)
