from __future__ import annotations

import numpy as np
import pytest

from training.bootstrap import CampaignBootstrap, Estimate, difference, ratio


@pytest.fixture(scope="module")
def campaign() -> np.ndarray:
    return np.repeat(np.arange(40), 5)


def test_resamples_are_those_of_whole_campaigns(campaign: np.ndarray) -> None:
    boot = CampaignBootstrap(campaign, resamples=50, seed=3)
    assert (boot.weights.sum(axis=1) == 40).all()
    amount = np.random.default_rng(0).normal(size=200)
    estimate = boot.mean(amount)
    assert estimate.value == pytest.approx(amount.mean())
    one = np.repeat(boot.weights[7], 5)  # how often each row is in the resample
    assert estimate.draws[7] == pytest.approx((amount * one).sum() / one.sum())


def test_weights_and_rows_restrict_the_mean(campaign: np.ndarray) -> None:
    boot = CampaignBootstrap(campaign, resamples=20)
    amount, weight = np.arange(200.0), np.arange(200.0) * 2
    assert boot.mean(amount, weight=weight).value == pytest.approx(0.5)
    rows = campaign < 20
    assert boot.mean(amount, rows=rows).value == pytest.approx(amount[rows].mean())


def test_campaigns_without_a_figure_do_not_count(campaign: np.ndarray) -> None:
    boot = CampaignBootstrap(campaign, resamples=20)
    figures = np.where(np.arange(40) < 30, np.arange(40.0), np.nan)
    assert boot.over_campaigns(figures).value == pytest.approx(14.5)
    assert boot.total(figures).value == pytest.approx(435.0)
    assert np.isfinite(boot.total(figures).interval()).all()


def test_differences_are_paired(campaign: np.ndarray) -> None:
    boot = CampaignBootstrap(campaign, resamples=100)
    amount = np.random.default_rng(1).normal(size=200)
    gap = difference(boot.mean(amount + 1.0), boot.mean(amount))
    assert gap.interval() == pytest.approx((1.0, 1.0))


def test_a_ratio_to_what_may_be_nothing_has_no_interval() -> None:
    sure, unsure = Estimate(2.0, np.array([1.0, 3.0])), Estimate(1.0, np.array([-0.1, 2.0]))
    assert ratio(sure, unsure).value == 2.0
    assert np.isnan(ratio(sure, unsure).interval()).all()
    assert np.isnan(ratio(sure, Estimate(-1.0, np.array([1.0, 1.0]))).value)


def test_few_campaigns_have_figures_but_no_intervals() -> None:
    campaign = np.repeat(np.arange(9), 30)
    outcome = np.tile([0.0, 1.0, 1.0], 90)
    boot = CampaignBootstrap(campaign)
    estimates = [
        boot.mean(outcome),
        boot.auc(outcome, outcome),
        boot.total(np.ones(9)),
        boot.over_campaigns(np.ones(9)),
    ]
    for estimate in estimates:
        assert np.isfinite(estimate.value)
        assert np.isnan(estimate.interval()).all()


def test_the_interval_of_an_auc_stays_an_auc(campaign: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    outcome = (rng.random(200) < 0.1).astype(float)
    low, high = CampaignBootstrap(campaign).auc(outcome, outcome * 3 + rng.normal(size=200)).interval()
    assert 0.5 < low < high < 1.0


def test_perfect_order_has_no_width(campaign: np.ndarray) -> None:
    outcome = np.tile([0.0, 1.0, 0.0, 1.0, 1.0], 40)
    estimate = CampaignBootstrap(campaign).auc(outcome, outcome)
    assert estimate.value == 1.0
    assert estimate.interval() == pytest.approx((1.0, 1.0), abs=1e-5)


def test_the_same_seed_gives_the_same_intervals(campaign: np.ndarray) -> None:
    amount = np.random.default_rng(4).normal(size=200)
    first, again, other = (CampaignBootstrap(campaign, seed=seed).mean(amount).interval() for seed in (1, 1, 2))
    assert first == again != other
