"""How far likelihoods and intervals are kept, part by part: `python -m benchmarks.coverage --help`.

On simulated marketplaces a model learns from the first 70 % of the activations. Candidates of the campaigns of the last
30 %, hired or not, are judged by their true distribution: a figure is then off by what the model is off, not by luck.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np
import pandas as pd

from benchmarks.markets import CAMPAIGNS, FOLDER, INFLUENCERS, drawn, market, prepared, reach, splits
from features import build
from training import metrics
from training.evaluate import size_tier
from training.model import ActionModel
from training.truth import MarketTruth
from training.usual import SHARES, Usual

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serving.distribution import ActionDistribution

BINS = 15
COVERAGE = 0.9
FEWEST = 200
"""Candidates of a part below which it is not judged."""


class Sample(NamedTuple):
    """Candidates with their true distribution, what the model says of them, and the parts that they belong to."""

    rows: pd.DataFrame  # of `MarketTruth.pairs`, and goal
    said: ActionDistribution
    parts: dict[str, pd.Series]  # what they are parted by -> name of the part of each candidate
    usual: Usual


def sample(place: Path, folder: Path, *, share: float) -> Sample:
    """Let a model learn, and draw a share of the later candidates of a marketplace at random."""
    store = prepared(place, folder)
    rows = store.activations()
    ((train, test),) = splits(rows)
    past = rows.iloc[train].reset_index(drop=True)
    X = build(store, past)
    times = {name: past[name] for name in ("decided_at", "closed_at", "posted")}
    model = ActionModel().fit(X, past["actions"], **times)
    pairs = drawn(MarketTruth(place / "truth.parquet", store), rows.iloc[test], share=share)
    asked = build(store, pairs)
    owner = store.accounts.set_index("account_id")["influencer_id"]
    seen = pairs["account_id"].map(owner).isin(past["account_id"].map(owner))
    parts = {
        "": pd.Series("all", index=pairs.index),
        "goal": asked["goal"],
        "platform": asked["platform"],
        "size": pd.Series(size_tier(np.expm1(asked["log_followers"].to_numpy()))),
        "influencer": pd.Series(np.where(seen, "hired before", "never hired before")),
    }
    usual = Usual.of(X["goal"], past["actions"])
    return Sample(pairs.assign(goal=asked["goal"]), model.bundle_.distribution(asked), parts, usual)


def kept(given: Sample) -> Iterator[dict[str, Any]]:
    """Yield, by part, how far likelihoods are off and how often intervals hold.

    calibration_error: at the break-even, mean of |likelihood - true probability| over 15 bins of equal count; off: mean
    likelihood less mean true probability, at the numbers of actions that 75, 50, 25 and 10 % of the goal's past
    activations had reached; held: mean true probability of the 90 % interval; told: what intervals say of themselves,
    more than 90 % as their limits are whole numbers.
    """
    rows, said = given.rows, given.said
    low, high = said.interval(COVERAGE)
    held = reach(rows, low) - reach(rows, high + 1)
    told = said.likelihood(low) - said.likelihood(high + 1)
    likelihood, true = said.likelihood(rows["at_least"].to_numpy()), rows["likelihood"].to_numpy()
    numbers = [given.usual.at_least(rows["goal"], share) for share in SHARES]
    off = np.column_stack([said.likelihood(number) - reach(rows, number) for number in numbers])
    for by, names in given.parts.items():
        for name, own in names.groupby(names).indices.items():
            if len(own) >= FEWEST:
                table = metrics.reliability(true[own], likelihood[own], bins=BINS)
                yield {
                    "by": by,
                    "part": name,
                    "candidates": len(own),
                    "calibration_error": metrics.calibration_error(table),
                    "off": off[own].mean(axis=0).tolist(),
                    "held": float(held[own].mean()),
                    "told": float(told[own].mean()),
                }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="A marketplace; give it several times.")
@INFLUENCERS
@CAMPAIGNS
@click.option("--share", default=0.1, show_default=True, help="Share of the candidates that is judged.")
@FOLDER
def main(*, seeds: tuple[int, ...], influencers: int, campaigns: int, share: float, folder: Path) -> None:
    """Judge likelihoods and intervals of later candidates by the truth; one JSON object per part."""
    for seed in seeds:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        for figures in kept(sample(place, folder, share=share)):
            click.echo(json.dumps({"seed": seed} | figures))


if __name__ == "__main__":
    main()
