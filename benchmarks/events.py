"""What happens to the accounts of the benchmark: counters, posts, reactions, audience reports, samples of followers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.columns import counts, moments, numbered, pick, sentence, spread, within
from benchmarks.draws import BRANDS, DAY, GENERIC, TOPICS, reports
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from benchmarks.columns import Floats, Ints
    from benchmarks.draws import Accounts, Draw


def stats(draw: Draw, known: Accounts, some: Ints) -> pa.Table:
    """Draw readings of the counters: weekly from the account's beginning on."""
    rng = draw.rng("account_stats", int(some[0]))
    weeks = 1 + (known.end - known.begin[some]) // (7 * DAY + DAY // 4)
    owner, number = spread(some, weeks)
    at = known.begin[owner] + number * (7 * DAY + DAY // 4) + (number > 0) * rng.integers(0, 4 * DAY, len(owner))
    growth: Floats = np.power(np.exp(rng.normal(0.002, 0.004, len(known.ids)))[owner], number)
    noise: Floats = np.exp(rng.normal(0, 0.01, len(owner)))
    return pa.table(
        {
            "account_id": known.ids.take(pa.array(owner)),
            "observed_at": moments(at),
            "followers": counts(known.followers[owner] * growth * noise),
            "following": counts(np.exp(rng.normal(6, 1, len(owner))), null=rng.random(len(owner)) < 0.05),
            "posts": counts(10.0 * number, null=rng.random(len(owner)) < 0.3),
        }
    )


def posts(draw: Draw, known: Accounts, some: Ints) -> pa.Table:
    """Draw posts; one in ten has a second reading, one in seven was read at an unknown time."""
    rng = draw.rng("posts", int(some[0]))
    owner, number = spread(some, known.sizes["posts"][some])
    at = within(rng, known.begin[owner], known.end)
    post = known.first["posts"][owner] + number
    undated = rng.random(len(owner)) < 0.15
    late = rng.random(len(owner)) < 0.2
    read = at + np.where(late, rng.integers(3 * DAY, 45 * DAY, len(owner)), rng.integers(DAY, 3 * DAY, len(owner)))
    again = np.flatnonzero(~undated & (rng.random(len(owner)) < 0.1))
    favourites = rng.integers(0, len(TOPICS), (len(known.ids), 4))
    sponsors = rng.integers(0, len(BRANDS), (len(known.ids), 3))
    size = rng.integers(0, 4, len(owner)) * (rng.random(len(owner)) > 0.1)
    topics = favourites[np.repeat(owner, size), rng.integers(0, 4, size.sum())]
    likes = known.followers[owner] * known.rate[owner] * np.exp(rng.normal(0, 0.6, len(owner)))
    hidden = {name: rng.random(len(known.ids)) < share for name, share in _HIDDEN.items()}

    def measured(name: str, values: Floats) -> pa.Array:
        return counts(values, null=hidden[name][owner] | (rng.random(len(owner)) < 0.03))

    def per_like(middle: float) -> Floats:
        return likes * np.exp(rng.normal(middle, 0.8, len(owner)))

    table = pa.table(
        {
            "post_id": numbered("p", post),
            "account_id": known.ids.take(pa.array(owner)),
            "published_at": moments(at),
            "observed_at": moments(read, null=undated),
            "sponsor_id": pick(
                BRANDS, sponsors[owner, rng.integers(0, 3, len(owner))], null=rng.random(len(owner)) > 0.08
            ),
            "topics": pa.ListArray.from_arrays(
                pa.array(np.concatenate([[0], np.cumsum(size)]).astype(np.int32)),
                pick(TOPICS, topics),
                mask=pa.array((rng.random(len(owner)) < 0.15) & (size == 0)),
            ),
            "caption": sentence(rng, len(owner), 8, null=rng.random(len(owner)) < 0.25),
            "views": measured("views", per_like(2.5)),
            "likes": measured("likes", likes),
            "comments": measured("comments", per_like(-3.5)),
            "shares": measured("shares", per_like(-4)),
            "saves": measured("saves", per_like(-3)),
            "clicks": measured("clicks", per_like(-3)),
        }
    )
    later = table.take(pa.array(again))
    moved = moments(read[again] + rng.integers(20 * DAY, 90 * DAY, len(again)))
    later = later.set_column(3, "observed_at", moved)
    for name in ("views", "likes", "comments"):
        column = pc.cast(pc.floor(pc.multiply(later[name], 1.2)), pa.int64())
        later = later.set_column(later.column_names.index(name), name, column)
    return pa.concat_tables([table, later])


_HIDDEN = {"views": 0.3, "likes": 0.02, "comments": 0.0, "shares": 0.4, "saves": 0.5, "clicks": 0.5}
"""Share of the accounts whose platform tells nothing of a kind."""


def interactions(draw: Draw, known: Accounts, some: Ints) -> pa.Table:
    """Draw reactions: each account has fans of its own, of whom few react often; one in eight is another account."""
    rng = draw.rng("interactions", int(some[0]))
    owner, _ = spread(some, known.sizes["interactions"][some])
    n = len(owner)
    fan = np.floor(rng.exponential(np.sqrt(known.sizes["interactions"][owner]) + 1, n)).astype(np.int64)
    other = rng.integers(0, len(known.ids), n)
    kind = rng.choice(len(INTERACTIONS), n, p=[0.6, 0.12, 0.12, 0.1, 0.06])
    posted = known.sizes["posts"][owner]
    post = known.first["posts"][owner] + np.minimum((rng.random(n) * posted).astype(np.int64), posted - 1)
    silent = (kind > 1) | (rng.random(n) < 0.1)
    generic = pick(GENERIC, rng.integers(0, len(GENERIC), n))
    text = pc.if_else(pa.array(rng.random(n) < 0.3), generic, sentence(rng, n, 5))
    return pa.table(
        {
            "actor_id": pc.if_else(
                pa.array(rng.random(n) < 0.12), known.ids.take(pa.array(other)), numbered("u", owner * 10_000 + fan)
            ),
            "account_id": known.ids.take(pa.array(owner)),
            "post_id": pc.if_else(
                pa.array((rng.random(n) < 0.2) | (posted == 0)), pa.scalar(None, pa.string()), numbered("p", post)
            ),
            "kind": pick(INTERACTIONS, kind),
            "at": moments(within(rng, known.begin[owner], known.end)),
            "actor_followers": counts(np.exp(rng.normal(5.5, 2, n)), null=rng.random(n) < 0.1),
            "text": pc.if_else(pa.array(silent), pa.scalar(None, pa.string()), text),
        }
    )


def audiences(draw: Draw, known: Accounts, some: Ints) -> pa.Table:
    """Draw audience reports: two to six an account, each without some dimension now and then."""
    rng = draw.rng("audiences", int(some[0]))
    report, _ = spread(some, known.sizes["audiences"][some])
    at = within(rng, known.begin[report], known.end)
    place, slices = reports(rng, len(report), 0.9)
    owner = known.ids.take(pa.array(report[place]))
    return pa.table({"account_id": owner, "observed_at": moments(at[place]), **slices})


def followers(draw: Draw, known: Accounts, some: Ints) -> pa.Table:
    """Draw samples of followers: one to three an account; a tenth of the followers look bought."""
    rng = draw.rng("followers", int(some[0]))
    owner, number = spread(some, known.sizes["followers"][some])
    n = len(owner)
    samples = rng.integers(1, 4, len(known.ids))
    at = np.sort(within(rng, np.repeat(known.begin, 3), known.end).reshape(-1, 3), axis=1)
    fake = rng.random(n) < 0.1

    def about(real: float, bought: float, share: float) -> pa.Array:
        middle = np.where(fake, np.log(bought), np.log(real))
        return counts(np.exp(rng.normal(middle, 1)), null=rng.random(n) < share)

    return pa.table(
        {
            "account_id": known.ids.take(pa.array(owner)),
            "follower_id": numbered("f", known.first["followers"][owner] + number),
            "observed_at": moments(at[owner, number % samples[owner]]),
            "followers": about(421, 121, 0.05),
            "following": about(604, 2_107, 0.05),
            "posts": about(74, 2, 0.1),
            "has_picture": pa.array(rng.random(n) > np.where(fake, 0.3, 0.01), mask=rng.random(n) < 0.2),
            "is_private": pa.array(rng.random(n) < 0.3),
        }
    )


EVENTS = {
    "account_stats": (stats, "observed_at"),
    "posts": (posts, "published_at"),
    "interactions": (interactions, "at"),
    "audiences": (audiences, "observed_at"),
    "followers": (followers, "observed_at"),
}
"""What happens to accounts: how it is drawn, and the column of its time."""
