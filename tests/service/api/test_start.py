"""How the service starts, why it does not, and how it stops."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from features.errors import ImpelError
from serving import loading
from serving.launch import READY, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.api.conftest import World


def start(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "serving.launch", *(arguments or ("127.0.0.1", "0"))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


FAILING = [
    ({"data": "no/such/data"}, "no/such/data"),
    ({"model": "no/such/bundle"}, "no bundle folder 'no/such/bundle'"),
    ({"model": "models:/impel"}, "names no model"),
    ({"as_of": "yesterday-ish"}, "'yesterday-ish' is no moment"),
    ({"data": "", "store": ""}, "IMPEL_DATA is not set"),
    ({"data": "", "store": "."}, "not an event store"),
]


@pytest.mark.parametrize(("changes", "message"), FAILING)
def test_settings_that_cannot_be_used(
    settings: dict[str, Any], changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**settings, **changes}.items():
        monkeypatch.setenv(f"IMPEL_{name.upper()}", str(value))
    with pytest.raises(ImpelError, match=message):
        loading.load()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        (
            "IMPEL_KEYS",
            "no/such/keys.json",
            r"The keys no/such/keys\.json cannot be read \(No such file or directory\); ",
        ),
        ("IMPEL_RATE_LIMIT", "many", r"IMPEL_RATE_LIMIT must be a number at least 0\.001, not 'many'\.$"),
        ("IMPEL_RELOAD_SECONDS", "soon", r"IMPEL_RELOAD_SECONDS must be a number at least 0, not 'soon'\.$"),
        ("IMPEL_SHADOW_SHARE", "2", r"IMPEL_SHADOW_SHARE must be a number from 0 to 1, not '2'\.$"),
        ("IMPEL_LOG", "sqlite:///log.db", r"A log is kept in a folder or at postgresql://.*, not at sqlite://\.\.\.$"),
        ("IMPEL_LOG", "mysql://impel:secret@db/log", r"A log is kept in a folder or at .*, not at mysql://\.\.\.$"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(
    settings: dict[str, Any], setting: str, value: str, message: str
) -> None:
    data = {"IMPEL_STORE": str(settings["store"]), "IMPEL_MODEL": str(settings["model"])}
    done = start({**data, setting: value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert re.match(f"error: {message}", line), line


def test_a_backtest_that_cannot_be_read_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = start({"IMPEL_BACKTEST": str(tmp_path)})
    assert done.returncode == 1
    assert re.fullmatch(r"error: There is no backtest in .*: it has no metrics\.json; make one with: .*\n", done.stderr)


def test_what_does_not_start_says_why(settings: dict[str, Any]) -> None:
    with (
        pytest.raises(ImpelError, match="did not start: There is no bundle folder"),
        running(**settings | {"model": "x"}),
    ):
        pytest.fail("it started")


def test_a_broken_bundle_is_one_line_and_an_exit_code(world: World, tmp_path: Path) -> None:
    broken = shutil.copytree(world.bundle, tmp_path / "broken")
    (broken / "bundle.json").write_text("{}")
    done = start({"IMPEL_DATA": str(world.data), "IMPEL_MODEL": str(broken), "IMPEL_STORE": str(world.home / "store")})
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "bundle.json is damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_taken_port_is_one_line_and_an_exit_code(server: str) -> None:
    done = start({}, "127.0.0.1", server.rpartition(":")[2])
    assert done.returncode == 1
    assert re.fullmatch(r"error: The service cannot listen on 127\.0\.0\.1, port \d+ \(.*\); choose .*\n", done.stderr)


def test_it_stops_when_asked_to_and_leaves_nothing_behind(settings: dict[str, Any], tmp_path: Path) -> None:
    names = {"data": "IMPEL_DATA", "model": "IMPEL_MODEL", "store": "IMPEL_STORE", "as_of": "IMPEL_AS_OF"}
    environment = {names[name]: str(value) for name, value in settings.items()} | {"TMPDIR": str(tmp_path)}
    environment.pop("IMPEL_DATA")  # a prepared store is enough
    command = [sys.executable, "-m", "serving.launch", "127.0.0.1", "0"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(READY), line + process.stderr.read()
        url = line.removeprefix(READY).strip()
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.post(f"{url}/v1/predict", json={}).status_code == 400
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        console, *lines = process.stderr.read().splitlines()
        assert console.endswith(f" {url}/console")
        (logged,) = [json.loads(line) for line in lines]
        assert logged["status"] == 400
        assert "trace" not in logged, "what a caller got wrong is no failure of the service"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


_FIRST = """
import importlib, json, pathlib, sys
import serving
from numba.core.dispatcher import Dispatcher
from serving import loading, openapi, raw
from serving.schemas import requests

answers = loading.champion().answers
folders = [pathlib.Path(serving.__file__).parent, pathlib.Path(serving.__file__).parents[1] / "features"]
modules = [importlib.import_module(f"{each.name}.{file.stem}") for each in folders for file in each.glob("*kernels.py")]

def compiled():
    kernels = [each for module in modules for each in vars(module).values() if isinstance(each, Dispatcher)]
    return {kernel.py_func.__qualname__: len(kernel.signatures) for kernel in kernels}

before = compiled()
for path, model in {
    "predict": requests.PredictRequest, "rank": requests.RankRequest, "explain": requests.ExplainRequest,
    "score": raw.ScoreRequest,
}.items():
    body = openapi.document()["paths"][f"/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]["example"]
    getattr(answers, path)(model.model_validate_json(json.dumps(body)))
answers.account(answers.snapshot.accounts["account_id"][0])
answers.campaigns(requests.CampaignsRequest())
late = {name: count for name, count in compiled().items() if count > before[name]}
print(json.dumps([sum(before.values()), late]))
"""


def test_nothing_is_compiled_for_the_first_caller(settings: dict[str, Any]) -> None:
    environment = {f"IMPEL_{name.upper()}": str(settings[name]) for name in ("store", "model", "as_of")}
    done = subprocess.run(
        [sys.executable, "-c", _FIRST], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    compiled, late = json.loads(done.stdout)
    assert compiled > 20
    assert late == {}


def test_importing_the_service_loads_neither_training_nor_mlflow_nor_scikit_learn() -> None:
    program = "import sys, serving.service; print({name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'(\w+)'", done.stdout))
    assert {"serving", "bentoml"} <= loaded
    assert not loaded & {"training", "mlflow", "sklearn"}


def test_a_socket_elsewhere_is_refused_politely() -> None:
    done = start({}, "203.0.113.7", "80")
    assert done.returncode == 1
    assert "cannot listen on 203.0.113.7, port 80" in done.stderr
    assert socket.gethostname() not in done.stderr
