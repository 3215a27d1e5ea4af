"""Do intervals of the backtest hold the truth as often as they say? Campaigns share a random effect."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from training import metrics
from training.bootstrap import CampaignBootstrap

CAMPAIGNS, HIRED, REPEATS = 60, 12, 400


def draw(rng: np.random.Generator, campaigns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    campaign = np.repeat(np.arange(campaigns), HIRED)
    score = rng.normal(size=len(campaign))
    log_odds = 1.2 * score + rng.normal(scale=0.8, size=campaigns)[campaign] - 1
    return campaign, score, (rng.random(len(campaign)) < expit(log_odds)).astype(float)


@pytest.fixture(scope="module")
def covered() -> dict[str, float]:
    rng = np.random.default_rng(11)
    _, score, outcome = draw(rng, 40_000)
    truth = {
        "mean": outcome.mean(),
        "auc": metrics.auc(outcome, score),
        "log_loss": metrics.log_losses(outcome, expit(score)).mean(),
    }
    hits = dict.fromkeys(truth, 0)
    for seed in range(REPEATS):
        campaign, score, outcome = draw(rng, CAMPAIGNS)
        boot = CampaignBootstrap(campaign, resamples=200, seed=seed)
        found = {
            "mean": boot.mean(outcome),
            "auc": boot.auc(outcome, score),
            "log_loss": boot.mean(metrics.log_losses(outcome, expit(score))),
        }
        for name, estimate in found.items():
            low, high = estimate.interval()
            hits[name] += low <= truth[name] <= high
    return {name: count / REPEATS for name, count in hits.items()}


@pytest.mark.parametrize("figure", ["mean", "auc", "log_loss"])
def test_intervals_hold_the_truth_about_as_often_as_they_say(covered: dict[str, float], figure: str) -> None:
    # A percentile bootstrap of 60 clusters is known to cover a little less than it says.
    lowest = binom.ppf(0.001, REPEATS, 0.93) / REPEATS
    assert lowest <= covered[figure] <= binom.ppf(0.999, REPEATS, 0.96) / REPEATS


def test_ignoring_campaigns_would_promise_too_much() -> None:
    rng = np.random.default_rng(12)
    clustered, independent = [], []
    for seed in range(40):
        campaign, _, outcome = draw(rng, CAMPAIGNS)
        for widths, groups in ((clustered, campaign), (independent, np.arange(len(campaign)))):
            low, high = CampaignBootstrap(groups, resamples=100, seed=seed).mean(outcome).interval()
            widths.append(high - low)
    assert np.mean(clustered) > 1.2 * np.mean(independent)
