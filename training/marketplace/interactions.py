"""A sample of what others do: loyal commenters, passers-by, other influencers, pods and bought accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import special

from training.marketplace import columns, published
from training.marketplace.population import EXPORT, HISTORY_START, Population
from training.marketplace.vocabulary import (
    COMMENT_CLOSERS,
    COMMENT_MIDDLES,
    COMMENT_OPENERS,
    GENERIC_COMMENTS,
    PLATFORMS,
    TOPICS,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.marketplace.posts import Posts

    Array = NDArray[Any]

LOYAL, VISITOR, PEER, POD, BOUGHT = range(5)
KINDS = ("comment", "reply", "mention", "reshare", "follow")
COMMENT, REPLY, MENTION, RESHARE, FOLLOW = range(5)
# Number ranges of people; accounts of the marketplace act under their own ids.
BOUGHT_IDS, BOUGHT_POOL = 1_000_000, 4_000
LOYAL_IDS, LOYAL_POOL = 10_000_000, 500
VISITOR_IDS, VISITOR_POOL = 500_000_000, 40_000_000


def write(folder: Path, posts: Posts, population: Population, rng: np.random.Generator) -> None:
    """Write `interactions`."""
    trust = population.of_owner("trust")
    accounts = len(trust)
    # Mentions grow like followers ** .83 (measured); the sample thins out large accounts, so the exponent is halved.
    expected = 45 * (population.followers / 3e3) ** 0.4 * np.exp(0.25 * trust + 0.3 * population.entertainment)
    account = np.repeat(np.arange(accounts), rng.poisson(np.minimum(expected, 1500)))
    by = _who(population, account, rng)
    kind = _kinds(population, account, by, rng)
    post, at = _when(posts, account, kind, by, rng)
    known = at < EXPORT
    account, by, kind, post, at = account[known], by[known], kind[known], post[known], at[known]
    order = np.lexsort([at, account])
    account, by, kind, post, at = account[order], by[order], kind[order], post[order], at[order]

    person, other = _actors(population, account, by, rng)
    peer = other >= 0
    names = columns.account_ids(accounts)
    people = columns.ids("u", person, width=9)
    actor = pc.if_else(pa.array(peer), names.take(pa.array(np.maximum(other, 0))), people)
    followers = _followers(population, by, person, other, at)
    columns.write(
        folder,
        "interactions",
        {
            "actor_id": actor,
            "account_id": columns.pick(names, account),
            "post_id": _post_ids(post),
            "kind": columns.pick(KINDS, kind),
            "at": columns.times(at),
            "actor_followers": columns.values(followers, null=rng.random(len(account)) < 0.1),
            "text": _texts(posts, account, post, by=by, kind=kind, trust=trust, rng=rng),
        },
    )


def _who(population: Population, account: Array, rng: np.random.Generator) -> Array:
    """Draw what sort of actor each interaction comes from; trust makes people come back."""
    trust = population.of_owner("trust")
    peer = np.full(len(trust), 0.05)
    pod = np.where(population.pod >= 0, 0.35, 0.0)
    bought = np.where(population.buys_likes, 0.30, 0.25 * population.fake_share)
    loyal = special.expit(-0.7 + 0.7 * trust + rng.normal(0, 0.4, len(trust)))
    rest = 1 - peer - pod - bought
    bounds = np.cumsum([rest * loyal, rest * (1 - loyal), peer, pod], axis=0)
    return np.asarray((rng.random(len(account)) > bounds[:, account]).sum(axis=0))


def _kinds(population: Population, account: Array, by: Array, rng: np.random.Generator) -> Array:
    """Draw comment, reply, mention, reshare or follow by the sort of actor; trust brings conversations."""
    usual = np.array(
        [
            [0.66, 0.16, 0.08, 0.08, 0.02],  # loyal
            [0.52, 0.10, 0.08, 0.08, 0.22],  # visitor
            [0.35, 0.10, 0.30, 0.22, 0.03],  # other influencers
            [0.88, 0.10, 0.02, 0.00, 0.00],  # pod
            [0.80, 0.00, 0.00, 0.00, 0.20],  # bought
        ]
    )
    weight = usual[by]
    weight[:, REPLY] *= np.exp(0.5 * population.of_owner("trust"))[account]
    bounds = np.cumsum(weight, axis=1)
    kind = (rng.random(len(account))[:, None] * bounds[:, -1:] > bounds).sum(axis=1)
    hides_reshares = population.platform[account] == PLATFORMS.index("instagram")
    return np.where(hides_reshares & (kind == RESHARE), MENTION, kind)


def _when(posts: Posts, account: Array, kind: Array, by: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw post and time: soon after a post, sooner by pods and bought accounts; mentions and follows at any time."""
    n = len(account)
    post = posts.first[account] + (rng.random(n) * posts.number[account]).astype(np.int64)
    hours = np.where(by >= POD, 0.7, 14.0)
    at = posts.time[post] + 30 + (rng.exponential(hours) * 3600).astype(np.int64)
    free = (kind == MENTION) | (kind == FOLLOW)
    at = np.where(free, HISTORY_START + rng.integers(0, EXPORT - HISTORY_START, n), at)
    return np.where(free, -1, post), at


def _actors(population: Population, account: Array, by: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw who it was: the number of a person, or the index of an account of the marketplace (else -1)."""
    n = len(account)
    own = account * LOYAL_POOL + (np.minimum(LOYAL_POOL, _circle(population))[account] * rng.random(n) ** 1.6)
    person = np.select(
        [by == LOYAL, by == BOUGHT],
        [LOYAL_IDS + own.astype(np.int64), BOUGHT_IDS + rng.integers(0, BOUGHT_POOL, n)],
        VISITOR_IDS + rng.integers(0, VISITOR_POOL, n),
    )
    other = np.full(n, -1)
    peers = np.flatnonzero(by == PEER)
    other[peers] = _peers(population, account[peers], rng)
    pods = np.flatnonzero(by == POD)
    other[pods] = _fellows(population, account[pods], rng)
    other[population.owner[other] == population.owner[account]] = -1
    return person, other


def _circle(population: Population) -> Array:
    """Return how many loyal commenters an account has."""
    return np.maximum(4.0, 7.0 * (population.followers / 3e3) ** 0.35)


def _peers(population: Population, account: Array, rng: np.random.Generator) -> Array:
    """Draw other accounts, mostly of the same vertical, the better known the more often."""
    vertical = population.of_owner("vertical")
    order = np.argsort(vertical, kind="stable")
    weight = np.cumsum(np.sqrt(population.followers[order]))
    ends = np.searchsorted(vertical[order], np.arange(vertical.max() + 1), side="right")
    top = weight[np.maximum(ends - 1, 0)]
    bottom = np.concatenate([[0.0], top[:-1]])
    own = rng.random(len(account)) < 0.8
    field = vertical[account]
    low, high = np.where(own, bottom[field], 0.0), np.where(own, top[field], weight[-1])
    found = np.searchsorted(weight, low + rng.random(len(account)) * (high - low))
    return np.asarray(order[np.minimum(found, len(order) - 1)])


def _fellows(population: Population, account: Array, rng: np.random.Generator) -> Array:
    """Draw fellow members of the account's pod."""
    members = np.flatnonzero(population.pod >= 0)
    members = members[np.argsort(population.pod[members], kind="stable")]
    size = np.bincount(population.pod[members]) if len(members) else np.zeros(1, dtype=np.int64)
    first = np.cumsum(size) - size
    pod = population.pod[account]
    return np.asarray(members[first[pod] + (rng.random(len(account)) * size[pod]).astype(np.int64)])


def _followers(population: Population, by: Array, person: Array, other: Array, at: Array) -> Array:
    """Return how many followers the actor has: a person always about the same number, by a hash of who it is."""
    # Knuth's multiplicative hash: the same person has the same followers on every row without a table of persons.
    uniform = ((person * 2_654_435_761) % 2**32 + 0.5) / 2**32
    middle, spread = published.REAL_FOLLOWER["followers"]
    fake_middle, fake_spread = published.FAKE_FOLLOWER["followers"]
    bought = by == BOUGHT
    normal = special.ndtri(uniform)
    count = np.where(bought, fake_middle, middle) * np.exp(np.where(bought, fake_spread, spread) * normal)
    real, fake = population.followers_at(np.maximum(other, 0), at)
    return np.round(np.where(other >= 0, real + fake, count)).astype(np.int64)


def _post_ids(post: Array) -> Any:
    return pc.if_else(pa.array(post >= 0), columns.ids("p", np.maximum(post, 0), width=7), pa.scalar(None, pa.string()))


def _texts(
    posts: Posts, account: Array, post: Array, *, by: Array, kind: Array, trust: Array, rng: np.random.Generator
) -> Any:
    """Return words of one's own or a phrase that fits any picture; null where nothing was said."""
    n = len(account)
    by_trust = 0.18 * np.exp(-0.35 * trust)[account]
    generic = rng.random(n) < np.select([by == BOUGHT, by == POD], [0.9, 0.6], by_trust)
    topic = posts.topics[np.maximum(post, posts.first[account]), 0]
    own = pc.binary_join_element_wise(
        *(columns.pick(w, rng.integers(0, len(w), n)) for w in (COMMENT_OPENERS,)),
        columns.pick(TOPICS, topic),
        *(columns.pick(w, rng.integers(0, len(w), n)) for w in (COMMENT_MIDDLES, COMMENT_CLOSERS)),
        " ",
    )
    phrase = columns.pick(GENERIC_COMMENTS, rng.integers(0, len(GENERIC_COMMENTS), n))
    text = pc.if_else(pa.array(generic), phrase, own)
    return pc.if_else(pa.array((kind == RESHARE) | (kind == FOLLOW)), pa.scalar(None, pa.string()), text)
