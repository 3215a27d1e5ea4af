"""Exact Shapley values of a booster's raw scores, for rows against the rows of a background.

The game is the interventional one (Lundberg et al. 2020; Janzing et al. 2020): a coalition of features has the values
of the explained row, the others those of a background row, and what is shared out is the raw score less the mean score
of the background. LightGBM's own `pred_contrib` shares out against averages along the paths of the trees instead, which
can hold no input fixed.

For a tree the game is a sum over leaves, and for one leaf it has a closed form (`serving.shapley_kernels`): that of
Lundberg et al., leaf by leaf. As in Woodelf (Nadel and Wettenstein 2026), background rows that are alike to a leaf
count as one.
"""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from serving.shapley_kernels import leaf_codes, leaf_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from serving.distribution import FloatArray
    from serving.forest import Forest

    Path = tuple[tuple[int, bool], ...]

_ROWS = 64  # at a time, so that memory does not grow with the number of rows
_UNREACHED = -1


class Background(NamedTuple):
    """What the leaves of a booster make of some rows.

    Attributes
    ----------
    seen, share : arrays
        Distinct codes of the rows and how many of them have each; of leaf l at `start[l]` to `start[l + 1]`.
    start : array of shape (leaves + 1,)
    mean : array of shape (leaves,)
        What each leaf adds to the rows' mean score.
    """

    seen: NDArray[np.int64]
    share: FloatArray
    start: NDArray[np.int64]
    mean: FloatArray


class TreeShapley:
    """The trees of a forest, laid out by leaf.

    Parameters
    ----------
    forest : Forest
    fixed : int, optional
        A column of the matrix that is no player: background rows take it over from the explained row.
    """

    def __init__(self, forest: Forest, *, fixed: int | None = None) -> None:
        self.features, self.outputs = forest.features, forest.outputs
        self._forest = forest
        value: list[float] = []
        output: list[int] = []
        width: list[int] = []
        # A slot is one player of one leaf, with all conditions that the leaf puts to it.
        player: list[int] = []
        slots: list[int] = []
        conditions: list[tuple[int, bool]] = []
        demands: list[tuple[int, int, bool]] = []
        for tree, root in enumerate(forest.roots.tolist()):
            for leaf, path in _leaves(forest, root, ()):
                by_feature: dict[int, list[tuple[int, bool]]] = {}
                for node, goes_left in path:
                    by_feature.setdefault(int(forest.feature[node]), []).append((node, goes_left))
                demands += [(len(value), *step) for step in by_feature.pop(fixed, [])] if fixed is not None else []
                for feature, steps in by_feature.items():
                    player.append(feature)
                    slots.append(len(conditions))
                    conditions += steps
                value.append(float(forest.value[leaf]))
                output.append(tree % self.outputs)
                width.append(len(by_feature))
        self._value, self._output = np.array(value, dtype=np.float64), np.array(output, dtype=np.int64)
        self._width, self._player = np.array(width, dtype=np.int64), np.array(player, dtype=np.int64)
        self._first = np.cumsum(self._width) - self._width
        self._slots = np.array([*slots, len(conditions)], dtype=np.int64)
        self._conditions = np.array(conditions, dtype=np.int64).reshape(-1, 2).T.copy()
        self._demands = np.array(demands, dtype=np.int64).reshape(-1, 3).T
        most = range(max(width, default=0) + 1)
        self._weight = np.array([[factorial(p) * factorial(q) / factorial(p + q + 1) for q in most] for p in most])

    def background(self, matrix: FloatArray) -> Background:
        """Return what the leaves make of at least one row of a matrix (rows, features); fixed columns are not read."""
        codes = self._codes(self._forest.goes_left(matrix))
        found = [np.unique(column, return_counts=True) for column in codes.T]
        everybody = (1 << self._width) - 1
        return Background(
            seen=np.concatenate([seen for seen, _ in found]),
            share=np.concatenate([count for _, count in found]) / len(matrix),
            start=np.cumsum([0, *(len(seen) for seen, _ in found)]),
            mean=self._value * (codes == everybody).mean(axis=0),
        )

    def values(self, matrix: FloatArray, background: Background) -> tuple[FloatArray, FloatArray]:
        """Return the mean raw scores of the background, and what each feature adds to them.

        Parameters
        ----------
        matrix : array of shape (rows, features)
        background : Background

        Returns
        -------
        base : array of shape (rows, outputs)
            The same for all rows that have the fixed column in common.
        parts : array of shape (rows, outputs, features)
            Base and parts of an output add up to the booster's raw score.
        """
        base = np.zeros((len(matrix), self.outputs))
        parts = np.zeros((len(matrix), self.outputs, self.features))
        for first in range(0, len(matrix), _ROWS):
            rows = slice(first, first + _ROWS)
            left = self._forest.goes_left(matrix[rows])
            codes = self._codes(left)
            leaf, node, goes_left = self._demands
            row, place = np.nonzero(left[:, node] != goes_left)
            codes[row, leaf[place]] = _UNREACHED
            leaf_values(
                codes,
                self._value,
                self._width,
                self._first,
                self._player,
                self._output,
                background.seen,
                background.share,
                background.start,
                background.mean,
                self._weight,
                base[rows],
                parts[rows],
            )
        return base, parts

    def _codes(self, left: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return per row and leaf a number whose bits say which of the leaf's players meet its conditions."""
        node, goes_left = self._conditions
        return leaf_codes(left, node, goes_left, self._slots, self._first, self._width)


def _leaves(forest: Forest, node: int, path: Path) -> Iterator[tuple[int, Path]]:
    """Yield the leaves below a node, each with its path."""
    if node >= forest.splits:
        yield node - forest.splits, path
        return
    for goes_left in (True, False):
        yield from _leaves(forest, int(forest.children[node, int(goes_left)]), (*path, (node, goes_left)))
