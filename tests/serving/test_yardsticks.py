"""What is usual for accounts of one size, as training learns it and answers read it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.peers import NEIGHBOURS
from serving.yardsticks import Peers, Yardsticks
from training.yardsticks import learn_yardsticks

FEATURES = ("comments_per_like_90d", "fee_log", "log_followers", "goal", "platform")


def past(rows: int = 400) -> pd.DataFrame:
    """Return activations on two platforms: comments fall with the size, on one of them more than on the other."""
    random = np.random.default_rng(0)
    size, x = random.uniform(5, 13, rows), random.random(rows) < 0.5
    return pd.DataFrame(
        {
            "log_followers": size,
            "comments_per_like_90d": (0.2 - 0.01 * size) * np.where(x, 1, 2) + random.normal(0, 0.003, rows),
            "fee_log": 0.5 * size + random.normal(0, 0.1, rows),
            "goal": np.where(np.arange(rows) < 4, "traffic", "sale"),
            "platform": np.where(x, "x", "tiktok"),
        }
    )


def test_medians_of_the_nearest_in_size() -> None:
    X = past()
    learnt = learn_yardsticks(X)
    peers = learnt.platform["tiktok"]
    own = X[X["platform"] == "tiktok"].sort_values("log_followers").reset_index(drop=True)
    for size, usual in zip(peers.sizes, peers.usual["comments_per_like_90d"], strict=True):
        middle = int(np.abs(own["log_followers"] - size).argmin())
        near = own["comments_per_like_90d"].iloc[max(middle - NEIGHBOURS, 0) : middle + NEIGHBOURS + 1]
        assert abs(usual - near.median()) < 0.002
    assert "log_followers" not in peers.usual
    assert "fee_log" not in peers.usual
    assert set(learnt.goal["sale"].usual) == {"fee_log"}
    assert learnt.goal["traffic"].usual == {}, "four activations have no usual"


def test_reading_is_straight_between_sizes_and_constant_beyond() -> None:
    peers = Peers(sizes=(5.0, 9.0), usual={"comments_per_like_90d": (0.1, 0.3)})
    found = Yardsticks(platform={"x": peers}, goal={}).usual(
        pd.DataFrame({"log_followers": [1.0, 5.0, 6.0, 9.0, 20.0, np.nan, 6.0], "platform": ["x"] * 6 + ["other"]}),
        FEATURES,
    )
    assert np.isnan(found[:, 1:]).all()
    np.testing.assert_allclose(found[:, 0], [0.1, 0.1, 0.15, 0.3, 0.3, np.nan, np.nan])


def test_without_followers_or_platforms_there_is_none() -> None:
    X = past()
    assert learn_yardsticks(X.drop(columns="log_followers")) == Yardsticks(platform={}, goal={})
    assert learn_yardsticks(X.drop(columns="platform")).platform == {}
    assert np.isnan(learn_yardsticks(X).usual(X.drop(columns="log_followers"), FEATURES)).all()
    assert np.isnan(learn_yardsticks(X).usual(X.drop(columns="platform"), FEATURES)[:, 0]).all()


def test_the_order_of_rows_does_not_matter() -> None:
    X = past()
    assert learn_yardsticks(X.sample(frac=1, random_state=1)) == learn_yardsticks(X)
