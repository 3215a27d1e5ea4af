"""The README's commands, run as a new user would, in order, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from serving.launch import running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.DOTALL))
COMMANDS = re.findall(r"^\$ (.+?)(?=\n\$ |\n*\Z|\n(?=\S))", CONSOLE, re.DOTALL | re.MULTILINE)
ELSEWHERE = ("make ", "source ", "impel serve", "curl ")  # run by other means: see the tests below and CI itself


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme")


@pytest.fixture(scope="module")
def outputs(place: Path) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("IMPEL_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    said = {}
    for command in COMMANDS:
        if command.startswith(ELSEWHERE):
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said[command] = done.stdout
    return said


def test_every_command_is_found() -> None:
    assert [command.split()[:2] for command in COMMANDS if command.startswith("impel")] == [
        ["impel", name]
        for name in (
            *("simulate", "check", "train", "models", "backtest", "rank", "predict"),
            *("prepare", "append", "rank", "serve", "materialize"),
        )
    ]


def test_commands_do_what_is_said(outputs: dict[str, str], place: Path) -> None:
    assert (place / "report" / "report.html").is_file()
    answers = next(said for command, said in outputs.items() if command.startswith("impel predict")).splitlines()
    assert answers[0].startswith("campaign_id,account_id,decided_at,at_least,likelihood")
    assert [answer.split(",")[1] for answer in answers[1:]] == ["a00001", "a00002"]
    for data in ("market", "store"):
        ranked = next(said for command, said in outputs.items() if command.startswith(f"impel rank {data}"))
        assert len(ranked.splitlines()) == 6
    grown = next(said for command, said in outputs.items() if command.startswith("impel append"))
    assert grown.startswith("account_stats: 1 rows appended\nstore: ")
    made = next(said for command, said in outputs.items() if command.startswith("impel materialize"))
    assert made.startswith("snapshot: ")


def test_served_answer(outputs: dict[str, str], place: Path) -> None:
    assert outputs
    call = next(command for command in COMMANDS if command.startswith("curl"))
    body = re.search(r"-d '(.*)'", call, re.DOTALL)
    assert body is not None
    uri = f"sqlite:///{place / '.impel' / 'mlflow.db'}"
    with running(data=place / "market", model="models:/impel@champion", tracking_uri=uri) as address:
        request = urllib.request.Request(
            f"{address}/v1/predict", body[1].encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.load(answer)
    assert [row["account_id"] for row in said["predictions"]] == ["a00001", "a00002"]
    assert said["predictions"][1]["at_least"] == 3


def test_python_example(outputs: dict[str, str], place: Path) -> None:
    assert outputs
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    program = code[1] + "\nprint(len(model.likelihood(X, at_least=3)) == len(activations))\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr
