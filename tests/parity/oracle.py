"""Every feature a second time, in plain SQL, written from the catalogue and the data contract alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import authenticity
from features.follower_classifier import COLUMNS, default_classifier

if TYPE_CHECKING:
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
    _given(database)
    database.execute(_sql("base"))
    database.execute(_sql("social_graph"))
    for _ in range(STEPS_OF_PAGE_RANK):
        database.execute(_sql("page_rank_step"))
    return {
        family: database.execute(f"FROM ({_sql(family)}) ORDER BY pair").df().drop(columns="pair")
        for family in FAMILIES
    }


def _given(database: Any) -> None:
    """Make tables of what the oracle takes as given: scores of followers, and numbers that were fitted."""
    classifier = default_classifier()
    followers = database.sql("FROM followers").df()
    columns = {name: followers[name].astype("Float64").to_numpy(np.float64, na_value=np.nan) for name in COLUMNS}
    scores = classifier.scores(**columns)
    apart = classifier.means_[-1, 1] - classifier.means_[-1, 0]
    real, fake = classifier.variances_[-1] / apart**2
    reals, fakes = classifier.labels_
    fitted = json.loads(Path(authenticity.__file__).with_name("fake_audience.json").read_text())
    signs = pd.DataFrame(fitted["signs"]).T.rename_axis("sign").reset_index()
    for name, table in {
        "follower_scores": followers.assign(score=pd.Series(scores).astype(object).where(~np.isnan(scores), None)),
        "classifier": pd.DataFrame({"of_real": [real], "of_fake": [fake], "reals": [reals], "fakes": [fakes]}),
        "signs": signs,
        "outlook": pd.DataFrame({"level": [fitted["level"]], "worth": [fitted["followers"]]}),
    }.items():
        database.register("given", table)
        database.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM given")
        database.unregister("given")


def _sql(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text()
