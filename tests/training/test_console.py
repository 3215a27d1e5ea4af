"""What people see on a terminal: how far work is and how long it will take, and tables that fit."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pandas as pd
import pytest
from rich.console import Console

from features.progress import within
from tests.told import Told
from training import console

WORK = """
import time
from training import console
with console.progress("training") as tell:
    tell("fold 1 of 2")
    time.sleep(0.3)
    for done in range(5):
        tell("fold 2 of 2", done / 10)
        time.sleep(0.3)
"""


def on_a_terminal(program: str) -> str:
    """Return what a Python program writes to stderr where that is a terminal."""
    here, there = pty.openpty()
    wide = os.environ | {"COLUMNS": "100", "TERM": "xterm"}
    running = subprocess.Popen([sys.executable, "-c", program], stderr=there, stdout=subprocess.DEVNULL, env=wide)
    os.close(there)
    seen = b""
    try:
        while part := os.read(here, 4096):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(here)
    assert running.wait() == 0, seen.decode()
    return seen.decode()


def test_a_terminal_shows_the_step_and_the_time_left() -> None:
    seen = on_a_terminal(WORK)
    assert "training: fold 1 of 2" in seen
    assert "so far" in seen.partition("fold 2 of 2")[0]  # nobody knows yet
    assert "left" in seen.rpartition("fold 2 of 2")[2]


def test_a_pipe_gets_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize(
    ("first", "told", "left"),
    [
        (None, None, None),
        ((1.0, 0.0), (1.0, 0.0), None),
        ((0.0, 0.0), (30.0, 0.25), 90.0),
        ((10.0, 0.5), (20.0, 0.75), 10.0),  # what was done before counts for nothing
    ],
)
def test_time_left_goes_by_what_was_done_since_the_first_share(
    first: tuple[float, float] | None, told: tuple[float, float] | None, left: float | None
) -> None:
    assert console.time_left(first, told) == left


def test_parts_of_the_work_tell_shares_of_the_whole() -> None:
    told = Told()
    part = within(within(told, 0.5, 1.0), 0.0, 0.5)
    part("one", 0.5)
    part("two")
    part("three", 1.0)
    assert (told.steps, told.shares) == (["one", "two", "three"], [0.625, 0.75])


ROWS = pd.DataFrame(
    {"account_id": ["a1"], "expected_actions": [53.25], "meaning": ["words that may be wrapped"], "followers": [20535]}
)


def lines(width: int) -> list[str]:
    screen = Console(width=width)
    with screen.capture() as captured:
        console.shown(ROWS, screen, formats={"expected_actions": ".1f"})
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 100])
def test_a_table_fits_the_terminal_and_cuts_no_word(width: int) -> None:
    shown = lines(width)
    assert max(map(len, shown)) <= width
    words = " ".join(shown).split()
    assert not [word for word in words if "…" in word]
    for name in ROWS:
        left_out = any(name in line for line in shown)
        assert left_out or set(name.split("_")) <= set(words)


def test_only_a_narrow_terminal_leaves_columns_out() -> None:
    assert "left out" in " ".join(lines(20))
    assert len(lines(100)) == 2
