"""The additive part of a model: for each goal one piecewise linear curve per feature, whose values add up."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

from serving import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import FloatArray

_ROWS = 1024  # at a time: what they add up stays in the processor's cache


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
        return kernels.contributions(
            np.ascontiguousarray(matrix.T), goal, table.knots, table.sizes, table.values, table.unknown
        )

    def total(self, matrix: FloatArray, goal: NDArray[np.intp]) -> FloatArray:
        """Return what all features together add, shape (rows,); some rows at a time, so that little memory is used."""
        rows = range(0, len(matrix), _ROWS)
        sums = [self.contributions(matrix[k : k + _ROWS], goal[k : k + _ROWS]).sum(axis=1) for k in rows]
        return np.concatenate(sums) if sums else np.zeros(0)

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
        sizes = np.array([len(own) for own in self.knots], np.int64)
        return _Table(knots, sizes, values, np.array(self.unknown).reshape(len(self.values), len(self.knots)))


class _Table(NamedTuple):
    knots: FloatArray
    sizes: NDArray[np.int64]
    values: FloatArray
    unknown: FloatArray
