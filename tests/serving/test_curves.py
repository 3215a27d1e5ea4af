from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from serving.curves import Curves

KNOTS = ((0.0, 1.0, 3.0), (0.0, 1.0), ())
CURVES = Curves(
    knots=KNOTS,
    values=(((0.0, 2.0, 1.0), (5.0, 7.0), ()), ((0.0, -2.0, -2.0), (1.0, 1.0), ())),
    unknown=((0.5, 0.25, 0.0), (-0.5, 0.0, 0.0)),
)


@pytest.mark.parametrize(
    ("goal", "row", "parts"),
    [
        (0, (0.0, 0.0, 9.0), (0.0, 5.0, 0.0)),
        (0, (0.5, 1.0, 9.0), (1.0, 7.0, 0.0)),  # halfway up; the second text
        (0, (2.0, 1.0, 9.0), (1.5, 7.0, 0.0)),
        (0, (-8.0, 0.0, 9.0), (0.0, 5.0, 0.0)),  # constant before the first knot
        (0, (3.0, 0.0, 9.0), (1.0, 5.0, 0.0)),
        (0, (80.0, 0.0, 9.0), (1.0, 5.0, 0.0)),  # and behind the last
        (0, (np.nan, np.nan, np.nan), (0.5, 0.25, 0.0)),
        (1, (0.5, 1.0, 9.0), (-1.0, 1.0, 0.0)),
        (-1, (0.5, 1.0, 9.0), (-1.0, 1.0, 0.0)),  # a goal never seen has the last curves
    ],
)
def test_by_hand(goal: int, row: tuple[float, ...], parts: tuple[float, ...]) -> None:
    assert CURVES.contributions(np.array([row]), np.array([goal])).tolist() == [list(parts)]


def test_many_rows_are_one_row_many_times() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(1, 2, (3000, 3))
    matrix[random.random(matrix.shape) < 0.1] = np.nan
    goal = random.integers(-1, 2, len(matrix))
    together = CURVES.contributions(matrix, goal)
    alone = [CURVES.contributions(matrix[[row]], goal[[row]])[0] for row in range(0, len(matrix), 97)]
    assert np.array_equal(together[::97], alone)
    assert np.array_equal(together.sum(axis=1)[::97], [parts[None].sum(axis=1)[0] for parts in alone])


def test_no_rows_no_features() -> None:
    nothing = Curves(knots=(), values=((), ()), unknown=((), ()))
    assert nothing.contributions(np.empty((2, 0)), np.array([0, -1])).shape == (2, 0)
    assert CURVES.contributions(np.empty((0, 3)), np.empty(0, dtype=np.intp)).shape == (0, 3)


def test_scaled() -> None:
    matrix, goal = np.array([[0.7, 1.0, 0.0], [np.nan, 0.0, 0.0]]), np.array([0, 1])
    half = CURVES.scaled(0.5)
    assert np.allclose(half.contributions(matrix, goal), 0.5 * CURVES.contributions(matrix, goal))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"knots": ((0.0, 0.0, 3.0), (0.0, 1.0), ())}, "knots must increase"),
        ({"knots": ((0.0, 1.0), (0.0, 1.0), ())}, "one value per knot"),
        ({"unknown": ((0.5, 0.25, 0.0),)}, "what is unknown"),
        ({"unknown": ((0.5, 0.25), (0.0, 0.0))}, "what is unknown"),
        ({"knots": ((0.0, float("nan"), 3.0), (0.0, 1.0), ())}, "finite"),
    ],
)
def test_curves_that_do_not_fit(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Curves.model_validate({**CURVES.model_dump(), **change})
