"""Pairs of one brief and known accounts: their features out of a snapshot, as the boosters of a bundle read them."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from features.catalogue import CATEGORIES, FEATURES
from features.errors import BundleError, nearest
from features.kernels import gathered
from serving import kernels
from serving.prediction_log import Values

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from features.briefs import Briefs
    from features.events import Features, FloatArray, IntArray
    from features.snapshot import Snapshot
    from serving.bundle import Bundle


_NUMBERS = tuple(FEATURES)
TEXTS = ("account_id", "influencer_id", "platform", "country", "language")
"""What an account is called, and what tells it from others."""


class Accounts:
    """All accounts of a snapshot, as a bundle reads them.

    Parameters
    ----------
    snapshot : Snapshot
    bundle : Bundle

    Raises
    ------
    DataError
        Where the snapshot was made with another follower classifier than the bundle's.
    BundleError
        Where the bundle needs a feature that does not exist.
    """

    def __init__(self, snapshot: Snapshot, bundle: Bundle) -> None:
        snapshot.require(bundle.follower_classifier)
        self.snapshot = snapshot
        self.bundle = bundle
        known = {*FEATURES, *CATEGORIES}
        for name in bundle.features:
            if name not in known:
                raise BundleError(f"the model needs the feature {name!r}, which does not exist.{nearest(name, known)}")
        words, place = self._texts["platform"]
        self.platform = np.array([self.code("platform", word) for word in words])[place]
        self.layout = cache(self._layout)

    def code(self, name: str, text: str | None) -> float:
        """Return the number of a text in the matrix; NaN for one that was never seen in training."""
        known = self.bundle.spec.encoding.categories.get(name, ())
        return float(known.index(text)) if text in known else np.nan

    @cached_property
    def ids(self) -> NDArray[np.object_]:
        """The (accounts,) ids."""
        return self.texts("account_id", slice(None))

    def texts(self, name: str, rows: IntArray | slice) -> NDArray[np.object_]:
        """Return one of `TEXTS` of some rows; None where it is unknown."""
        words, place = self._texts[name]
        return words[place[rows]]

    @cached_property
    def followers(self) -> FloatArray:
        """The (accounts,) last known number of followers; NaN where unknown."""
        return np.array(self.snapshot.features[:, self.snapshot.column_of["usual followers"]])

    def row(self, account: str) -> int | None:
        """Return the row of an account, None for a stranger."""
        return self.snapshot.row_of.get(account)

    def has(self, column: str, wanted: Collection[str]) -> NDArray[np.bool_]:
        """Flag the accounts whose platform, country or language is one of those wanted."""
        words, place = self._texts[column]
        return np.isin(place, [code for code, word in enumerate(words) if word in wanted])

    @cached_property
    def _texts(self) -> dict[str, tuple[NDArray[np.object_], NDArray[np.intp]]]:
        """The different words of each text, None behind them, and the place of each account's."""
        made = {}
        for name in TEXTS:
            place, words = pd.factorize(self.snapshot.accounts[name])
            made[name] = np.array([*words, None], dtype=object), np.where(place < 0, len(words), place)
        return made

    def _layout(self, features: tuple[str, ...]) -> Layout:
        column_of = self.snapshot.column_of
        return Layout(
            # Any column does where another number is put in its place.
            np.array([column_of.get(name, 0) for name in features], np.intp),
            tuple((place, name) for place, name in enumerate(features) if name not in {*column_of, *CATEGORIES}),
        )


class Layout(NamedTuple):
    """For each of some features a column of the snapshot, and places and names of those that depend on the brief."""

    source: NDArray[np.intp]
    of_pairs: tuple[tuple[int, str], ...]


class Pairs:
    """One brief and n accounts, with the features of each pair.

    Parameters
    ----------
    accounts : Accounts
    briefs : Briefs
        The brief alone.
    rows : (n,) int64
        Rows of the snapshot.
    fee : (n,) float64
        NaN where unknown.
    """

    def __init__(self, accounts: Accounts, briefs: Briefs, rows: IntArray, fee: FloatArray) -> None:
        self.accounts = accounts
        self.briefs = briefs
        self.rows = rows
        self.of_pairs: Features = accounts.snapshot.pair_features(briefs, rows, fee)

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, features: tuple[str, ...]) -> FloatArray:
        """Return the numbers of features, (features, n); any numbers for a text."""
        layout = self.accounts.layout(features)
        columns = gathered(self.accounts.snapshot.features, self.rows, layout.source)
        for place, name in layout.of_pairs:
            columns[place] = self.of_pairs[name]
        return columns

    def matrix(self) -> FloatArray:
        """Return the matrix of the bundle, (n, features): the same as `Encoding.matrix` makes of `frame`."""
        bundle = self.accounts.bundle
        columns = self.numbers(bundle.features)
        for place in bundle.spec.encoding.text_columns:
            columns[place] = self._codes[bundle.features[place]]
        # Infinite is unknown, as in training.
        kernels.forget_infinite(columns)
        return columns.T

    def support(self) -> NDArray[np.str_]:
        """Return per pair whether the training data reach there; see `Bundle.support`."""
        bundle = self.accounts.bundle
        unseen = np.zeros(len(self), np.bool_)
        for name in bundle.spec.encoding.categories:
            unseen |= np.isnan(self._codes[name])
        return bundle.support_of(self.numbers(tuple(bundle.spec.support)), unseen)

    def values(self) -> Values:
        """Return all features as they are logged."""
        texts = {
            "goal": [self.briefs.goal[0]] * len(self),
            "platform": self.accounts.texts("platform", self.rows).tolist(),
            "vertical": [self.briefs.vertical[0]] * len(self),
        }
        return Values(_NUMBERS, self.numbers(_NUMBERS).T, texts)

    def frame(self) -> pd.DataFrame:
        """Return the features as `features.build` does: numbers, then the texts."""
        names, numbers, texts = self.values()
        return pd.DataFrame(numbers, columns=list(names)).assign(
            **{name: pd.array(texts[name], dtype="str") for name in CATEGORIES}
        )

    @cached_property
    def _codes(self) -> dict[str, float | FloatArray]:
        return {
            "goal": self.accounts.code("goal", self.briefs.goal[0]),
            "platform": self.accounts.platform[self.rows],
            "vertical": self.accounts.code("vertical", self.briefs.vertical[0]),
        }
