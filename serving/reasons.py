"""Reasons: what raises and lowers a likelihood, by family and feature, each value beside what is usual."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from features.catalogue import FEATURES
from serving.attribution import Attribution
from serving.words import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.bundle import Bundle
    from serving.distribution import FloatArray

REASONS = 5
"""How many reasons are given for one prediction."""
OF_FAMILY = 3
"""How many features are told of one family."""
OTHER = "other"
"""The family of features that are not in the catalogue."""
_TEXTS = "offer"  # the family of the texts: goal, vertical and platform are part of what is offered to whom


class _Told(NamedTuple):
    """All that reasons of n rows are told from: arrays of shape (n,) and (n, features)."""

    likelihood: FloatArray
    base: FloatArray
    parts: FloatArray
    usual: FloatArray
    typical: FloatArray
    given: NDArray[np.object_]
    goal: NDArray[np.object_]
    platform: NDArray[np.object_]


class Reasons:
    """Says why a bundle answers as it does; see `serving.attribution` for what the contributions are.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._attribution = Attribution(bundle)
        self._families = [family_of(name) for name in bundle.features]

    def strongest(self, X: pd.DataFrame, at_least: FloatArray, *, most: int = REASONS) -> list[list[dict[str, Any]]]:
        """Return per row the features that move the likelihood most, strongest first.

        Each is a dict of feature, family, meaning, unit, value, usual, typical, contribution (to the likelihood),
        direction ("raises" or "lowers") and words. `usual` is the median of past activations with accounts of the same
        size, `typical` that of the activations which the base stands for; both, and the value, are None where unknown.

        Parameters
        ----------
        X : DataFrame of n rows
            Features.
        at_least : array of shape (n,)
            Number of actions asked for.
        """
        if X.empty:
            return []
        told = self._told(X, at_least)
        every = np.arange(len(self._families))
        return [self._features(told, row, every, most) for row in range(len(X))]

    def by_family(self, X: pd.DataFrame, at_least: FloatArray) -> list[dict[str, Any]]:
        """Return per row likelihood, base_likelihood, and families whose contributions add up to the difference.

        Features of one family tell of the same thing and share what it is worth among them, so that a family's
        contribution is steadier than those of its features. Families come strongest first, each a dict of family,
        contribution, direction and its strongest features as in `strongest`.
        """
        if X.empty:
            return []
        told = self._told(X, at_least)
        members = {
            family: np.flatnonzero(np.array(self._families) == family) for family in dict.fromkeys(self._families)
        }
        answers = []
        for row in range(len(X)):
            sums = {family: float(told.parts[row, own].sum()) for family, own in members.items()}
            families = [
                {
                    "family": family,
                    "contribution": sums[family],
                    "direction": _direction(sums[family]),
                    "features": self._features(told, row, members[family], OF_FAMILY),
                }
                for family in sorted(sums, key=lambda family: -abs(sums[family]))
                if told.parts[row, members[family]].any()
            ]
            answers.append(
                {
                    "likelihood": float(told.likelihood[row]),
                    "base_likelihood": float(told.base[row]),
                    "families": families,
                }
            )
        return answers

    def _told(self, X: pd.DataFrame, at_least: FloatArray) -> _Told:
        names = list(self.bundle.features)
        likelihood, base, parts = self._attribution(X, at_least)
        return _Told(
            likelihood,
            base,
            parts,
            self.bundle.spec.yardsticks.usual(X, self.bundle.features),
            self._typical.reindex(X["goal"].to_numpy(dtype=object)).to_numpy(),
            X[names].to_numpy(dtype=object),
            *(X[name].to_numpy(dtype=object) if name in X else np.full(len(X), None) for name in ("goal", "platform")),
        )

    @cached_property
    def _typical(self) -> pd.DataFrame:
        """The median of each feature over the background of each goal; NaN for texts."""
        background, names = self.bundle.background, list(self.bundle.features)
        numeric = background[names].select_dtypes("number")
        return numeric.groupby(background["goal"].to_numpy(dtype=object)).median().reindex(columns=names)

    def _features(self, told: _Told, row: int, columns: NDArray[np.intp], most: int) -> list[dict[str, Any]]:
        """Return the strongest of some columns that have a part at all."""
        parts = told.parts[row, columns]
        strongest = columns[np.argsort(-np.abs(parts), kind="stable")[:most]]
        reasons = []
        for column in strongest[told.parts[row, strongest] != 0]:
            name = self.bundle.features[column]
            known, part = FEATURES.get(name), float(told.parts[row, column])
            value = told.given[row, column]
            value = None if pd.isna(value) else value if isinstance(value, str) else float(value)
            usual, typical = (_known(of[row, column]) for of in (told.usual, told.typical))
            reasons.append(
                {
                    "feature": name,
                    "family": self._families[column],
                    "meaning": name if known is None else known.meaning,
                    "unit": "" if known is None else known.unit,
                    "value": value,
                    "usual": usual,
                    "typical": typical,
                    "contribution": part,
                    "direction": _direction(part),
                    "words": words(
                        name,
                        value,
                        usual=usual,
                        typical=typical,
                        goal=told.goal[row],
                        platform=told.platform[row],
                    ),
                }
            )
        return reasons


def family_of(feature: str) -> str:
    """Return the family of a feature; texts belong to the offer."""
    if feature in FEATURES:
        return FEATURES[feature].family
    return _TEXTS if feature in {"goal", "platform", "vertical"} else OTHER


def _direction(contribution: float) -> str:
    return "raises" if contribution > 0 else "lowers"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
