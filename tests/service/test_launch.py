"""A service that a process runs for itself ends with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from features import EventStore, open_tables
from serving.launch import running
from tests.models import made_bundle
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys, time
from serving.launch import running
with running(store=sys.argv[1], model=sys.argv[2]) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("launch")
    with open_tables(random_tables(np.random.default_rng(5), accounts=12, influencers=8, posts=150)) as tables:
        EventStore.prepare(tables, folder / "store")
    return folder / "store", made_bundle(folder / "bundle")


def gone(url: str) -> bool:
    """Wait until nobody listens."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            httpx.get(f"{url}/livez", timeout=10)
        except httpx.TransportError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_when_its_process_is_killed(how: signal.Signals, world: tuple[Path, Path]) -> None:
    command = [sys.executable, "-c", PROGRAM, *map(str, world)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        process.send_signal(how)
        assert process.wait(60) == -how
        assert gone(url)


def test_it_ends_when_it_is_no_longer_needed(world: tuple[Path, Path]) -> None:
    store, model = world
    with running(store=store, model=model) as url:
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/livez", timeout=10)
