from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.thresholds import Opinion, actions_of, examples

RUNGS = np.array([-2.0, -1.0, 0.0, 1.0])
LOGITS = np.array([2.0, 0.5, -0.25, -3.0])  # of every rung, for all rows


class Told:
    """What a forest would be that says the same of every row: the logits of the rungs."""

    def __init__(self, logits: np.ndarray) -> None:
        self.logits = logits

    def table(self, matrix: np.ndarray, values: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        told = values if chosen is None else values[chosen]
        return np.tile(self.logits[np.searchsorted(RUNGS, told)], (len(matrix), 1))


def opinion(log_scale: float, rows: int, logits: np.ndarray = LOGITS) -> Opinion:
    """Return an opinion that says the same of every row, in the words of its rungs."""
    forest: Any = Told(logits)
    return Opinion(forest, np.zeros((rows, 2)), np.full(rows, log_scale), RUNGS)


@pytest.mark.parametrize("log_scale", [-1.0, 0.3, 2.5, 6.0])
@pytest.mark.parametrize("tabulated", [False, True])
def test_a_rung_stands_for_the_number_it_learnt_from_and_a_line_lies_between(
    log_scale: float, *, tabulated: bool
) -> None:
    at_least = np.arange(1.0, 2001.0)
    said = opinion(log_scale, len(at_least))
    if tabulated:
        said.rows()
    # What the booster is taught of: rungs that mean the same number of actions are one, the highest.
    knots = dict(zip(actions_of(log_scale + RUNGS).tolist(), LOGITS.tolist(), strict=True))
    expected = np.interp(np.log(at_least), np.log(list(knots)), list(knots.values()))
    np.testing.assert_allclose(said(at_least), expected, rtol=0, atol=1e-12)


def test_more_actions_are_never_likelier_whatever_rounding_does() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        logits = np.sort(rng.normal(size=4) * 10.0 ** rng.integers(-12, 2))[::-1]
        at_least = np.unique(np.ceil(10 ** rng.uniform(0, 15, 400)))
        at_least = np.unique(np.concatenate([at_least, at_least + 1]))
        said = opinion(rng.uniform(-2, 30), len(at_least), logits)(at_least)
        assert (np.diff(said) <= 0).all()


def test_half_of_the_actions_reach_half_as_many() -> None:
    at_least = np.array([4.0, 9.0, 40.0])
    whole = opinion(3.0, 3)
    lower, upper, part = whole.scaled(np.full(3, 0.5)).between(at_least)
    expected = whole.between(2 * at_least)
    np.testing.assert_array_equal([lower, upper], expected[:2])
    np.testing.assert_allclose(part, expected[2], atol=0.2)  # but for whole numbers


def test_examples_are_asked_about_whole_numbers() -> None:
    scale = np.array([0.4, 0.4, 0.4])
    asked, reached = examples(np.arange(3.0)[:, None], np.array([0.0, 1.0, 5.0]), scale, RUNGS)
    wanted = actions_of(0.4 + asked[:, -1])
    assert set(wanted) == {1.0, 2.0, 5.0}  # the two lowest rungs both mean one action
    assert -2.0 not in asked[:, -1]
    np.testing.assert_array_equal(reached, (np.array([0.0, 1.0, 5.0])[asked[:, 0].astype(int)] >= wanted).astype(float))
