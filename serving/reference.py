"""What a model's features and likelihoods were when it was trained: what a monitor compares with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TENTHS = 10


class Binned(BaseModel):
    """Where the values of one column lay.

    Attributes
    ----------
    edges : ascending
        A value belongs to the first bin whose edge is not below it, else to the last.
    counts
        Rows of each bin, one more than edges, and at the end those without a value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: tuple[FiniteFloat, ...]
    counts: tuple[int, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.counts) != len(self.edges) + 2 or min(self.counts) < 0 or list(self.edges) != sorted(self.edges):
            raise ValueError("edges must ascend, and there must be two more counts than edges")
        return self

    @classmethod
    def of(cls, values: NDArray[Any]) -> Self:
        """Cut values (n,) into tenths; what is not finite counts as unknown.

        They are taken as float32, as they are logged: a value must lie on the same side of an edge on either side.
        """
        values = _narrow(values)
        known = values[np.isfinite(values)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, _TENTHS + 1)[1:-1])) if len(known) else np.empty(0)
        edges = np.unique(edges.astype(np.float32))
        return cls(edges=tuple(edges.tolist()), counts=tuple(counted(values, edges).tolist()))

    def place(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Return the bin of each value (n,)."""
        return placed(_narrow(values), np.array(self.edges, dtype=np.float32))

    @property
    def missing(self) -> float:
        """Return the share of rows without a value."""
        return self.counts[-1] / max(sum(self.counts), 1)


class Reference(BaseModel):
    """A model's training rows in numbers that can be compared with.

    Attributes
    ----------
    features : dict
        Bins of each number.
    categories : dict
        For each text column, the rows of each of its values.
    likelihoods : Binned or None
        Of the walk-forward predictions; None where there were too few outcomes for any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: dict[str, Binned]
    categories: dict[str, dict[str, int]]
    likelihoods: Binned | None

    @classmethod
    def learn(cls, X: pd.DataFrame, *, likelihoods: NDArray[np.float64] | None = None) -> Self:
        """Take it from a training table and from the likelihoods of predictions that no fold had seen."""
        numbers = [name for name in X.columns if pd.api.types.is_numeric_dtype(X[name].dtype)]
        return cls(
            features={name: Binned.of(X[name].to_numpy(np.float64, na_value=np.nan)) for name in numbers},
            categories={
                name: {str(text): int(rows) for text, rows in X[name].value_counts().sort_index().items()}
                for name in X.columns
                if name not in numbers
            },
            likelihoods=None if likelihoods is None else Binned.of(likelihoods),
        )


def _narrow(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def placed(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the bin of each value (n,): 0 to the number of edges, and one more for what is not finite."""
    place = np.searchsorted(edges, values, side="left")
    return np.where(np.isfinite(values), place, len(edges) + 1)


def counted(values: NDArray[np.float32], edges: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the rows of each bin."""
    return np.bincount(placed(values, edges), minlength=len(edges) + 2)
