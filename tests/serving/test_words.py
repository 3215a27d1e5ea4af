from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import FEATURES
from serving.words import words

SAID = [
    ("comments_per_like_90d", 0.051, "comments per like, 90 days 0.051"),
    ("log_followers", np.log1p(49454), "followers 49,454"),
    ("fee_log", np.log1p(250), "fee 250"),
    ("fee_per_1000_followers_log", np.log(4.387), "fee per 1000 followers 4.39"),
    ("past_performance_same_goal", np.log(1.8), "past performance same goal 1.8 times"),
    ("follower_jump_180d", 0.0037, "follower jump, 180 days 1.004 times"),
    ("follower_drop_180d", -0.0123, "follower drop, 180 days 0.9878 times"),
    ("comments_log_mean_newest", np.log1p(32.6), "comments mean, newest 32.6"),
    ("fake_share", 0.123, "fake share 12.3 %"),
    ("follower_growth_30d", -0.05, "follower growth, 30 days -0.05"),
    ("log_followers", 1e300, "followers 1.01e+304"),
    ("posts_90d", None, "posts, 90 days unknown"),
    ("season_sine", 0.3, "season of the start"),
    ("start_weekday_cosine", None, "weekday of the start"),
    ("platform", "tiktok", "platform tiktok"),
    ("temperature", 12345.6, "temperature 12,346"),
]


@pytest.mark.parametrize(("feature", "value", "said"), SAID)
def test_values_are_written_as_people_do(feature: str, value: float | str | None, said: str) -> None:
    assert words(feature, value, usual=None, typical=None, goal="sale", platform="tiktok") == said


def test_values_lie_beside_what_is_usual() -> None:
    assert words("comments_per_like_90d", 0.051, usual=0.021, typical=0.03, goal="sale", platform="tiktok") == (
        "comments per like, 90 days 0.051, tiktok accounts of this size 0.021, all hired for sale 0.03"
    )
    assert words("fee_log", np.log1p(250), usual=np.log1p(180), typical=None, goal="sale", platform="x") == (
        "fee 250, sale campaigns with accounts of this size 180"
    )


def test_every_feature_can_be_said() -> None:
    for name in FEATURES:
        said = words(name, 0.5, usual=0.4, typical=0.3, goal="sale", platform="tiktok")
        assert "log" not in said.split()
        assert "_" not in said
