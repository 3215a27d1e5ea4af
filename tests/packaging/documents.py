"""Commands and code out of pages, run as a reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "make ": "CI runs it",
    "source ": "the environment of a test is that of .venv",
    "eval ": "run by test_completion_by_the_tab_key",
    "impel serve": "a service does not end: served by the fixture `address`",
    "impel doctor": "run by tests/training/test_doctor.py",
    "impel bento": "run by tests/packaging/test_bento.py",
    "curl ": "asked by `answer`",
    "duckdb ": "its SQL is run by test_the_log_can_be_read",
}
"""How a command starts, and by what other means it is run."""
NOT_RUN = {
    "docker ": "wants Docker and the images of its registry",
    "buildah ": "wants the images of a registry",
    "podman ": "wants the image",
    "pip install kubernetes-validate": "asks a package index",
    "kubectl ": "wants a cluster; that the objects fit together is tested by test_deploy.py",
    "mlflow server ": "wants PostgreSQL and a store of objects",
    "impel promote ": "wants four versions of a model; tests/service/test_live.py promotes and goes back",
}
"""How a command starts that no test runs, and why not."""


def commands(page: str) -> list[str]:
    """Return the commands of a page's console blocks; one may go over several lines."""
    text = (ROOT / page).read_text(encoding="utf-8")
    console = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    found = re.findall(r"^\$ (.+?)(?=\n\$ |\n*\Z|\n(?=\S))", console, re.DOTALL | re.MULTILINE)
    return [command.strip() for command in found]


def programs(page: str) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def environment() -> dict[str, str]:
    """Return the environment of somebody who has activated .venv and set nothing."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("IMPEL_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


def run(page: str, place: Path, *, done: Collection[str] = ()) -> dict[str, str]:
    """Run the commands of a page in order in a folder, but those done before; return what each said on stdout."""
    said = {}
    for command in commands(page):
        if command.startswith((*ELSEWHERE, *NOT_RUN)) or command in done:
            continue
        ended = subprocess.run(
            ["bash", "-c", command], cwd=place, env=environment(), capture_output=True, text=True, check=False
        )
        well = (0, 3) if command.startswith("impel monitor") else (0,)  # 3: a threshold is crossed
        assert ended.returncode in well, f"{page}: {command}\n{ended.stdout}\n{ended.stderr}"
        said[command] = ended.stdout
    return said


def answer(call: str, address: str) -> Any:
    """Return what a service at another address says to a page's curl command."""
    path = re.search(r"localhost:3000(\S+)", call)
    body = re.search(r"-d '(.*)'", call, re.DOTALL)
    assert path is not None, call
    request = urllib.request.Request(
        f"{address}{path[1]}", body and body[1].encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as said:
        return json.load(said)
