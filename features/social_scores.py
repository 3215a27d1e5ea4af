"""Social scores: what Klout, Kred and PeerIndex would have said, rebuilt as honest baselines.

The scores are published every thirty days, as the originals were published daily: a pair reads the last one before its
decided_at. V marks what the makers published, A what is assumed here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from features.events import DAY, FloatArray, History, IntArray, divide
from features.known import KnownAccount
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.store import EventStore

PERIOD = 30 * DAY
"""Between two publications of the scores."""
ENDORSEMENT_DAYS = 120
"""PeerIndex looks back over 120 days (V)."""


def klout_trio(*, reach: FloatArray, amplification: FloatArray, network: FloatArray) -> FloatArray:
    """Rebuild the first Klout score from its three parts (V the parts, A the scaling), 2009 to 2011.

    Parameters
    ----------
    reach : (n,) float64
        log1p of the followers that are not spam.
    amplification : (n,) float64
        log1p of reshares and mentions within 90 days.
    network : (n,) float64
        Mean log1p of the followers of those who react.

    Returns
    -------
    (n,) float64
        1 to 100: the sum of the z-scores of the parts as a rank, ten points more for each halving of those above;
        a part that is null counts as average, and the score is null where all three are.
    """
    parts = np.array([reach, amplification, network])
    known = ~np.isnan(parts)
    count = known.sum(axis=1, keepdims=True)
    # Summed in order of size, so that the order of accounts changes no bit.
    mean = divide(np.nansum(np.sort(parts), axis=1, keepdims=True), count)
    spread = np.sqrt(divide(np.nansum(np.sort((parts - mean) ** 2), axis=1, keepdims=True), count))
    spread[spread <= 1e-9 * np.abs(mean)] = 0
    total = np.nansum(divide(parts - mean, spread), axis=0)
    rank = percentile(np.where(known.any(axis=0), total, np.nan))
    return np.minimum(1 + 10 * np.log2(1 / (1 - rank)), 100)


def kred_influence(*, points: FloatArray, community: IntArray) -> FloatArray:
    """Rebuild Kred's influence (V points and the strongest of each community at 1,000, A the logarithmic curve).

    Parameters
    ----------
    points : (n,) float64
        Points for replies, reshares and mentions received within 90 days.
    community : (n,) int64
        Number of each account's community, from 0.

    Returns
    -------
    (n,) float64
        0 to 1,000; null where the points are; 0 for all of a community in which nobody has a point.
    """
    strongest = np.zeros(int(community.max(initial=-1)) + 1)
    known = ~np.isnan(points)
    np.maximum.at(strongest, community[known], points[known])
    top = strongest[community]
    return np.where(known & (top == 0), 0.0, 1_000 * divide(np.log1p(points), np.log1p(top)))


def kred_outreach(*, points: FloatArray) -> FloatArray:
    """Return Kred's outreach level for the points of all that an account ever gave; it never falls.

    Level k needs 100 * (1.7 ** k - 1) / 0.7 points, which gives both published levels: 100 and 270.
    """
    return np.floor(np.log1p(0.7 * points / 100) / np.log(1.7) + 1e-9)


def peerindex(*, authority: FloatArray, audience: FloatArray, activity: FloatArray) -> FloatArray:
    """Rebuild PeerIndex from its three parts: 0.6 authority + 0.2 audience + 0.2 activity (D, one published record).

    Parameters
    ----------
    authority, audience, activity : (n,) float64
        Each 0 to 100.

    Returns
    -------
    (n,) float64
        0 to 100; weights of null parts go to the others; null where authority and audience both are.
    """
    parts = np.array([authority, audience, activity])
    weights = np.where(np.isnan(parts), 0, np.array([0.6, 0.2, 0.2])[:, None])
    score = divide(np.nansum(parts * weights, axis=0), weights.sum(axis=0))
    return np.where(np.isnan(authority) & np.isnan(audience), np.nan, score)


def percentile(values: FloatArray) -> FloatArray:
    """Return the share of known values below each one, ties halved; within (0, 1), null where the value is null.

    Values that are equal to nine decimals are tied: an error of rounding makes no rank.
    """
    result = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    result[known] = (pd.Series(np.round(values[known], 9)).rank().to_numpy() - 0.5) / max(known.sum(), 1)
    return result


def page_rank(endorser: IntArray, endorsed: IntArray, weight: FloatArray, *, nodes: int) -> FloatArray:
    """Return the stationary share of each node in the graph of endorsements (Page et al. 1998, damping 0.85).

    Parameters
    ----------
    endorser, endorsed : (edges,) int64
        Node numbers, each pair once.
    weight : (edges,) float64
        How strongly the one endorses the other.
    nodes : int
        How many nodes there are.
    """
    damping = 0.85
    given = np.bincount(endorser, weight, minlength=nodes)
    flow = sparse.csr_matrix((weight / given[endorser], (endorsed, endorser)), shape=(nodes, nodes))
    share = np.full(nodes, 1 / max(nodes, 1))
    # A fixed number of steps, so that nothing but the graph decides the result; what is left is below 0.85 ** 50 = 3e-4
    # of the first step, far less than lies between ranks.
    for _ in range(50):
        resting = share[given == 0].sum()
        share = (1 - damping) / nodes + damping * (flow @ share + resting / nodes)
    return share


SCORES = (
    "klout_reach",
    "klout_amplification",
    "klout_network",
    "klout_score",
    "kred_influence",
    "kred_outreach",
    "peerindex_authority",
    "peerindex",
)


def features(store: EventStore, account: IntArray, decided_at: IntArray) -> dict[str, FloatArray]:
    """Look up the last published scores of each pair.

    Parameters
    ----------
    store : EventStore
        Scores of a moment are computed when they are first asked for, and kept in the store.
    account : (n,) int64
        Rows of the store's accounts.
    decided_at : (n,) int64
        Microseconds.
    """
    published = decided_at // PERIOD * PERIOD
    scores = np.full((len(account), len(SCORES)), np.nan)
    for moment in np.unique(published):
        mine = published == moment
        scores[mine] = scores_at(store, int(moment))[account[mine]]
    return dict(zip(SCORES, scores.T, strict=True))


def scores_at(store: EventStore, moment: int) -> FloatArray:
    """Return the scores of all accounts as they stood at one moment (microseconds).

    Returns
    -------
    (accounts, scores) float64
        Rows in the order of the store's accounts, columns as in `SCORES`; NaN where unknown.
    """
    if moment not in store.published_scores:
        path = store.folder / "scores" / f"{moment}.npy"
        if path.exists():
            store.published_scores[moment] = np.load(path, allow_pickle=False)
        else:
            store.published_scores[moment] = _publish(store, moment)
            # A store that cannot be written to computes them again in the next process.
            with suppress(OSError):
                path.parent.mkdir(exist_ok=True)
                unfinished = path.with_suffix(f".{os.getpid()}.npy")
                np.save(unfinished, store.published_scores[moment])
                unfinished.rename(path)
    return store.published_scores[moment]


def _publish(store: EventStore, moment: int) -> FloatArray:
    parts = [_inputs(store.bucket(number), moment) for number in range(store.buckets)]
    inputs = pd.concat([part for part, _ in parts]).sort_values("row")
    edges = np.concatenate([edges for _, edges in parts])
    return _scores(inputs, edges, has_reactions="interactions" not in store.missing)


def _measures(bucket: Bucket) -> Measures:
    reactions, accounts = bucket.events["interactions"], bucket.accounts["actor"].to_numpy()
    kind, followers = reactions.codes("kind"), reactions.numbers("actor_followers")
    earning = np.isin(kind, _kinds("reply", "reshare", "mention"))
    return {
        "reshare": kind == INTERACTIONS.index("reshare"),
        "mention": kind == INTERACTIONS.index("mention"),
        "log actor followers": np.log1p(followers),
        "points": np.where(earning, np.where(followers > 10_000, 50.0, 10.0), np.nan),
        "endorsement": np.isin(kind, _kinds("comment", "mention", "reshare")),
        "actor": accounts.view(np.int64),
    }


def _inputs(bucket: Bucket, moment: int) -> tuple[pd.DataFrame, IntArray]:
    """Return what the scores are made of, per account of a bucket, and its endorsements as (actor, account, day)."""
    account = np.arange(len(bucket.accounts))
    known = KnownAccount(bucket, account, np.full(len(account), moment))
    of, posts, reactions = known.measured(_measures), known.posts, known.interactions
    season = posts.recent(90)
    given = History(bucket.events["given"], account, known.decided_at).size()
    endorsements = known.history("interactions").window(days=ENDORSEMENT_DAYS).where(of["endorsement"]).expanded()
    actor = of["actor"]
    edges = np.stack([endorsements.codes("actor"), actor[endorsements.pair], endorsements.at // DAY], axis=1)
    alive = known.has_stats | (posts.count() > 0) | (known.history("interactions").size() > 0) | (given > 0)
    inputs = pd.DataFrame(
        {
            "row": bucket.accounts["row"],
            "actor": actor,
            "community": bucket.accounts["platform"] + " " + bucket.accounts["language"].fillna(""),
            "alive": alive,
            "followers": known.followers * (1 - np.nan_to_num(known.suspicious_share)),
            "shares": season.sum(posts.numbers("shares")),
            "reshares": reactions.count(of["reshare"]),
            "mentions": reactions.count(of["mention"]),
            "network": reactions.mean(of["log actor followers"]),
            "points": np.nan_to_num(reactions.sum(of["points"])),
            "given": 10.0 * given,
            "posts": season.count(),
        }
    )
    return inputs, edges


def _scores(inputs: pd.DataFrame, edges: IntArray, *, has_reactions: bool) -> FloatArray:
    alive = inputs["alive"].to_numpy()
    everyone = inputs.loc[alive]
    column = {name: everyone[name].to_numpy(np.float64) for name in everyone.columns if name != "community"}
    if has_reactions:
        amplified = np.where(np.isnan(column["shares"]), column["reshares"], column["shares"]) + column["mentions"]
    else:
        amplified, column["points"], column["given"] = (
            column["shares"],
            np.full(len(everyone), np.nan),
            np.full(len(everyone), np.nan),
        )
    reach, amplification = np.log1p(column["followers"]), np.log1p(amplified)
    authority = _authority(everyone["actor"].to_numpy(), edges)
    if not has_reactions:
        authority = np.full(len(everyone), np.nan)
    scores = {
        "klout_reach": reach,
        "klout_amplification": amplification,
        "klout_network": column["network"],
        "klout_score": klout_trio(reach=reach, amplification=amplification, network=column["network"]),
        "kred_influence": kred_influence(
            points=column["points"], community=everyone["community"].factorize()[0].astype(np.int64)
        ),
        "kred_outreach": kred_outreach(points=column["given"]),
        "peerindex_authority": 100 * percentile(authority),
        "peerindex": peerindex(
            authority=100 * percentile(authority),
            audience=100 * percentile(reach),
            activity=100 * percentile(column["posts"]),
        ),
    }
    result = np.full((len(inputs), len(SCORES)), np.nan)
    result[alive] = np.stack([scores[name] for name in SCORES], axis=1)
    return result


def _authority(accounts: IntArray, edges: IntArray) -> FloatArray:
    """Rank accounts by endorsement; each endorser counts once a day (A); 0 for an account that nobody endorses."""
    if not len(edges):
        return np.zeros(len(accounts))
    daily = np.unique(edges, axis=0)
    links, days = np.unique(daily[:, :2], axis=0, return_counts=True)
    nodes = np.unique(links)
    share = page_rank(
        np.searchsorted(nodes, links[:, 0]),
        np.searchsorted(nodes, links[:, 1]),
        days.astype(np.float64),
        nodes=len(nodes),
    )
    place = np.minimum(np.searchsorted(nodes, accounts), len(nodes) - 1)
    endorsed = np.isin(accounts, links[:, 1]) & (nodes[place] == accounts)
    return np.where(endorsed, share[place] * len(nodes), 0.0)


def _kinds(*names: str) -> list[int]:
    return [INTERACTIONS.index(name) for name in names]
