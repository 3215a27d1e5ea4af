"""What each family of features adds to a model: by how much its losses rise when the family is shuffled.

Shuffling leaves everything as it is but the link between an activation and what is known of it (permutation importance;
Breiman 2001, for groups of features Au et al. 2022). It asks for the whole model at once, curves and boosters alike, on
activations that it has not seen: what was only learnt by heart is worth nothing here. Families that say the same thing
share what they are worth; each alone counts only for what the others cannot make up for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from features.catalogue import CATEGORIES, FEATURES
from training.forecast import threshold_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from serving.bundle import Bundle
    from training.evaluate import Pool
    from training.metrics import FloatArray

_PREFIX = "rise_"
_OFFER = "offer"


def families(names: Sequence[str]) -> dict[str, list[str]]:
    """Return features by family; platform and vertical belong to the offer, what the catalogue lacks is "other".

    The goal is left out: it says what is asked, not who answers it.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        if name != "goal":
            own = FEATURES[name].family if name in FEATURES else _OFFER if name in CATEGORIES else "other"
            found.setdefault(own, []).append(name)
    return found


def rises(
    bundle: Bundle, X: pd.DataFrame, actions: FloatArray, thresholds: Sequence[FloatArray], *, seed: int
) -> dict[str, FloatArray]:
    """Return by how much each row's mean loss rises as each family is shuffled among rows of one goal (n,).

    The columns of a family move together, so that they still fit each other.
    """
    before = threshold_losses(bundle.distribution(X), actions, thresholds).mean(axis=1)
    order, rng = np.arange(len(X)), np.random.default_rng(seed)
    for rows in X.reset_index(drop=True).groupby("goal", sort=True).indices.values():
        order[rows] = rng.permutation(rows)
    found = {}
    for family, names in families(bundle.features).items():
        shuffled = X.assign(**{name: X[name].array[order] for name in names})
        after = threshold_losses(bundle.distribution(shuffled), actions, thresholds).mean(axis=1)
        found[f"{_PREFIX}{family}"] = after - before
    return found


def importance(pool: Pool) -> list[dict[str, Any]]:
    """Return the families that rows have the rises of, the most important first.

    Each with its mean rise, an interval, and its share of all rises; a family that does harm has no share.
    """
    names = [name for name in pool.rows if str(name).startswith(_PREFIX)]
    rise = {name.removeprefix(_PREFIX): pool.bootstrap.mean(pool.array(name)) for name in names}
    total = sum(max(one.value, 0.0) for one in rise.values())
    found = [
        {
            "family": family,
            "loss_rise": one.to_dict(),
            "share": max(one.value, 0.0) / total if total > 0 else float("nan"),
        }
        for family, one in rise.items()
    ]
    return sorted(found, key=lambda one: -one["loss_rise"]["value"])
