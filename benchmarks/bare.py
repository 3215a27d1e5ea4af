"""The boosters of a bundle alone, on a ready matrix: no answer of the service can take less.

`python -m benchmarks.bare BUNDLE` reads a number of rows per line and prints the seconds that one prediction of them
takes, the median of many: once with all that `/v1/predict` asks of the boosters, once with what ranking asks.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import lightgbm
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 1.0


class Bare:
    """The boosters of a bundle folder.

    Each row is asked of the booster of the actions, of that of being posted, and of that of the thresholds: once where
    a likelihood is wanted, and at every rung, on which any threshold falls, where an interval is wanted too.
    """

    def __init__(self, folder: Path) -> None:
        self.boosters = {
            name: lightgbm.Booster(model_file=path)
            for name in ("actions", "posted", "thresholds")
            if (path := folder / f"{name}.txt").exists()
        }
        spec = json.loads((folder / "bundle.json").read_text())
        self.rungs = len(spec["thresholds"]["rungs"]) if spec["thresholds"] else 0
        self.features = self.boosters["actions"].num_feature()

    def seconds(self, rows: int, *, interval: bool) -> float:
        """Return the median seconds of one prediction of so many rows, with the number of threads that is fastest."""
        wide = np.random.default_rng(0).normal(size=(rows, self.features + 1))
        ready = dict.fromkeys(self.boosters, np.ascontiguousarray(wide[:, :-1]))
        ready["thresholds"] = np.tile(wide, (self.rungs, 1)) if interval else wide

        def predict(threads: int) -> None:
            for name, booster in self.boosters.items():
                booster.predict(ready[name], raw_score=True, num_threads=threads)

        return min(_median(partial(predict, threads)) for threads in {1, len(os.sched_getaffinity(0))})


def _median(work: Callable[[], None]) -> float:
    work()
    spent: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(spent) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return median(spent)


if __name__ == "__main__":
    bare = Bare(Path(sys.argv[1]))
    for line in sys.stdin:
        told = {name: bare.seconds(int(line), interval=name == "predict") for name in ("predict", "rank")}
        print(json.dumps(told), flush=True)
