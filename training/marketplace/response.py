"""How an audience responds: from reach to expected actions, given all that is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from features.tables import GOALS
from training.marketplace import published
from training.marketplace.population import DAY, Population, year
from training.marketplace.vocabulary import ENGAGES, ORDERS, PLATFORMS, VIEWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.marketplace.briefs import Briefs

    Array = NDArray[Any]

# One activation is a post with its stories: what it reaches and gets back against one feed post (assumption).
PACKAGE_IMPRESSIONS, PACKAGE_ENGAGEMENT = 4.0, 1.6
TYPICAL_REAL_SHARE = 0.825  # published engagement rates divide by all followers, of whom so many are real at the median
# Published rates are those of activations that took place: the fit of a typical hired account counts as 0.
TYPICAL_FIT = 0.75
AUDIENCE_WEIGHTS = {"country": 0.4, "age": 0.2, "gender": 0.2, "language": 0.1, "interest": 0.1}


@dataclass(frozen=True)
class Response:
    """Means of what one activation brings if it is posted; arrays are (campaigns, accounts)."""

    followers: Array
    impressions: Array
    clicks: Array
    actions: Array
    dispersion: Array  # size of the negative binomial
    topic_fit: Array


def log_reach(population: Population, account: Array, real: Array, total: Array, time: Array) -> Array:
    """Return the log of the people one post reaches: real followers times the reach rate of that size and year."""
    platform = population.platform[account]
    rate = (
        np.log(published.REACH_LEVEL)
        + published.REACH_ELASTICITY * np.log(total / published.REACH_FOLLOWERS)
        + published.REACH_DRIFT * (year(time) - published.REACH_YEAR)
        + np.log(VIEWS)[platform]
    )
    return np.asarray(np.log(real) + rate + population.reach[account])


def log_engagement(population: Population, account: Array, real: Array, total: Array, time: Array) -> Array:
    """Return the log of what one post gets back honestly, without pods and bought likes."""
    platform = population.platform[account]
    level, elasticity = np.array([published.ENGAGEMENT[name] for name in PLATFORMS]).T
    rate = (
        np.log(level)[platform]
        + elasticity[platform] * np.log(total / 1e4)
        + published.REACH_DRIFT * (year(time) - published.ENGAGEMENT_YEAR)
        - np.log(TYPICAL_REAL_SHARE)
    )
    vertical = np.log(ENGAGES)[population.of_owner("vertical")[account]]
    appeal = population.reach[account] + population.entertainment[account] + vertical
    trust = published.ENGAGEMENT_BY_TRUST * population.of_owner("trust")[account]
    return np.asarray(np.log(real) + rate + appeal + trust)


def inflation(population: Population) -> Array:
    """Return by how much pods and bought likes lift the likes of each account."""
    return np.where(population.pod >= 0, published.POD_LIKES, 1.0) * np.where(
        population.buys_likes, published.BOUGHT_LIKES, 1.0
    )


def season(goal: Array, time: Array) -> tuple[Array, Array]:
    """Return the factors of the season on clicks and on sales per click."""
    day = np.asarray(time).astype("datetime64[s]")
    into_year = (day - day.astype("datetime64[Y]")).astype("timedelta64[s]").astype(np.int64) / DAY
    black_friday = np.exp(-0.5 * ((into_year - 331) / published.SEASON_DAYS) ** 2)
    sales = np.where(np.asarray(goal) == GOALS.index("sale"), published.SEASON_SALE**black_friday, 1.0)
    clicks = np.where(into_year >= 353, published.LATE_DECEMBER_CLICKS, 1.0)
    return clicks, sales


def fits(population: Population, briefs: Briefs, block: slice) -> tuple[Array, Array]:
    """Return how well topics and audiences fit, both from 0 to 1: (campaigns, accounts)."""
    wanted = briefs.topics[block] / np.linalg.norm(briefs.topics[block], axis=1, keepdims=True)
    offered = population.topics / np.linalg.norm(population.topics, axis=1, keepdims=True)
    topic = (wanted @ offered.T)[:, population.owner]
    total, weight = np.zeros(topic.shape), np.zeros((len(topic), 1))
    for name, importance in AUDIENCE_WEIGHTS.items():
        target, has = briefs.audience[name][block], population.audience[name]
        overlap = np.zeros(topic.shape)
        for bucket in np.flatnonzero(target.any(axis=0)):
            overlap += np.minimum(target[:, [bucket]], has[:, bucket])
        said = importance * target.any(axis=1, keepdims=True)
        total += said * overlap
        weight += said
    # A brief that names no audience is served equally by all.
    return topic, np.divide(total, weight, out=np.full(topic.shape, 0.5), where=weight > 0)


def respond(population: Population, briefs: Briefs, block: slice) -> Response:
    """Return the expected response of every account to the campaigns of one block, as of the time of decision."""
    accounts = np.arange(len(population.owner))
    decided, starts = briefs.decided[block, None], briefs.starts[block, None]
    goal, vertical = briefs.goal[block, None], briefs.vertical[block, None]
    real, fake = population.followers_at(accounts, decided)
    total = real + fake
    size = np.log(total / 1e4)
    trust, skill = population.of_owner("trust"), published.SKILL_SPREAD * population.of_owner("skill")
    topic, audience = fits(population, briefs, block)
    # Clicks rise with fit, what a click is worth with its square, reach with its root (assumption: nothing is published
    # for fit as such).
    log_fit = 0.5 * np.log(0.1 + 0.9 * topic) + 0.7 * np.log(0.1 + 0.9 * audience) + TYPICAL_FIT
    season_clicks, season_sales = season(goal, starts)
    saturation = published.RESPONSE_BY_SPONSORED_SHARE * (population.of_owner("sponsored_share") - 0.17)

    impressions = np.log(PACKAGE_IMPRESSIONS) + log_reach(population, accounts, real, total, starts)
    clicks = (
        impressions
        + np.log([published.CLICK_RATE[name] for name in PLATFORMS])[population.platform]
        + published.CLICK_ELASTICITY * size
        + published.CLICKS_BY_TRUST * trust
        + skill
        + log_fit
        + saturation
        + briefs.click_offer[block, None]
        + np.log(season_clicks)
    )
    response = published.RESPONSE_BY_TRUST * trust + 0.5 * skill + 2.0 * log_fit + briefs.response_offer[block, None]
    engagement = (
        np.log(PACKAGE_ENGAGEMENT * published.SPONSORED * inflation(population))
        + log_engagement(population, accounts, real, total, starts)
        + log_fit
        + 0.5 * saturation
    )
    signups = clicks + np.log(published.SIGNUP_RATE) + response
    orders = (
        clicks
        + np.log(published.ORDER_RATE * np.asarray(ORDERS))[vertical]
        + published.ORDER_ELASTICITY * size
        + response
        + np.log(season_sales)
    )
    # Familiar topics spread further, too, but far less than they sell.
    impressions = impressions + 0.5 * log_fit + 0.15 * briefs.click_offer[block, None]
    by_goal = (impressions, engagement, clicks, signups, orders)
    actions = np.select([goal == i for i in range(len(GOALS))], by_goal)
    dispersion = np.array([published.DISPERSION[name] for name in GOALS])[goal] * np.exp(0.05 * size)
    return Response(total, np.exp(impressions), np.exp(clicks), np.exp(actions), dispersion, topic)


def likelihood(mean: Array, dispersion: Array, at_least: Array) -> Array:
    """Return P(count >= at_least) of negative binomials; 1 where `at_least` is 0 or less."""
    counted = special.betainc(np.maximum(at_least, 1), dispersion, mean / (mean + dispersion))
    return np.where(np.asarray(at_least) <= 0, 1.0, counted)
