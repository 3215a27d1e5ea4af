"""What the model's rosters earn of what the best would: `python -m benchmarks.rosters --help`.

On simulated marketplaces a model learns from the first 70 % of the activations, and all candidates of the campaigns of
the last 30 % are judged by the truth. Twenty places are filled by value less fee, what the campaigns paid is spent by
value per fee; the oracle does the same and knows the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import numpy as np
import pandas as pd

from benchmarks.markets import CAMPAIGNS, FOLDER, INFLUENCERS, market, prepared, splits
from features import build
from features.offer import break_even_or_one
from training.fold import Fold
from training.metrics import bought_share, per_campaign
from training.model import ActionModel
from training.policies import MODEL, ORACLE, SIMPLE, hire_order, spending_score
from training.truth import MarketTruth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from features.store import EventStore
    from training.fold import Candidates
    from training.metrics import FloatArray

PLACES = 20


def learnt(store: EventStore) -> tuple[Fold, pd.DataFrame]:
    """Return what is learnt from the first 70 % of the activations, and the activations of the later campaigns."""
    rows = store.activations()
    X = build(store, rows)
    rows["at_least"] = break_even_or_one(rows["fee"], rows["value_per_action"])
    rows["outcome"] = (rows["actions"] >= rows["at_least"]).astype(np.float64)
    ((train, test),) = splits(rows)
    fold = Fold.fit(ActionModel(), rows.iloc[train], X.iloc[train], seed=0)
    return fold, fold.hired(rows.iloc[test], X.iloc[test])


def judged(fold: Fold, hired: pd.DataFrame, truth: Candidates) -> pd.DataFrame:
    """Return all candidates of the campaigns of `hired`, as `Judged.everyone`."""
    return fold.candidates(hired, truth, progress=lambda line, _share=None: click.echo(line, err=True)).everyone


def shares(everyone: pd.DataFrame, hired: pd.DataFrame) -> pd.DataFrame:
    """Return, by goal and of all, what rosters earn as a share of what the oracle's does.

    Columns: value and net_value of the model's first twenty, best_rule (the largest net value of a simple rule, and
    its name); the same at the spend of the campaigns, with the prefix `spend_`.
    """
    campaign = pd.factorize(everyone["campaign_id"])[0].astype(np.int64)
    paid = hired.groupby("campaign_id")["fee"].sum()
    budget = paid.reindex(everyone["campaign_id"].unique()).to_numpy(dtype=np.float64)
    value, fee = (everyone[name].to_numpy(dtype=np.float64) for name in ("value", "fee"))

    def first(name: str) -> FloatArray:
        score = everyone[f"score_{name}"].to_numpy(dtype=np.float64)
        return (hire_order(everyone, campaign, score, seed=0) < PLACES).astype(np.float64)

    def spent(name: str) -> FloatArray:
        order = hire_order(everyone, campaign, spending_score(everyone, name), seed=0)
        return bought_share(campaign, order, fee, budget)

    goal = everyone.groupby("campaign_id", sort=False)["goal"].first().to_numpy()
    parts = {"all": np.ones(len(goal), dtype=bool)} | {one: goal == one for one in sorted(set(goal))}
    found = pd.DataFrame(index=list(parts))
    for prefix, roster in {"": first, "spend_": spent}.items():
        names = [MODEL, ORACLE, *(rule.name for rule in SIMPLE)]
        rosters = {name: roster(name) for name in names}
        worth = {name: per_campaign(campaign, one * value) for name, one in rosters.items()}
        net = {name: per_campaign(campaign, one * (value - fee)) for name, one in rosters.items()}
        for part, chosen in parts.items():
            best = max((rule.name for rule in SIMPLE), key=lambda name: float(net[name][chosen].sum()))
            found.loc[part, f"{prefix}value"] = worth[MODEL][chosen].sum() / worth[ORACLE][chosen].sum()
            found.loc[part, f"{prefix}net_value"] = net[MODEL][chosen].sum() / net[ORACLE][chosen].sum()
            share = net[best][chosen].sum() / net[ORACLE][chosen].sum()
            found.loc[part, f"{prefix}best_rule"] = f"{best} {share:.3f}"
    return found


def lines(found: pd.DataFrame, *, of: str = "goal") -> Iterator[str]:
    """Yield a table; `of` is the title of its first column."""
    yield f"| {of} | {' | '.join(found.columns)} |"
    yield "|---" * (len(found.columns) + 1) + "|"
    for part, row in found.iterrows():
        yield f"| {part} | {' | '.join(one if isinstance(one, str) else f'{one:.3f}' for one in row)} |"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seed", "seeds", type=int, multiple=True, required=True, help="Of a marketplace; give it several times."
)
@INFLUENCERS
@CAMPAIGNS
@FOLDER
def main(*, seeds: tuple[int, ...], influencers: int, campaigns: int, folder: Path) -> None:
    """Print what rosters earn as a share of what the best possible ones do, by goal."""
    for seed in seeds:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        store = prepared(place, folder)
        click.echo(f"\nmarketplace {seed}\n")
        fold, hired = learnt(store)
        everyone = judged(fold, hired, MarketTruth(place / "truth.parquet", store))
        for line in lines(shares(everyone, hired)):
            click.echo(line)


if __name__ == "__main__":
    main()
