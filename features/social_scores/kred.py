"""Kred: influence (0 to 1,000) out of what others do, and outreach (a level) out of what one does for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import divide
from features.social_scores.ranks import aligned, numbered, within

if TYPE_CHECKING:
    import numpy.typing as npt

    from features.events import FloatArray

EARNING = ("reply", "mention", "reshare")
"""The kinds of reactions that bring points (V)."""
POINTS = 10.0
"""For an action (V)."""
POINTS_BY_THE_FOLLOWED = 50.0
"""For an action of somebody with over 10,000 followers (V that it is more, A how much)."""
FOLLOWED = 10_000


def kred_influence(*, points: FloatArray, community: npt.ArrayLike) -> FloatArray:
    """Rebuild Kred's influence (V points and the strongest of each community at 1,000, A the logarithmic curve).

    Parameters
    ----------
    points : (n,) float64
        Points for replies, reshares and mentions received, as a rule within 90 days (V: 30, 60 or 90).
    community : (n,) array
        Each account's community: names or numbers.

    Returns
    -------
    (n,) float64
        0 to 1,000; null where the points are; 0 for all of a community in which nobody has a point.

    Raises
    ------
    SettingError
        Where points are negative, infinite or no numbers, or not one for each account.
    """
    group = numbered(community)
    earned, _ = aligned(points=points, community=group)
    within(0, np.inf, points=earned)
    strongest = np.zeros(int(group.max(initial=-1)) + 1)
    known = ~np.isnan(earned)
    np.maximum.at(strongest, group[known], earned[known])
    top = strongest[group]
    return np.where(known & (top == 0), 0.0, 1_000 * divide(np.log1p(earned), np.log1p(top)))


def kred_outreach(*, points: FloatArray) -> FloatArray:
    """Return Kred's outreach level for the points of all that an account ever gave; it never falls.

    Level k needs 100 * (1.7 ** k - 1) / 0.7 points, which gives both published levels: 100 and 270. It is null where
    points are; negative and infinite ones, and what is no number, are refused (SettingError).
    """
    (given,) = aligned(points=points)
    within(0, np.inf, points=given)
    return np.floor(np.log1p(0.7 * given / 100) / np.log(1.7) + 1e-9)
