from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from training.metrics import bought_share
from training.policies import (
    ORACLE,
    POLICIES,
    OneScore,
    availability,
    by_likelihood,
    by_money,
    hire_order,
    per_fee,
    simple_scores,
    spending_score,
)

NAN = float("nan")


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "campaign_id": np.repeat([f"c{number}" for number in range(200)], 10),
            "account_id": np.tile([f"a{number}" for number in range(10)], 200),
        }
    )


def campaign(pairs: pd.DataFrame) -> np.ndarray:
    return pd.factorize(pairs["campaign_id"])[0].astype(np.int64)


def test_ties_are_broken_by_chance_and_not_by_id(pairs: pd.DataFrame) -> None:
    order = hire_order(pairs, campaign(pairs), np.zeros(len(pairs)), seed=0)
    mean_place = pd.Series(order).groupby(pairs["account_id"]).mean()
    # A place is uniform on 0..9: its mean over 200 campaigns is 4.5, give or take 0.2.
    assert mean_place.between(4.5 - 4 * 0.203, 4.5 + 4 * 0.203).all()
    first = pairs["account_id"][order == 0]
    assert first.nunique() == 10


def test_the_order_does_not_depend_on_the_order_of_the_rows(pairs: pd.DataFrame) -> None:
    score = np.round(np.random.default_rng(0).random(len(pairs)), 1)
    order = hire_order(pairs, campaign(pairs), score, seed=3)
    mixed = np.random.default_rng(1).permutation(len(pairs))
    shuffled = pairs.iloc[mixed]
    assert (hire_order(shuffled, campaign(shuffled), score[mixed], seed=3) == order[mixed]).all()
    assert (hire_order(pairs, campaign(pairs), score, seed=4) != order).any()


def test_unknown_scores_are_hired_last(pairs: pd.DataFrame) -> None:
    score = np.tile([NAN, -5.0, NAN, *range(7)], 200)
    order = hire_order(pairs, campaign(pairs), score, seed=0)
    assert (order[np.isnan(score)] >= 8).all()
    assert (order[score == -5.0] == 7).all()


def test_chance_is_seeded_and_fair(pairs: pd.DataFrame) -> None:
    X = pd.DataFrame(index=pairs.index)
    score = simple_scores(pairs, X, seed=1)["random"]
    assert (score == simple_scores(pairs, X, seed=1)["random"]).all()
    assert (score != simple_scores(pairs, X, seed=2)["random"]).all()
    order = hire_order(pairs, campaign(pairs), score, seed=1)
    assert abs(order[pairs["account_id"] == "a0"].mean() - 4.5) < 4 * 0.203


def test_features_that_are_absent_or_null_are_not_replaced(pairs: pd.DataFrame) -> None:
    X = pd.DataFrame({"log_followers": 3.0, "peerindex": NAN}, index=pairs.index)
    scores = simple_scores(pairs, X, seed=0)
    assert np.isnan(scores["peerindex"]).all()
    assert np.isnan(scores["klout"]).all()
    rows = pd.DataFrame({f"score_{name}": score for name, score in scores.items()})
    found = {one["name"]: one for one in availability(rows)}
    assert set(found) == set(POLICIES)
    assert found["followers"]["available"]
    assert found["followers"]["reason"] is None
    assert not found["peerindex"]["available"]
    assert found["peerindex"]["reason"] == "peerindex is unknown throughout; it needs interactions"
    assert "simulated" in str(found[ORACLE]["reason"])


def test_money_counts_where_it_is_known_of_the_whole_campaign() -> None:
    codes = np.array([0, 0, 1, 1])
    score = by_money(codes, np.array([-3.0, 5.0, 9.0, NAN]), np.array([0.9, 0.1, 0.2, 0.3]))
    assert score.tolist() == [-3.0, 5.0, 0.2, 0.3]


def test_equal_likelihoods_go_by_the_expected_actions() -> None:
    score = by_likelihood(np.array([1.0, 0.5, 1.0, 1.0]), np.array([10.0, 99.0, 30.0, 10.0]))
    assert score[2] > score[0] == score[3] > score[1]


@pytest.fixture(scope="module")
def past() -> tuple[np.ndarray, pd.Series, np.ndarray]:
    rng = np.random.default_rng(0)
    score = np.exp(rng.normal(3, 1.5, size=4000))
    score[rng.random(4000) < 0.2] = NAN
    goal = pd.Series(rng.choice(["sale", "traffic"], size=4000))
    log_odds = np.where(np.isnan(score), 0.4, np.log1p(np.nan_to_num(score)) - 3) + np.where(goal == "sale", -1, 0.5)
    return score, goal, (rng.random(4000) < 1 / (1 + np.exp(-log_odds))).astype(float)


def test_one_score_states_calibrated_likelihoods(past: tuple[np.ndarray, pd.Series, np.ndarray]) -> None:
    score, goal, reached = past
    rule = OneScore(is_log=False).fit(score[:3000], goal[:3000], reached[:3000])
    likelihood = rule.likelihood(score[3000:], goal[3000:])
    true = 1 / (
        1
        + np.exp(
            -(np.where(np.isnan(score), 0.4, np.log1p(np.nan_to_num(score)) - 3) + np.where(goal == "sale", -1, 0.5))
        )
    )
    assert np.abs(likelihood - true[3000:]).mean() < 0.03
    assert log_loss(reached[3000:], likelihood) < log_loss(reached[3000:], np.full(1000, reached[:3000].mean()))


def test_one_score_that_is_a_logarithm_is_taken_as_it_is(past: tuple[np.ndarray, pd.Series, np.ndarray]) -> None:
    score, goal, reached = past
    plain = OneScore(is_log=False).fit(score, goal, reached).likelihood(score, goal)
    logs = OneScore(is_log=True).fit(np.log1p(score), goal, reached).likelihood(np.log1p(score), goal)
    assert np.array_equal(plain, logs)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_outcome_in_the_past_is_no_certainty(outcome: float) -> None:
    goal = pd.Series(["sale"] * 9)
    rule = OneScore(is_log=False).fit(np.arange(9.0), goal, np.full(9, outcome))
    assert rule.likelihood(np.array([5.0]), goal[:1])[0] == pytest.approx((9 * outcome + 0.5) / 10)


def test_a_score_or_goal_that_the_past_did_not_have_gives_a_likelihood() -> None:
    goal = pd.Series(["sale"] * 40)
    rule = OneScore(is_log=False).fit(np.full(40, NAN), goal, np.tile([0.0, 1.0, 1.0, 1.0], 10))
    likelihood = rule.likelihood(np.array([1e9, NAN]), pd.Series(["sale", "awareness"]))
    assert np.isfinite(likelihood).all()
    assert likelihood[0] == pytest.approx(0.75, abs=0.1)


def test_money_buys_the_most_value_per_fee() -> None:
    """Ten cheap accounts bring more for the same money than the dear one that leaves most after its fee."""
    rows = pd.DataFrame({"value": [1000.0, *[120.0] * 10, 0.0, 5.0], "fee": [500.0, *[50.0] * 10, 0.0, 0.0]})
    campaign, unknown = np.zeros(len(rows), dtype=np.int64), np.arange(len(rows), dtype=float)
    value, fee = rows["value"].to_numpy(), rows["fee"].to_numpy()
    rows["score_model"] = by_money(campaign, value - fee, unknown)
    rows["score_model_per_fee"] = per_fee(campaign, value, fee, unknown)
    rows["score_followers"] = unknown
    bought = {}
    for name, score in (("net", rows["score_model"].to_numpy()), ("per fee", spending_score(rows, "model"))):
        order = hire_order(rows.assign(campaign_id="c", account_id=rows.index.astype(str)), campaign, score, seed=0)
        bought[name] = bought_share(campaign, order, fee, np.array([500.0])) @ value
    # What costs nothing and brings something comes first; what brings nothing last.
    assert bought == {"net": 1000.0, "per fee": 1205.0}
    assert spending_score(rows, "model").argmax() == len(rows) - 1
    assert spending_score(rows, "model").argmin() == len(rows) - 2
    assert np.array_equal(spending_score(rows, "followers"), unknown)
    # One unknown fee, and the campaign goes by the other score altogether.
    assert np.array_equal(per_fee(campaign, value, np.where(fee == 500, np.nan, fee), unknown), unknown)
