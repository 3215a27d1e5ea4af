"""Klout, 1 to 100: the first form out of three parts (2009 to 2011), and the form of 2015 over several networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.errors import SettingError, nearest
from features.events import divide, known_or_zero
from features.social_scores.ranks import aligned, numbered, percentile, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from features.events import FloatArray

KIND_WEIGHTS = {"reshare": 0.30, "mention": 0.25, "comment": 0.20, "reply": 0.15, "like": 0.10}
"""How much each kind of reaction counts (A): the more of the one who reacts it puts before others, the more."""
NETWORK_SHARE = 0.9
"""What the strongest account of one network reaches alone (A); the rest takes further networks."""
HALF_LIFE_DAYS = 30
"""In which a reaction loses half its weight (A)."""


def klout_trio(*, reach: FloatArray, amplification: FloatArray, network: FloatArray) -> FloatArray:
    """Rebuild the first Klout score from its three parts (V the parts, A the scaling), 2009 to 2011.

    Parameters
    ----------
    reach : (n,) float64
        log1p of the followers that are not spam.
    amplification : (n,) float64
        log1p of reshares and mentions within 90 days.
    network : (n,) float64
        Mean log1p of the followers of those who react.

    Returns
    -------
    (n,) float64
        1 to 100: the sum of the z-scores of the parts as a rank, ten points more for each halving of those above;
        a part that is null counts as average, and the score is null where all three are.
    """
    parts = np.array(aligned(reach=reach, amplification=amplification, network=network))
    known = ~np.isnan(parts)
    count = known.sum(axis=1, keepdims=True)
    # Summed in order of size, so that the order of accounts changes no bit.
    mean = divide(np.nansum(np.sort(parts), axis=1, keepdims=True), count)
    spread = np.sqrt(divide(np.nansum(np.sort((parts - mean) ** 2), axis=1, keepdims=True), count))
    spread[spread <= 1e-9 * np.abs(mean)] = 0
    total = np.nansum(divide(parts - mean, spread), axis=0)
    rank = percentile(np.where(known.any(axis=0), total, np.nan))
    return np.minimum(1 + 10 * np.log2(1 / (1 - rank)), 100)


def klout_strength(*, reactions: Mapping[str, FloatArray], network: npt.ArrayLike) -> FloatArray:
    """Return how strong accounts are among all of their own network, by the reactions of others (V; A the weights).

    For each kind of reaction the accounts of a network are ranked; the ranks are added up by `KIND_WEIGHTS`. A kind of
    which an account received none, or none was measured, adds nothing, so that more reactions never lower it.

    Parameters
    ----------
    reactions : mapping of kind to (n,) float64
        Weighted number of reactions: for each one 2 ** (-age in days / 30) * (1 + score of who reacts / 100).
    network : (n,) array
        Each account's network: names or numbers.

    Returns
    -------
    (n,) float64
        0 to 1.

    Raises
    ------
    SettingError
        Where a kind is unknown or a number negative.
    """
    for kind in set(reactions) - set(KIND_WEIGHTS):
        raise SettingError(
            f"Unknown kind {kind!r}; it is one of {', '.join(KIND_WEIGHTS)}.{nearest(kind, KIND_WEIGHTS)}"
        )
    group = numbered(network)
    names, (_, *parts) = list(reactions), aligned(network=group, **reactions)
    within(0, np.inf, **dict(zip(names, parts, strict=True)))
    strength = np.zeros(len(group))
    for kind, received in zip(names, parts, strict=True):
        strength += KIND_WEIGHTS[kind] * np.where(received > 0, percentile(np.log1p(received), group), 0.0)
    return strength


def klout_networks(*, strength: FloatArray, person: npt.ArrayLike) -> FloatArray:
    """Rebuild the score of 2015: a person over all networks (V: adding a network never lowers it; A the formula).

    S = 100 * (1 - product over the person's accounts of (1 - 0.9 * strength)).

    Parameters
    ----------
    strength : (n,) float64
        Of each account among those of its network, 0 to 1; null counts as 0.
    person : (n,) array
        Whose account it is: names or numbers.

    Returns
    -------
    (n,) float64
        0 to 100, for each account the score of its person.

    Raises
    ------
    SettingError
        Where a strength lies outside 0 to 1 or is no number, or there is not one for each account.
    """
    owner = numbered(person)
    known, _ = aligned(strength=strength, person=owner)
    within(0, 1, strength=known)
    left = np.ones(int(owner.max(initial=-1)) + 1)
    np.multiply.at(left, owner, 1 - NETWORK_SHARE * known_or_zero(known))
    return 100 * (1 - left[owner])
