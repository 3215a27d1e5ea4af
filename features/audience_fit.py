"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import kernels
from features.codes import code
from features.events import Features, FloatArray, divide, log_positive
from features.tables import DIMENSIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known

SMALLEST_OVERLAP = 0.01
"""An overlap counts as at least this in the joint fit: one slice that a report leaves out is no proof of nobody."""


def measures(bucket: Bucket) -> Measures:
    """Say of each slice of an audience report which dimension it is of: its number, or -1."""
    codes = bucket.events["audiences"].codes("dimension")
    number = np.full(len(codes), -1)
    for place, dimension in enumerate(DIMENSIONS):
        number[codes == code(dimension)] = place
    return {"dimension": number}


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    posts, briefs, engagements = known.posts, known.briefs, known.bucket.engagements
    overlaps, divergences = _fits(known)
    joint = np.exp(_mean_known(log_positive(np.maximum(overlaps, SMALLEST_OVERLAP))))
    on_topic = posts.sharing("topics", known.campaign, briefs.topic_offsets, briefs.topic_code)
    branded = posts.matching(posts.codes("sponsor"), briefs.brand_code[known.campaign])
    has_topics = np.diff(briefs.topic_offsets)[known.campaign] > 0
    return {
        **{
            f"audience_overlap_{dimension}": overlaps[DIMENSIONS.index(dimension)]
            for dimension in ("country", "age", "gender", "language", "interest")
        },
        "audience_fit_joint": joint,
        "audience_divergence": _mean_known(divergences),
        "effective_audience_log": np.log1p(known.followers * (1 - np.nan_to_num(known.suspicious_share)) * joint),
        "own_language_share": _own_language(known),
        "topic_share_180d": np.where(
            has_topics, divide(on_topic.count(), posts.count(posts.flags("topics_known"))), np.nan
        ),
        "topic_engagement_ratio_180d": divide(on_topic.mean(engagements), posts.mean(engagements)),
        "brand_posts_180d": branded.count(posts.flags("sponsored")),
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
    overlap, divergence, reported, matched = kernels.audience_overlap(
        audience.row,
        audience.start,
        audience.stop,
        known.measured(measures)["dimension"],
        audience.codes("slice"),
        audience.numbers("share"),
        known.campaign,
        briefs.target_offsets,
        briefs.target_slice,
        briefs.target_share,
    )
    total, asked = briefs.wanted
    usable = ~np.isnan(reported) & asked[:, known.campaign]
    # A slice that only one side has lies ln 2 from the middle, for all of its share.
    alone = reported + total[:, known.campaign] - matched
    divergence = (divergence + np.log(2) * alone) / 2
    return np.where(usable, overlap, np.nan), np.where(usable, divergence, np.nan)


def _mean_known(values: FloatArray) -> FloatArray:
    """Average over the first axis what is known; null where nothing is."""
    return divide(np.nansum(values, axis=0), np.sum(~np.isnan(values), axis=0))


def _own_language(known: Known) -> FloatArray:
    """Look up which share of the wanted audience speaks the account's own language."""
    briefs = known.briefs
    language = known.bucket.language_slice[known.account]
    asked = briefs.wanted[1][DIMENSIONS.index("language")]
    share = kernels.look_up(language, known.campaign, briefs.target_offsets, briefs.target_slice, briefs.target_share)
    return np.where(asked[known.campaign] & (language != 0), np.nan_to_num(share), np.nan)
