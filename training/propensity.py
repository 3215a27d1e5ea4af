"""How likely each candidate of a past campaign was to be hired.

Campaigns choose among the candidates by what they can see. A conditional logit (McFadden 1974) learns what counts from
who was hired in other blocks of time; within a campaign the probabilities add up to the number it hired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from training.metrics import per_campaign

if TYPE_CHECKING:
    from training.metrics import FloatArray, IntArray

VISIBLE = (
    "log_followers",
    "engagement_rate_median_90d",
    "views_log_median_90d",
    "posts_90d",
    "sponsored_share_90d",
    "klout_score",
    "kred_influence",
    "peerindex",
    "influencer_followers_log",
    "audience_fit_joint",
    "topic_cosine_180d",
    "brief_similarity_mean_newest",
    "brand_posts_180d",
    "past_activations",
    "past_performance",
    "past_performance_same_brand",
    "past_return_log_mean",
    "fee_log",
    "fee_per_1000_followers_log",
)
"""Features that those who hire can see."""
_BLOCKS = 5
_OTHERS = 20  # candidates to learn from for each one that was hired
_LARGEST = 3.0  # standard deviations from the mean beyond which a value counts no more


def effective_sample_size(weight: FloatArray) -> float:
    """Return how many equally weighted rows say as much (Kish 1965): sum(weight)² / sum(weight²), 0 for none."""
    squares = float(weight @ weight)
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def propensities(
    X: FloatArray,
    hired: npt.NDArray[np.bool_],
    campaign: IntArray,
    *,
    order: npt.NDArray[np.generic],
    seed: int = 0,
) -> FloatArray:
    """Return the probability with which each candidate was hired, learnt from other blocks of campaigns (n,).

    Parameters
    ----------
    X : array of shape (n, features)
        What could be seen of each candidate, NaN where unknown. Only differences within a campaign count.
    hired : array of bool, shape (n,)
    campaign : codes 0..m-1, shape (n,)
    order : array of shape (m,)
        When each campaign decided: five blocks of campaigns that follow each other are left out in turn.
    seed : int
        Of the sample of those not hired.

    Returns
    -------
    Above 0 and below 1. Those of a campaign add up to the number it hired. With fewer than two campaigns nothing can be
    learnt: all candidates are then equally likely.
    """
    campaigns = len(order)
    place = np.empty(campaigns, dtype=np.intp)
    place[np.argsort(order, kind="stable")] = np.arange(campaigns)
    blocks = min(_BLOCKS, campaigns)
    block = (place * blocks // max(campaigns, 1))[campaign]
    design = _design(X, campaign, campaigns)
    chance = per_campaign(campaign, hired.astype(np.float64)) * _OTHERS / np.bincount(campaign)
    sample = hired | (np.random.default_rng(seed).random(len(hired)) < chance[campaign])
    score = np.zeros(len(hired))
    for number in range(blocks if blocks > 1 else 0):
        learnt = sample & (block != number)
        if len(np.unique(hired[learnt])) == 2:
            model = LogisticRegression(max_iter=500).fit(design[learnt], hired[learnt])
            score[block == number] = model.decision_function(design[block == number])
    slope = _slope(score, hired, campaign, campaigns) if campaigns else 0.0
    return _adding_up(slope * score, campaign, per_campaign(campaign, hired.astype(np.float64)))


def _design(X: FloatArray, campaign: IntArray, campaigns: int) -> npt.NDArray[np.float32]:
    """Return values, their squares and whether they are unknown, each less its mean over the campaign's candidates."""
    size = np.bincount(campaign, minlength=campaigns)

    def centred(column: FloatArray) -> npt.NDArray[np.float32]:
        mean = np.bincount(campaign, column, campaigns) / size
        return (column - mean[campaign]).astype(np.float32)  # half the memory: there may be a million candidates

    columns = [np.zeros(len(campaign), dtype=np.float32)]
    for values in X.T:
        unknown = np.isnan(values)
        if unknown.all() or np.nanstd(values) == 0:
            continue
        standard = (values - np.nanmean(values)) / np.nanstd(values)
        standard = np.clip(np.where(unknown, 0.0, standard), -_LARGEST, _LARGEST)
        columns += [centred(standard), centred(standard**2), centred(unknown.astype(np.float64))]
    return np.column_stack(columns)


def _slope(score: FloatArray, hired: npt.NDArray[np.bool_], campaign: IntArray, campaigns: int) -> float:
    """Return how far to trust scores, by the likelihood of the choices: calibration of what other blocks taught."""
    order = np.argsort(campaign, kind="stable")
    start = np.searchsorted(campaign[order], np.arange(campaigns))
    number = per_campaign(campaign, hired.astype(np.float64))
    highest = np.maximum.reduceat(score[order], start)

    def loss(slope: float) -> float:
        total = np.add.reduceat(np.exp(slope * (score[order] - highest[campaign[order]])), start)
        return float(number @ (np.log(total) + slope * highest) - slope * score[hired].sum())

    return float(minimize_scalar(loss, bounds=(0.0, 2.0), method="bounded").x)


def _adding_up(score: FloatArray, campaign: IntArray, number: FloatArray) -> FloatArray:
    """Return probabilities whose logits are scores and a constant per campaign, so that they add up to `number`."""
    low, high = np.full(len(number), -60.0), np.full(len(number), 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        much = per_campaign(campaign, expit(middle[campaign] + score)) > number
        high, low = np.where(much, middle, high), np.where(much, low, middle)
    return np.asarray(expit(((low + high) / 2)[campaign] + score))
