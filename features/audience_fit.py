"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.codes import code
from features.events import BoolArray, Features, FloatArray, divide, log_positive
from features.tables import DIMENSIONS

if TYPE_CHECKING:
    from features.known import Known

SMALLEST_OVERLAP = 0.01
"""An overlap counts as at least this in the joint fit: one slice that a report leaves out is no proof of nobody."""


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    posts, engagements = known.posts, known.engagements
    overlaps, divergences = _fits(known)
    joint = np.exp(_mean_known(log_positive(np.maximum(overlaps, SMALLEST_OVERLAP))))
    on_topic = _on_topic(known)
    branded = posts.flags("sponsored") & (posts.codes("sponsor") == known.briefs.brand_code[known.campaign][posts.pair])
    has_topics = np.bincount(known.briefs.topic_campaign, minlength=len(known.briefs.goal))[known.campaign] > 0
    return {
        **{
            f"audience_overlap_{dimension}": overlaps[DIMENSIONS.index(dimension)]
            for dimension in ("country", "age", "gender", "language", "interest")
        },
        "audience_fit_joint": joint,
        "audience_divergence": _mean_known(divergences),
        "effective_audience_log": np.log1p(known.followers * (1 - np.nan_to_num(known.suspicious_share)) * joint),
        "own_language_share": _own_language(known),
        "topic_share_180d": np.where(has_topics, posts.share(on_topic, posts.flags("topics_known")), np.nan),
        "topic_engagement_ratio_180d": divide(posts.mean(engagements, on_topic), posts.mean(engagements)),
        "brand_posts_180d": posts.count(branded),
    }


def _fits(known: Known) -> tuple[FloatArray, FloatArray]:
    """Compare audience and target in each dimension: overlap and Jensen-Shannon divergence.

    Overlap is the sum over slices of the smaller of both shares; the divergence (Lin 1991, natural logarithm, 0 to
    ln 2) is counted over shares as they are. Both are null where the report or the brief lacks the dimension.

    Returns
    -------
    overlaps, divergences : (dimensions, pairs) float64
    """
    audience, briefs = known.audience, known.briefs
    share = audience.numbers("share")
    wanted = briefs.target_shares(known.campaign[audience.pair], audience.codes("slice"))
    both = ~np.isnan(wanted)
    overlaps, divergences = [], []
    for dimension in DIMENSIONS:
        mine = audience.codes("dimension") == code(dimension)
        reported = audience.sum(share, mine)
        named = briefs.target_dimension == code(dimension)
        total = np.bincount(briefs.target_campaign[named], briefs.target_share[named], minlength=len(briefs.goal))
        asked = np.bincount(briefs.target_campaign[named], minlength=len(briefs.goal)) > 0
        usable = ~np.isnan(reported) & asked[known.campaign]
        matched = mine & both
        overlap = np.nan_to_num(audience.sum(np.minimum(share, np.nan_to_num(wanted)), matched))
        middle = (share + np.nan_to_num(wanted)) / 2
        # A share of 0 adds nothing of its own: 0 log 0 is 0.
        shared = np.nan_to_num(share * log_positive(divide(share, middle)))
        shared += np.nan_to_num(wanted * log_positive(divide(wanted, middle)))
        # A slice that only one side has lies ln 2 from the middle, for all of its share.
        alone = (reported - np.nan_to_num(audience.sum(share, matched))) + (
            total[known.campaign] - np.nan_to_num(audience.sum(wanted, matched))
        )
        divergence = (np.nan_to_num(audience.sum(shared, matched)) + np.log(2) * alone) / 2
        overlaps.append(np.where(usable, overlap, np.nan))
        divergences.append(np.where(usable, divergence, np.nan))
    return np.array(overlaps), np.array(divergences)


def _mean_known(values: FloatArray) -> FloatArray:
    """Average over the first axis what is known; null where nothing is."""
    return divide(np.nansum(values, axis=0), np.sum(~np.isnan(values), axis=0))


def _own_language(known: Known) -> FloatArray:
    """Look up which share of the wanted audience speaks the account's own language."""
    briefs = known.briefs
    language = known.bucket.language_slice[known.account]
    asked = np.zeros(len(briefs.goal), np.bool_)
    asked[briefs.target_campaign[briefs.target_dimension == code("language")]] = True
    share = np.nan_to_num(briefs.target_shares(known.campaign, language))
    return np.where(asked[known.campaign] & (language != 0), share, np.nan)


def _on_topic(known: Known) -> BoolArray:
    """Say of each known post whether one of its topics is one of the brief's."""
    posts = known.posts
    start, size = posts.codes("topics_start"), posts.codes("topics_size")
    row = np.repeat(np.arange(len(size)), size)
    place = np.arange(len(row)) - np.repeat(np.cumsum(size) - size - start, size)
    topics = np.asarray(posts.history.events["topics"], np.int64)[place]
    wanted = known.briefs.wants_topic(known.campaign[posts.pair][row], topics)
    return np.bincount(row[wanted], minlength=len(size)) > 0
