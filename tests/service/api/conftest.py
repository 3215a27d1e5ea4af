"""One service for all tests of this folder: a real server on loopback, over a small demo marketplace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from features import EventStore, build, open_tables
from serving.launch import running
from serving.schemas import responses
from training import report
from training.backtest import backtest, origin
from training.candidates import KnownAccounts
from training.marketplace import simulate
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BRIEF: dict[str, Any] = {
    "goal": "sale",
    "vertical": "food",
    "starts_at": "2026-12-01T00:00:00Z",
    "value_per_action": 60.0,
    "audience": {"country": {"US": 0.8, "GB": 0.2}, "gender": {"female": 0.7, "male": 0.3}},
}
AS_OF = "2026-06-01T12:00:00Z"


@dataclass(frozen=True)
class World:
    data: Path
    bundle: Path
    store: EventStore
    home: Path

    @property
    def ids(self) -> list[str]:
        return sorted(self.store.accounts["account_id"])


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("home")
    data = simulate(home / "data", influencers=80, campaigns=50)
    store = EventStore.prepare(open_tables(data), home / "store")
    past = store.activations()
    model = ActionModel(rounds=60, folds=2)
    model.fit(
        build(store, past),
        past["actions"],
        decided_at=past["decided_at"],
        closed_at=past["closed_at"],
        posted=past["posted"],
        # The marketplace is too small for holdouts: half of what is attributed is taken to have been measured.
        incremental_actions=past["actions"] / 2,
        campaign_id=past["campaign_id"],
    )
    return World(data, model.bundle_.save(home / "bundles" / "demo"), store, home)


@pytest.fixture(scope="package")
def settings(world: World) -> dict[str, Any]:
    return {"data": world.data, "model": world.bundle, "store": world.home / "store", "as_of": AS_OF}


@pytest.fixture(scope="package")
def backtested(world: World) -> Path:
    past = world.store.activations()
    found = backtest(
        build(world.store, past),
        past,
        model=ActionModel(rounds=20, folds=2),
        folds=2,
        accounts=KnownAccounts(world.store),
        metadata=origin(world.store),
    )
    return report.write(found, world.home / "backtest").parent


@pytest.fixture(scope="package")
def server(settings: dict[str, Any], backtested: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(tmp_path_factory.mktemp("bentoml")))
        with running(**settings, backtest=backtested) as url:
            yield url


@pytest.fixture(scope="package")
def client(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


def predict(client: httpx.Client, candidates: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/predict", json={"brief": BRIEF, "candidates": candidates, **more})
    assert answer.status_code == 200, answer.text
    responses.PredictResponse.model_validate_json(answer.content)
    return answer.json()


def rank(client: httpx.Client, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/rank", json={"brief": BRIEF, **more})
    assert answer.status_code == 200, answer.text
    responses.RankResponse.model_validate_json(answer.content)
    return answer.json()
