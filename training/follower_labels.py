"""Learn to tell fake followers from the labels that the user's own data bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from features.follower_classifier import COUNTS, FollowerClassifier, default_classifier
from features.progress import quiet

if TYPE_CHECKING:
    import pandas as pd

    from features.progress import Progress
    from features.store import EventStore

FEWEST = 50
"""Labelled followers of either kind below which the classifier that Impel comes with is the better one."""


def fit_followers(
    store: EventStore, *, until: pd.Timestamp | None = None, progress: Progress = quiet
) -> FollowerClassifier | None:
    """Fit the follower classifier on the labels of the table `followers`.

    A follower counts once, as it was read last, however many accounts it follows; of whom no count is known, not at
    all.

    Parameters
    ----------
    store : EventStore
        It has the labels of its source: the column `fake`, null where nobody looked.
    until : Timestamp, optional
        Only rows observed by then, UTC; by default all.
    progress : callable, optional
        Told in words what was learnt, or why nothing was.

    Returns
    -------
    FollowerClassifier or None
        None where fewer than 50 fake or fewer than 50 real followers are labelled.
    """
    when = "" if until is None else f" by {until:%Y-%m-%d}"
    labelled = store.follower_labels().dropna(subset=list(COUNTS), how="all")
    if until is not None:
        labelled = labelled[labelled["observed_at"] <= until]
    labelled = labelled.drop_duplicates("follower_id", keep="last")
    fakes = int(labelled["fake"].sum())
    real = len(labelled) - fakes
    if min(fakes, real) < FEWEST:
        progress(
            f"{fakes} fake and {real} real followers are labelled{when}; below {FEWEST} of either, fake followers are"
            " told by the classifier that Impel comes with"
        )
        return None
    progress(f"the follower classifier, from {fakes} fake and {real} real labelled followers{when}")
    return FollowerClassifier().fit(labelled, labelled["fake"])


def use_labels(
    store: EventStore, *, until: pd.Timestamp | None = None, progress: Progress = quiet
) -> FollowerClassifier | None:
    """Give the store the classifier that its labels by a moment allow for, else Impel's; see `fit_followers`."""
    fitted = fit_followers(store, until=until, progress=progress)
    store.follower_classifier = default_classifier() if fitted is None else fitted
    return fitted
