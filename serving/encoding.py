"""From a feature table to the matrix that the boosters read: column order and category codes live here only."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from features.errors import BundleError, DataError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Encoding(BaseModel):
    """Names and order of the features, and what each text means as a number.

    Attributes
    ----------
    features : tuple of str
        The columns in the order of the matrix.
    categories : dict
        For each text column, its values in the order of their codes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]

    @classmethod
    def learn(cls, X: pd.DataFrame) -> Self:
        """Take order and categories from a training table; DataError for columns that are neither numbers nor text."""
        repeated = X.columns[X.columns.duplicated()]
        if len(repeated):
            raise DataError(f"the feature table has column {repeated[0]!r} twice; rename one of them")
        categories: dict[str, tuple[str, ...]] = {}
        for name in X.columns:
            column = X[name]
            if pd.api.types.is_numeric_dtype(column.dtype):
                continue
            values = column.dropna().unique()
            wrong = [value for value in values if not isinstance(value, str)]
            if wrong:
                raise DataError(f"feature {name!r} holds {wrong[0]!r}; a feature is a number or a text")
            categories[name] = tuple(sorted(values))
        return cls(features=tuple(X.columns), categories=categories)

    def matrix(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the matrix of shape (rows, features); unknown, infinite and never seen values become NaN.

        Further columns of `X` are ignored, their order does not matter.

        Raises
        ------
        BundleError
            Where a column is missing, or holds text where the model learnt numbers.
        """
        available = set(X.columns)
        missing = [name for name in self.features if name not in available]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            hint = nearest(missing[0], [str(name) for name in X.columns if name not in self.features])
            raise BundleError(f"the feature table lacks column {missing[0]!r}{more}, which the model needs.{hint}")
        matrix = np.empty((len(X), len(self.features)))
        numbers = self._numbers
        matrix[:, list(numbers.values())] = _floats(X[list(numbers)])
        for position in self.text_columns:
            codes = self._codes[position].get_indexer(X[self.features[position]])
            matrix[:, position] = np.where(codes < 0, np.nan, codes)
        matrix[np.isinf(matrix)] = np.nan
        return matrix

    @cached_property
    def text_columns(self) -> list[int]:
        """Return the positions of the text columns in the matrix."""
        return [position for position, name in enumerate(self.features) if name in self.categories]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.features) if name not in self.categories}

    @cached_property
    def _codes(self) -> dict[int, pd.Index]:
        return {p: pd.Index(self.categories[self.features[p]], dtype=object) for p in self.text_columns}


def _floats(numbers: pd.DataFrame) -> NDArray[np.float64]:
    try:
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        for name, column in numbers.items():
            try:
                column.to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError):
                raise BundleError(f"feature {name!r} must be a number, got a column of {column.dtype}") from None
        raise
