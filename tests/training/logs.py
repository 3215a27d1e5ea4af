"""Simulated logs of past campaigns with known propensities and known expectations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.off_policy import Log

SIZE = 0.7  # of the negative binomial: rewards are as heavy-tailed as sales are


@dataclass(frozen=True)
class World:
    """Campaigns and candidates as (campaigns * accounts,) arrays, and what is true of them."""

    log: Log
    X: np.ndarray
    campaign: np.ndarray
    true: np.ndarray

    def roster(self, score: np.ndarray, *, k: int) -> np.ndarray:
        """Return the k with the highest score of each campaign."""
        scores = score.reshape(self.campaign.max() + 1, -1)
        place = np.argsort(np.argsort(-scores, axis=1), axis=1)
        return (place < k).ravel().astype(np.float64)


def world(
    rng: np.random.Generator,
    *,
    campaigns: int = 40,
    accounts: int = 200,
    hires: float = 15,
    popularity: float = 0.8,
    wrong: float = 0.5,
) -> World:
    """Draw a world.

    Popular accounts are hired more often and bring more; skill counts more and is not seen by those who hire. The
    model's expectation is wrong by a factor for every pair.
    """
    popular, skill = rng.normal(size=accounts), rng.normal(size=accounts)
    fit = rng.normal(scale=0.5, size=(campaigns, accounts))
    true = np.exp(0.5 * popular + skill + fit + rng.normal(scale=0.5, size=(campaigns, 1)))
    liking = np.exp(popularity * popular + 0.3 * fit)
    propensity = np.minimum(0.8, liking * hires / liking.sum(axis=1, keepdims=True))
    hired = rng.random(true.shape) < propensity
    expected = np.exp(0.5 * popular + 0.8 * skill + 0.7 * fit + rng.normal(scale=wrong, size=true.shape))
    reward = rng.poisson(true * rng.gamma(SIZE, 1 / SIZE, size=true.shape)).astype(np.float64)
    deviation = np.sqrt(expected + expected**2 / SIZE)
    flat = [one.ravel() for one in (hired, propensity, reward, expected, deviation)]
    return World(
        Log(flat[0], flat[1], np.where(flat[0], flat[2], np.nan), flat[3], flat[4]),
        np.column_stack([np.broadcast_to(popular, true.shape).ravel(), fit.ravel()]),
        np.repeat(np.arange(campaigns), accounts),
        true.ravel(),
    )
