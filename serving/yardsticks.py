"""What is usual among past activations with accounts of the same size: what a value is told beside."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from features.catalogue import FEATURES

if TYPE_CHECKING:
    import pandas as pd

    from serving.distribution import FloatArray

SIZE = "log_followers"
"""The feature that says how large an account is."""
_BY_GOAL = {"offer", "track record"}


def group_of(feature: str) -> str:
    """Return whether a feature is compared within the same "platform" or the same "goal".

    Fees and past actions lie orders of magnitude apart between goals; what people do, between platforms.
    """
    return "goal" if feature in FEATURES and FEATURES[feature].family in _BY_GOAL else "platform"


class Peers(BaseModel):
    """Past activations of one group.

    Attributes
    ----------
    sizes : tuple
        Log followers, increasing.
    usual : dict
        Of each feature, its usual value at those sizes; straight between them, constant beyond.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sizes: tuple[FiniteFloat, ...] = Field(min_length=1)
    usual: dict[str, tuple[FiniteFloat, ...]]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if any(one >= two for one, two in pairwise(self.sizes)):
            raise ValueError("sizes must increase")
        if any(len(values) != len(self.sizes) for values in self.usual.values()):
            raise ValueError("a feature needs one usual value per size")
        return self

    @cached_property
    def _curves(self) -> FloatArray:
        return np.array(list(self.usual.values())).reshape(len(self.usual), len(self.sizes))

    def at(self, size: FloatArray) -> FloatArray:
        """Return the usual values of all features in `usual`, (n, features), at sizes (n,)."""
        place = np.interp(size, self.sizes, np.arange(len(self.sizes)))
        left = np.nan_to_num(np.floor(place)).astype(np.intp)
        right = np.minimum(left + 1, len(self.sizes) - 1)
        low, high = self._curves[:, left], self._curves[:, right]
        return (low + (place - left) * (high - low)).T


class Yardsticks(BaseModel):
    """Peers by platform and by goal, for the features that are compared so; see `group_of`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: dict[str, Peers]
    goal: dict[str, Peers]

    @property
    def features(self) -> set[str]:
        """Return the features that have a yardstick somewhere."""
        return {name for groups in (self.platform, self.goal) for peers in groups.values() for name in peers.usual}

    def usual(self, X: pd.DataFrame, features: tuple[str, ...]) -> FloatArray:
        """Return what is usual for each row of a feature table, (n, features); `features` are those of the model.

        NaN where it is unknown: for texts, without followers, and where too few peers have a value.
        """
        found = np.full((len(X), len(features)), np.nan)
        if SIZE not in X:
            return found
        size = X[SIZE].to_numpy(dtype=np.float64, na_value=np.nan)
        place = {name: number for number, name in enumerate(features)}
        for column, groups in (("platform", self.platform), ("goal", self.goal)):
            mine = X[column].to_numpy(dtype=object) if column in X else np.full(len(X), None)
            for group, peers in groups.items():
                rows = np.flatnonzero(mine == group)
                columns = np.array([place[name] for name in peers.usual], dtype=np.intp)
                found[np.ix_(rows, columns)] = peers.at(size[rows])
        return found
