"""Audience fit: whether those who follow, and what is posted, are what the brief wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import content_fit, fit_kernels
from features.codes import codes
from features.events import Features, FloatArray, divide, known_or_zero
from features.tables import DIMENSIONS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known, KnownAccount

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


def features(known: KnownAccount) -> Features:
    """Compute what of the family depends on the account alone, and `content_fit.FIGURES`."""
    of, audience = known.measured(measures), known.audience
    whole = audience.sum(audience.numbers("share"), of["country"])
    return {
        "audience_country_concentration": divide(audience.sum(of["squared_share"], of["country"]), whole**2),
        "audience_report_age_days": audience.days_since_last(),
        **content_fit.features(known),
    }


def pair_features(known: Known, account: Features) -> Features:
    """Compute what depends on the brief; `account` holds the features of the account."""
    overlaps, divergences, (joint, divergence, top) = _fits(known)
    real = 1 - known_or_zero(account["suspicious_follower_share"])
    return {
        **{f"audience_overlap_{name}": overlaps[DIMENSIONS.index(name)] for name in COMPARED},
        **{f"audience_divergence_{name}": divergences[DIMENSIONS.index(name)] for name in COMPARED},
        "audience_fit_joint": joint,
        "audience_divergence": divergence,
        "audience_top_slice_share": top,
        "effective_audience_log": np.log1p(account["usual followers"] * real * joint),
        "own_language_share": _own_language(known),
        **content_fit.pair_features(known, account),
    }


def _fits(known: Known) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compare audience and target: see `fit_kernels.audience_fits` (divergence: Lin 1991, natural logarithm)."""
    audience, briefs = known.audience, known.briefs
    overlaps, divergences, means = fit_kernels.audience_fits(
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
        briefs.wanted,
    )
    return overlaps, divergences, means


def _own_language(known: Known) -> FloatArray:
    """Look up which share of the wanted audience speaks the account's own language."""
    briefs = known.briefs
    return fit_kernels.own_shares(
        known.bucket.language_slice[known.account],
        known.campaign,
        briefs.target_offsets,
        briefs.target_slice,
        briefs.target_share,
        briefs.wanted[DIMENSIONS.index("language")],
    )
