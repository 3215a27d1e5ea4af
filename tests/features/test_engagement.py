"""What the features of engagement mean: accounts made by hand, and what is to be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import build
from features.catalogue import FEATURES
from tests.features.compare import prepared
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = pd.Timestamp("2025-06-01")
ACCOUNTS = ["tight", "large", "busy", "quiet"]


def ago(days: Iterable[float] | float) -> Any:
    return NOW - pd.to_timedelta(days, unit="D")


def features(ids: list[str] = ACCOUNTS, **tables: pd.DataFrame) -> pd.DataFrame:
    """Build the features of accounts at NOW; tables not given are empty."""
    empty = {name: rows[:0] for name, rows in random_tables(np.random.default_rng(0)).items()}
    accounts = pd.DataFrame({"account_id": ids, "influencer_id": ids, "platform": "x"})
    campaigns = pd.DataFrame(
        {
            "campaign_id": ["c"],
            "brand_id": "b",
            "vertical": "food",
            "goal": "sale",
            "starts_at": NOW,
            "attribution_days": 30,
        }
    )
    pairs = pd.DataFrame({"campaign_id": "c", "account_id": ids, "decided_at": NOW})
    frames = {**empty, "accounts": accounts, "campaigns": campaigns, **tables}
    X = build(prepared(frames), pairs).set_axis(ids)
    return X[[name for name, feature in FEATURES.items() if feature.family == "engagement"]]


def reactions(account: str, actor: Any, days: Any, kind: Any = "comment", post: Any = "p") -> pd.DataFrame:
    moments = ago(np.atleast_1d(days))
    return pd.DataFrame({"actor_id": actor, "account_id": account, "post_id": post, "kind": kind, "at": moments})


def drawn(account: str, people: int, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the reactions of a community in which everybody reacts equally often."""
    actor = [f"{account} {number}" for number in rng.integers(0, people, size)]
    return reactions(account, actor, rng.uniform(0, 90, size))


def test_a_small_tight_community_is_told_from_a_large_passive_audience() -> None:
    rng = np.random.default_rng(1)
    stats = pd.DataFrame({"account_id": ["tight", "large"], "observed_at": ago(100), "followers": [1_000, 1_000_000]})
    interactions = pd.concat([drawn("tight", 40, 300, rng), drawn("large", 100_000, 300, rng)])
    X = features(account_stats=stats, interactions=interactions)
    tight, large = X.loc["tight"], X.loc["large"]
    assert tight["reactions_log_90d"] == large["reactions_log_90d"] == np.log(301)
    # 300 reactions of 40 people are 7.5 of each, and two of them are one person's in one of 40 cases.
    assert tight["community_reactions_90d"] == pytest.approx(300 / 40, rel=0.1)
    assert large["community_reactions_90d"] == pytest.approx(300 / 100_000, abs=0.05)
    assert tight["responder_concentration_90d"] == pytest.approx(1 / 40, rel=0.1)
    assert large["responder_concentration_90d"] < 1e-3
    assert tight["responders_per_follower_90d"] > 100 * large["responders_per_follower_90d"]


def test_a_community_is_as_tight_in_a_sample_of_its_reactions() -> None:
    """What does not depend on the size of the sample is estimated without bias: theory of Simpson, and of Lincoln."""
    rng = np.random.default_rng(2)
    ids = [f"sampled {number}" for number in range(200)]
    samples = [drawn(account, 50, 400, rng).sample(60, random_state=rng.integers(2**32)) for account in ids]
    X = features(ids, interactions=pd.concat(samples))
    assert X["responder_concentration_90d"].mean() == pytest.approx(1 / 50, rel=0.05)
    assert X["community_reactions_90d"].mean() == pytest.approx(60 / 50, rel=0.05)


def test_communities_by_hand() -> None:
    tight = reactions("tight", ["a", "b", "c", "a", "b", "d", "a"], [80, 70, 60, 20, 10, 5, 1])
    large = reactions("large", ["e", "f"], [80, 10])
    quiet = reactions("quiet", ["g", "g"], [10, 90])
    X = features(interactions=pd.concat([tight, large, quiet]))
    # a, b and c reacted before; a, b and d since: 3 * 3 / 2 people, 7 reactions.
    assert X.loc["tight", "community_reactions_90d"] == pytest.approx(7 / 4.5)
    assert X.loc["tight", "responder_concentration_90d"] == pytest.approx((3 * 2 + 2 * 1) / (7 * 6))
    assert X.loc["tight", "returning_responder_share_90d"] == pytest.approx(2 / 4)
    # Nobody came back: measured, none. Ninety days ago is no longer in the window: not measured.
    assert X.loc["large", "community_reactions_90d"] == 0
    assert np.isnan(X.loc["quiet", "community_reactions_90d"])
    assert np.isnan(X.loc["quiet", "responder_concentration_90d"])


def test_a_loyal_commenter_comments_on_three_posts() -> None:
    tight = [
        reactions("tight", "loyal", [50, 40, 30, 20], "comment", ["p1", "p2", "p3", "p3"]),
        reactions("tight", "often", [50, 40, 30], ["comment", "reply", "comment"], ["p1", "p2", "p1"]),
        reactions("tight", "loud", [50, 40, 30], ["comment", "mention", "comment"], ["p1", "p2", None]),
    ]
    large = [reactions("large", "loyal", [50, 40], "comment", ["p1", "p2"])]
    quiet = [reactions("quiet", "loyal", [50, 40, 30], "reply", None)]
    share = features(interactions=pd.concat(tight + large + quiet))["loyal_comment_share_90d"]
    # Of eight comments on known posts four are by who commented on three; mentions and unknown posts do not count.
    assert list(share[["tight", "large"]]) == [4 / 8, 0]
    assert np.isnan(share["quiet"])


def test_an_answer_follows_what_it_answers() -> None:
    given = [
        reactions("large", "tight", [60, 5]),  # before the other reacted, and after
        reactions("quiet", "tight", 40),  # the other had only followed
        reactions("busy", "tight", [30.01, 30]),  # less than 90 days after the other reacted, and 90 days
    ]
    received = [
        reactions("tight", "large", 50),
        reactions("tight", "quiet", 45, "follow"),
        reactions("tight", "busy", 120),
    ]
    X = features(interactions=pd.concat(given + received))
    np.testing.assert_array_equal(X["answers_share_90d"], [2 / 5, 1, np.nan, np.nan])


def test_posts_by_hand() -> None:
    stats = pd.DataFrame({"account_id": "busy", "observed_at": ago([200, 50]), "followers": [100, 200]})
    posts = pd.DataFrame(
        {
            "post_id": ["p1", "p2", "p3", "p4"],
            "account_id": "busy",
            "published_at": ago([100, 60, 40, 20]),
            "sponsor_id": [None, "b", None, "b"],
            "topics": [["food"], ["food", "home"], [], ["food"]],
            "caption": ["one two three", None, "", "one"],
            "views": [100, 1_000, 400, None],
            "likes": [7, 31, 15, 3],
            "comments": [0, 0, 0, 4],
            "shares": [1, None, 2, 0],
            "saves": None,
            "clicks": [1, 10, None, 3],
        }
    )
    busy = features(account_stats=stats, posts=posts).loc["busy"]
    levels = np.log([8, 32, 16, 8])
    expected = {
        "engagements_log_range_180d": np.subtract(*np.quantile(levels, [0.75, 0.25])),
        "engagements_log_best_180d": np.log(32) - np.median(levels),
        "engagements_log_slope_180d": np.polyfit([0, 40, 60, 80], levels, 1)[0],
        "views_log_median_90d": np.log1p(700),
        "views_per_follower_best_180d": 10,
        "comments_per_follower_90d": 4 / (100 + 200 + 200),
        "engagements_per_view_90d": (31 + 15) / (1_000 + 400),
        "sponsored_share_30d": 1,
        "days_since_last_sponsored": 20,
        "sponsors_180d": 1,
        "sponsored_to_organic_180d": 19 / 11,
        "sponsored_rate_median_180d": np.mean([31 / 100, 7 / 200]),
        # food, food, home, food: of the six ways to draw two, three are alike.
        "topic_concentration_180d": 3 / 6,
        "caption_words_mean_180d": 4 / 3,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(busy[name], value, rtol=1e-12, err_msg=name)
