"""Splits by time, with an embargo for outcomes that were still open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray


def walk_forward(
    decided_at: ArrayLike,
    closed_at: ArrayLike,
    *,
    folds: int = 5,
    first_share: float = 0.4,
    groups: ArrayLike | None = None,
    min_train: int = 20,
    min_test: int = 5,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield (train, test) positions as production would have met them.

    The activations after the first `first_share` are cut by `decided_at` into `folds` blocks of about equal size. On
    the day of a block's first decision, a model could have been trained on exactly those activations whose outcome
    was complete by then: `closed_at <= first decision`. Activations decided earlier but still open are in neither
    part (the embargo): their outcome was unknown, and counting them as failures would teach the model that what is
    recent does not work. What is open to this day is in no part at all.

    Parameters
    ----------
    decided_at, closed_at : array-like of datetimes, shape (n,)
        When the activation was decided, and when its outcome was complete. NaT in `closed_at` means still open.
    folds : int
        Number of blocks; fewer are yielded where timestamps are equal or folds are too small.
    first_share : float
        Share of the activations, by time, that is only trained on.
    groups : array-like, shape (n,), optional
        For example campaigns: a group is tested in one block, the one in which its first decision lies.
    min_train, min_test : int
        Folds with fewer rows in either part are left out.

    Yields
    ------
    train, test : arrays of positions
        Sorted by `decided_at`. Equal timestamps are never on both sides of a cut.
    """
    if folds < 1:
        raise SettingError(f"folds must be at least 1, got {folds!r}")
    if not 0 < first_share < 1:
        raise SettingError(f"first_share must lie between 0 and 1, got {first_share!r}")
    decided = pd.Series(pd.to_datetime(np.asarray(decided_at)))
    closed = pd.Series(pd.to_datetime(np.asarray(closed_at)))
    if len(decided) != len(closed):
        raise SettingError(f"decided_at has {len(decided)} rows, closed_at {len(closed)}; give one of each per row")
    if decided.isna().any():
        raise SettingError("decided_at must not be missing")
    # The time that decides about the block: the own one, or that of the group's first decision.
    start = decided if groups is None else decided.groupby(np.asarray(groups)).transform("min")
    ranked = np.sort(start.to_numpy())
    edges = np.linspace(first_share, 1.0, folds + 1)[:-1] * len(ranked)
    cuts = np.unique(ranked[np.minimum(edges.astype(np.intp), len(ranked) - 1)]) if len(ranked) else ranked
    block = np.searchsorted(cuts, start.to_numpy(), side="right")  # 0 is only trained on
    order = np.argsort(decided.to_numpy(), kind="stable")
    for number in range(1, len(cuts) + 1):
        test = order[((block == number) & closed.notna().to_numpy())[order]]
        # The cut is the block's first decision, be its outcome complete or open to this day.
        known = (closed <= cuts[number - 1]).to_numpy() & (block < number)
        train = order[known[order]]
        if len(train) >= min_train and len(test) >= min_test:
            yield train, test
