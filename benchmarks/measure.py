"""What a process takes: wall time, processor time of all its threads, and its largest memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent


class TaskError(Exception):
    """A task of the benchmark failed."""


@dataclass(frozen=True)
class Usage:
    """What a task took.

    Attributes
    ----------
    seconds
        Wall time of the work itself, without the start of Python and its imports.
    process_seconds
        Wall time of the whole process.
    cpu_seconds
        Processor time of the whole process, user and system, all threads.
    peak_mib
        The most memory that was resident at a time, MiB.
    told
        What the task printed.
    """

    seconds: float
    process_seconds: float
    cpu_seconds: float
    peak_mib: float
    told: dict[str, Any]


def measured(task: str, *arguments: object, reads: Iterable[Path] = ()) -> Usage:
    """Run a task of `benchmarks.tasks` in a fresh process, the files that it reads being in the system's memory.

    The process that calls this must stay small: a new process starts its life as a copy of it, and the kernel counts
    that copy into its largest memory.

    Raises
    ------
    TaskError
        Where the task failed.
    """
    for place in reads:
        for file in [place] if place.is_file() else place.rglob("*.*"):
            _read(file)
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.tasks", task, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        printed = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise TaskError(f"The task {task!r} failed ({process.returncode}); what it said stands above.")
    told = json.loads(printed)
    return Usage(
        seconds=told.pop("seconds", float("nan")),
        process_seconds=time.perf_counter() - start,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss / 1024,
        told=told,
    )


def _read(file: Path) -> None:
    with file.open("rb", buffering=0) as opened:
        while opened.read(1 << 22):
            pass
