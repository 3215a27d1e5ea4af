"""From what the buckets brought to the scores of all accounts at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.events import known_or_zero
from features.social_scores.klout import KIND_WEIGHTS, klout_networks, klout_strength, klout_trio
from features.social_scores.kred import kred_influence, kred_outreach
from features.social_scores.peerindex import ByTopic, activity_by_topic, authority_by_topic, peerindex
from features.social_scores.ranks import mean_by_account, percentile
from features.tables import INTERACTIONS

if TYPE_CHECKING:
    import numpy.typing as npt

    from features.events import BoolArray, FloatArray, IntArray
    from features.social_scores.gather import Gathered
    from features.store import EventStore

SCORES = (
    "klout_reach",
    "klout_amplification",
    "klout_network",
    "klout_score",
    "klout_networks",
    "kred_influence",
    "kred_outreach",
    "peerindex_authority",
    "peerindex_activity",
    "peerindex",
)
"""The scores that are features of every pair."""


@dataclass(frozen=True)
class Standing:
    """How all accounts of a store stand at one moment.

    Parameters
    ----------
    accounts : DataFrame
        One row per account, in the order of the store: its scores and the figures they are made of, in the order of
        `SCORES` first; null in all of them for an account of which nothing is known.
    authority, activity : ByTopic
        PeerIndex by topic.
    """

    accounts: pd.DataFrame
    authority: ByTopic
    activity: ByTopic


def standing_of(store: EventStore, gathered: Gathered) -> Standing:
    """Work out the scores of all accounts of a store from what its buckets brought."""
    accounts = store.accounts
    known = {name.removeprefix("account_"): values for name, values in gathered.items() if name.startswith("account_")}
    order = np.argsort(known.pop("row"))
    alive = known.pop("alive")[order]
    figures = {name: np.where(alive, values[order], np.nan) for name, values in known.items()}
    has_reactions = "interactions" not in store.missing
    for name in ("points", "given"):
        figures[name] = np.where(alive & has_reactions, known_or_zero(figures[name]), np.nan)
    amplified = np.where(np.isnan(figures["shares"]), figures["reshares"], figures["shares"]) + figures["mentions"]
    amplified = amplified if has_reactions else figures["shares"]
    reach, amplification = np.log1p(figures["real_followers"]), np.log1p(amplified)
    network = accounts["platform"].to_numpy(object)
    community = (accounts["platform"] + " " + accounts["language"].fillna("")).to_numpy(object)
    person = accounts.groupby(["bucket", "influencer"]).ngroup().to_numpy(np.int64)
    strength = _strength(gathered, figures, alive, network, person)
    authority = authority_by_topic(
        endorser=gathered["endorsed_actor"],
        endorsed=gathered["endorsed_account"],
        topic=gathered["endorsed_topic"],
        day=gathered["endorsed_day"],
        people=accounts["actor"].to_numpy().view(np.int64),
    )
    activity = activity_by_topic(
        account=gathered["posted_account"], topic=gathered["posted_topic"], posts=gathered["posted_posts"]
    )
    parts = {
        "authority": np.where(has_reactions & alive, _over_topics(authority, len(accounts)), np.nan),
        "audience": 100 * percentile(np.log1p(figures["active_followers"])),
        "activity": np.where(alive, _over_topics(activity, len(accounts)), np.nan),
    }
    scores = {
        "klout_reach": reach,
        "klout_amplification": amplification,
        "klout_network": figures["network"],
        "klout_score": klout_trio(reach=reach, amplification=amplification, network=figures["network"]),
        "klout_networks": np.where(alive, klout_networks(strength=strength, person=person), np.nan),
        "kred_influence": kred_influence(points=figures["points"], community=community),
        "kred_outreach": kred_outreach(points=figures["given"]),
        "peerindex_authority": parts["authority"],
        "peerindex_activity": parts["activity"],
        "peerindex": peerindex(**parts),
    }
    return Standing(
        pd.DataFrame(
            {**scores, "klout_strength": 100 * strength, "peerindex_audience": parts["audience"], **figures},
            index=accounts.index,
        ),
        authority,
        activity,
    )


def _strength(
    gathered: Gathered,
    figures: dict[str, FloatArray],
    alive: BoolArray,
    network: npt.NDArray[np.object_],
    person: IntArray,
) -> FloatArray:
    """Work out how strong accounts are in their networks, with reactions of the strong counting for more.

    A reaction counts 1 + score / 100 of the person who reacts, 0 for one without an account. That score is the one that
    comes out of the same reactions counted alike, not the one published before: a chain of publications back to the
    first would cost the whole history and depend on where it begins, while this depends on the window alone. Doing it
    a third time would change scores by 0.005 points on average and 0.15 at most (marketplace of 2,500 influencers).
    """
    kinds = {kind: known_or_zero(figures[kind]) for kind in KIND_WEIGHTS}

    def strength(reactions: dict[str, FloatArray]) -> FloatArray:
        result = np.full(len(alive), np.nan)
        result[alive] = klout_strength(
            reactions={kind: received[alive] for kind, received in reactions.items()}, network=network[alive]
        )
        return result

    first = klout_networks(strength=strength(kinds), person=person)
    account, kind = gathered["echo_account"], gathered["echo_kind"]
    echo = gathered["echo_weight"] * first[gathered["echo_actor"]] / 100
    for number, name in enumerate(INTERACTIONS):
        if name in kinds:
            mine = kind == number
            kinds[name] += np.bincount(account[mine], echo[mine], minlength=len(alive))
    return strength(kinds)


def _over_topics(standing: ByTopic, accounts: int) -> FloatArray:
    """Return the mean of each account's ranks, weighted by what it has in each topic (A); 0 without a topic."""
    return known_or_zero(mean_by_account(standing.account, standing.rank, standing.amount, accounts=accounts))
