from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.off_policy import world
from training.off_policy import Log, NoOverlapError, OffPolicyEvaluation

NAN = float("nan")


def log(*, hired: int = 40, propensity: float = 0.5, others: int = 40) -> Log:
    """Return candidates of whom the first are hired and bring 3 each, where 2 were expected."""
    n = hired + others
    was = np.arange(n) < hired
    return Log(was, np.full(n, propensity), np.where(was, 3.0, NAN), np.full(n, 2.0), np.ones(n))


def test_values_by_hand() -> None:
    judge = OffPolicyEvaluation(log())
    roster = np.r_[np.ones(30), np.full(10, 0.5), np.zeros(40)]
    found = {name: one.value for name, one in judge.estimate(roster).items()}
    # Weights are 2 for the first 30 and 1 for the next 10; the roster hires 35.
    assert found == pytest.approx(
        {"inverse_propensity": 70 * 3, "self_normalised": 35 * 3, "doubly_robust": 35 * 2 + 70 * 1}
    )
    overlap = judge.overlap(roster)
    assert overlap.matched == 40
    assert overlap.effective == pytest.approx(70**2 / (30 * 4 + 10))
    assert overlap.largest_weight == pytest.approx(2 / 70)
    assert overlap.supported == pytest.approx(70 / 35)


def test_a_roster_of_those_hired_for_certain_is_worth_what_came() -> None:
    certain = log(propensity=1.0)
    found = OffPolicyEvaluation(certain).estimate(certain.hired.astype(float))
    assert [one.value for one in found.values()] == pytest.approx([120.0] * 3)
    against = OffPolicyEvaluation(certain).against_hired(certain.hired.astype(float))
    for one in against.values():
        assert (one.value, one.low, one.high) == pytest.approx((0.0, 0.0, 0.0))


def test_differences_are_paired() -> None:
    """Two rosters that share nearly all are told apart more sharply than either is known."""
    drawn = world(np.random.default_rng(1))
    first = drawn.roster(drawn.log.expected)
    other = first.copy()
    other[np.flatnonzero(first)[:30]] = 0.0
    judge = OffPolicyEvaluation(drawn.log)
    gap = judge.estimate(first, against=other)
    for name in ("inverse_propensity", "doubly_robust"):
        alone, without = judge.estimate(first)[name], judge.estimate(other)[name]
        assert gap[name].value == pytest.approx(alone.value - without.value)
        assert gap[name].high - gap[name].low < 0.5 * (alone.high - alone.low)


def test_a_good_model_makes_sharper_intervals() -> None:
    drawn = world(np.random.default_rng(2), campaigns=80)
    roster = drawn.roster(drawn.log.expected)
    sharp = replace(drawn.log, expected=drawn.true)
    ends = [OffPolicyEvaluation(one).estimate(roster)["doubly_robust"] for one in (drawn.log, sharp)]
    weighed = OffPolicyEvaluation(sharp).estimate(roster)["inverse_propensity"]
    assert ends[1].high - ends[1].low < weighed.high - weighed.low


def test_more_coverage_is_wider() -> None:
    drawn = world(np.random.default_rng(3))
    roster = drawn.roster(drawn.log.expected)
    narrow, wide = (
        OffPolicyEvaluation(drawn.log, coverage=coverage).estimate(roster)["doubly_robust"] for coverage in (0.8, 0.95)
    )
    assert narrow.value == wide.value
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize(
    ("case", "roster", "reason"),
    [
        (log(), np.r_[np.zeros(40), np.ones(40)], "only 0 of those it would have hired were hired"),
        (log(), np.r_[np.ones(19), np.zeros(61)], "only 19 .* worth 19 equally weighted activations; 20 are needed"),
        (log(), np.zeros(80), "only 0 of those"),
        (
            replace(log(hired=400), propensity=np.r_[1 / 175, np.full(439, 0.5)]),
            np.ones(440),
            "one activation has 18% of the weight of all 400",
        ),
        (
            log(hired=30, propensity=0.99, others=400),
            np.ones(430),
            "those hired can stand for 7% of it; the rest are accounts such as were hardly ever hired",
        ),
    ],
)
def test_no_overlap_is_refused_in_words(case: Log, roster: np.ndarray, reason: str) -> None:
    judge = OffPolicyEvaluation(case)
    with pytest.raises(NoOverlapError, match=reason):
        judge.estimate(roster)
    with pytest.raises(NoOverlapError, match=reason):
        judge.against_hired(roster)


def test_a_rival_without_overlap_is_refused_too() -> None:
    judge = OffPolicyEvaluation(log())
    with pytest.raises(NoOverlapError, match="only 0 of those"):
        judge.estimate(np.ones(80), against=np.r_[np.zeros(40), np.ones(40)])
    assert judge.estimate(np.ones(80), against=np.r_[np.ones(20), np.zeros(60)])
