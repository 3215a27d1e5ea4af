"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import content_fit, fit_kernels, kernels
from features.codes import codes
from features.events import Features, FloatArray, divide, log_positive
from features.tables import DIMENSIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known

SMALLEST_OVERLAP = 0.01
"""An overlap counts as at least this in the joint fit: one slice that a report leaves out is no proof of nobody."""
COMPARED = ("country", "age", "gender", "language", "interest")
"""Dimensions with features of their own; a city holds too little of an audience to tell something alone."""


def measures(bucket: Bucket) -> Measures:
    """Say of each slice of an audience report which dimension it is of, its number or -1, and square its share."""
    audiences = bucket.events["audiences"]
    slices = audiences.codes("dimension")
    number = np.full(len(slices), -1)
    for place, dimension in enumerate(codes(DIMENSIONS)):
        number[slices == dimension] = place
    return {
        "dimension": number,
        "country": number == DIMENSIONS.index("country"),
        "squared_share": audiences.numbers("share") ** 2,
    }


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    of, audience = known.measured(measures), known.audience
    overlaps, divergences, tops = _fits(known)
    joint = np.exp(_mean_known(log_positive(np.maximum(overlaps, SMALLEST_OVERLAP))))
    whole = audience.sum(audience.numbers("share"), of["country"])
    return {
        **{f"audience_overlap_{name}": overlaps[DIMENSIONS.index(name)] for name in COMPARED},
        **{f"audience_divergence_{name}": divergences[DIMENSIONS.index(name)] for name in COMPARED},
        "audience_fit_joint": joint,
        "audience_divergence": _mean_known(divergences),
        "audience_top_slice_share": _mean_known(tops),
        "effective_audience_log": np.log1p(known.followers * (1 - np.nan_to_num(known.suspicious_share)) * joint),
        "audience_country_concentration": divide(audience.sum(of["squared_share"], of["country"]), whole**2),
        "audience_report_age_days": audience.days_since_last(),
        "own_language_share": _own_language(known),
        **content_fit.features(known),
    }


def _fits(known: Known) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compare audience and target in each dimension.

    Overlap is the sum over slices of the smaller of both shares; the divergence (Lin 1991, natural logarithm, 0 to
    ln 2) is counted over shares as they are; the last is the reported share of the slice that is wanted most. All are
    null where the report or the brief lacks the dimension.

    Returns
    -------
    overlaps, divergences, tops : (dimensions, pairs) float64
    """
    audience, briefs = known.audience, known.briefs
    overlap, divergence, reported, matched, top = fit_kernels.audience_overlap(
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
        briefs.most_wanted,
    )
    total, asked = briefs.wanted
    usable = ~np.isnan(reported) & asked[:, known.campaign]
    # A slice that only one side has lies ln 2 from the middle, for all of its share.
    alone = reported + total[:, known.campaign] - matched
    divergence = (divergence + np.log(2) * alone) / 2
    return np.where(usable, overlap, np.nan), np.where(usable, divergence, np.nan), np.where(usable, top, np.nan)


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
