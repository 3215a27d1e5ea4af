"""The posts of the accounts: organic ones, those paid by other brands, and those of the hired activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.marketplace import columns, published
from training.marketplace.population import DAY, EXPORT, HISTORY_START, MONTH, Population
from training.marketplace.response import inflation, log_engagement, log_reach
from training.marketplace.vocabulary import (
    CAPTION_CLOSERS,
    CAPTION_OPENERS,
    PLATFORMS,
    POSTS_PER_WEEK,
    SHOWN,
    TOPICS,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.marketplace.activations import Activations
    from training.marketplace.briefs import Briefs

    Array = NDArray[Any]

LIKES = 0.91  # share of likes in engagement
COUNTS = ("views", "likes", "comments", "shares", "saves", "clicks")
SHOWN_LIKES = 0.92  # share of instagram accounts that do not hide their likes (assumption)
READ_OFTEN = 0.06  # share of posts read on the first two days as well
MENTIONS = 0.015  # share of organic posts that name a brand of the field without being paid


@dataclass(frozen=True)
class Posts:
    """Posts in order of account and time."""

    account: Array
    time: Array
    sponsor: Array  # brand, -1: not sponsored
    topics: Array  # (posts, 3), -1: fewer
    activation: Array  # index of the activation, -1: none
    first: Array  # per account: index of its first post
    number: Array  # per account


def draw(population: Population, briefs: Briefs, activations: Activations, rng: np.random.Generator) -> Posts:
    """Draw when each account posts, about what and who pays."""
    accounts = len(population.owner)
    weeks = (EXPORT - HISTORY_START) / (7 * DAY)
    rate = np.asarray(POSTS_PER_WEEK)[population.platform] * np.exp(rng.normal(0, 0.5, accounts))
    account = np.repeat(np.arange(accounts), np.maximum(1, rng.poisson(rate * weeks)))
    n = len(account)
    day = rng.integers(0, (EXPORT - HISTORY_START) // DAY, n)
    time = HISTORY_START + day * DAY + (rng.triangular(6, 17, 24, n) * 3600).astype(np.int64)
    sponsor = np.where(
        rng.random(n) < population.of_owner("sponsored_share")[account],
        _brand_of_field(briefs, population.of_owner("vertical")[account], rng),
        -1,
    )
    topics = _topics(population, account, rng)

    hired = np.flatnonzero(activations.posted)
    wanted = briefs.topics[activations.campaign[hired]]
    paid_topics = np.where(np.sort(wanted, axis=1)[:, ::-1], np.argsort(~wanted, axis=1, kind="stable"), -1)[:, :3]
    account = np.concatenate([account, activations.account[hired]])
    time = np.concatenate([time, activations.time[hired]])
    sponsor = np.concatenate([sponsor, briefs.brand[activations.campaign[hired]]])
    topics = np.concatenate([topics, paid_topics])
    activation = np.concatenate([np.full(n, -1), hired])
    order = np.lexsort([time, account])
    number = np.bincount(account, minlength=accounts)
    return Posts(
        account=account[order],
        time=time[order],
        sponsor=sponsor[order],
        topics=topics[order],
        activation=activation[order],
        first=np.cumsum(number) - number,
        number=number,
    )


def write(
    folder: Path,
    posts: Posts,
    population: Population,
    briefs: Briefs,
    activations: Activations,
    *,
    rng: np.random.Generator,
) -> None:
    """Write `posts`: one row per reading of a post."""
    n = len(posts.account)
    final = _final_counts(posts, population, activations, rng)
    hides_likes = rng.random(len(population.owner)) >= SHOWN_LIKES

    # One reading after three to six days; some posts are read after one and two days as well.
    often = np.flatnonzero((rng.random(n) < READ_OFTEN) & (posts.time < EXPORT - 6 * DAY))
    row = np.concatenate([np.arange(n), often, often])
    age = np.concatenate([rng.uniform(3, 6, n), rng.uniform(0.8, 1.2, len(often)), rng.uniform(1.8, 2.2, len(often))])
    read = np.minimum(posts.time[row] + (age * DAY).astype(np.int64), EXPORT)
    order = np.lexsort([read, row])
    row, read = row[order], read[order]
    part = -np.expm1(-(read - posts.time[row]) / (published.DECAY_DAYS * DAY))

    platform = population.platform[posts.account[row]]
    table: dict[str, Any] = {
        "post_id": columns.ids("p", row, width=7),
        "account_id": columns.pick(columns.account_ids(len(population.owner)), posts.account[row]),
        "published_at": columns.times(posts.time[row]),
        "observed_at": columns.times(read),
        "sponsor_id": columns.pick(_brands(briefs), posts.sponsor[row], null=posts.sponsor[row] < 0),
        "topics": columns.lists(
            columns.pick(TOPICS, posts.topics[row][posts.topics[row] >= 0]), (posts.topics[row] >= 0).sum(axis=1)
        ),
        "caption": _captions(posts, population, briefs, rng).take(pa.array(row)),
    }
    for kind in COUNTS:
        hidden = ~np.array([kind in SHOWN[name] for name in PLATFORMS])[platform]
        if kind == "likes":
            hidden |= hides_likes[posts.account[row]] & (platform == PLATFORMS.index("instagram"))
        table[kind] = columns.values((final[kind][row] * part).astype(np.int64), null=hidden)
    columns.write(folder, "posts", table)


def _final_counts(
    posts: Posts, population: Population, activations: Activations, rng: np.random.Generator
) -> dict[str, Array]:
    """Return what each post has in the end."""
    account = posts.account
    n = len(account)
    trust = population.of_owner("trust")
    real, fake = population.followers_at(account, posts.time)
    attention = published.REACH_SPREAD * rng.standard_normal(n)
    paid = posts.activation >= 0
    attention[paid] = np.log(activations.luck[posts.activation[paid]]) * 0.5
    viral = np.flatnonzero(population.viral_month >= 0)
    burst = _viral_posts(posts, population, viral)
    attention[burst] += np.log(8.0)
    views = np.exp(log_reach(population, account, real, real + fake, posts.time) + attention)
    engagement = log_engagement(population, account, real, real + fake, posts.time) + 0.8 * attention
    engagement = np.exp(engagement + rng.normal(0, 0.35, n) + np.log(published.SPONSORED) * (posts.sponsor >= 0))

    lift = np.where(population.pod >= 0, published.POD_COMMENTS, 1.0)
    per_engagement = {
        kind: level * np.exp(by_trust * trust + getattr(population, kind)) * (lift if kind == "comments" else 1.0)
        for kind, (level, by_trust) in published.PER_LIKE.items()
    }
    likes = rng.poisson(LIKES * engagement * inflation(population)[account])
    return {
        "views": np.maximum(rng.poisson(views), likes),
        "likes": likes,
        **{kind: rng.poisson(engagement * ratio[account]) for kind, ratio in per_engagement.items()},
        "clicks": rng.poisson(views * 0.012 * np.exp(0.3 * trust[account])),
    }


def _viral_posts(posts: Posts, population: Population, viral: Array) -> Array:
    """Return, per viral account, the post that went round: its first one in the viral month."""
    start = HISTORY_START + population.viral_month[viral] * MONTH
    key = posts.account * (EXPORT - HISTORY_START + DAY) + (posts.time - HISTORY_START)
    found = np.searchsorted(key, viral * (EXPORT - HISTORY_START + DAY) + (start - HISTORY_START))
    found = np.minimum(found, len(posts.account) - 1)
    return np.asarray(found[(posts.account[found] == viral) & (posts.time[found] < start + MONTH)])


def _topics(population: Population, account: Array, rng: np.random.Generator) -> Array:
    """Draw one to three topics per post from the account's topics."""
    cumulative = np.cumsum(population.topics, axis=1)[population.owner]
    cumulative[:, -1] = 1.0
    # All accounts' distributions laid end to end, so that one binary search draws for every post.
    laid = (cumulative + np.arange(len(cumulative))[:, None]).ravel()
    draws = account[:, None] + rng.random((len(account), 3)) * (1 - 1e-9)
    topics = np.minimum(np.searchsorted(laid, draws, side="right") - account[:, None] * len(TOPICS), len(TOPICS) - 1)
    more = rng.random(len(account))
    topics[(more > 0.55) | (topics[:, 1] == topics[:, 0]), 1] = -1
    topics[(more > 0.15) | (topics[:, 2] == topics[:, 0]) | (topics[:, 2] == topics[:, 1]), 2] = -1
    return np.asarray(topics)


def _brand_of_field(briefs: Briefs, vertical: Array, rng: np.random.Generator) -> Array:
    """Draw brands, four times in five of the given vertical."""
    order = np.argsort(briefs.brand_vertical, kind="stable")
    number = np.bincount(briefs.brand_vertical, minlength=vertical.max() + 1)
    first = np.cumsum(number) - number
    own = first[vertical] + (rng.random(len(vertical)) * number[vertical]).astype(np.int64)
    elsewhere = rng.integers(0, len(order), len(vertical))
    away = (rng.random(len(vertical)) < 0.2) | (number[vertical] == 0)
    return np.asarray(order[np.where(away, elsewhere, own)])


def _brands(briefs: Briefs) -> Any:
    return columns.ids("b", np.arange(len(briefs.brand_vertical)), width=3)


def _captions(posts: Posts, population: Population, briefs: Briefs, rng: np.random.Generator) -> Any:
    """Return captions that name the topic, the sponsor, and now and then a brand that has not paid."""
    n = len(posts.account)
    body = [f"{a} {t}, {b}" for a in CAPTION_OPENERS for t in TOPICS for b in CAPTION_CLOSERS]
    opener, closer = rng.integers(0, len(CAPTION_OPENERS), n), rng.integers(0, len(CAPTION_CLOSERS), n)
    text = (opener * len(TOPICS) + posts.topics[:, 0]) * len(CAPTION_CLOSERS) + closer
    named = _brand_of_field(briefs, population.of_owner("vertical")[posts.account], rng)
    # 0: nothing, then one ending per sponsor, then one per brand that is only mentioned.
    brands = _brands(briefs).to_pylist()
    endings = ["", *(f" #ad @{b}" for b in brands), *(f" @{b}" for b in brands)]
    mentioned = np.where(rng.random(n) < MENTIONS, 1 + len(brands) + named, 0)
    ending = np.where(posts.sponsor >= 0, 1 + posts.sponsor, mentioned)
    return pc.binary_join_element_wise(columns.pick(body, text), columns.pick(endings, ending), "")
