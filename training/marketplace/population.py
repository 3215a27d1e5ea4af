"""The influencers of the demo marketplace and what is hidden in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from training.marketplace import published
from training.marketplace.vocabulary import (
    COUNTRIES,
    COUNTRY_SHARES,
    FAKE_COUNTRIES,
    FEMALE,
    LANGUAGE_OF,
    LANGUAGES,
    PLATFORM_SHARES,
    PLATFORMS,
    TOPIC_VERTICAL,
    TOPICS,
    VERTICALS,
    YOUNG,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

DAY = 86_400
MONTH = 30.4375 * DAY


def seconds(date: str) -> int:
    """Return seconds since 1970 of a UTC date."""
    return int(np.datetime64(date, "s").astype(np.int64))


HISTORY_START, FIRST_CAMPAIGN, LAST_CAMPAIGN, EXPORT = (
    seconds(date) for date in ("2024-06-01", "2024-10-31", "2026-09-30", "2026-11-20")
)
MONTHS = int((EXPORT - HISTORY_START) / MONTH) + 2
ANCHOR_MONTH = 15  # followers and fake share are as published in the middle of the history


def year(time: Array) -> Array:
    """Return years with fractions of seconds since 1970."""
    return 1970 + np.asarray(time) / (365.2425 * DAY)


@dataclass(frozen=True)
class Population:
    """Influencers and their accounts; nothing here is published except through the tables that it leaves behind.

    Arrays of influencers have one entry per influencer, those of accounts one per account, `owner` says whose.
    """

    # influencers
    trust: Array
    skill: Array
    no_show: Array
    sponsored_share: Array
    vertical: Array
    topics: Array  # (influencers, topics), rows sum to one
    country: Array
    # accounts
    owner: Array
    platform: Array
    followers: Array  # in the middle of the history
    fake_share: Array  # in the middle of the history
    buys_likes: Array
    pod: Array  # -1: in none
    reach: Array  # log
    entertainment: Array  # log
    comments: Array  # log, apart from trust
    shares: Array
    saves: Array
    fee: Array  # log
    viral_month: Array  # in which one post went round and brought real followers; -1: none
    audience: dict[str, Array] = field(repr=False)  # dimension -> (accounts, buckets), of the real followers
    real_path: Array = field(repr=False)  # (accounts, months)
    fake_path: Array = field(repr=False)

    def of_owner(self, attribute: str) -> Array:
        """Return an influencer's attribute per account."""
        return np.asarray(getattr(self, attribute))[self.owner]

    def followers_at(self, account: Array, time: Array) -> tuple[Array, Array]:
        """Return real and fake followers at a time (seconds), straight between the turns of the month."""
        month = np.clip((np.asarray(time) - HISTORY_START) / MONTH, 0, MONTHS - 1.001)
        turn = month.astype(np.int64)
        part = month - turn
        real, fake = (
            path[account, turn] * (1 - part) + path[account, turn + 1] * part
            for path in (self.real_path, self.fake_path)
        )
        return real, fake


def fake_shares(prone: Array, rng: np.random.Generator) -> Array:
    """Draw the share of fake followers: bimodal (SRF Data 2017)."""
    return np.where(prone, rng.beta(*published.FAKE_BOUGHT, len(prone)), rng.beta(*published.FAKE_CLEAN, len(prone)))


def dirichlet(alpha: Array, rng: np.random.Generator) -> Array:
    """Draw one Dirichlet vector per row of `alpha`."""
    draws = rng.standard_gamma(alpha) + 1e-12
    return np.asarray(draws / draws.sum(axis=1, keepdims=True))


def draw(influencers: int, rng: np.random.Generator) -> Population:
    """Draw the influencers, their accounts and all that is hidden in them."""
    n = influencers
    vertical = rng.integers(0, len(VERTICALS), n)
    second = rng.integers(0, len(VERTICALS), n)
    topic_vertical = np.asarray(TOPIC_VERTICAL)
    alpha = 0.04 + 1.5 * (topic_vertical == vertical[:, None]) + 0.4 * (topic_vertical == second[:, None])
    prone = rng.random(n) < published.FAKE_PRONE
    in_pod = rng.random(n) < published.POD_SHARE
    tier = rng.choice(len(published.TIER_SHARES), n, p=published.TIER_SHARES)
    edges = np.log(published.TIER_EDGES)
    main_log_followers = rng.uniform(edges[tier], edges[tier + 1])
    topics = dirichlet(alpha, rng)
    country = rng.choice(len(COUNTRIES), n, p=COUNTRY_SHARES)

    count = rng.choice([1, 2, 3, 4], n, p=[0.45, 0.30, 0.17, 0.08])
    owner = np.repeat(np.arange(n), count)
    first = np.cumsum(count) - count
    nth = np.arange(len(owner)) - first[owner]
    # Gumbel keys in descending order draw platforms without replacement.
    order = np.argsort(-(np.log(PLATFORM_SHARES) + rng.gumbel(size=(n, len(PLATFORMS)))), axis=1)
    platform = order[owner, nth]
    a = len(owner)
    followers = np.exp(
        np.where(nth == 0, main_log_followers[owner], main_log_followers[owner] + rng.normal(-1.0, 0.9, a))
    )
    followers = np.maximum(followers, 300.0)
    fake_share = fake_shares(prone[owner], rng)
    pod = np.full(a, -1)
    members = rng.permutation(np.flatnonzero(in_pod[owner] & (nth == 0)))
    pod[members] = np.arange(len(members)) // published.POD_SIZE

    viral_month = np.where(rng.random(a) < 0.15, rng.integers(1, MONTHS - 3, a), -1)
    real_path, fake_path = _paths(followers, fake_share, prone[owner], viral_month, rng)
    return Population(
        trust=rng.standard_normal(n),
        skill=rng.standard_normal(n),
        no_show=rng.beta(*published.NO_SHOW, n),
        sponsored_share=rng.beta(1.6, 7.9, n),
        vertical=vertical,
        topics=topics,
        country=country,
        owner=owner,
        platform=platform,
        followers=followers,
        fake_share=fake_share,
        buys_likes=prone[owner] & (rng.random(a) < 0.5),
        pod=pod,
        reach=rng.normal(0, published.ACCOUNT_REACH_SPREAD, a),
        entertainment=rng.normal(0, published.ENTERTAINMENT_SPREAD, a),
        comments=rng.normal(0, published.PER_LIKE_SPREAD, a),
        shares=rng.normal(0, published.PER_LIKE_SPREAD, a),
        saves=rng.normal(0, published.PER_LIKE_SPREAD, a),
        fee=rng.normal(0, published.FEE_SPREAD, a),
        viral_month=viral_month,
        audience=_audiences(topics[owner], vertical[owner], country[owner], rng),
        real_path=real_path,
        fake_path=fake_path,
    )


def _paths(
    followers: Array, fake_share: Array, prone: Array, viral_month: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return real and fake followers at each turn of the month; at the anchor they are as given."""
    a = len(followers)
    month = np.arange(MONTHS)
    lean = np.log(followers / published.GROWTH_TO) / np.log(published.GROWTH_FROM / published.GROWTH_TO)
    growth = published.GROWTH_MEGA + (published.GROWTH_NANO - published.GROWTH_MEGA) * np.clip(lean, 0, 1.2)
    growth = growth + rng.normal(0, published.GROWTH_SPREAD, a)
    burst = np.where(viral_month >= 0, np.log1p(rng.uniform(0.08, 0.30, a)), 0.0)
    after = (month > viral_month[:, None]).astype(float) - (viral_month < ANCHOR_MONTH)[:, None]
    path = np.exp(growth[:, None] * (month - ANCHOR_MONTH) + burst[:, None] * after)

    # Who buys has bought at up to three moments, all before the anchor; the few fakes of the others come along.
    moments = rng.uniform(-10, ANCHOR_MONTH - 1, (a, 3))
    parts = dirichlet(np.full((a, 3), 0.6), rng)
    bought = np.einsum("aj,ajm->am", parts, (month >= moments[:, :, None]).astype(float))
    real = ((1 - fake_share) * followers)[:, None] * path
    fake = (fake_share * followers)[:, None] * np.where(prone[:, None], bought, path)
    return real, fake


def _audiences(topics: Array, vertical: Array, country: Array, rng: np.random.Generator) -> dict[str, Array]:
    """Draw the audience of each account: its real followers by country, age, gender, language and interest."""
    a = len(vertical)
    home = np.eye(len(COUNTRIES))[country]
    spread = np.asarray(COUNTRY_SHARES) * (1 - np.asarray(FAKE_COUNTRIES)) + 0.002
    home_weight = rng.beta(5, 3, a)[:, None]
    countries = dirichlet(25 * (home_weight * home + (1 - home_weight) * spread / spread.sum()), rng)
    young = np.asarray(YOUNG)[vertical][:, None]
    base_age = np.array([[0.10, 0.42, 0.32, 0.10, 0.04, 0.02], [0.03, 0.17, 0.36, 0.23, 0.13, 0.08]])
    ages = dirichlet(12 * (young * base_age[0] + (1 - young) * base_age[1]), rng)
    female = rng.beta(6 * np.asarray(FEMALE)[vertical], 6 * (1 - np.asarray(FEMALE)[vertical]))
    speaks = np.eye(len(LANGUAGES))[np.asarray(LANGUAGE_OF)]
    interests = 0.55 * topics + 0.45 * dirichlet(np.full((a, len(TOPICS)), 0.35), rng)
    return {
        "country": countries,
        "age": ages,
        "gender": np.column_stack([female, 1 - female]),
        "language": countries @ speaks,
        "interest": interests,
    }
