"""The trees of a booster, laid out for scoring: what LightGBM answers, to the last bit, without asking it.

A request wants three boosters' scores of a few accounts, and one of them at every rung of the second opinion. To call
LightGBM takes longer than that, and it walks each tree once per rung. Here nobody walks: every condition of a tree is
looked at, for many rows side by side. One that a row does not meet strikes out the leaves to its left, and of those
that remain the leftmost is the row's (QuickScorer: Lucchese et al. 2015). What a rung strikes out is known beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from serving import tree_kernels
from serving.boosters import trees

if TYPE_CHECKING:
    import numpy.typing as npt

    from serving.distribution import FloatArray

    _Tree = dict[str, npt.NDArray[Any]]
    _Integers = npt.NDArray[np.int64]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; above them what stands for unknown
_ZERO, _NUMBERS = 1, {"threshold": np.float64, "leaf_value": np.float64}
_LINES = ("split_feature", "decision_type", "threshold", "left_child", "right_child", "leaf_value")
_EVERY_BIT = np.uint64(2**64 - 1)


class _Conditions(NamedTuple):
    """The conditions of trees; see `tree_kernels.scores`. Those of tree i begin at `first[i]`."""

    first: _Integers
    feature: _Integers
    threshold: FloatArray
    kind: _Integers
    word: _Integers
    mask: _Integers


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
    feature, threshold, kind : (splits,) arrays
        The condition of each split: see `serving.tree_kernels`.
    children : (splits, 2) int64
        Where rows go that do not meet the condition, and those that do.
    value : (leaves,) float64
        What leaves add to the score: tree after tree, in each from left to right.
    roots : (trees,) int64
        First node of each tree. Trees of several outputs take turns.

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
        self.feature, self.threshold = joined["split_feature"], threshold
        self.kind = (
            tree_kernels.UNKNOWN_LEFT * (left & ~categorical)
            | tree_kernels.CATEGORICAL * categorical
            | tree_kernels.ZERO_UNKNOWN * ((unknown == _ZERO) & ~categorical)
        )
        roots = np.where(splits > 0, first, first_leaf)
        children = np.empty((self.splits, 2), np.int64)
        for place, side in enumerate(("right_child", "left_child")):
            child = joined[side]
            of_leaf = np.repeat(first_leaf, splits) + ~child
            children[:, place] = np.where(child < 0, of_leaf, np.repeat(first, splits) + child)
        start, below = tree_kernels.from_left(children, roots, len(joined["leaf_value"]))
        renumbered = np.concatenate([np.arange(self.splits), self.splits + start[self.splits :]])
        self.children, self.roots = renumbered[children], renumbered[roots]
        self.value = np.empty(len(joined["leaf_value"]))
        self.value[start[self.splits :]] = joined["leaf_value"]
        self._leaves = np.concatenate([[0], np.cumsum(splits + 1)])
        self._words = np.concatenate([[0], np.cumsum(splits // tree_kernels.WORD + 1)])
        self._tree = np.repeat(np.arange(len(parts)), splits)
        struck_out = start[children[:, 1]] - self._leaves[self._tree]
        self._node, self._word, self._mask = _masks(struck_out, struck_out + below[children[:, 1]])
        self._conditions = self._of(np.ones(len(self._node), np.bool_))
        self._but_last = self._of(self.feature[self._node] < features - 1)
        self._every_leaf = np.full((1, self._words[-1]), -1)
        self._allowed: dict[bytes, _Integers] = {}

    def scores(self, matrix: FloatArray) -> FloatArray:
        """Return the raw scores of rows (n, features), (n, outputs)."""
        return self._scores(matrix, self._conditions, self._every_leaf)

    def table(self, matrix: FloatArray, values: FloatArray, chosen: _Integers | None = None) -> FloatArray:
        """Return the scores of rows with several values of the last feature, (n, k); of a forest with one output.

        Parameters
        ----------
        matrix : (n, features - 1) float64
        values : (m,) float64
        chosen : (k,) int64, optional
            The places of the values that are put in; all by default.
        """
        key = values.tobytes()
        if key not in self._allowed:
            self._allowed[key] = self._allowed_by(values)
        allowed = self._allowed[key] if chosen is None else self._allowed[key][chosen]
        return self._scores(matrix, self._but_last, allowed)

    def goes_left(self, matrix: FloatArray) -> npt.NDArray[np.bool_]:
        """Return whether rows, (n, features), meet the condition of each split, (n, splits)."""
        split = self.feature, self.threshold, self.kind
        return tree_kernels.goes_left(np.ascontiguousarray(matrix), *split, self._bounds, self._members)

    def _scores(self, matrix: FloatArray, conditions: _Conditions, allowed: _Integers) -> FloatArray:
        columns, sets = np.ascontiguousarray(matrix.T), (self._bounds, self._members)
        of_trees = self._words, self._leaves, self.value
        return tree_kernels.scores(columns, *conditions, *sets, *of_trees, allowed, self.outputs)

    def _of(self, keep: npt.NDArray[np.bool_]) -> _Conditions:
        """Return some of the conditions."""
        node = self._node[keep]
        count = np.bincount(self._tree[node], minlength=len(self.roots))
        first = np.concatenate([[0], np.cumsum(count)])
        of_node = self.feature[node], self.threshold[node], self.kind[node]
        return _Conditions(first, *of_node, self._word[keep], self._mask[keep])

    def _allowed_by(self, values: FloatArray) -> _Integers:
        """Return the leaves that can be reached with each value of the last feature, (m, words)."""
        asked = np.zeros((len(values), self.features))
        asked[:, -1] = values
        last = self.feature[self._node] == self.features - 1
        node = self._node[last]
        keep = np.where(self.goes_left(asked)[:, node], -1, self._mask[last])
        allowed = np.full((self._words[-1], len(values)), -1)
        np.bitwise_and.at(allowed, self._words[self._tree[node]] + self._word[last], keep.T)
        return allowed.T.copy()


def _masks(low: _Integers, high: _Integers) -> tuple[_Integers, _Integers, _Integers]:
    """Return a row for each split and each word that holds one of the leaves low to high: split, word, all others."""
    size = tree_kernels.WORD
    spans = (high - 1) // size - low // size + 1
    node = np.repeat(np.arange(len(low)), spans)
    word = low[node] // size + np.arange(len(node)) - np.repeat(np.cumsum(spans) - spans, spans)
    begin = np.maximum(low[node] - size * word, 0).astype(np.uint64)
    end = np.minimum(high[node] - size * word, size).astype(np.uint64)
    struck_out = (_EVERY_BIT << begin) & (_EVERY_BIT >> (np.uint64(size) - end))
    return node, word, (~struck_out).view(np.int64)


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
