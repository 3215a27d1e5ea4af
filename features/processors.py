"""How many processors there are for this process."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Return on how many processors this process may run: where the system tells, no more than it is kept to."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
