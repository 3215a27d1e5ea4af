"""How `make tests` shares the tests out between processes: by file, what takes longest first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest

# There are as many processes as processors. Threads of linear algebra and of boosting, which take it that each has a
# processor of its own, would wait for each other several times as long as they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TOGETHER = ("tests/console/", "tests/theory/")
"""Folders whose files share what takes long to make; one process runs them."""
FIRST = (
    # The one compiles the kernels of `features`, the other most of `serving`: what both need is not compiled twice.
    "tests/features/test_catalogue.py",
    "tests/training/test_backtest.py",
    # No process is to be left alone with one of these at the end.
    "tests/packaging/test_documents.py",
    "tests/packaging/test_site.py",
    *TOGETHER,
)


class Scheduling(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config) -> Scheduling:
    return Scheduling(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST))

    items.sort(key=place)
