from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import poisson
from sklearn.metrics import brier_score_loss, log_loss, ndcg_score, roc_auc_score

from training import metrics

NAN = float("nan")


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("outcome", "score", "expected"),
    [
        (array(0, 0, 1, 1), array(1, 2, 3, 4), 1.0),
        (array(1, 1, 0, 0), array(1, 2, 3, 4), 0.0),
        (array(0, 1, 0, 1), array(5, 5, 5, 5), 0.5),
        (array(0, 1, 1), array(1, 1, 2), 0.75),  # pairs: a tie (1/2) and a right one
        (array(1, 0), array(NAN, -9), 0.0),  # unknown is worst
        (array(1, 0), array(NAN, NAN), 0.5),
    ],
)
def test_auc_by_hand(outcome: np.ndarray, score: np.ndarray, expected: float) -> None:
    assert metrics.auc(outcome, score) == pytest.approx(expected)


def test_auc_of_one_outcome_only_is_unknown() -> None:
    assert np.isnan(metrics.auc(array(1, 1), array(1, 2)))
    assert np.isnan(metrics.auc(array(1), array(1)))


@given(
    arrays(np.float64, st.integers(2, 40), elements=st.sampled_from([0.0, 1.0])).flatmap(
        lambda outcome: st.tuples(
            st.just(outcome), arrays(np.float64, len(outcome), elements=st.integers(0, 6).map(float))
        )
    )
)
def test_auc_agrees_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    outcome, score = case
    if len(np.unique(outcome)) == 2:
        assert metrics.auc(outcome, score) == pytest.approx(roc_auc_score(outcome, score))


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(0, 4)), min_size=2, max_size=25).filter(
        lambda rows: 0.01 < sum(p for p, _ in rows) < len(rows) - 0.01
    )
)
def test_soft_auc_agrees_with_all_pairs(rows: list[tuple[float, int]]) -> None:
    p, score = (array(*column) for column in zip(*rows, strict=True))
    right = weight = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                share = p[i] * (1 - p[j])
                weight += share
                right += share * (float(score[i] > score[j]) + 0.5 * float(score[i] == score[j]))
    assert metrics.auc(p, score) == pytest.approx(right / weight, abs=1e-9)


def test_soft_auc_is_the_mean_over_draws_of_the_outcome() -> None:
    rng = np.random.default_rng(5)
    p = rng.beta(1, 2, size=2000)
    score = p + rng.normal(scale=0.2, size=2000)
    drawn = [metrics.auc((rng.random(2000) < p).astype(float), score) for _ in range(200)]
    assert metrics.auc(p, score) == pytest.approx(np.mean(drawn), abs=3 * np.std(drawn) / np.sqrt(200))


def test_auc_influence_sums_to_nothing_and_foretells_a_resample() -> None:
    rng = np.random.default_rng(1)
    outcome = (rng.random(3000) < 0.3).astype(float)
    score = outcome + rng.normal(size=3000)
    value, influence = metrics.auc_influence(outcome, score)
    assert influence.sum() == pytest.approx(0.0, abs=1e-9)
    drawn = rng.integers(3000, size=3000)
    resampled = metrics.auc(outcome[drawn], score[drawn])
    assert resampled - value == pytest.approx(influence[drawn].sum(), abs=2e-4)
    assert abs(resampled - value) > 1e-3


def test_log_loss_and_brier_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    likelihood = rng.random(500)
    outcome = (rng.random(500) < likelihood).astype(float)
    assert metrics.log_losses(outcome, likelihood).mean() == pytest.approx(log_loss(outcome, likelihood))
    assert metrics.brier_scores(outcome, likelihood).mean() == pytest.approx(brier_score_loss(outcome, likelihood))


def test_losses_of_soft_outcomes_are_expectations() -> None:
    p, q = array(0.3), array(0.6)
    assert metrics.log_losses(p, q)[0] == pytest.approx(-0.3 * np.log(0.6) - 0.7 * np.log(0.4))
    assert metrics.brier_scores(p, q)[0] == pytest.approx(0.3 * 0.4**2 + 0.7 * 0.6**2)


def test_a_certain_likelihood_that_was_wrong_costs_much_but_not_infinitely() -> None:
    losses = metrics.log_losses(array(1, 0, 1, 0), array(0, 1, 1, 0))
    assert losses[:2] == pytest.approx(36.04, abs=0.01)
    assert losses[2:] == pytest.approx(0.0, abs=1e-12)


def test_reliability_by_hand() -> None:
    likelihood = array(0.1, 0.1, 0.3, 0.3, 0.8, 0.8)
    table = metrics.reliability(array(0, 0, 1, 0, 1, 0), likelihood, bins=3)
    assert table["rows"].tolist() == [2, 2, 2]
    assert table["likelihood"].tolist() == pytest.approx([0.1, 0.3, 0.8])
    assert table["observed"].tolist() == pytest.approx([0.0, 0.5, 0.5])
    assert metrics.calibration_error(table) == pytest.approx((0.1 + 0.2 + 0.3) / 3)


def test_the_interval_of_a_bin_is_wilsons() -> None:
    table = metrics.reliability(array(1, 1, 0, 0, 0, 0, 0, 0, 0, 0), np.full(10, 0.2), bins=1)
    # Wilson (1927) for 2 of 10.
    assert table[["low", "high"]].iloc[0].tolist() == pytest.approx([0.0567, 0.5098], abs=1e-4)


def test_equal_likelihoods_share_a_bin_whatever_the_order_of_rows() -> None:
    rng = np.random.default_rng(3)
    likelihood = rng.choice([0.0, 0.2, 0.2, 0.2, 1.0], size=999)
    outcome = (rng.random(999) < likelihood).astype(float)
    table = metrics.reliability(outcome, likelihood, bins=10)
    assert table["likelihood"].tolist() == pytest.approx([0.0, 0.2, 1.0])
    mixed = rng.permutation(999)
    assert metrics.reliability(outcome[mixed], likelihood[mixed], bins=10)["rows"].equals(table["rows"])


def test_calibration_error_by_chance_is_what_calibrated_likelihoods_show() -> None:
    rng = np.random.default_rng(4)
    likelihood = rng.beta(1, 3, size=1500)
    mean, high = metrics.calibration_error_by_chance(likelihood)
    errors = [
        metrics.calibration_error(metrics.reliability((rng.random(1500) < likelihood).astype(float), likelihood))
        for _ in range(400)
    ]
    assert mean == pytest.approx(np.mean(errors), rel=0.05)
    assert np.mean(np.array(errors) <= high) == pytest.approx(0.95, abs=0.03)


CAMPAIGN = np.array([0, 0, 0, 1, 1, 2])
ACTIONS = array(10, 0, 30, 5, 5, 0)


def test_places_put_the_unknown_last_and_break_ties_by_the_key() -> None:
    places = metrics.places(CAMPAIGN, array(1, NAN, 2, 7, 7, NAN), np.array([0, 0, 0, 9, 3, 0]))
    assert places.tolist() == [1, 2, 0, 1, 0, 0]


def test_captured_by_hand() -> None:
    rank = np.array([0, 1, 2, 0, 1, 0])
    assert metrics.captured(CAMPAIGN, rank, ACTIONS, k=2).tolist() == [10, 10, 0]
    share = metrics.captured_share(CAMPAIGN, rank, ACTIONS, k=2)
    assert share[:2].tolist() == pytest.approx([0.25, 1.0])
    assert np.isnan(share[2])  # nobody brought anything: no choice was better than another


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ndcg_agrees_with_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    gain, score = rng.poisson(3, size=(20, 12)).astype(float), rng.random((20, 12))
    campaign = np.repeat(np.arange(20), 12)
    rank = metrics.places(campaign, score.ravel(), np.zeros(240))
    found = metrics.ndcg(campaign, rank, gain.ravel(), k=k)
    expected = [ndcg_score(gain[[i]], score[[i]], k=k) for i in range(20)]
    assert found == pytest.approx(expected)


def test_gains_by_hires_and_by_cost_by_hand() -> None:
    rank, ones = np.array([1, 2, 0, 0, 1, 0]), np.ones(6)
    found = metrics.gains(CAMPAIGN, rank, ACTIONS, ones, shares=[0, 1 / 3, 0.5, 1])
    assert found[0].tolist() == pytest.approx([0, 0.75, 0.875, 1])  # half of three: one and a half
    assert found[1].tolist() == pytest.approx([0, 1 / 3, 0.5, 1])
    assert np.isnan(found[2]).all()
    cost = array(100, 0, 300, 10, 30, 1)
    found = metrics.gains(CAMPAIGN, rank, ACTIONS, cost, shares=[0, 0.5, 0.75, 1])
    assert found[0].tolist() == pytest.approx([0, 0.75 * 200 / 300, 0.75, 1])
    assert found[1].tolist() == pytest.approx([0, 0.5 + 0.5 * 10 / 30, 0.5 + 0.5 * 20 / 30, 1])


def test_what_costs_nothing_comes_in_its_turn() -> None:
    campaign, rank = np.zeros(3, dtype=int), np.array([0, 1, 2])
    found = metrics.gains(campaign, rank, array(1, 2, 1), array(10, 0, 10), shares=[0.25, 0.5, 1])
    assert found[0].tolist() == pytest.approx([0.125, 0.75, 1])


def test_interval_coverage_includes_its_ends() -> None:
    assert metrics.interval_coverage(array(0, 5, 6), array(0, 1, 1), array(0, 5, 5)).tolist() == [1, 1, 0]


def test_a_budget_buys_in_order_and_the_last_one_in_part() -> None:
    campaign, rank = np.array([0, 0, 0, 1, 1]), np.array([2, 0, 1, 1, 0])
    cost = np.array([10.0, 4.0, 0.0, 5.0, 8.0])
    found = metrics.bought_share(campaign, rank, cost, np.array([9.0, 6.0]))
    # 4 for the first, nothing for the second, 5 of 10 for the third; 6 of 8 and then nothing is left.
    assert found.tolist() == [0.5, 1.0, 1.0, 0.0, 0.75]
    assert metrics.bought_share(campaign, rank, cost, np.array([0.0, 100.0])).tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_pit_histogram_by_hand() -> None:
    below, up_to = array(0.0, 0.05, 0.3, 1.0), array(0.2, 0.15, 0.3, 1.0)
    found = metrics.pit_histogram(below, up_to, bins=10)
    assert found[0] == pytest.approx([0.5, 0.5, *[0.0] * 8])  # evenly over its stretch
    assert found[1] == pytest.approx([0.5, 0.5, *[0.0] * 8])
    assert found.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0, 1.0])  # what was impossible is somewhere, too
    assert found[3, 9] == pytest.approx(1.0)


@pytest.mark.parametrize(("mean", "flat"), [(1.5, True), (3.0, False), (0.7, False)])
def test_pit_histograms_are_flat_where_the_forecast_is_right(mean: float, flat: bool) -> None:  # noqa: FBT001
    counts = np.arange(60)
    found = metrics.pit_histogram(poisson.cdf(counts - 1, mean), poisson.cdf(counts, mean), bins=10)
    expected = poisson.pmf(counts, 1.5) @ found  # over all that may come, not over draws
    assert (np.abs(expected - 0.1).max() < 1e-9) == flat
