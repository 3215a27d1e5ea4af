"""How much features show of what is hidden, and what knowing the rest earns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.hidden import SKILL, World, earned, evidence, quantities, shown
from training.marketplace import simulate
from training.marketplace.response import respond

if TYPE_CHECKING:
    from pathlib import Path

SEED, INFLUENCERS, CAMPAIGNS = 5, 300, 60


@pytest.fixture(scope="module")
def world() -> World:
    return World.of(SEED, influencers=INFLUENCERS, campaigns=CAMPAIGNS)


def test_the_same_world_is_drawn_again(world: World, tmp_path: Path) -> None:
    folder = simulate(tmp_path / "market", influencers=INFLUENCERS, campaigns=CAMPAIGNS, seed=SEED)
    outcomes = pq.read_table(folder / "outcomes.parquet")
    assert sorted(outcomes["actions"].to_pylist()) == sorted(world.hired.actions.tolist())


def test_skill_moves_actions_as_the_simulation_says(world: World) -> None:
    block, _ = world.blocks[0]
    better = replace(world.people, skill=world.people.skill + 1.0)
    before, after = (respond(people, world.briefs, block).actions for people in (world.people, better))
    assert np.log(after / before) == pytest.approx(np.broadcast_to(SKILL[world.briefs.goal[block, None]], after.shape))


def test_past_outcomes_tell_skill(world: World) -> None:
    likely = np.zeros((INFLUENCERS, 60))
    owner = world.people.owner[world.hired.account]
    np.add.at(likely, owner, evidence(world))
    often = np.bincount(owner, world.hired.posted, INFLUENCERS) >= 5
    skill = np.argmax(likely, axis=1)
    assert often.sum() > 20
    assert np.corrcoef(skill[often], world.people.skill[often])[0, 1] > 0.7


def test_who_learns_from_outcomes_earns_more_but_not_all(world: World) -> None:
    found = earned(world)
    assert found["before any outcome"] < found["past outcomes"] < found["the truth"] == 1.0


def test_what_is_in_the_features_is_seen_and_nothing_else(world: World) -> None:
    random = np.random.default_rng(1)
    account = np.arange(len(world.people.owner))
    hidden = quantities(world, random.integers(0, CAMPAIGNS, len(account)), account)
    X = pd.DataFrame({"trust, as it is": hidden["trust"], "noise": random.normal(size=len(account))})
    found = shown(X, hidden[["trust", "skill"]], world.people.owner)
    assert found["trust"] > 0.9
    assert found["skill"] < 0.1
