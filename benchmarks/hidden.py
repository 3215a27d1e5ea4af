"""What is hidden in a marketplace, and how much the features show of it: `python -m benchmarks.hidden --help`.

Two questions about the way from a model to the truth, on simulated marketplaces, where what is hidden is known. How
much of each hidden quantity could a booster read off the features, if it were taught that quantity? And what would the
first twenty earn of somebody who knows everything but skill and reliability, and learns these from past outcomes by
Bayes' rule?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click
import lightgbm
import numpy as np
import pandas as pd
from scipy import special, stats

from benchmarks.markets import CAMPAIGNS, FIRST_SHARE, FOLDER, INFLUENCERS, market, prepared
from benchmarks.rosters import PLACES
from features import build
from training.marketplace import activations as hiring
from training.marketplace import briefs as campaigning
from training.marketplace import columns, population, published
from training.marketplace.response import fits, log_reach, respond
from training.marketplace.simulation import generators
from training.truth import MarketTruth

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from training.marketplace.activations import Activations, Truth
    from training.marketplace.briefs import Briefs
    from training.marketplace.population import Population

SKILL = published.SKILL_SPREAD * np.array([0.0, 0.0, 1.0, 1.5, 1.5])
"""By how much the log of the expected actions of each goal rises with one standard deviation of skill."""
_SKILLS = stats.norm.ppf((np.arange(60) + 0.5) / 60)  # equally likely skills
_LUCK = (np.arange(24) + 0.5) / 24  # quantiles of the luck of an activation
_SETTINGS = {
    "objective": "regression",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.5,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS = 150


class World(NamedTuple):
    """A marketplace with all that is hidden in it."""

    people: Population
    briefs: Briefs
    blocks: list[tuple[slice, Truth]]
    hired: Activations

    @classmethod
    def of(cls, seed: int, *, influencers: int, campaigns: int) -> World:
        """Draw the marketplace of a seed again, as `simulate` did."""
        drawing, briefing, outcomes, *_ = generators(seed)
        people, briefs = population.draw(influencers, drawing), campaigning.draw(campaigns, briefing)
        played = list(hiring.play(people, briefs, outcomes))
        return cls(
            people, briefs, [played_block[:2] for played_block in played], hiring.together([h for *_, h in played])
        )

    def later(self) -> Iterator[tuple[int, Truth, int]]:
        """Yield the campaigns of the last part of the activations: number, truth of its block, row in it."""
        decided = np.sort(self.briefs.decided[self.hired.campaign])
        start = decided[int(FIRST_SHARE * len(decided))]
        for block, true in self.blocks:
            for number in range(block.start, block.stop):
                if self.briefs.decided[number] >= start:
                    yield number, true, number - block.start


def evidence(world: World) -> FloatArray:
    """Return how well each skill of `_SKILLS` explains the actions and clicks of each activation.

    Shape (activations, skills), log likelihoods; whoever reads them knows everything else about the activation but its
    luck, which is integrated out. What was never posted says nothing of skill.
    """
    hired, skill = world.hired, world.people.of_owner("skill")
    result = np.zeros((len(hired.campaign), len(_SKILLS)))
    for block, true in world.blocks:
        mine = np.flatnonzero((hired.campaign >= block.start) & (hired.campaign < block.stop) & hired.posted)
        at = hired.campaign[mine] - block.start, hired.account[mine]
        goal, size = world.briefs.goal[hired.campaign[mine]], true.dispersion[at]
        luck = stats.gamma.ppf(_LUCK, size[:, None]) / size[:, None]
        mean, clicks = true.mean_actions[at], respond(world.people, world.briefs, block).clicks[at]
        counted_apart = SKILL[goal] != published.SKILL_SPREAD  # the actions of traffic are its clicks
        for place, assumed in enumerate(_SKILLS):
            more = assumed - skill[hired.account[mine]]
            brings = (mean * np.exp(SKILL[goal] * more))[:, None] * luck
            clicked = (clicks * np.exp(published.SKILL_SPREAD * more))[:, None] * np.sqrt(luck)
            said = stats.poisson.logpmf(hired.actions[mine, None], brings)
            said += counted_apart[:, None] * stats.poisson.logpmf(hired.clicks[mine, None], clicked)
            result[mine, place] = special.logsumexp(said, axis=1)
    return result


def earned(world: World) -> pd.Series:
    """Return what the first twenty of the later campaigns earn after fees, as a share of what the oracle's do.

    Of somebody who knows everything but skill and reliability: before any outcome, and with all that had closed by the
    time of the decision.
    """
    people, briefs, hired = world.people, world.briefs, world.hired
    owner, of_hired = people.owner, people.owner[world.hired.account]
    influencers = len(people.skill)
    never, always = published.NO_SHOW
    explains = evidence(world)
    total = dict.fromkeys(("before any outcome", "past outcomes", "the truth"), 0.0)
    for number, true, row in world.later():
        past = hired.closed < briefs.decided[number]
        likely = np.zeros((influencers, len(_SKILLS)))
        np.add.at(likely, of_hired[past], explains[past])
        likely = special.softmax(likely, axis=1)
        posted = np.bincount(of_hired[past], hired.posted[past], influencers)
        paid = np.bincount(of_hired[past], minlength=influencers)
        rises = SKILL[briefs.goal[number]]
        worth, fee = briefs.value[number] * true.mean_actions[row], true.fee[row]
        without = worth * np.exp(-rises * people.skill[owner])
        value = worth * true.posted_probability[row]
        said = {
            "before any outcome": without * np.exp(rises * _SKILLS).mean() * always / (never + always),
            "past outcomes": without
            * (likely @ np.exp(rises * _SKILLS))[owner]
            * ((always + posted) / (never + always + paid))[owner],
            "the truth": value,
        }
        could = true.propensity[row] > 0
        for name, expected in said.items():
            first = np.argsort(-np.where(could, expected - fee, -np.inf))[:PLACES]
            total[name] += float((value - fee)[first].sum())
    return pd.Series(total) / total["the truth"]


def quantities(world: World, campaign: NDArray[Any], account: NDArray[Any]) -> pd.DataFrame:
    """Return what is hidden of pairs, which are given by the numbers of campaign and account."""
    people, decided = world.people, world.briefs.decided[campaign]
    real, fake = people.followers_at(account, decided)
    topic, audience = np.empty((2, len(campaign)))
    for number in np.unique(campaign):
        mine = campaign == number
        of_topic, of_audience = fits(people, world.briefs, slice(number, number + 1))
        topic[mine], audience[mine] = of_topic[0, account[mine]], of_audience[0, account[mine]]
    return pd.DataFrame(
        {
            "log reach": log_reach(people, account, real, real + fake, decided),
            "topic fit": topic,
            "share of fake followers": fake / (real + fake),
            "audience fit": audience,
            "trust": people.of_owner("trust")[account],
            "share of sponsored posts": people.of_owner("sponsored_share")[account],
            "skill": people.of_owner("skill")[account],
            "share of no-shows": people.of_owner("no_show")[account],
        }
    )


def shown(X: pd.DataFrame, hidden: pd.DataFrame, owner: NDArray[Any]) -> pd.Series:
    """Return the share of the variance of each hidden quantity that a booster reads off the features.

    It is taught by two thirds of the influencers and asked about the others; `owner` says whose a row is.
    """
    texts = X.select_dtypes(exclude="number").columns
    matrix = X.assign(**{name: X[name].astype("category").cat.codes for name in texts}).to_numpy(np.float64)
    influencers = np.unique(owner)
    asked = np.isin(owner, np.random.default_rng(0).choice(influencers, len(influencers) // 3, replace=False))
    found = {}
    for name, values in hidden.items():
        target = values.to_numpy(np.float64)
        booster = lightgbm.train(_SETTINGS, lightgbm.Dataset(matrix[~asked], target[~asked]), _ROUNDS)
        missed = target[asked] - np.asarray(booster.predict(matrix[asked]))
        found[str(name)] = 1.0 - float(missed.var() / target[asked].var())
    return pd.Series(found)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", "seeds", type=int, multiple=True, required=True, help="A marketplace; give it several times.")
@click.option("--candidates", default=24_000, show_default=True, help="Candidates whose features are looked at.")
@INFLUENCERS
@CAMPAIGNS
@FOLDER
def main(*, seeds: tuple[int, ...], candidates: int, influencers: int, campaigns: int, folder: Path) -> None:
    """Print how much the features show of what is hidden, and what rosters earn that know all but skill."""
    for seed in seeds:
        place = market(seed, folder, influencers=influencers, campaigns=campaigns)
        store = prepared(place, folder)
        world = World.of(seed, influencers=influencers, campaigns=campaigns)
        names = pd.Index(columns.campaign_ids(campaigns).to_pylist())
        accounts = pd.Index(columns.account_ids(len(world.people.owner)).to_pylist())
        pairs = MarketTruth(place / "truth.parquet", store).pairs([names[number] for number, *_ in world.later()])
        pairs = pairs.sample(min(candidates, len(pairs)), random_state=0).reset_index(drop=True)
        account = accounts.get_indexer(pd.Index(pairs["account_id"]))
        hidden = quantities(world, names.get_indexer(pd.Index(pairs["campaign_id"])), account)
        click.echo(f"\nmarketplace {seed}: share of the variance that the features show\n")
        click.echo(shown(build(store, pairs), hidden, world.people.owner[account]).round(3).to_string())
        click.echo("\nthe first twenty after fees, of who knows all but skill and reliability\n")
        click.echo(earned(world).round(3).to_string())


if __name__ == "__main__":
    main()
