"""The incremental shares that the marketplace was made with are found again from its holdouts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from features.tables import GOALS
from training.incremental import fit_incremental
from training.marketplace import published

if TYPE_CHECKING:
    from tests.theory.conftest import Market


def test_intervals_hold_the_true_shares(market: Market) -> None:
    rows = market(
        "SELECT goal, campaign_id, actions, incremental_actions FROM outcomes JOIN campaigns USING (campaign_id)"
    )
    codes = pd.Index(GOALS).get_indexer(rows["goal"])
    found = fit_incremental(
        GOALS,
        codes,
        rows["actions"].to_numpy(float),
        rows["incremental_actions"].to_numpy(float),
        campaign_id=rows["campaign_id"],
    )
    assert set(found.shares) == set(GOALS)
    for goal, learnt in found.shares.items():
        low, high = learnt.interval()
        assert low <= published.INCREMENTAL[goal] <= high, goal
        assert high - low < 0.2, goal
    # What was attributed is two to five times what was incremental: that is not to be missed.
    assert max(learnt.interval()[1] for learnt in found.shares.values()) < 0.5
