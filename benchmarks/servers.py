"""The servers that the benchmark of the service compares, each a process of its own, and the load on them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.measure import ROOT, TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 600.0
_SCRIPT = Path(__file__).with_name("load.wrk.lua")


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes
    ----------
    url
        Where.
    pid
        Its process; where it has children, these count in `resident`.
    seconds
        From the start of the process to its first answer.
    """

    url: str
    pid: int
    seconds: float

    def resident(self) -> float:
        """Return the memory that the process and its children hold, MiB."""
        return sum(_resident(pid) for pid in _with_children(self.pid))


@contextmanager
def started(command: list[str], *, port: int, ready: str, **environment: str) -> Iterator[Server]:
    """Start a server and wait until a path answers; stop it at the end.

    Raises
    ------
    TaskError
        Where it ends, or does not answer within ten minutes; the message is the last that it said.
    """
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile("w+") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            while not _answers(url + ready):
                if process.poll() is not None or time.perf_counter() - begun > _PATIENCE:
                    log.seek(0)
                    raise TaskError(f"{' '.join(command[1:4])} does not answer: {log.read().strip()[-500:]}")
                time.sleep(0.02)
            yield Server(url, process.pid, time.perf_counter() - begun)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def nothing() -> Any:
    """Start BentoML's endpoint that does nothing."""
    port = free_port()
    return started([sys.executable, "-m", "benchmarks.noop", str(port)], port=port, ready="/readyz")


def impel(scratch: Path, **settings: str) -> Any:
    """Start Impel's service with settings as the environment variables of `serving.service`, without IMPEL_."""
    port = free_port()
    environment = {f"IMPEL_{name.upper()}": value for name, value in settings.items()}
    return started(
        [sys.executable, "-m", "serving.launch", "127.0.0.1", str(port)],
        port=port,
        ready="/readyz",
        **{**environment, "BENTOML_HOME": str(scratch)},
    )


def mlflow(model: Path) -> Any:
    """Start `mlflow models serve` on a saved model."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--host", "127.0.0.1"),
        *("--port", str(port), "--env-manager", "local", "--workers", "1"),
    ]
    return started(command, port=port, ready="/ping", MLFLOW_DISABLE_TELEMETRY="true")


def load(url: str, body: Any, *, seconds: float, clients: int = 1) -> dict[str, float]:
    """Put a server under load with wrk: each client sends the body again as soon as it is answered.

    Returns
    -------
    dict
        p50 and p99 in milliseconds, requests per second, and failed: how many were not answered with 2xx or 3xx.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(body, file)
        file.flush()
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--timeout", "60s", "-s", str(_SCRIPT), url]
        done = subprocess.run(
            command, env={**os.environ, "IMPEL_BODY": file.name}, capture_output=True, text=True, check=False
        )
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise TaskError(f"wrk failed: {done.stdout}{done.stderr}")
    told = json.loads(found[1])
    return {
        "p50": told["p50"] / 1_000,
        "p99": told["p99"] / 1_000,
        "throughput": told["requests"] / (told["microseconds"] / 1e6),
        "failed": told["failed"],
    }


class Bare:
    """A process of `benchmarks.bare`, which waits for what it is asked."""

    def __init__(self, bundle: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.bare", str(bundle)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def milliseconds(self, rows: int) -> dict[str, float]:
        """Return what the boosters alone take for so many rows, as `predict` and as `rank` need them."""
        if self.process.stdin is None or self.process.stdout is None:
            raise TaskError("benchmarks.bare has no pipes.")
        print(rows, file=self.process.stdin, flush=True)
        return {name: 1_000 * seconds for name, seconds in json.loads(self.process.stdout.readline()).items()}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def post(url: str, body: Any) -> Any:
    """Post JSON and return the JSON of the answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
        return json.loads(answer.read())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    return [pid, *(one for child in children for one in _with_children(int(child)))]
