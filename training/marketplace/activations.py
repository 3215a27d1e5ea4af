"""Who was hired for each campaign, at what fee, and what came of it; and the truth about those who were not."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from features.tables import GOALS
from training.marketplace import published
from training.marketplace.population import DAY, Population
from training.marketplace.response import Response, inflation, likelihood, log_engagement, respond
from training.marketplace.vocabulary import PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from training.marketplace.briefs import Briefs

    Array = NDArray[Any]

HIRED_PER_CAMPAIGN = 22.5
HOLDOUT = 0.08  # share of campaigns that ran one
PAIRS_AT_ONCE = 400_000


@dataclass(frozen=True)
class Activations:
    """One entry per hired account, in the order of campaign and account."""

    campaign: Array
    account: Array
    fee: Array
    propensity: Array
    posted: Array  # flags
    time: Array  # when it was posted, or should have been
    luck: Array  # what this one activation has on its own
    impressions: Array
    clicks: Array
    actions: Array
    incremental: Array  # -1: no holdout
    closed: Array


@dataclass(frozen=True)
class Truth:
    """The true distribution of actions for campaigns of one block and all accounts: (campaigns, accounts)."""

    fee: Array
    at_least: Array
    propensity: Array  # 0 for who asks for more than the campaign can pay
    posted_probability: Array
    mean_actions: Array
    dispersion: Array
    likelihood: Array


def play(
    population: Population, briefs: Briefs, rng: np.random.Generator
) -> Iterator[tuple[slice, Truth, Activations]]:
    """Yield the truth and the activations of one block of campaigns after the other."""
    step = max(1, PAIRS_AT_ONCE // len(population.owner))
    holdout = rng.random(len(briefs)) < HOLDOUT
    rate = shown_engagement_rate(population) + rng.normal(0, 0.2, len(population.owner))
    for start in range(0, len(briefs), step):
        block = slice(start, min(start + step, len(briefs)))
        response = respond(population, briefs, block)
        fee = _fees(population, response.followers, rng)
        propensity = _propensities(briefs, block, response, fee, rate)
        at_least = np.maximum(1, np.ceil(fee / briefs.value[block, None])).astype(np.int64)
        shows = np.broadcast_to(1 - population.of_owner("no_show"), fee.shape)
        reached = likelihood(response.actions, response.dispersion, at_least)
        truth = Truth(fee, at_least, propensity, shows, response.actions, response.dispersion, shows * reached)
        row, account = np.nonzero(rng.random(fee.shape) < propensity)
        yield (
            block,
            truth,
            _outcomes(
                briefs,
                row,
                account,
                start=start,
                truth=truth,
                response=response,
                holdout=holdout,
                rng=rng,
            ),
        )


def together(blocks: list[Activations]) -> Activations:
    """Return the activations of all blocks as one."""
    return Activations(*(np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(Activations)))


def shown_engagement_rate(population: Population) -> Array:
    """Return the log of the engagement rate that a buyer sees, pods and bought likes included."""
    accounts = np.arange(len(population.owner))
    total = population.followers
    real = total * (1 - population.fake_share)
    middle = np.full(len(accounts), np.datetime64("2025-06-01", "s").astype(np.int64))
    return log_engagement(population, accounts, real, total, middle) + np.log(inflation(population) / total)


def _fees(population: Population, followers: Array, rng: np.random.Generator) -> Array:
    """Return the fee that each account asks of each campaign, in whole units of currency."""
    typical = (
        published.FEE_FIXED + published.FEE_LEVEL * (followers / published.FEE_FOLLOWERS) ** published.FEE_ELASTICITY
    )
    noise = population.fee + rng.normal(0, published.QUOTE_SPREAD, followers.shape)
    return np.maximum(10.0, np.round(typical * np.asarray(PRICE)[population.platform] * np.exp(noise)))


def _propensities(briefs: Briefs, block: slice, response: Response, fee: Array, rate: Array) -> Array:
    """Return the probability of being hired.

    Followers, engagement rate, price and topics count, and nobody is hired who asks for too much of the budget; trust
    is not seen.
    """
    size = np.log(response.followers)
    dear = np.log(fee) - published.FEE_ELASTICITY * size
    liking = briefs.taste_for_size[block, None] * size + 0.5 * rate - 0.4 * dear + 3.0 * response.topic_fit
    affordable = fee <= published.DEAREST * briefs.budget[block, None]
    weight = affordable * np.exp(liking - liking.max(axis=1, keepdims=True))
    wanted = np.minimum(HIRED_PER_CAMPAIGN, 0.2 * affordable.sum(axis=1, keepdims=True))
    # Cap at .8 and share out again what the cap cut off, until the expected number of hired is right.
    share = weight * (wanted / weight.sum(axis=1, keepdims=True))
    for _ in range(20):
        share = np.minimum(0.8, share)
        share = share * (wanted / share.sum(axis=1, keepdims=True))
    return np.minimum(0.8, share)


def _outcomes(
    briefs: Briefs,
    row: Array,
    account: Array,
    *,
    start: int,
    truth: Truth,
    response: Response,
    holdout: Array,
    rng: np.random.Generator,
) -> Activations:
    """Draw what came of the activations: actions exactly from the truth, impressions and clicks along with them."""
    at, n = (row, account), len(row)
    campaign = start + row
    goal = briefs.goal[campaign]
    size = truth.dispersion[at]
    posted = rng.random(n) < truth.posted_probability[at]
    # A Poisson count whose mean is scaled by a gamma variable of mean 1 is the negative binomial of the truth.
    luck = rng.gamma(size, 1 / size)
    drawn = rng.poisson(truth.mean_actions[at] * luck)
    actions = np.where(posted, drawn, 0)
    shared = luck**0.5
    clicks = rng.poisson(response.clicks[at] * shared)
    clicks = np.where(goal == GOALS.index("traffic"), actions, np.maximum(clicks, np.where(goal > 2, actions, 0)))
    impressions = np.maximum(rng.poisson(response.impressions[at] * shared), clicks)
    impressions = np.where(goal == GOALS.index("awareness"), actions, impressions)
    clicks = np.minimum(clicks, impressions)
    window = np.minimum((briefs.ends - briefs.starts)[campaign], 14 * DAY)
    time = briefs.starts[campaign] + (rng.random(n) * window).astype(np.int64)
    caused = np.array([published.INCREMENTAL[name] for name in GOALS])[goal]
    incremental = np.where(holdout[campaign], rng.binomial(actions, caused), -1)
    return Activations(
        campaign=campaign,
        account=account,
        fee=truth.fee[at],
        propensity=truth.propensity[at],
        posted=posted,
        time=time,
        luck=luck,
        impressions=impressions,
        clicks=clicks,
        actions=actions,
        incremental=incremental,
        closed=time + briefs.attribution[campaign] * DAY,
    )
