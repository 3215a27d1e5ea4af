"""The scores as features of pairs: what was last published before each one's decided_at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import pair_kernels
from features.social_scores.publish import PERIOD, Publication, publications
from features.social_scores.standing import SCORES

if TYPE_CHECKING:
    from features.briefs import Briefs
    from features.events import Features, FloatArray, IntArray
    from features.store import EventStore


FEWEST_RANKED = 10
"""A rank among fewer accounts than that is null: it moves by more than ten points when one more joins."""
RANKS = ("klout_score", "klout_networks", "peerindex_authority", "peerindex_activity", "peerindex")
_AUTHORITY = SCORES.index("peerindex_authority")


def features(
    store: EventStore, account: IntArray, decided_at: IntArray, *, briefs: Briefs, campaign: IntArray
) -> Features:
    """Look up the last published scores of each pair, and its authority on the topics of its brief.

    Parameters
    ----------
    store : EventStore
        Scores of a moment are computed when they are first asked for, and kept in the store.
    account : (n,) int64
        Rows of the store's accounts.
    decided_at : (n,) int64
        Microseconds.
    briefs : Briefs
    campaign : (n,) int64
        Each pair's entry in the briefs.
    """
    published = decided_at // PERIOD * PERIOD
    scores = np.full((len(SCORES), len(account)), np.nan)
    on_topic = np.full(len(account), np.nan)
    for moment, publication in publications(store, published):
        mine = np.flatnonzero(published == moment)
        scores[:, mine] = account_scores(publication, account[mine])
        on_topic[mine] = topic_authority(publication, account[mine], scores[_AUTHORITY, mine], briefs, campaign[mine])
    return dict(zip(SCORES, scores, strict=True)) | {"peerindex_topic_authority": on_topic}


def account_scores(publication: Publication, account: IntArray) -> FloatArray:
    """Return what a publication says of n accounts: (scores, n), in the order of `SCORES`."""
    scores = publication.scores[account].T
    if publication.accounts < FEWEST_RANKED:
        scores[[SCORES.index(name) for name in RANKS]] = np.nan
    return scores


def topic_authority(
    publication: Publication, account: IntArray, authority: FloatArray, briefs: Briefs, campaign: IntArray
) -> FloatArray:
    """Return the highest authority on a topic of the brief; null where none of its topics is a community.

    Null too where the account has no `authority`, which is its score `peerindex_authority`.
    """
    best = pair_kernels.best_authority(
        account, briefs.topic_offsets, briefs.topic_code, campaign, *publication.authorities
    )
    return np.where(np.isnan(authority), np.nan, best)
