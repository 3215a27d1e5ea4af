"""Make the follower classifier that Impel comes with, from published figures: `python -m training.follower_default`.

It is fitted on simulated profiles, no real follower. Published are the medians and shares among hand-labelled followers
of Swiss Instagram influencers (SRF Data 2017: 98 fake, 877 real). Around the medians, logarithms of counts are taken as
normal. Assumed are their standard deviations: 2 for followers and posts, less than the 2.8 of influencers' followers
(standard deviation of log10 1.20), and 1.4 for following, which platforms limit; and a correlation of one half, since
active people follow, post and are followed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import features
from features.follower_classifier import COUNTS, FollowerClassifier

MEDIANS = {"real": (421, 604, 74), "fake": (121, 2107, 1)}
"""Of followers, following and posts."""
NO_PICTURE = {"real": 0.006, "fake": 0.07}
PRIVATE = {"real": 0.21, "fake": 0.31}
SPREADS = (2.0, 1.4, 2.0)
CORRELATION = 0.5
FOLLOWING_LIMIT = 7500

PROFILES = 20_000
"""Simulated followers of either kind."""
WORTH = 20
"""As many labelled followers of either kind the default counts as in its intervals (assumed): medians say where the
middle is, not how far real and fake followers overlap."""


def make(seed: int = 2017) -> FollowerClassifier:
    """Fit the classifier on simulated profiles."""
    rng = np.random.default_rng(seed)
    profiles = pd.concat([_profiles(kind, rng) for kind in ("real", "fake")])
    classifier = FollowerClassifier().fit(profiles, np.repeat([0, 1], PROFILES))
    classifier.labels_ = np.full(2, float(WORTH))
    return classifier


def _profiles(kind: str, rng: np.random.Generator) -> pd.DataFrame:
    shared, own = rng.standard_normal((PROFILES, 1)), rng.standard_normal((PROFILES, 3))
    logs = np.log(MEDIANS[kind]) + SPREADS * (CORRELATION**0.5 * shared + (1 - CORRELATION) ** 0.5 * own)
    profiles = pd.DataFrame(np.round(np.exp(logs)), columns=list(COUNTS))
    return profiles.assign(
        following=profiles["following"].clip(upper=FOLLOWING_LIMIT),
        has_picture=rng.random(PROFILES) >= NO_PICTURE[kind],
        is_private=rng.random(PROFILES) < PRIVATE[kind],
    )


if __name__ == "__main__":
    (Path(features.__file__).parent / "follower_default.json").write_text(make().to_json() + "\n", encoding="utf-8")
