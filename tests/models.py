"""A small real model on made-up features, for tests of what is built around models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training.model import ActionModel

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = ("log_followers", "engagement_rate_median_90d", "fee_log", "klout_score", "kred_influence", "peerindex")


def made_features(rows: int, *, seed: int) -> pd.DataFrame:
    """Return features of pairs; some are unknown, kred_influence always."""
    random = np.random.default_rng(seed)
    rate = np.where(random.random(rows) < 0.1, np.nan, random.beta(2, 40, rows))
    numbers = pd.DataFrame(
        {
            "log_followers": random.normal(9, 2, rows),
            "engagement_rate_median_90d": rate,
            "fee_log": random.normal(5, 1, rows),
            "klout_score": random.uniform(1, 100, rows),
            "kred_influence": np.full(rows, np.nan),
            "peerindex": random.uniform(0, 100, rows),
        }
    )
    texts = {
        "goal": random.choice(["sale", "traffic"], rows),
        "platform": random.choice(["instagram", "tiktok"], rows),
        "vertical": random.choice(["food", "travel"], rows),
    }
    return numbers.assign(**{name: pd.array(words, dtype="str") for name, words in texts.items()})


def made_bundle(folder: Path, *, seed: int = 0) -> Path:
    """Train on made-up outcomes and save the bundle."""
    rows = 400
    random = np.random.default_rng(seed)
    X = made_features(rows, seed=seed)
    mean = np.exp(0.5 * (X["log_followers"] - 9)) * np.where(X["goal"] == "sale", 3, 40)
    decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(random.uniform(0, 300, rows)), unit="D")
    model = ActionModel(rounds=30, folds=2)
    model.fit(X, random.poisson(mean), decided_at=decided, closed_at=decided + pd.Timedelta(days=30))
    return model.bundle_.save(folder)
