"""The trees of a booster, laid out for scoring: what LightGBM answers, to the last bit, without asking it.

A request wants three boosters' scores of a few accounts, and one of them at every rung of the second opinion. To call
LightGBM takes longer than that, and it walks each tree once per rung, where one walk that parts at the rungs will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from serving import tree_kernels
from serving.boosters import trees

if TYPE_CHECKING:
    import numpy.typing as npt

    from serving.distribution import FloatArray

    _Tree = dict[str, npt.NDArray[Any]]

MOST_VALUES = 62
"""So many values of the last feature have a bit each in an int64."""
_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; above them what stands for unknown
_ZERO, _NUMBERS = 1, {"threshold": np.float64, "leaf_value": np.float64}
_LINES = ("split_feature", "decision_type", "threshold", "left_child", "right_child", "leaf_value")
_NOTHING = np.empty(0)
_MANY = 64  # rows that are worth a look at what they have in common


class Forest:
    """Trees with constant leaves.

    Parameters
    ----------
    text : str
        A LightGBM model.
    features, outputs : int
        How many numbers it must take, and give, for a row.

    Attributes
    ----------
    splits : int
        Number of nodes with children; they stand before the others, the leaves.
    feature, threshold, kind : (nodes,) arrays
        The condition of each split: see `serving.tree_kernels`.
    children : (nodes, 2) int64
        Where rows go that do not meet the condition, and those that do. A leaf leads to itself.
    value : (nodes,) float64
        What leaves add to the score.
    roots, depth : (trees,) int64
        First node of each tree, and how many splits lie on its longest path. Trees of several outputs take turns.

    Raises
    ------
    ValueError
        Where the text is no such model; the message says what is wrong.
    """

    def __init__(self, text: str, *, features: int, outputs: int = 1) -> None:
        self.features, self.outputs = features, outputs
        parts = [_read(part) for part in trees(text, features=features, scores=outputs).split("\nTree=")[1:]]
        splits = np.array([len(part["split_feature"]) for part in parts])
        self.splits = int(splits.sum())
        first = np.cumsum(splits) - splits
        first_leaf = self.splits + first + np.arange(len(parts))
        joined = {name: np.concatenate([part[name] for part in parts]) for name in _LINES}
        decision, threshold = joined["decision_type"], joined["threshold"]
        categorical, unknown = decision & _CATEGORICAL > 0, decision >> 2
        # The threshold of a text is the place of its codes: here among those of all trees.
        sets = np.cumsum([0, *(len(part["cat_boundaries"]) - 1 for part in parts)])[:-1]
        words = np.cumsum([0, *(len(part["cat_threshold"]) for part in parts)])[:-1]
        threshold[categorical] += np.repeat(sets, splits)[categorical]
        bounds = [part["cat_boundaries"][1:] + start for part, start in zip(parts, words, strict=True)]
        self._bounds = np.concatenate([[0], *bounds])
        self._members = np.concatenate([[0], *(part["cat_threshold"] for part in parts)])[1:]
        # LightGBM takes what is unknown for 0 where training knew all.
        left = np.where(unknown == 0, threshold >= 0, decision & _DEFAULT_LEFT > 0)
        kind = (
            tree_kernels.UNKNOWN_LEFT * (left & ~categorical)
            | tree_kernels.CATEGORICAL * categorical
            | tree_kernels.ZERO_UNKNOWN * ((unknown == _ZERO) & ~categorical)
        )
        leaves = np.zeros(len(joined["leaf_value"]), np.int64)
        self.feature, self.kind = (np.concatenate([of, leaves]) for of in (joined["split_feature"], kind))
        self.threshold = np.concatenate([threshold, leaves])
        self.value = np.concatenate([np.zeros(self.splits), joined["leaf_value"]])
        self.children = np.repeat(np.arange(len(self.value)), 2).reshape(-1, 2)
        for place, side in enumerate(("right_child", "left_child")):
            child = joined[side]
            of_leaf = np.repeat(first_leaf, splits) + ~child
            self.children[: self.splits, place] = np.where(child < 0, of_leaf, np.repeat(first, splits) + child)
        self._conditions = self.feature, self.threshold, self.kind, self._bounds, self._members
        roots, nothing = np.where(splits > 0, first, first_leaf), np.zeros(features)
        self.roots, self.depth, _ = tree_kernels.decided(nothing, nothing > 0, roots, self.children, *self._conditions)
        self._masks: dict[bytes, npt.NDArray[np.int64]] = {}

    def scores(self, matrix: FloatArray, last: FloatArray = _NOTHING) -> FloatArray:
        """Return the raw scores of rows, (n, outputs).

        Parameters
        ----------
        matrix : (n, features) float64
            Without the last feature where that is given as `last`, (n,).
        """
        matrix = np.ascontiguousarray(matrix)
        walk = self._walk(matrix, last)
        return tree_kernels.scores(matrix, last, self.outputs, *walk, self.value, *self._conditions)

    def table(self, matrix: FloatArray, values: FloatArray) -> FloatArray:
        """Return the scores of rows with each value of the last feature, (n, m); of a forest with one output.

        Parameters
        ----------
        matrix : (n, features - 1) float64
        values : (m,) float64
            At most `MOST_VALUES`.
        """
        key = values.tobytes()
        if key not in self._masks:
            asked = np.zeros((len(values), self.features))
            asked[:, -1] = values
            bits = self.goes_left(asked).astype(np.int64) << np.arange(len(values))[:, None]
            self._masks[key] = bits.sum(axis=0)
        matrix = np.ascontiguousarray(matrix)
        roots, _, children = self._walk(matrix, _NOTHING)
        masks = self._masks[key]
        return tree_kernels.table(matrix, masks, len(values), roots, children, self.value, *self._conditions)

    def goes_left(self, matrix: FloatArray) -> npt.NDArray[np.bool_]:
        """Return whether rows, (n, features), meet the condition of each split, (n, splits)."""
        return tree_kernels.goes_left(np.ascontiguousarray(matrix), self.splits, *self._conditions)

    def _walk(self, matrix: FloatArray, last: FloatArray) -> tuple[npt.NDArray[np.int64], ...]:
        """Return roots, depth and children of the trees that rows have to walk through.

        Many rows are mostly of one brief and share what it says: splits by that are decided once for all of them.
        """
        if len(matrix) < _MANY:
            return self.roots, self.depth, self.children
        constant, row = np.zeros(self.features, np.bool_), np.zeros(self.features)
        for columns, values in ((slice(matrix.shape[1]), matrix), (slice(-1, None), last[:, None])):
            if len(values):
                constant[columns], row[columns] = tree_kernels.constants(values), values[0]
        return tree_kernels.decided(row, constant, self.roots, self.children, *self._conditions)


def _read(text: str) -> _Tree:
    """Return the lines of a tree that scores depend on, as arrays."""
    lines = dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
    leaves = int(lines["num_leaves"])
    found = {
        # A tree of one leaf may name a split that it does not have.
        name: np.array(lines[name].split(), _NUMBERS.get(name, np.int64))[: leaves - (name != "leaf_value")]
        for name in _LINES
    }
    for name, none in (("cat_boundaries", "0"), ("cat_threshold", "")):
        found[name] = np.array(lines.get(name, none).split(), np.int64)
    return found
