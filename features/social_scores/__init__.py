"""Social scores: what Klout, Kred and PeerIndex would have said, rebuilt as honest baselines.

Plain functions of arrays first (`klout`, `kred`, `peerindex`), then of a store (`publish`): the scores are published
every thirty days, as the originals were published daily, and a pair reads the last one before its decided_at. V marks
what the makers published, D what was derived from that, A what is assumed here.
"""

from __future__ import annotations

from features.social_scores.klout import klout_networks, klout_strength, klout_trio
from features.social_scores.kred import kred_influence, kred_outreach
from features.social_scores.lookup import features
from features.social_scores.peerindex import (
    GENERAL,
    ByTopic,
    activity_by_topic,
    authority_by_topic,
    page_rank,
    peerindex,
)
from features.social_scores.publish import PERIOD, scores_at, standing_at, standings
from features.social_scores.ranks import percentile
from features.social_scores.standing import SCORES, Standing
from features.social_scores.statement import statement

__all__ = [
    "GENERAL",
    "PERIOD",
    "SCORES",
    "ByTopic",
    "Standing",
    "activity_by_topic",
    "authority_by_topic",
    "features",
    "klout_networks",
    "klout_strength",
    "klout_trio",
    "kred_influence",
    "kred_outreach",
    "page_rank",
    "peerindex",
    "percentile",
    "scores_at",
    "standing_at",
    "standings",
    "statement",
]
