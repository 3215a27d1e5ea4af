"""Fit what signs foretell of the share of fake followers: `python -m training.fake_audience`.

The shares are those of demo marketplaces, which are drawn from published ones (SRF Data 2017). Each account is looked
at on several days. How much the outlook counts is set so that its 90 % interval holds nine tenths of the true shares of
a marketplace that the regression has not seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize

from features import EventStore, authenticity, open_tables, peers
from features.authenticity.fake_audience import FARTHEST, SIGNS, Outlook, fake_audience
from features.follower_classifier import FakeShare
from features.known import KnownAccount
from training.marketplace import population, simulate

if TYPE_CHECKING:
    from features.events import FloatArray

SEEDS = (9001, 9002, 9003)
INFLUENCERS = 1_000
MONTHS = (6, 12, 18, 24, 28)
"""After the beginning of the history."""
PENALTY = 1e-3
COVERAGE = 0.9


def look(seed: int, *, influencers: int = INFLUENCERS, months: tuple[int, ...] = MONTHS) -> pd.DataFrame:
    """Simulate a marketplace, and return the family's features and the true share of fakes of each account and month.

    Columns: the features of authenticity; `account_id`, `month`, `true`, and `in_pod`.
    """
    market = population.draw(influencers, np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]))
    found = []
    with TemporaryDirectory() as folder:
        simulate(Path(folder) / "market", influencers=influencers, campaigns=5, seed=seed)
        with open_tables(Path(folder) / "market") as tables:
            store = EventStore.prepare(tables, Path(folder) / "store")
        for month in months:
            moment = population.HISTORY_START + int(month * population.MONTH)
            peers.publish(store, np.array([moment * 1_000_000]))
            for number in range(store.buckets):
                bucket = store.bucket(number)
                owner = np.arange(len(bucket.accounts))
                known = KnownAccount(bucket, owner, np.full(len(owner), moment * 1_000_000))
                ids = bucket.accounts["account_id"]
                account = ids.str[1:].astype(int).to_numpy()
                real, fake = market.followers_at(account, np.full(len(account), moment))
                found.append(
                    pd.DataFrame(authenticity.features(known)).assign(
                        account_id=ids, month=month, true=fake / (real + fake), in_pod=market.pod[account] >= 0
                    )
                )
    return pd.concat(found, ignore_index=True)


def fit(looks: pd.DataFrame, *, followers: float = 1.0) -> Outlook:
    """Fit the logistic regression of the true shares on the signs."""
    signs, true = looks[list(SIGNS)].to_numpy(), looks["true"].to_numpy()
    mean, deviation = np.nanmean(signs, axis=0), np.nanstd(signs, axis=0)
    table = np.nan_to_num(np.clip((signs - mean) / deviation, -FARTHEST, FARTHEST))

    def loss(weights: FloatArray) -> float:
        odds = table @ weights[1:] + weights[0]
        return float((np.logaddexp(0, odds) - true * odds).mean() + PENALTY * weights[1:] @ weights[1:])

    level, *weight = minimize(loss, np.zeros(len(SIGNS) + 1), method="BFGS", tol=1e-9).x
    return Outlook(mean, deviation, np.array(weight), float(level), followers)


def coverage(outlook: Outlook, looks: pd.DataFrame, followers: float) -> float:
    """Return the share of the looks whose true share lies in the interval that the signs alone give."""
    nothing = np.full(len(looks), np.nan)
    expected = outlook.share({name: looks[name].to_numpy() for name in SIGNS})
    _, low, high = fake_audience(FakeShare(nothing, nothing, nothing), expected, followers)
    return float(np.mean((low <= looks["true"]) & (looks["true"] <= high)))


def make(seeds: tuple[int, ...] = SEEDS) -> Outlook:
    """Fit the outlook on all marketplaces, and what it counts as on each by a fit without it."""
    looks = [look(seed) for seed in seeds]
    without = [fit(pd.concat([*looks[:place], *looks[place + 1 :]])) for place in range(len(looks))]

    def missed(followers: float) -> float:
        return COVERAGE - float(np.mean([coverage(*each, followers) for each in zip(without, looks, strict=True)]))

    return fit(pd.concat(looks), followers=float(brentq(missed, 0.5, 20, xtol=1e-3)))


def to_json(outlook: Outlook) -> str:
    """Return what `features.fake_audience` reads, to six digits: what lies beyond depends on the machine."""
    signs = {
        name: {part: _short(getattr(outlook, part)[place]) for part in ("mean", "deviation", "weight")}
        for place, name in enumerate(SIGNS)
    }
    return json.dumps(
        {"signs": signs, "level": _short(outlook.level), "followers": _short(outlook.followers)}, indent=2
    )


def _short(number: float) -> float:
    return float(f"{number:.6g}")


if __name__ == "__main__":
    path = Path(authenticity.__file__).with_name("fake_audience.json")
    path.write_text(to_json(make()) + "\n", encoding="utf-8")
