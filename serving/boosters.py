"""Whether a text can be scored with: what reads its trees, be it Impel or LightGBM, trusts what it reads.

With lengths that do not fit, children that are none, or features beyond the last, it would read beyond its arrays or
never end. So every line is read here first, and nothing is handed on that was not understood.
"""

from __future__ import annotations

import re

import numpy as np

_LEAVES = 1024
_NUMBER = r"-?(?:\d{1,400}(?:\.\d{1,400})?(?:e[-+]\d{1,3})?|inf)"
_INFO = rf"(?:none|\[{_NUMBER}:{_NUMBER}\]|-?\d{{1,9}}(?::-?\d{{1,9}})*)"
_WHOLE, _NUMBERS = (re.compile(rf"(?:{one}(?: {one})*)?") for one in (r"-?\d{1,10}", _NUMBER))
_HEAD = {
    "version": "v4",
    "num_class": "[12]",
    "num_tree_per_iteration": "[12]",
    "label_index": "0",
    "max_feature_idx": r"\d{1,5}",
    "objective": "binary sigmoid:1",
    "feature_names": r"Column_\d+(?: Column_\d+)*",
    "monotone_constraints": "-?[01](?: -?[01])*",
    "feature_infos": rf"{_INFO}(?: {_INFO})*",
    "tree_sizes": r"\d{1,9}(?: \d{1,9})*",
}
_OPTIONAL = {"objective", "monotone_constraints"}
_SPLITS = ("split_feature", "decision_type", "left_child", "right_child")
_OF_SPLITS = (*_SPLITS, "split_gain", "threshold", "internal_value", "internal_weight", "internal_count")
_OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_OF_CATEGORIES = ("cat_boundaries", "cat_threshold")
_OF_WHOLE = {*_SPLITS, *_OF_CATEGORIES, "num_leaves", "num_cat", "is_linear", "leaf_count", "internal_count"}
_END = "end of trees\n"


def trees(text: str, *, features: int, scores: int) -> str:
    """Return the part of a LightGBM model that predictions need, after checking it.

    What follows the trees, importances and settings of the training, is left out.

    Parameters
    ----------
    text : str
        As LightGBM 4 writes it.
    features, scores : int
        How many it must take, and give, for a row.

    Raises
    ------
    ValueError
        Where it is no such model; the message says what is wrong.
    """
    _must(text.isascii(), "it is no plain text")
    head, gap, rest = text.partition("\n\n")
    first, *lines = head.split("\n")
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    _must(first == "tree" and gap and len(found) == len(lines), "it does not begin as one")
    _must(_HEAD.keys() - _OPTIONAL <= found.keys() <= _HEAD.keys(), "its head has other lines")
    for name, value in found.items():
        _must(re.fullmatch(_HEAD[name], value), f"{name} cannot be read")
    for name in ("num_class", "num_tree_per_iteration"):
        _must(int(found[name]) == scores, f"{name} is {found[name]}, not {scores}")
    has = int(found["max_feature_idx"]) + 1
    _must(has == features, f"it has {has} features, bundle.json names {features}")
    for name in ("feature_names", "feature_infos", "monotone_constraints"):
        _must(len(found.get(name, "").split(" ")) == features or name not in found, f"{name} are not of all features")
    sizes = [int(size) for size in found["tree_sizes"].split(" ")]
    _must(len(sizes) % scores == 0, "trees are missing")
    for number, size in enumerate(sizes):
        _check(rest[:size], number, features)
        rest = rest[size:]
    _must(rest.startswith(_END), "it has more trees than tree_sizes")
    return text[: len(text) - len(rest)] + _END


def _check(text: str, number: int, features: int) -> None:
    place = f"tree {number}"
    _must(text.startswith(f"Tree={number}\n") and text.endswith("\n\n\n"), f"{place} does not begin or end as one")
    lines = text[:-3].split("\n")[1:]
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    _must(len(values) == len(lines), f"{place} has a line that is none")
    for name, value in values.items():
        _must((_WHOLE if name in _OF_WHOLE else _NUMBERS).fullmatch(value), f"{name} of {place} cannot be read")
    given = {name: value.split(" ") if value else [] for name, value in values.items()}
    leaves, categorical = (int(values.get(name) or -1) for name in ("num_leaves", "num_cat"))
    _must(1 <= leaves <= _LEAVES and 0 <= categorical < leaves, f"{place} has no number of leaves that can be")
    names = {"num_leaves", "num_cat", "is_linear", "shrinkage", *_OF_SPLITS, *_OF_LEAVES}
    _must(values.keys() == (names | set(_OF_CATEGORIES) if categorical else names), f"{place} has other lines")
    _must(values["is_linear"] == "0" and len(given["shrinkage"]) == 1, f"{place} is of another kind")
    for of, length in ((_OF_SPLITS, leaves - 1), (_OF_LEAVES, leaves)):
        # A tree of one leaf has no need of its weight and count.
        fits = all(len(given[name]) == length or (leaves == 1 and len(given[name]) <= 1) for name in of)
        _must(fits, f"{place} has lines of other lengths")
    _must(np.isfinite(np.array(given["leaf_value"], dtype=np.float64)).all(), f"{place} has a leaf without end")
    feature, decision, left, right = (np.array(given[name][: leaves - 1], dtype=np.int64) for name in _SPLITS)
    _must(((feature >= 0) & (feature < features)).all(), f"{place} splits by a feature that is none")
    _must(((decision >= 0) & (decision < 12)).all(), f"{place} decides in an unknown way")
    # Each split but the first, and each leaf, is the child of one split; splits are numbered after their parents.
    children = np.sort(np.concatenate([left, right]))
    _must((children == np.r_[-leaves:0, 1 : leaves - 1][: len(children)]).all(), f"{place} is no tree")
    own = np.arange(leaves - 1)
    _must(((left < 0) | (left > own)).all() and ((right < 0) | (right > own)).all(), f"{place} goes round")
    _categories(given, decision, categorical, place)


def _categories(given: dict[str, list[str]], decision: np.ndarray, categorical: int, place: str) -> None:
    """Check the splits by text: each names its own list of codes."""
    which = np.array(given["threshold"], dtype=np.float64)[: len(decision)][decision & 1 == 1]
    _must(np.array_equal(which, np.arange(categorical)), f"{place} has other categories than num_cat says")
    if categorical:
        bounds, codes = (np.array(given[name], dtype=np.int64) for name in _OF_CATEGORIES)
        fit = len(bounds) == categorical + 1 and bounds[0] == 0 and bounds[-1] == len(codes)
        _must(fit and (np.diff(bounds) > 0).all(), f"cat_boundaries of {place} do not fit")
        _must(((codes >= 0) & (codes < 2**32)).all(), f"cat_threshold of {place} holds what is no code")


def _must(holds: object, message: str) -> None:
    if not holds:
        raise ValueError(message)
