"""Ranks among all accounts, or among those of a community; what the scores may be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.errors import SettingError
from features.events import divide

if TYPE_CHECKING:
    import numpy.typing as npt

    from features.events import FloatArray, IntArray


def percentile(values: FloatArray, community: IntArray | None = None) -> FloatArray:
    """Return the share of known values below each one, ties halved; within (0, 1), null where the value is null.

    Values that are equal to nine decimals are tied: an error of rounding makes no rank.

    Parameters
    ----------
    values : (n,) float64
    community : (n,) int64, optional
        Whom each is compared with: numbers from 0; by default everybody.
    """
    group = np.zeros(len(values), np.int64) if community is None else community
    known = ~np.isnan(values)
    result = np.full(len(values), np.nan)
    ranks = pd.Series(np.round(values[known], 9)).groupby(group[known]).rank().to_numpy(np.float64)
    result[known] = (ranks - 0.5) / np.bincount(group[known])[group[known]]
    return result


def mean_by_account(account: IntArray, values: FloatArray, weight: FloatArray, *, accounts: int) -> FloatArray:
    """Return the (accounts,) weighted mean of what each account has, one row per topic; null for one without a row."""
    total = np.bincount(account, values * weight, minlength=accounts)
    return divide(total, np.bincount(account, weight, minlength=accounts))


def aligned(**parts: npt.ArrayLike) -> list[FloatArray]:
    """Return the parts of a score as float64, one entry per account each.

    Raises
    ------
    SettingError
        Where one holds something that is no number or infinite, or they differ in length.
    """
    arrays = {}
    for name, values in parts.items():
        try:
            arrays[name] = np.asarray(values, np.float64)
        except (TypeError, ValueError) as error:
            raise SettingError(f"{name} holds something that is no number: {error}.") from None
        if np.isinf(arrays[name]).any():
            raise SettingError(f"{name} is infinite somewhere; give NaN where it is unknown.")
    if len({values.shape for values in arrays.values()} | {(values.size,) for values in arrays.values()}) > 1:
        sizes = ", ".join(f"{name} has shape {values.shape}" for name, values in arrays.items())
        raise SettingError(f"Each account needs one entry of each part: {sizes}.")
    return list(arrays.values())


def within(least: float, most: float, **parts: FloatArray) -> None:
    """Refuse parts of a score, or what adds up to one, that lie outside of their range; null is within any.

    Raises
    ------
    SettingError
    """
    for name, values in parts.items():
        outside = values[(values < least) | (values > most)]
        if len(outside):
            allowed = f"{least:g} to {most:g}" if np.isfinite(most) else f"{least:g} or more"
            raise SettingError(f"{name} is {outside[0]:g} somewhere; give {allowed}, or NaN where it is unknown.")


def numbered(labels: npt.ArrayLike) -> IntArray:
    """Give labels, words or numbers, numbers from 0 in the order in which they come; null is a label too."""
    return pd.factorize(np.asarray(labels), use_na_sentinel=False)[0].astype(np.int64)
