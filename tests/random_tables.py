"""Random tables of the whole contract: small, without a problem in them, and full of awkward cases.

All moments lie on a grid of six hours, so that events coincide with each other, with decisions and with the edges of
windows. The first account has most of everything, the last has nothing at all, the one before it no counters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.tables import GOALS, INTERACTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

START = pd.Timestamp("2024-01-01")
STEPS_A_DAY = 4
WORDS = ("food", "home", "travel", "style", "\u0637\u0639\u0627\u0645")
TEXTS = (
    "so good",
    "so good",
    "SO GOOD ",
    "love the look of this",
    " Love the look of this",
    "wow",
    "",
    "nice\tone\n",
    "\n",
    "\nlove the look of this",
)
OWN_TEXTS = (
    *("this is number {}",) * 6,
    "\u592a\u7f8e\u4e86{}",  # Chinese
    "\u8fd9\u4e2a\u679c\u9171{}\u771f\u597d\u5403",
    "\u3059\u3054\u30fc\u3044{}",  # Japanese
    "\u3068\u3066\u3082\u7d20\u6575{}\u3067\u3059",
    "\u0e2a\u0e27\u0e22\u0e21\u0e32\u0e01{}",  # Thai
    "\u0e2d\u0e22\u0e32\u0e01\u0e25\u0e2d\u0e07\u0e17\u0e33\u0e17\u0e35\u0e48\u0e1a\u0e49\u0e32\u0e19{}",
)
"""Each of nobody else; with and without spaces, long and short."""
CAPTIONS = (
    "hello \U0001f600",
    "New jelly, new tea: jelly!",
    "\u0634\u0643\u0631\u0627 b0, food",
    "",
    "#ad @b1 for a_b: 24/7, isn't it",
    "Try it at home @B2",
    "so long " * 60,
)
BRIEFS = ("Try it, try jelly", "New home. Food, TEA and \u0634\u0643\u0631\u0627!", "\U0001f600", "never_seen food")
BUCKETS = {
    "country": ("US", "GB", "TH", "FR"),
    "age": ("13-17", "18-24", "25-34"),
    "gender": ("female", "male"),
    "language": ("en", "es", "th"),
    "interest": ("food", "home", "cars"),
    "city": ("London", "Paris"),
}


def random_tables(
    rng: Generator,
    *,
    influencers: int = 12,
    accounts: int = 20,
    campaigns: int = 60,
    days: int = 400,
    posts: int = 450,
    interactions: int = 900,
    outcomes: int = 300,
) -> dict[str, pd.DataFrame]:
    """Return every table of the contract as a frame."""
    ids = np.array([f"a{i:03d}" for i in range(accounts)])
    activity = 1 / np.arange(1, accounts)
    activity /= activity.sum()

    def some_accounts(size: int) -> Any:
        return rng.choice(ids[:-1], size, p=activity)

    made = {
        "accounts": pd.DataFrame(
            {
                "account_id": ids,
                "influencer_id": [f"i{i if i < influencers else rng.integers(influencers)}" for i in range(accounts)],
                "platform": rng.choice(["instagram", "tiktok", "youtube"], accounts),
                "country": _maybe(rng, rng.choice(["US", "GB"], accounts)),
                "language": _maybe(rng, rng.choice(["en", "es"], accounts)),
                "created_at": _maybe(rng, _moments(rng, accounts, -200, days // 2)),
            }
        ),
        "account_stats": _stats(rng, rng.choice(ids[:-2], 12 * accounts), days),
        "posts": _posts(rng, some_accounts(posts), days),
        "interactions": _interactions(rng, some_accounts(interactions), ids[:-1], days),
        "audiences": _slices(rng, some_accounts(5 * accounts), "account_id").assign(
            observed_at=lambda frame: _moments_of(rng, frame["report"], 0, days)
        ),
        "followers": _followers(rng, some_accounts(80 * accounts), days),
        "campaigns": _campaigns(rng, campaigns, days),
        "campaign_audience": _slices(rng, np.array([f"c{i:03d}" for i in range(campaigns) if i % 4]), "campaign_id"),
        "outcomes": _outcomes(rng, ids[:-1], activity, campaigns=campaigns, size=outcomes, days=days),
    }
    made["interactions"]["post_id"] = _reacted_to(rng, made["interactions"], made["posts"])
    made["audiences"] = made["audiences"].drop_duplicates(["account_id", "observed_at", "dimension", "bucket"])
    return {name: frame.drop(columns="report", errors="ignore") for name, frame in made.items()}


def random_pairs(rng: Generator, tables: dict[str, pd.DataFrame], size: int, *, days: int = 400) -> pd.DataFrame:
    """Return all activations, and as many candidates again, each with a moment and mostly with a fee."""
    candidates = pd.DataFrame(
        {
            "campaign_id": rng.choice(tables["campaigns"]["campaign_id"], size),
            "account_id": rng.choice(tables["accounts"]["account_id"], size),
            "decided_at": _moments(rng, size, 0, days),
            "fee": _counts(rng, size, 9_000) / 10,
        }
    )
    columns = list(candidates.columns)
    return pd.concat([tables["outcomes"][columns], candidates], ignore_index=True)


def _moments(rng: Generator, size: int, first: int, last: int) -> pd.DatetimeIndex:
    steps = rng.integers(first * STEPS_A_DAY, last * STEPS_A_DAY, size)
    return START + pd.to_timedelta(steps / STEPS_A_DAY, unit="D")


def _moments_of(rng: Generator, thing: pd.Series, first: int, last: int) -> pd.Series:
    """Return one moment for each thing, on all of its rows."""
    names = thing.unique()
    return thing.map(dict(zip(names, _moments(rng, len(names), first, last), strict=True)))


def _maybe(rng: Generator, values: Sequence[Any] | Any, share: float = 0.2) -> pd.Series:
    """Leave out a share of the values."""
    column = pd.Series(values)
    return column.mask(rng.random(len(column)) < share)


def _counts(rng: Generator, size: int, most: int, *, share: float = 0.15) -> pd.Series:
    """Return counts with zeros among them and with nulls."""
    return _maybe(rng, rng.integers(0, most, size) * (rng.random(size) < 0.9), share)


def _stats(rng: Generator, owner: Any, days: int) -> pd.DataFrame:
    size = len(owner)
    frame = pd.DataFrame(
        {
            "account_id": owner,
            "observed_at": _moments(rng, size, 0, days),
            "followers": np.floor(10 ** rng.uniform(0, 6, size)).astype(np.int64) * (rng.random(size) < 0.95),
            "following": _counts(rng, size, 3_000),
            "posts": _counts(rng, size, 400),
        }
    )
    return frame.drop_duplicates(["account_id", "observed_at"])


def _posts(rng: Generator, owner: Any, days: int) -> pd.DataFrame:
    size = len(owner)
    topics = [list(rng.choice(WORDS, rng.integers(0, 4))) if rng.random() < 0.8 else None for _ in range(size)]
    written = pd.DataFrame(
        {
            "post_id": [f"p{i:04d}" for i in range(size)],
            "account_id": owner,
            "published_at": _moments(rng, size, 0, days),
            "sponsor_id": _maybe(rng, rng.choice(["b0", "b1", "b2"], size), 0.7),
            "topics": pd.Series(topics, dtype=object),
            "caption": _maybe(rng, rng.choice(CAPTIONS, size)),
        }
    )
    read = written.loc[np.repeat(np.arange(size), rng.integers(1, 4, size))].reset_index(drop=True)
    delay = pd.to_timedelta(rng.choice([0.25, 1, 2.75, 3, 3.25, 7, 30, 100], len(read)), unit="D")
    read["observed_at"] = _maybe(rng, read["published_at"] + delay)
    for name, most in (
        ("views", 9_000),
        ("likes", 900),
        ("comments", 60),
        ("shares", 30),
        ("saves", 30),
        ("clicks", 9),
    ):
        read[name] = _counts(rng, len(read), most)
    return read.drop_duplicates(["post_id", "observed_at"])


def _interactions(rng: Generator, owner: Any, ids: Any, days: int) -> pd.DataFrame:
    size = len(owner)
    # A few fans come again and again, most once.
    fans = np.array([f"fan{i}" for i in np.minimum(rng.geometric(0.15, size), 40)])
    return pd.DataFrame(
        {
            "actor_id": np.where(rng.random(size) < 0.5, rng.choice(ids, size), fans),
            "account_id": owner,
            "post_id": _maybe(rng, rng.choice(["p0001", "p0002"], size)),
            "kind": rng.choice(INTERACTIONS, size),
            "at": _moments(rng, size, 0, days),
            "actor_followers": _maybe(rng, rng.choice([0, 7, 500, 10_000, 10_001, 2_000_000], size)),
            "text": _maybe(
                rng,
                np.where(
                    rng.random(size) < 0.6,
                    [OWN_TEXTS[i % len(OWN_TEXTS)].format(i) for i in range(size)],
                    rng.choice(TEXTS, size),
                ),
            ),
        }
    )


def _reacted_to(rng: Generator, interactions: pd.DataFrame, posts: pd.DataFrame) -> pd.Series:
    """Let most reactions be to a post of the account, of whatever time; the others stay as they are."""
    own = posts.groupby("account_id")["post_id"].agg(list)
    chosen = interactions["account_id"].map(own).map(rng.choice, na_action="ignore")
    return chosen.where(rng.random(len(interactions)) < 0.6).fillna(interactions["post_id"])


def _followers(rng: Generator, owner: Any, days: int) -> pd.DataFrame:
    size = len(owner)
    frame = pd.DataFrame(
        {
            "account_id": owner,
            "follower_id": [f"f{number}" for number in rng.integers(0, 50, size)],
            "observed_at": _moments(rng, size, 0, days),
            "followers": _maybe(rng, rng.choice([0, 1, 150, 421], size)),
            "following": _maybe(rng, rng.choice([0, 11, 300, 1_500, 1_501, 4_210, 7_400], size), 0.4),
            "posts": _maybe(rng, rng.choice([0, 5, 6, 74], size), 0.4),
            "has_picture": pd.array(_maybe(rng, rng.random(size) < 0.6, 0.4).astype(object), dtype="boolean"),
            "is_private": pd.array(rng.random(size) < 0.3, dtype="boolean"),
            "fake": _maybe(rng, pd.array(rng.random(size) < 0.3, dtype="boolean"), 0.9),
        }
    )
    return frame.drop_duplicates(["account_id", "follower_id", "observed_at"])


def _slices(rng: Generator, owner: Any, name: str) -> pd.DataFrame:
    """Return audience shares: for each owner some dimensions, of each some buckets, some of them zero."""
    rows = []
    for report, whose in enumerate(owner):
        for dimension, buckets in BUCKETS.items():
            if rng.random() < 0.75:
                shares = rng.dirichlet(np.ones(len(buckets))) * (rng.random(len(buckets)) < 0.8)
                kept = rng.random(len(buckets)) < 0.8
                rows += [
                    (report, whose, dimension, bucket, share)
                    for bucket, share, keep in zip(buckets, shares, kept, strict=True)
                    if keep
                ]
    return pd.DataFrame(rows, columns=["report", name, "dimension", "bucket", "share"])


def _campaigns(rng: Generator, size: int, days: int) -> pd.DataFrame:
    topics = [list(rng.choice(WORDS, rng.integers(0, 3))) if rng.random() < 0.8 else None for _ in range(size)]
    starts = _moments(rng, size, 0, days) + pd.to_timedelta(rng.integers(0, 60, size), unit="min")
    return pd.DataFrame(
        {
            "campaign_id": [f"c{i:03d}" for i in range(size)],
            "brand_id": rng.choice(["b0", "b1", "b2", "The b3"], size),
            "vertical": rng.choice(["food", "beauty"], size),
            "goal": rng.choice(GOALS, size, p=[0.1, 0.1, 0.1, 0.1, 0.6]),
            "topics": pd.Series(topics, dtype=object),
            "brief": _maybe(rng, [BRIEFS[i % len(BRIEFS)] for i in range(size)]),
            "starts_at": starts,
            "ends_at": _maybe(rng, starts + pd.Timedelta(days=20)),
            "attribution_days": rng.integers(7, 31, size),
            "value_per_action": _maybe(rng, rng.choice([0.1, 1.5, 30.0, 60.0], size)),
            "budget": _counts(rng, size, 50_000),
        }
    )


def _outcomes(rng: Generator, ids: Any, activity: Any, *, campaigns: int, size: int, days: int) -> pd.DataFrame:
    hired = rng.choice(campaigns * len(ids), size, replace=False, p=np.tile(activity / campaigns, campaigns))
    decided = _moments(rng, size, days // 8, days)
    closed = decided + pd.to_timedelta(rng.choice([0, 0.25, 7, 21, 21, 45, 90], size), unit="D")
    posted = rng.random(size) < 0.8
    return pd.DataFrame(
        {
            "campaign_id": [f"c{number // len(ids):03d}" for number in hired],
            "account_id": ids[hired % len(ids)],
            "decided_at": decided,
            "posted_at": pd.Series(decided + (closed - decided) * rng.integers(0, 5, size) / 4).where(posted),
            "fee": _counts(rng, size, 9_000) / 10,
            "impressions": _counts(rng, size, 9_000),
            "clicks": _counts(rng, size, 90),
            "actions": rng.integers(0, 60, size) * posted,
            "closed_at": closed,
            "propensity": _maybe(rng, rng.uniform(0.01, 1, size)),
            "incremental_actions": _maybe(rng, rng.uniform(0, 9, size), 0.8),
        }
    )
