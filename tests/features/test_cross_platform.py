"""The whole person over all accounts: who is strong on a blog and Pinterest is not weak because X is quiet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import build
from tests.features.compare import Frames, prepared

NOW = pd.Timestamp("1970-01-01") + pd.Timedelta(days=30 * 660)
OF_THE_PERSON = [
    "influencer_accounts",
    "influencer_followers_log",
    "largest_account_follower_share",
    "influencer_posts_90d",
    "influencer_engagements_log_90d",
    "influencer_rate_log_best_90d",
    "influencer_rate_log_spread_90d",
    "influencer_depth_for_size",
    "influencer_replies_per_comment_365d",
    "influencer_returning_share_365d",
    "influencer_past_performance",
    "klout_networks",
]
NEVER_LOWER = [
    "influencer_accounts",
    "influencer_followers_log",
    "influencer_posts_90d",
    "influencer_engagements_log_90d",
    "influencer_rate_log_best_90d",
    "klout_networks",
]
PEERS = 12


def _ago(days: np.ndarray) -> pd.DatetimeIndex:
    return NOW - pd.to_timedelta(days, unit="D")


def _account(
    name: str, person: str, platform: str, *, followers: int, likes: int, fans: int
) -> dict[str, pd.DataFrame]:
    """Return an account with a post every tenth day, and comments and replies of its fans between."""
    days = np.arange(5, 85, 10)
    reacted = np.tile(days, fans) - 1
    return {
        "accounts": pd.DataFrame({"account_id": [name], "influencer_id": person, "platform": platform}),
        "account_stats": pd.DataFrame({"account_id": name, "observed_at": _ago(np.full(1, 180))}).assign(
            followers=followers
        ),
        "posts": pd.DataFrame(
            {
                "post_id": [f"{name} {day}" for day in days],
                "account_id": name,
                "published_at": _ago(days),
                "likes": likes,
                "comments": likes // 10,
            }
        ),
        "interactions": pd.DataFrame(
            {
                "actor_id": [f"fan {number} of {name}" for number in np.repeat(np.arange(fans), len(days))],
                "account_id": name,
                "kind": np.where(np.arange(len(reacted)) % 2, "reply", "comment"),
                "at": _ago(reacted),
            }
        ),
    }  # fmt: skip


def _world(*, with_x: bool) -> Frames:
    strong = [
        _account("the blog", "ann", "blog", followers=90_000, likes=5_000, fans=9),
        _account("the boards", "ann", "pinterest", followers=70_000, likes=3_000, fans=7),
    ]
    quiet = [_account("the quiet one", "ann", "x", followers=20, likes=0, fans=0)] if with_x else []
    others = [
        _account(f"{platform} {n}", f"{platform} {n}", platform, followers=1_000 * (n + 1), likes=10 * (n + 1), fans=2)
        for platform in ("blog", "pinterest", "x")
        for n in range(PEERS)
    ]
    parts = [*strong, *quiet, *others]
    frames = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    outcomes = pd.DataFrame(
        {
            "campaign_id": "before",
            "account_id": ["blog 0", "the blog"],
            "decided_at": _ago(np.array([80, 80])),
            "posted_at": _ago(np.array([79, 79])),
            "closed_at": _ago(np.array([50, 40])),  # the first is what the second is compared with
            "actions": [5, 500],
        }
    )
    campaign = {"brand_id": "b", "vertical": "food", "goal": "sale", "starts_at": NOW, "attribution_days": 30}
    frames["campaigns"] = pd.DataFrame({"campaign_id": ["now", "before"], **campaign})
    return frames | {"outcomes": outcomes}


def _features(accounts: list[str], *, with_x: bool) -> pd.DataFrame:
    pairs = pd.DataFrame({"campaign_id": "now", "account_id": accounts, "decided_at": NOW})
    return build(prepared(_world(with_x=with_x)), pairs).set_axis(accounts)


@pytest.fixture(scope="module")
def X() -> pd.DataFrame:
    return _features(["the blog", "the boards", "the quiet one", "x 0"], with_x=True)


def test_the_quiet_account_of_a_strong_person_tells_how_strong_the_person_is(X: pd.DataFrame) -> None:
    quiet, blog = X.loc["the quiet one", OF_THE_PERSON], X.loc["the blog", OF_THE_PERSON]
    assert quiet.notna().all()
    assert quiet.equals(blog.rename(quiet.name))
    # A stranger whose account on X is larger and livelier is weaker all the same.
    stranger = X.loc["x 0"]
    assert (X.loc["the quiet one", NEVER_LOWER].astype(float) > stranger[NEVER_LOWER].astype(float)).all()
    assert stranger["log_followers"] > X.loc["the quiet one", "log_followers"]


def test_a_quiet_account_more_lowers_nothing_that_is_told_of_the_person(X: pd.DataFrame) -> None:
    without = _features(["the blog"], with_x=False)
    difference = X.loc["the blog", NEVER_LOWER].astype(float) - without.loc["the blog", NEVER_LOWER].astype(float)
    assert (difference >= -1e-12).all()
    own = [name for name in without if name.endswith(("_30d", "_90d", "_180d", "_newest")) and "influencer" not in name]
    own.remove("account_engagement_share_90d")
    pd.testing.assert_frame_equal(X.loc[["the blog"], own], without[own])
