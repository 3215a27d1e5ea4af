"""The catalogue tells the truth: names, order, units, and exactly when each feature is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import build
from features.catalogue import CATEGORIES, FEATURES, digest
from features.tables import CONTRACT
from tests.features.compare import Frames, prepared
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = pd.Timestamp("1970-01-01") + pd.Timedelta(days=30 * 660)
"""A moment at which social scores are published, in March 2024."""


@pytest.fixture(scope="module")
def X() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frames = random_tables(rng)
    return build(prepared(frames), random_pairs(rng, frames, 300))


def test_the_matrix_has_the_features_of_the_catalogue_in_its_order(X: pd.DataFrame) -> None:
    assert list(X.columns) == [*FEATURES, *CATEGORIES]
    assert set(X.dtypes[list(FEATURES)]) == {np.dtype(np.float64)}
    assert {str(dtype) for dtype in X.dtypes[list(CATEGORIES)]} == {"str"}
    assert X[list(CATEGORIES)].notna().all(axis=None)


@pytest.mark.parametrize("name", FEATURES)
def test_an_entry_says_everything(name: str) -> None:
    feature = FEATURES[name]
    assert feature.name == name
    assert all(text.strip() == text != "" for text in (feature.family, feature.unit, feature.meaning, feature.null))
    assert feature.direction in ("up", "down", "free")
    assert feature.tables
    assert set(feature.tables) <= set(CONTRACT)
    assert len(set(feature.tables)) == len(feature.tables)


def test_features_of_a_family_stand_together() -> None:
    families = [feature.family for feature in FEATURES.values()]
    assert len(set(families)) == sum(one != other for one, other in zip(families, [None, *families], strict=False))


def test_the_digest_changes_with_any_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    assert digest() == before
    monkeypatch.delitem(FEATURES, "fee_log")
    assert digest() != before


RANGES = {
    "share": (0, 1),
    "index": (0, 1),
    "sine": (-1, 1),
    "cosine": (-1, 1),
    "1 to 100": (1, 100),
    "0 to 1,000": (0, 1_000),
    "0 to 100": (0, 100),
    "nats": (0, np.log(2)),
    "log1p": (0, np.inf),
    "posts": (0, np.inf),
    "activations": (0, np.inf),
    "accounts": (1, np.inf),
    "actions": (0, np.inf),
    "level": (0, np.inf),
    "per follower": (0, np.inf),
}


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.unit in RANGES])
def test_values_lie_in_the_range_of_their_unit(name: str, X: pd.DataFrame) -> None:
    low, high = RANGES[FEATURES[name].unit]
    assert X[name].min() >= low
    assert X[name].max() <= high


# One account of which everything is known, and what becomes null when something of it is not.


def _ago(*days: float) -> list[pd.Timestamp]:
    return [NOW - pd.Timedelta(days=number) for number in days]


def _world() -> dict[str, pd.DataFrame]:
    """Return the tables of one account hired three times, and of one pair, in which no feature is null."""
    dimensions = ("country", "age", "gender", "language", "interest")
    shares = {"dimension": dimensions, "bucket": ["US", "18-24", "female", "en", "food"], "share": 0.5}
    return {
        "accounts": pd.DataFrame(
            {
                "account_id": ["a"],
                "influencer_id": "i",
                "platform": "x",
                "country": "US",
                "language": "en",
                "created_at": _ago(900),
            }
        ),
        "account_stats": pd.DataFrame(
            {
                "account_id": "a",
                "observed_at": _ago(190, 100, 50, 1),
                "followers": [900, 1_000, 1_100, 1_200],
                "following": 10.0,
            }
        ),
        "posts": pd.DataFrame(
            {
                "post_id": ["p1", "p2", "p3", "p4"],
                "account_id": "a",
                "published_at": _ago(80, 40, 20, 5),
                "sponsor_id": [None, "b", None, None],
                "topics": [["food"]] * 4,
                "views": 1_000.0,
                "likes": 100.0,
                "comments": 10.0,
                "shares": 5.0,
                "saves": 5.0,
                "clicks": 5.0,
            }
        ),
        "interactions": pd.DataFrame(
            {
                "actor_id": "fan",
                "account_id": "a",
                "kind": ["comment", "reply", "mention", "reshare", "follow"],
                "at": _ago(9, 8, 7, 6, 5),
                "actor_followers": 100.0,
                "text": ["so good to see", "so good to hear", None, None, None],
            }
        ),
        "audiences": pd.DataFrame({"account_id": "a", "observed_at": NOW - pd.Timedelta(days=9), **shares}),
        "followers": pd.DataFrame(
            {
                "account_id": "a",
                "follower_id": ["f1", "f2"],
                "observed_at": _ago(30, 30),
                "followers": 100.0,
                "following": 100.0,
                "posts": 100.0,
                "has_picture": [True, False],
            }
        ),
        "campaigns": pd.DataFrame(
            {
                "campaign_id": ["c", "before", "first"],
                "brand_id": "b",
                "vertical": "food",
                "goal": "sale",
                "topics": [["food"]] * 3,
                "starts_at": NOW,
                "attribution_days": 30,
                "value_per_action": 10.0,
                "budget": 1_000.0,
            }
        ),
        "campaign_audience": pd.DataFrame({"campaign_id": "c", **shares}),
        "outcomes": pd.DataFrame(
            {
                "campaign_id": ["first", "before"],
                "account_id": "a",
                "decided_at": _ago(100, 90),
                "posted_at": _ago(99, 89),
                "fee": 100.0,
                "actions": 20,
                "closed_at": _ago(60, 50),
            }
        ),
        "pairs": pd.DataFrame({"campaign_id": ["c"], "account_id": "a", "decided_at": NOW, "fee": 100.0}),
    }


def _with(table: str, **columns: Any) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        made = frames[table].copy()
        for column, value in columns.items():
            made[column] = pd.Series([value] * len(made), index=made.index, dtype=object if value is None else None)
        return {**frames, table: made}

    return change


def _rows(table: str, keep: slice | Callable[[pd.DataFrame], Any] = slice(0, 0)) -> Callable[[Frames], Frames]:
    return lambda frames: {**frames, table: frames[table][keep(frames[table]) if callable(keep) else keep]}


def _earlier(table: str, column: str, days: float) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        moments = frames[table][column] - pd.Timedelta(days=days)
        return {**frames, table: frames[table].assign(**{column: moments})}

    return change


def _both(*changes: Callable[[Frames], Frames]) -> Callable[[Frames], Frames]:
    def change(frames: Frames) -> Frames:
        for each in changes:
            frames = each(frames)
        return frames

    return change


def _words(*texts: str) -> set[str]:
    return {name for text in texts for name in text.split()}


PER_LIKE = "comments_per_like_90d shares_per_like_90d saves_per_like_90d"
RATES = "engagement_rate_median_90d engagement_rate_spread_90d engagement_rate_trend engagement_rate_for_size_90d"
OF_SIZE = "views_per_follower_median_90d following_per_follower follower_growth_30d follower_jump_180d"
SEASON = (
    f"{RATES} {PER_LIKE} engagements_log_median_90d views_per_follower_median_90d clicks_per_view_90d"
    " sponsored_share_90d influencer_engagements_log_90d account_engagement_share_90d"
)
ENGAGEMENT = (
    f"{RATES} comments_per_like_90d sponsored_to_organic_180d topic_engagement_ratio_180d account_engagement_share_90d"
)
NEWEST = "likes_log_mean_newest comments_log_mean_newest comments_log_spread_newest"
TOPICS = "topic_share_180d topic_engagement_ratio_180d"
PEOPLE = "responders_per_reaction_90d returning_responder_share_90d responder_concentration_90d replies_per_comment_90d"
DIMENSIONS = " ".join(f"audience_overlap_{name}" for name in ("country", "age", "gender", "language", "interest"))
FIT = "audience_fit_joint audience_divergence effective_audience_log"
SAME_GOAL = "past_actions_mean past_actions_log_mean_newest past_actions_log_spread_newest past_actions_log_last"
PERFORMANCE = "past_performance past_performance_same_goal past_performance_same_vertical influencer_past_performance"
RECORD = f"{SAME_GOAL} {PERFORMANCE} past_no_show_share past_break_even_share days_since_last_outcome"
KLOUT = "klout_reach klout_amplification klout_network klout_score"
SCORES = f"{KLOUT} kred_influence kred_outreach peerindex_authority peerindex"
EVENTS = ("account_stats", "posts", "interactions", "audiences", "followers", "outcomes")
WHOLE = "influencer_accounts influencer_followers_log"

CASES: dict[str, tuple[Callable[[Frames], Frames], set[str]]] = {
    "everything known": (lambda frames: frames, set()),
    "no post": (
        _rows("posts"),
        _words(SEASON, NEWEST, TOPICS)
        | _words("days_since_last_post posting_irregularity_180d sponsored_to_organic_180d"),
    ),
    "no post in 90 days": (_earlier("posts", "published_at", 86), _words(SEASON)),
    "no post in 30 days": (_earlier("posts", "published_at", 26), {"engagement_rate_trend"}),
    "two posts": (_rows("posts", slice(1, 3)), {"posting_irregularity_180d"}),
    "one post": (
        _rows("posts", slice(2, 3)),
        _words("posting_irregularity_180d engagement_rate_spread_90d comments_log_spread_newest")
        | {"sponsored_to_organic_180d"},
    ),
    "posts of one moment": (
        _with("posts", published_at=NOW - pd.Timedelta(days=5)),
        {"posting_irregularity_180d"},
    ),
    "posts of the last three days": (
        _with("posts", published_at=NOW - pd.Timedelta(days=2.99)),
        _words(SEASON, NEWEST, TOPICS)
        | _words("days_since_last_post posting_irregularity_180d sponsored_to_organic_180d"),
    ),
    "only sponsored posts": (_with("posts", sponsor_id="b"), {"sponsored_to_organic_180d"}),
    "no sponsored post": (_with("posts", sponsor_id=None), {"sponsored_to_organic_180d"}),
    "likes and comments hidden": (
        _with("posts", likes=None, comments=None),
        _words(ENGAGEMENT, PER_LIKE, NEWEST, "engagements_log_median_90d influencer_engagements_log_90d"),
    ),
    "likes hidden": (_with("posts", likes=None), _words(PER_LIKE, "likes_log_mean_newest")),
    "comments hidden": (
        _with("posts", comments=None),
        _words("comments_per_like_90d comments_log_mean_newest comments_log_spread_newest"),
    ),
    "views hidden": (_with("posts", views=None), _words("views_per_follower_median_90d clicks_per_view_90d")),
    "shares hidden": (_with("posts", shares=None), {"shares_per_like_90d"}),
    "saves hidden": (_with("posts", saves=None), {"saves_per_like_90d"}),
    "clicks hidden": (_with("posts", clicks=None), {"clicks_per_view_90d"}),
    "no like": (_with("posts", likes=0), _words(PER_LIKE)),
    "no view": (_with("posts", views=0), {"clicks_per_view_90d"}),
    "no engagement": (
        _with("posts", likes=0, comments=0),
        _words(PER_LIKE, "engagement_rate_spread_90d engagement_rate_trend engagement_rate_for_size_90d")
        | _words("sponsored_to_organic_180d topic_engagement_ratio_180d account_engagement_share_90d"),
    ),
    "topics unknown": (_with("posts", topics=None), _words(TOPICS)),
    "other topics": (_with("posts", topics=["cars"]), {"topic_engagement_ratio_180d"}),
    "no topic in the brief": (_with("campaigns", topics=None), _words(TOPICS)),
    "no reading": (
        _rows("account_stats"),
        _words(RATES, OF_SIZE, WHOLE, "log_followers effective_audience_log fee_per_1000_followers_log")
        | _words("account_follower_share klout_reach"),
    ),
    "no follower": (
        _with("account_stats", followers=0),
        _words(RATES, OF_SIZE, "fee_per_1000_followers_log account_follower_share"),
    ),
    "read for the first time ten days ago": (
        _with("account_stats", observed_at=NOW - pd.Timedelta(days=10)),
        {"follower_growth_30d"},
    ),
    "one reading": (_rows("account_stats", slice(3, 4)), _words("follower_growth_30d follower_jump_180d")),
    "following unknown": (_with("account_stats", following=None), {"following_per_follower"}),
    "no interaction": (
        _rows("interactions"),
        _words(PEOPLE, "generic_comment_share_90d reciprocal_reaction_share_90d klout_network"),
    ),
    "interactions long ago": (
        _earlier("interactions", "at", 100),
        _words(PEOPLE, "generic_comment_share_90d reciprocal_reaction_share_90d klout_network"),
    ),
    "only interactions with oneself": (
        _with("interactions", actor_id="a"),
        _words(PEOPLE, "generic_comment_share_90d reciprocal_reaction_share_90d klout_network"),
    ),
    "only follows": (_with("interactions", kind="follow"), _words(PEOPLE, "generic_comment_share_90d")),
    "no comment": (_with("interactions", kind="reply"), {"replies_per_comment_90d"}),
    "no text": (_with("interactions", text=None), {"generic_comment_share_90d"}),
    "followers of fans unknown": (_with("interactions", actor_followers=None), {"klout_network"}),
    "no sample": (_rows("followers"), {"suspicious_follower_share"}),
    "sample of a year ago": (_earlier("followers", "observed_at", 335), {"suspicious_follower_share"}),
    "sample without profiles": (
        _with("followers", following=None, posts=None, has_picture=None),
        {"suspicious_follower_share"},
    ),
    "no audience report": (_rows("audiences"), _words(DIMENSIONS, FIT)),
    "no target": (_rows("campaign_audience"), _words(DIMENSIONS, FIT, "own_language_share")),
    "no country in the report": (
        _rows("audiences", lambda rows: rows["dimension"] != "country"),
        {"audience_overlap_country"},
    ),
    "no language in the brief": (
        _rows("campaign_audience", lambda rows: rows["dimension"] != "language"),
        _words("audience_overlap_language own_language_share"),
    ),
    "report and brief on other dimensions": (
        _both(
            _rows("audiences", lambda rows: rows["dimension"] == "age"),
            _rows("campaign_audience", lambda rows: rows["dimension"] == "language"),
        ),
        _words(DIMENSIONS, FIT),
    ),
    "language of the account unknown": (_with("accounts", language=None), {"own_language_share"}),
    "never hired": (_rows("outcomes"), _words(RECORD)),
    "hired, still open": (_with("outcomes", closed_at=NOW + pd.Timedelta(microseconds=1)), _words(RECORD)),
    "hired once": (
        _rows("outcomes", slice(1, 2)),
        {"past_actions_log_spread_newest"},
    ),
    "never posted": (_with("outcomes", posted_at=None), _words(PERFORMANCE)),
    "hired for another goal": (
        _both(
            _with("campaigns", goal="signup"),
            lambda frames: {**frames, "campaigns": frames["campaigns"].assign(goal=["sale", "signup", "signup"])},
        ),
        _words(SAME_GOAL, "past_performance_same_goal"),
    ),
    "hired for another vertical": (
        lambda frames: {**frames, "campaigns": frames["campaigns"].assign(vertical=["food", "cars", "cars"])},
        {"past_performance_same_vertical"},
    ),
    "nothing to compare with": (
        _both(_with("campaigns", goal="awareness"), _with("outcomes", closed_at=NOW - pd.Timedelta(days=50))),
        _words(PERFORMANCE),
    ),
    "fees of the past unknown": (_with("outcomes", fee=None), {"past_break_even_share"}),
    "value unknown": (
        _with("campaigns", value_per_action=None),
        _words("past_break_even_share log_break_even value_per_action_log"),
    ),
    "worth nothing": (_with("campaigns", value_per_action=0), _words("log_break_even value_per_action_log")),
    "fee unknown": (_with("pairs", fee=None), _words("fee_log fee_per_1000_followers_log log_break_even")),
    "for free": (_with("pairs", fee=0), {"fee_per_1000_followers_log"}),
    "budget unknown": (_with("campaigns", budget=None), {"budget_log"}),
    "age unknown": (_with("accounts", created_at=None), {"account_age_days"}),
    "age of an account to come": (_with("accounts", created_at=NOW + pd.Timedelta(days=1)), {"account_age_days"}),
    "nothing known when the scores were published": (
        _both(
            _with("pairs", decided_at=NOW - pd.Timedelta(microseconds=1)),  # the last publication is 30 days ago
            lambda frames: {**frames, "posts": frames["posts"].assign(published_at=_ago(29, 20, 10, 5))},
            lambda frames: {**frames, "account_stats": frames["account_stats"].assign(observed_at=_ago(29, 20, 10, 5))},
        ),
        _words(SCORES, "follower_growth_30d"),
    ),
    "nothing known at all": (
        _both(*(_rows(table) for table in EVENTS)),
        _words(SEASON, NEWEST, TOPICS, OF_SIZE, WHOLE, PEOPLE, DIMENSIONS, FIT, RECORD, SCORES)
        | _words("days_since_last_post posting_irregularity_180d sponsored_to_organic_180d log_followers")
        | _words("generic_comment_share_90d reciprocal_reaction_share_90d suspicious_follower_share")
        | _words("fee_per_1000_followers_log account_follower_share"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """Build the pairs of all cases from one store: each case is a world of its own, with ids of its own."""
    worlds = []
    for case, (change, _) in CASES.items():
        world = change(_world())
        for rows in world.values():
            for column in set(rows.columns) & {"account_id", "influencer_id", "campaign_id", "post_id"}:
                rows[column] = f"{case} " + rows[column]
            if "actor_id" in rows:  # also when it is the account itself
                rows["actor_id"] = f"{case} " + rows["actor_id"]
        worlds.append(world)
    frames = {
        name: pd.concat([world[name].astype(object) for world in worlds if len(world[name])]) for name in worlds[0]
    }
    # What was usual before, so that the first activation of an account has something to be compared with.
    other = {name: rows[:1].copy() for name, rows in _world().items()}
    other["campaigns"]["campaign_id"] = other["outcomes"]["campaign_id"] = "other"
    other["accounts"]["account_id"] = other["outcomes"]["account_id"] = "other"
    other["outcomes"]["closed_at"] = NOW - pd.Timedelta(days=70)
    for name in ("accounts", "campaigns", "outcomes"):
        frames[name] = pd.concat([other[name].astype(object), frames[name]])
    pairs = frames.pop("pairs").infer_objects()
    return build(prepared({name: rows.infer_objects() for name, rows in frames.items()}), pairs).set_axis(list(CASES))


@pytest.mark.parametrize("case", CASES)
def test_a_feature_is_null_exactly_where_its_null_rule_says(case: str, cases: pd.DataFrame) -> None:
    of_case = cases.loc[case, list(FEATURES)]
    assert set(of_case.index[of_case.isna()]) == CASES[case][1]


def test_every_null_rule_was_tried() -> None:
    tried = {name for _, expected in CASES.values() for name in expected}
    never = {name for name, feature in FEATURES.items() if feature.null == "never"}
    # How long actions count is in every brief of the contract.
    assert tried == set(FEATURES) - never - {"attribution_days"}
