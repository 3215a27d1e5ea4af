"""The accounts of the benchmark, and the briefs, pairs and outcomes in which they take part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from benchmarks.columns import Floats, Ints, before, counts, moments, numbered, pick, sentence, skewed
from features.tables import GOALS

if TYPE_CHECKING:
    from benchmarks.generate import Size


DAY = 86_400_000_000
START = int(np.datetime64("2024-01-01", "us").astype(np.int64))
END = START + 730 * DAY

PLATFORMS = np.array(["instagram", "tiktok", "youtube", "x", "facebook", "pinterest"])
VERTICALS = np.array(["food", "beauty", "fashion", "travel", "fitness", "home", "games", "finance", "music", "pets"])
TOPICS = np.array([f"topic{number}" for number in range(200)])
BRANDS = np.array([f"b{number}" for number in range(50)])
GENERIC = np.array(["nice", "so good", "love it", "wow", "great pic!", "first", "amazing post"])
SLICES = {
    # Of each dimension: its buckets, and how many of them a report names.
    "country": ([f"{a}{b}" for a in "ABCD" for b in "EFG"], 6),
    "age": (["13-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"], 7),
    "gender": (["female", "male"], 2),
    "language": (["en", "es", "de", "fr", "pt", "it", "th", "ja"], 4),
    "interest": ([f"interest{number}" for number in range(20)], 6),
    "city": ([f"city{number}" for number in range(40)], 4),
}


class Draw:
    """Random generators that depend on the seed, the table and the accounts, and on nothing that was drawn before."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def rng(self, table: str, first: int = 0) -> np.random.Generator:
        """Return the generator of a table's rows that begin with some account."""
        return np.random.default_rng([self.seed, *table.encode(), first])


@dataclass(frozen=True)
class Accounts:
    """Accounts and what is known of them beforehand: their `table`, and arrays with one entry per account."""

    table: pa.Table
    ids: pa.Array
    begin: Ints
    end: int
    followers: Floats
    rate: Floats
    sizes: dict[str, Ints]
    first: dict[str, Ints]

    def of_next_day(self, draw: Draw) -> Accounts:
        """Return the same accounts with a day of events after the end."""
        rng = draw.rng("next day")
        sizes = {name: rng.poisson(size / 730) for name, size in self.sizes.items()}
        first = {name: self.first[name][-1] + self.sizes[name][-1] + before(size) for name, size in sizes.items()}
        return replace(self, begin=np.full(len(self.ids), self.end), end=self.end + DAY, sizes=sizes, first=first)


def draw_accounts(draw: Draw, size: Size) -> Accounts:
    """Draw the accounts: one to three per influencer."""
    rng, n = draw.rng("accounts"), size.accounts
    earliest = END - size.days * DAY
    created = START - rng.integers(0, 1_500 * DAY, n)
    late = rng.random(n) < (0.2 if size.skewed else 0)
    created[late] = START + rng.integers(0, 400 * DAY, late.sum())
    ids = numbered("a", rng.permutation(n))
    order = rng.permutation(n)
    sizes = {
        name: skewed(mean, spread, most, n)[order if name == "posts" else rng.permutation(n)]
        if size.skewed
        else np.full(n, round(mean))
        for name, mean, spread, most in (
            ("posts", size.posts, 1.3, 10_000),
            ("interactions", size.interactions, 1.5, 50_000),
            ("followers", size.followers, 0.8, 5_000),
        )
    }
    if size.skewed:
        # Who posts more is mostly answered more.
        busy = np.argsort(np.argsort(sizes["posts"] * np.exp(rng.normal(0, 1, n))))
        sizes["interactions"] = np.sort(sizes["interactions"])[busy]
    sizes["audiences"] = rng.integers(2, 7, n)
    influencer = rng.integers(0, max(int(n * 0.65), 1), n) if size.skewed else np.arange(n)
    table = pa.table(
        {
            "account_id": ids,
            "influencer_id": numbered("i", influencer),
            "platform": pick(PLATFORMS, rng.integers(0, len(PLATFORMS), n)),
            "country": pick(SLICES["country"][0], rng.integers(0, 12, n), null=rng.random(n) < 0.1),
            "language": pick(SLICES["language"][0], rng.integers(0, 8, n), null=rng.random(n) < 0.1),
            "created_at": moments(created, null=rng.random(n) < 0.1),
        }
    )
    followers = np.exp(rng.normal(9.5, 1.8, n))
    return Accounts(
        table,
        ids,
        begin=np.maximum(created, earliest),
        end=END,
        followers=followers,
        rate=0.04 * (followers / 10_000) ** -0.2 * np.exp(rng.normal(0, 0.5, n)),
        sizes=sizes,
        first={name: before(of_each) for name, of_each in sizes.items()},
    )


def draw_campaigns(draw: Draw, size: Size, known: Accounts) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Draw briefs, the audiences they want, their candidates (the pairs) and the outcomes of those hired."""
    rng, n = draw.rng("campaigns"), size.campaigns
    decided = START + rng.integers(200 * DAY, 700 * DAY, n)
    if not size.skewed:
        decided[-1] = END + DAY
    starts = decided + rng.integers(2 * DAY, 30 * DAY, n)
    ids = numbered("c", np.arange(n))
    topics = rng.integers(0, 4, n)
    value = np.round(np.exp(rng.normal(2.5, 1.2, n)), 2)
    briefs = pa.table(
        {
            "campaign_id": ids,
            "brand_id": pick(BRANDS, rng.integers(0, len(BRANDS), n)),
            "vertical": pick(VERTICALS, rng.integers(0, len(VERTICALS), n)),
            "goal": pick(GOALS, rng.choice(len(GOALS), n, p=[0.15, 0.2, 0.2, 0.15, 0.3])),
            "topics": pa.ListArray.from_arrays(
                pa.array(np.concatenate([[0], np.cumsum(topics)]).astype(np.int32)),
                pick(TOPICS, rng.integers(0, len(TOPICS), topics.sum())),
            ),
            "brief": sentence(rng, n, 8),
            "starts_at": moments(starts),
            "ends_at": moments(starts + 20 * DAY),
            "attribution_days": pa.array(rng.integers(7, 31, n)),
            "value_per_action": pa.array(value, mask=rng.random(n) < 0.1),
            "budget": pa.array(np.round(np.exp(rng.normal(9, 1, n))), mask=rng.random(n) < 0.2),
        }
    )
    place, slices = reports(rng, n, 0.7)
    wanted = pa.table({"campaign_id": ids.take(pa.array(place)), **slices})
    account = np.concatenate([rng.choice(size.accounts, size.candidates, replace=False) for _ in range(n)])
    campaign = np.repeat(np.arange(n), size.candidates)
    fee = np.round(known.followers[account] ** 0.8 * np.exp(rng.normal(-1, 0.6, len(account))), 2)
    pairs = pa.table(
        {
            "pair": pa.array(np.arange(len(account))),
            "campaign_id": ids.take(pa.array(campaign)),
            "account_id": known.ids.take(pa.array(account)),
            "decided_at": moments(decided[campaign]),
            "fee": pa.array(fee, mask=rng.random(len(fee)) < 0.1),
        }
    )
    hired = np.flatnonzero(np.tile(np.arange(size.candidates) < size.candidates // 5, n))
    closed = decided[campaign[hired]] + rng.integers(15 * DAY, 60 * DAY, len(hired))
    posted = rng.random(len(hired)) < 0.8
    actions = np.floor(np.exp(rng.normal(2.5, 1.5, len(hired)))) * posted
    at = decided[campaign[hired]]
    outcomes = pa.table(
        {
            "campaign_id": ids.take(pa.array(campaign[hired])),
            "account_id": known.ids.take(pa.array(account[hired])),
            "decided_at": moments(at),
            "posted_at": moments(at + 5 * DAY, null=~posted),
            "fee": pairs["fee"].take(pa.array(hired)),
            "impressions": counts(50 * actions, null=rng.random(len(hired)) < 0.3),
            "clicks": counts(2 * actions, null=rng.random(len(hired)) < 0.3),
            "actions": counts(actions),
            "closed_at": moments(closed),
        }
    )
    return briefs, wanted, pairs, outcomes


def reports(rng: np.random.Generator, n: int, share: float) -> tuple[Ints, dict[str, pa.Array]]:
    """Draw n audiences; return the number of the audience of each slice, and the slices' columns."""
    places: list[Ints] = []
    columns: dict[str, list[pa.Array]] = {"dimension": [], "bucket": [], "share": []}
    for dimension, (buckets, named) in SLICES.items():
        told = np.flatnonzero(rng.random(n) < share)
        chosen = np.argsort(rng.random((len(told), len(buckets))), axis=1)[:, :named]
        weight = rng.exponential(1, chosen.shape)
        weight /= weight.sum(axis=1, keepdims=True) / rng.uniform(0.9, 1, (len(told), 1))
        places.append(np.repeat(told, named))
        columns["dimension"].append(pick([dimension], np.zeros(chosen.size, np.int64)))
        columns["bucket"].append(pick(buckets, chosen.ravel()))
        columns["share"].append(pa.array(weight.ravel()))
    return np.concatenate(places), {name: pa.chunked_array(parts) for name, parts in columns.items()}
