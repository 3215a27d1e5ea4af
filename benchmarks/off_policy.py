"""How often the intervals of off-policy estimates hold the truth, on simulated logs whose truth is known.

    python -m benchmarks.off_policy

Each row is a world: how many campaigns there were, how strongly they went for the popular, how wrong the model is; the
last one with propensities that are learnt from who was hired. The table is separated by tabs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from training.metrics import places
from training.off_policy import COVERAGE, Log, NoOverlapError, OffPolicyEvaluation
from training.propensity import propensities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.metrics import FloatArray, IntArray
    from training.off_policy import OffPolicyEstimate

SIZE = 0.7  # of the negative binomial: rewards are as heavy-tailed as sales are
HIRES = 15
WORLDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "20 campaigns": {"campaigns": 20},
    "hired by chance": {"popularity": 0.0},
    "hired by popularity": {"popularity": 1.4},
    "good model": {"wrong": 0.1},
    "bad model": {"wrong": 1.0},
}


@dataclass(frozen=True)
class World:
    """Campaigns and candidates as arrays (n,), what could be seen of them (n, 2), and what is true of them."""

    log: Log
    X: FloatArray
    campaign: IntArray
    true: FloatArray

    def roster(self, score: FloatArray) -> FloatArray:
        """Return the 15 with the highest score of each campaign (n,)."""
        return (places(self.campaign, score, self.campaign) < HIRES).astype(np.float64)

    def estimated(self) -> World:
        """Return the same with propensities that are learnt from who was hired."""
        order = np.arange(self.campaign.max() + 1)
        return replace(
            self, log=replace(self.log, propensity=propensities(self.X, self.log.hired, self.campaign, order=order))
        )


def world(
    rng: np.random.Generator,
    *,
    campaigns: int = 40,
    accounts: int = 200,
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
    propensity = np.minimum(0.8, liking * HIRES / liking.sum(axis=1, keepdims=True))
    hired = rng.random(true.shape) < propensity
    expected = np.exp(0.5 * popular + 0.8 * skill + 0.7 * fit + rng.normal(scale=wrong, size=true.shape))
    reward = rng.poisson(true * rng.gamma(SIZE, 1 / SIZE, size=true.shape))
    deviation = np.sqrt(expected + expected**2 / SIZE)
    return World(
        Log(
            hired.ravel(),
            propensity.ravel(),
            np.where(hired, reward, np.nan).ravel(),
            expected.ravel(),
            deviation.ravel(),
        ),
        np.column_stack([np.broadcast_to(popular, true.shape).ravel(), fit.ravel()]),
        np.repeat(np.arange(campaigns), accounts),
        true.ravel(),
    )


def judged(drawn: World) -> Iterator[tuple[str, dict[str, OffPolicyEstimate], float]]:
    """Yield what is estimated, the estimates and the truth: of the model's roster, alone and against others.

    Raises
    ------
    NoOverlapError
        Where a roster has too little in common with those hired.
    """
    model, popular = drawn.roster(drawn.log.expected), drawn.roster(drawn.X[:, 0])
    judge = OffPolicyEvaluation(drawn.log)
    yield "value", judge.estimate(model), float(model @ drawn.true)
    yield "against popular", judge.estimate(model, against=popular), float((model - popular) @ drawn.true)
    yield "against hired", judge.against_hired(model), float((model - drawn.log.hired) @ drawn.true)


def coverage(*, repeats: int, seed: int, estimated: bool, **options: Any) -> dict[str, float]:
    """Return how often 90 % intervals held the truth, by what and how it was estimated, and the share refused.

    Parameters
    ----------
    repeats, seed : of worlds
    estimated : whether propensities are learnt instead of known
    **options : of `world`
    """
    rng, rows = np.random.default_rng(seed), []
    for _ in range(repeats):
        drawn = world(rng, **options)
        try:
            found = list(judged(drawn.estimated() if estimated else drawn))
        except NoOverlapError:
            rows.append({"refused": 1.0})
            continue
        rows.append(
            {
                f"{what}, {name}": float(one.low <= truth <= one.high)
                for what, estimates, truth in found
                for name, one in estimates.items()
            }
            | {"refused": 0.0}
        )
    return {str(name): float(share) for name, share in pd.DataFrame(rows).mean().items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="worlds of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = [
        {"world": name, "propensities": "estimated" if estimated else "known"}
        | coverage(repeats=options.repeats, seed=options.seed, estimated=estimated, **change)
        for estimated, worlds in ((False, WORLDS), (True, {"usual": {}}))
        for name, change in worlds.items()
    ]
    print(f"share of {COVERAGE:.0%} intervals that hold the truth, {options.repeats} worlds each")
    print(pd.DataFrame(rows).to_csv(sep="\t", index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
