"""What is read from time to time about an account: counters, audience reports, samples of followers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.marketplace import columns, published
from training.marketplace.population import DAY, EXPORT, HISTORY_START, MONTH, Population
from training.marketplace.vocabulary import BUCKETS, FAKE_COUNTRIES, LANGUAGE_OF, LANGUAGES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.marketplace.posts import Posts

    Array = NDArray[Any]

BOUGHT_POOL = 150_000  # fake followers are sold many times over
FAN_POOL, FAN_SHARE = 60_000, 0.15  # real people who follow many influencers


def write_stats(folder: Path, posts: Posts, population: Population, rng: np.random.Generator) -> None:
    """Write `account_stats`, a reading a month."""
    accounts = len(population.owner)
    readings = int((EXPORT - HISTORY_START) / MONTH)
    account = np.repeat(np.arange(accounts), readings)
    offset = rng.integers(0, int(MONTH), accounts)[account]
    at = HISTORY_START + offset + (np.tile(np.arange(readings), accounts) * MONTH).astype(np.int64)
    kept = (rng.random(len(at)) > 0.02) & (at <= EXPORT)  # now and then a reading fails
    account, at = account[kept], at[kept]
    real, fake = population.followers_at(account, at)
    followers = np.round((real + fake) * np.exp(rng.normal(0, 0.002, len(at))))
    middle, spread = published.REAL_FOLLOWER["following"]
    following = middle * np.exp(0.8 * rng.normal(0, spread, accounts)) * (1 + population.fake_share)
    drift = np.exp(rng.normal(0, 0.02, len(at)))
    span = EXPORT - HISTORY_START + DAY
    key = posts.account * span + (posts.time - HISTORY_START)
    so_far = np.searchsorted(key, account * span + (at - HISTORY_START), side="right") - posts.first[account]
    before = rng.poisson(posts.number * rng.gamma(2, 0.6, accounts))
    columns.write(
        folder,
        "account_stats",
        {
            "account_id": columns.pick(columns.account_ids(accounts), account),
            "observed_at": columns.times(at),
            "followers": columns.values(followers.astype(np.int64)),
            "following": columns.values(
                np.minimum(7500, following[account] * drift).astype(np.int64), null=rng.random(len(at)) < 0.01
            ),
            "posts": columns.values(before[account] + so_far),
        },
    )


def write_audiences(folder: Path, population: Population, rng: np.random.Generator) -> None:
    """Write `audiences`, a report every seven months for seven accounts in eight."""
    accounts = len(population.owner)
    shared = np.flatnonzero(rng.random(accounts) < 0.88)
    first = HISTORY_START + rng.integers(5 * DAY, 90 * DAY, len(shared))
    of_fakes = {
        "country": np.asarray(FAKE_COUNTRIES) / sum(FAKE_COUNTRIES),
        "language": np.bincount(LANGUAGE_OF, weights=FAKE_COUNTRIES, minlength=len(LANGUAGES)) / sum(FAKE_COUNTRIES),
    }
    parts: list[tuple[Array, ...]] = []
    for report in range(4):
        at = first + int(report * 7 * MONTH)
        real, fake = population.followers_at(shared, at)
        fakes = (fake / (real + fake))[:, None]
        for code, dimension in enumerate(BUCKETS):
            share = population.audience[dimension][shared]
            share = (1 - fakes) * share + fakes * of_fakes.get(dimension, share)
            # A report rests on a few hundred followers.
            drawn = rng.standard_gamma(300 * share + 1e-6)
            drawn = np.round(drawn / drawn.sum(axis=1, keepdims=True), 4)
            row, bucket = np.nonzero(drawn >= (0.03 if dimension == "interest" else 0.01))
            parts.append((row, np.full(len(row), code), bucket, at[row], drawn[row, bucket]))
    row, codes, bucket, at, share = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort([bucket, codes, at, row])
    row, codes, bucket, at, share = row[order], codes[order], bucket[order], at[order], share[order]
    base = np.cumsum([0, *(len(b) for b in BUCKETS.values())])
    columns.write(
        folder,
        "audiences",
        {
            "account_id": columns.pick(columns.account_ids(accounts), shared[row]),
            "observed_at": columns.times(at),
            "dimension": columns.pick(tuple(BUCKETS), codes),
            "bucket": columns.pick([b for buckets in BUCKETS.values() for b in buckets], base[codes] + bucket),
            "share": columns.values(share),
        },
    )


def write_followers(folder: Path, population: Population, rng: np.random.Generator) -> None:
    """Write `followers`, two samples per account."""
    accounts = len(population.owner)
    sizes = rng.integers(30, 61, (accounts, 2))
    when = HISTORY_START + (
        np.column_stack([rng.uniform(5, 100, accounts), rng.uniform(15, 18, accounts) * MONTH / DAY]) * DAY
    ).astype(np.int64)
    account = np.repeat(np.arange(accounts), sizes.sum(axis=1))
    at = np.repeat(when.ravel(), sizes.ravel())
    n = len(account)
    real, fake = population.followers_at(account, at)
    is_fake = rng.random(n) < fake / (real + fake)
    # Fakes and some of the others come from common pools, each account from its own stretch, so that none comes twice.
    nth = np.arange(n) - np.searchsorted(account, account)
    start = rng.integers(0, BOUGHT_POOL, accounts)[account] + 7 * nth
    is_fan = rng.random(n) < FAN_SHARE
    person = np.where(is_fan, BOUGHT_POOL + start % FAN_POOL, BOUGHT_POOL + FAN_POOL + np.arange(n))
    person = np.where(is_fake, start % BOUGHT_POOL, person)
    fakes, others = _profiles(BOUGHT_POOL, rng, word="fake"), _profiles(FAN_POOL + n, rng, word="real")
    profile = {name: np.concatenate([fakes[name], others[name]])[person] for name in fakes}
    columns.write(
        folder,
        "followers",
        {
            "account_id": columns.pick(columns.account_ids(accounts), account),
            "follower_id": columns.ids("f", person, width=7),
            "observed_at": columns.times(at),
            "followers": columns.values(profile["followers"]),
            "following": columns.values(profile["following"]),
            "posts": columns.values(profile["posts"]),
            "has_picture": columns.values(profile["has_picture"], null=rng.random(n) < 0.03),
            "is_private": columns.values(profile["is_private"], null=rng.random(n) < 0.03),
        },
    )


def _profiles(n: int, rng: np.random.Generator, *, word: str) -> dict[str, Array]:
    """Draw public profiles of real or of fake followers (SRF Data 2017)."""
    figures = published.REAL_FOLLOWER if word == "real" else published.FAKE_FOLLOWER
    # Active people post, follow and are followed: the three logarithms correlate at about one half.
    active = rng.standard_normal(n)
    counts = {
        name: middle * np.exp(spread * (0.75 * active + 0.66 * rng.standard_normal(n)))
        for name, (middle, spread) in figures.items()
    }
    if word == "fake":
        at_limit = rng.random(n) < published.FAKE_AT_LIMIT
        counts["following"] = np.where(at_limit, rng.uniform(*published.FOLLOWING_LIMIT, n), counts["following"])
    return {
        **{
            name: np.round(np.minimum(count, 7500 if name == "following" else 1e7)).astype(np.int64)
            for name, count in counts.items()
        },
        "has_picture": rng.random(n) >= published.NO_PICTURE[word],
        "is_private": rng.random(n) < published.PRIVATE[word],
    }
