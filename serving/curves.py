"""The additive part of a model: for each goal one piecewise linear curve per feature, whose values add up."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import FloatArray

_ROWS = 1024  # at a time, so that memory does not grow with the number of rows


class Curves(BaseModel):
    """Curves over the columns of the matrix, for each goal and, last, for a goal never seen.

    Between its knots a curve is linear, beyond them constant. The codes of a text are knots, so that each text has a
    value of its own. What is unknown has a value too.

    Attributes
    ----------
    knots : tuple of tuples
        Per feature, increasing; none where the feature does not count.
    values : tuple of tuples of tuples
        Per goal and feature, the curve at the knots.
    unknown : tuple of tuples
        Per goal and feature, the value of NaN.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    knots: tuple[tuple[FiniteFloat, ...], ...]
    values: tuple[tuple[tuple[FiniteFloat, ...], ...], ...]
    unknown: tuple[tuple[FiniteFloat, ...], ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        wanted = [len(knots) for knots in self.knots]
        if any(one >= two for knots in self.knots for one, two in pairwise(knots)):
            raise ValueError("knots must increase")
        if any([len(curve) for curve in curves] != wanted for curves in self.values):
            raise ValueError("each goal needs one value per knot")
        if len(self.unknown) != len(self.values) or any(len(row) != len(wanted) for row in self.unknown):
            raise ValueError("each goal needs one value per feature for what is unknown")
        return self

    def contributions(self, matrix: FloatArray, goal: NDArray[np.intp]) -> FloatArray:
        """Return what each feature adds, shape (rows, features).

        Parameters
        ----------
        matrix : array of shape (rows, features)
        goal : array of shape (rows,)
            Position of the goal; -1 for one never seen.
        """
        table = self._table
        parts = np.zeros(matrix.shape)
        used = np.flatnonzero(np.isfinite(table.knots[:, 0]))
        knots, last = table.knots[used], table.knots.shape[1] - 2
        for first in range(0, len(matrix), _ROWS):
            rows = slice(first, first + _ROWS)
            x, of_goal = matrix[rows][:, used], goal[rows, None]
            left = np.clip((x[:, :, None] >= knots).sum(axis=2) - 1, 0, last)
            start = np.take_along_axis(knots.T, left, axis=0)
            width = np.take_along_axis(knots.T, left + 1, axis=0) - start
            share = np.clip((x - start) / width, 0.0, 1.0)
            low, high = table.values[of_goal, used, left], table.values[of_goal, used, left + 1]
            parts[rows, used] = np.where(np.isnan(x), table.unknown[of_goal, used], low + share * (high - low))
        return parts

    def scaled(self, factor: float) -> Self:
        """Return the curves multiplied with a factor."""
        return type(self)(
            knots=self.knots,
            values=tuple(tuple(tuple(factor * y for y in curve) for curve in curves) for curves in self.values),
            unknown=tuple(tuple(factor * y for y in row) for row in self.unknown),
        )

    @cached_property
    def _table(self) -> _Table:
        """Return the curves as arrays, filled up with knots at infinity."""
        most = max([2, *(len(knots) + 1 for knots in self.knots)])
        knots = np.full((len(self.knots), most), np.inf)
        values = np.zeros((len(self.values), *knots.shape))
        for feature, own in enumerate(self.knots):
            knots[feature, : len(own)] = own
            for goal, curves in enumerate(self.values):
                values[goal, feature, : len(own)] = curves[feature]
                values[goal, feature, len(own) :] = curves[feature][-1] if own else 0.0
        return _Table(knots, values, np.array(self.unknown).reshape(len(self.values), len(self.knots)))


class _Table(NamedTuple):
    knots: FloatArray
    values: FloatArray
    unknown: FloatArray
