"""Growth of followers beyond what is usual for the account, and whether a post explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from features.authenticity import kernels
from features.events import DAY, divide, log_positive
from features.known import POST_DAYS

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import FloatArray, IntArray
    from features.known import KnownAccount

PATIENCE_DAYS = 7
"""So long a post goes on bringing followers (assumption: most engagement arrives within days)."""
UNUSUALLY_WELL = 3.0
"""A post explains growth where it has at least three times the engagements of the account's median post."""
JUMP = 0.05
"""A jump is a step of 5 % or more beyond the usual (assumption; vendors' usual growth is 0 to 3 % a month)."""


class Jumps(NamedTuple):
    """Steps of log followers between readings, less what the account's median daily growth brings in that time: (n,).

    Attributes
    ----------
    largest, fall
        Largest and smallest of all steps; null without a step.
    unexplained
        Largest of those that no post explains; null without a step, 0 or less where none stands out.
    number
        How many unexplained steps are jumps; null without a step.
    share
        What the unexplained jumps exceed, over all growth; null where nothing grew.
    reading
        Position among the bucket's readings of the end of the largest unexplained step; -1 without.
    """

    largest: FloatArray
    fall: FloatArray
    unexplained: FloatArray
    number: FloatArray
    share: FloatArray
    reading: IntArray


def measures(bucket: Bucket) -> Measures:
    """Work out how each reading differs from the one before."""
    stats = bucket.events["stats"]
    before = np.concatenate([stats.at[:1], stats.at[:-1]])
    step = stats.step(log_positive(stats.numbers("followers")))
    # Two readings of one moment are no growth.
    growth = np.where(stats.at > before, step, np.nan)
    return {"growth": growth, "before": before, "daily": divide(growth, (stats.at - before) / DAY)}


def jumps(known: KnownAccount) -> Jumps:
    """Look for steps that no post explains among readings and posts of 180 days.

    A step is judged where all posts that may explain it are known: those published during the step or seven days before
    it. So it began at most 173 days ago and ended at least three days ago.
    """
    of, engagements = known.measured(measures), known.bucket.engagements
    stats = known.beside_posts("stats", days=POST_DAYS)
    posts, since = known.posts, known.decided_at - POST_DAYS * DAY
    median = posts.median(engagements)
    # Where nothing of any post is measured, none can be said to explain nothing.
    stats = stats.of_pairs((posts.count() == 0) | ~np.isnan(median))
    largest, fall, unexplained, number, leapt, risen, reading = kernels.jumps(
        stats.at,
        stats.row,
        stats.start,
        stats.stop,
        of["growth"],
        of["before"],
        stats.median(of["daily"]),
        since,
        posts.at,
        posts.row,
        posts.start,
        posts.stop,
        engagements,
        np.maximum(UNUSUALLY_WELL * median, 1),
        PATIENCE_DAYS * DAY,
        JUMP,
    )
    judged = ~np.isnan(largest)
    return Jumps(
        largest,
        fall,
        np.where(judged, np.fmax(unexplained, 0), np.nan),
        np.where(judged, number, np.nan),
        np.minimum(divide(leapt, risen), 1),
        reading,
    )
