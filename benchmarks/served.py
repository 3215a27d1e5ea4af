"""What the benchmark of the service serves: accounts of the data, the bundle as MLflow wants it, generated accounts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.generate import Size, generate
from benchmarks.rounds import say
from features import EventStore, open_tables
from features.manifest import is_store
from serving.predictor import Predictor


@cache
def _store(data: str) -> EventStore:
    if is_store(data):
        return EventStore(Path(data))
    with open_tables(data) as tables:
        return EventStore.prepare(tables)


def accounts_of(data: str) -> list[str]:
    """Return the ids of the accounts that the data know."""
    return list(_store(data).accounts["account_id"])


def saved(bundle: Path, folder: Path) -> Path:
    """Save a bundle as the model that `mlflow models serve` takes, as `impel train` logs it."""
    import mlflow  # noqa: PLC0415

    code = Path(__file__).parent.parent / "serving" / "pyfunc.py"
    mlflow.pyfunc.save_model(
        folder, python_model=str(code), artifacts={"bundle": str(bundle.absolute())}, pip_requirements=[]
    )
    return folder


def invocation(data: str, bundle: Path, account: str) -> dict[str, Any]:
    """Return the request of one account for `mlflow models serve`: its features, ready made."""
    store = _store(data)
    pairs = pd.DataFrame(
        {
            "campaign_id": [store.campaigns["campaign_id"].iloc[-1]],
            "account_id": [account],
            "decided_at": [store.newest],
            "fee": [250.0],
        }
    )
    X = Predictor.load(bundle).features(store, pairs)
    return {"dataframe_split": json_ready(X)}


def json_ready(X: pd.DataFrame) -> dict[str, Any]:
    """Return a table as MLflow's `dataframe_split`, with null for NaN."""
    rows = X.astype(object).where(X.notna(), None)
    return {"columns": list(X.columns), "data": rows.to_numpy().tolist()}


def generated(folder: Path, accounts: int) -> Path:
    """Return the event store of so many accounts, which few posts have been made of; it is prepared once."""
    place = folder / f"{accounts}"
    size = Size(accounts, 40, 500, posts=12, interactions=4, followers=4)
    generate(place, size, say)
    with open_tables(place / "source") as tables:
        EventStore.prepare(tables, place / "store", progress=lambda step, _share=None: say(step))
    return (place / "store").absolute()
