"""Followers that somebody has labelled as fake or real."""

from __future__ import annotations

import numpy as np
import pandas as pd


def labelled(fakes: int, real: int, *, days: int = 0, account: str = "a00") -> pd.DataFrame:
    """Return followers of one account, fakes first, observed so many days into 2024."""
    size = fakes + real
    rng = np.random.default_rng(fakes)
    fake = np.arange(size) < fakes
    return pd.DataFrame(
        {
            "account_id": account,
            "follower_id": [f"{days}-{number}" for number in range(size)],
            "observed_at": pd.Timestamp("2024-01-01") + pd.Timedelta(days=days),
            "followers": rng.poisson(np.where(fake, 20, 400)),
            "following": rng.poisson(np.where(fake, 3000, 500)),
            "posts": rng.poisson(np.where(fake, 1, 60)),
            "fake": pd.array(fake, dtype="boolean"),
        }
    )
