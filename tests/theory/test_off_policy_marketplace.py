"""Off-policy estimates on demo marketplaces, whose truth and propensities are known: hires and outcomes drawn anew."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from training.marketplace import activations, briefs, population
from training.metrics import bought_share
from training.off_policy import Log, NoOverlapError, OffPolicyEvaluation

MARKETS, DRAWS = 3, 30
INFLUENCERS, CAMPAIGNS = 120, 120


def played(seed: int) -> tuple[activations.Truth, np.ndarray]:
    rng = np.random.default_rng(seed)
    people, briefed = population.draw(INFLUENCERS, rng), briefs.draw(CAMPAIGNS, rng)
    ((_, truth, _),) = activations.play(people, briefed, rng)
    return truth, np.broadcast_to(briefed.value[:, None], truth.fee.shape)


@pytest.fixture(scope="module")
def found() -> dict[str, np.ndarray]:
    """Whether 90 % intervals of the roster of an imperfect model at equal spend hold its true value; -1: refused."""
    rows: dict[str, list[int]] = {}
    for seed in range(401, 401 + MARKETS):
        truth, worth = played(seed)
        rng = np.random.default_rng(seed)
        able = truth.propensity > 0
        campaign = np.repeat(np.arange(CAMPAIGNS), truth.fee.shape[1])[able.ravel()]
        fee, value, propensity = (one[able] for one in (truth.fee, worth, truth.propensity))
        shows, mean, size = (
            np.broadcast_to(one, truth.fee.shape)[able]
            for one in (truth.posted_probability, truth.mean_actions, truth.dispersion)
        )
        true = shows * mean * value
        expected = true * np.exp(rng.normal(-0.125, 0.5, len(true)))
        deviation = value * np.sqrt(expected / value + (expected / value) ** 2 * (1 + 1 / size))
        order = np.lexsort((fee - expected, campaign))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order)) - np.searchsorted(campaign, campaign[order])
        for _ in range(DRAWS):
            hired = rng.random(len(true)) < propensity
            actions = np.where(rng.random(len(true)) < shows, rng.poisson(mean * rng.gamma(size, 1 / size)), 0)
            budget = np.bincount(campaign, np.where(hired, fee, 0.0), minlength=CAMPAIGNS)
            roster = bought_share(campaign, rank, fee, budget)
            judge = OffPolicyEvaluation(
                Log(hired, propensity, np.where(hired, actions * value, np.nan), expected, deviation)
            )
            try:
                estimates = judge.estimate(roster)
            except NoOverlapError:
                rows.setdefault("refused", []).append(1)
                continue
            rows.setdefault("refused", []).append(0)
            for name, one in estimates.items():
                rows.setdefault(name, []).append(int(one.low <= roster @ true <= one.high))
    return {name: np.array(held) for name, held in rows.items()}


@pytest.mark.parametrize("name", ["inverse_propensity", "self_normalised", "doubly_robust"])
def test_intervals_hold_the_true_value(found: dict[str, np.ndarray], name: str) -> None:
    held = found[name]
    assert len(held) >= 0.9 * MARKETS * DRAWS
    assert binom.ppf(0.001, len(held), 0.9) / len(held) <= held.mean()
