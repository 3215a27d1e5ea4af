"""Every feature a second time, in plain SQL, written from the catalogue and the data contract alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from features.sources import Tables

FAMILIES = (
    "engagement",
    "authenticity",
    "audience_fit",
    "track_record",
    "offer",
    "cross_platform",
    "social_scores",
)
STEPS_OF_PAGE_RANK = 50


def recompute(tables: Tables, pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return each family's features of pairs (campaign_id, account_id, decided_at, fee), in the order of the pairs."""
    database = tables.connection
    asked = pairs.reset_index(drop=True).rename(columns={"decided_at": "d"}).rename_axis("pair").reset_index()
    database.register("asked_for", asked)
    database.execute("CREATE OR REPLACE TEMP TABLE pairs AS SELECT * REPLACE (d::TIMESTAMP AS d) FROM asked_for")
    database.execute(_sql("base"))
    database.execute(_sql("social_graph"))
    for _ in range(STEPS_OF_PAGE_RANK):
        database.execute(_sql("page_rank_step"))
    return {
        family: database.execute(f"FROM ({_sql(family)}) ORDER BY pair").df().drop(columns="pair")
        for family in FAMILIES
    }


def _sql(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()
