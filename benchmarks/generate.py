"""Tables of any size in the shape of the data contract: deterministic by seed, written in parts, never whole in memory.

Full size (scale 1.0) is 100,000 accounts, 20 million posts and 10 million rows each of counters, interactions, audience
slices and sampled followers, a million pairs and 200,000 outcomes. What is many is skewed: the median account has 90
posts, the busiest 10,000. Files hold a quarter of a year each, as exports do, with the accounts in no order.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.draws import DAY, END, START, Draw, draw_accounts, draw_campaigns
from benchmarks.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.draws import Accounts

VERSION = 1
"""Raise it when what is generated changes: older data are then made anew."""
ACCOUNTS_AT_ONCE = 5_000
QUARTER = (END - START) / 8


@dataclass(frozen=True)
class Size:
    """How much is generated.

    Attributes
    ----------
    accounts, campaigns, candidates
        How many there are; each campaign has so many candidates, which are its pairs, and hires a fifth of them.
    posts, interactions, followers
        The mean per account.
    skewed
        Whether accounts differ in how much happens to them; else each has just as much.
    days
        How many days before the end the events begin.
    seed
        Of the random numbers.
    """

    accounts: int
    campaigns: int
    candidates: int
    posts: float = 200
    interactions: float = 100
    followers: float = 100
    skewed: bool = True
    days: int = 730
    seed: int = 0

    @classmethod
    def of_scale(cls, scale: float) -> Size:
        """Return the size of a scale, 1.0 being full size."""
        accounts = max(round(100_000 * scale), 50)
        candidates = min(500, accounts // 4)
        return cls(accounts, max(round(1_000_000 * scale) // candidates, 20), candidates)


ONE_OF_MANY = Size(500, 3, 500, posts=200, interactions=300, followers=100, skewed=False, days=88)
"""For the requests of one pair: what happened to each account lies within the windows of a decision at the end."""


def generate(folder: Path, size: Size, progress: Callable[[str], None]) -> None:
    """Write `source/` (the tables), `day/` (the day after, where skewed) and `pairs.parquet`, unless they are there."""
    manifest = folder / "generated.json"
    asked = {"version": VERSION, **asdict(size)}
    if manifest.exists() and json.loads(manifest.read_text()) == asked:
        return
    shutil.rmtree(folder, ignore_errors=True)
    draw = Draw(size.seed)
    accounts = draw_accounts(draw, size)
    campaigns, wanted, pairs, outcomes = draw_campaigns(draw, size, accounts)
    days = {"source": accounts, "day": accounts.of_next_day(draw)} if size.skewed else {"source": accounts}
    for name, known in days.items():
        (folder / name).mkdir(parents=True)
        pq.write_table(accounts.table, folder / name / "accounts.parquet")
        pq.write_table(campaigns, folder / name / "campaigns.parquet")
        # An outcome that is open at the end is not told.
        closed = outcomes["closed_at"].to_numpy().astype(np.int64)
        since = known.end - DAY if name == "day" else 0
        told = (closed >= since) & (closed < known.end)
        pq.write_table(outcomes.filter(pa.array(told)), folder / name / "outcomes.parquet")
        _write_events(folder / name, draw, known, progress)
    # Accounts and campaigns come again in the day's export as they are; the wanted audiences do not.
    pq.write_table(wanted, folder / "source" / "campaign_audience.parquet")
    pq.write_table(pairs, folder / "pairs.parquet")
    manifest.write_text(json.dumps(asked))


def _write_events(folder: Path, draw: Draw, known: Accounts, progress: Callable[[str], None]) -> None:
    parts = {name: _Parts(folder / name, column) for name, (_, column) in EVENTS.items()}
    for first in range(0, len(known.ids), ACCOUNTS_AT_ONCE):
        some = np.arange(first, min(first + ACCOUNTS_AT_ONCE, len(known.ids)))
        progress(f"generating {folder.name} of accounts {first + 1:,} to {some[-1] + 1:,} of {len(known.ids):,}")
        for name, (drawn, _) in EVENTS.items():
            parts[name].add(drawn(draw, known, some))
    for part in parts.values():
        part.close()


class _Parts:
    """The files of one table, one for each quarter of a year."""

    def __init__(self, folder: Path, moment: str) -> None:
        self.folder, self.moment = folder, moment
        self.writers: dict[int, pq.ParquetWriter] = {}

    def add(self, table: pa.Table) -> None:
        """Write rows in the order of time."""
        at = table[self.moment].to_numpy().astype(np.int64)
        order = np.argsort(at, kind="stable")
        quarter = np.clip((at[order] - START) // QUARTER, 0, 7).astype(np.int64)
        table = table.take(pa.array(order))
        edges = np.searchsorted(quarter, np.arange(9))
        for number, (start, stop) in enumerate(pairwise(edges)):
            if stop > start:
                if number not in self.writers:
                    self.folder.mkdir(exist_ok=True)
                    self.writers[number] = pq.ParquetWriter(self.folder / f"{number}.parquet", table.schema)
                self.writers[number].write_table(table.slice(start, stop - start))

    def close(self) -> None:
        """End the files."""
        for writer in self.writers.values():
            writer.close()
