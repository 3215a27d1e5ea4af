"""One account of which everything is known, and what can be missing of it: worlds in which null rules are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.features.compare import Frames

NOW = pd.Timestamp("1970-01-01") + pd.Timedelta(days=30 * 660)
"""A moment at which social scores are published, in March 2024."""


EVENTS = ("account_stats", "posts", "interactions", "audiences", "followers", "outcomes")


def _ago(*days: float) -> list[pd.Timestamp]:
    return [NOW - pd.Timedelta(days=number) for number in days]


def whole_world() -> dict[str, pd.DataFrame]:
    """Return the tables of one account hired three times, and of one pair, in which no feature is null."""
    dimensions = ("country", "age", "gender", "language", "interest")
    shares = {"dimension": dimensions, "bucket": ["US", "18-24", "female", "en", "food"], "share": 0.5}
    return {
        "accounts": pd.DataFrame(
            {
                "account_id": ["a", "a too"],
                "influencer_id": "i",
                "platform": ["x", "blog"],
                "country": "US",
                "language": "en",
                "created_at": _ago(900, 900),
            }
        ),
        "account_stats": pd.DataFrame(
            {
                "account_id": [*"aaaa", "a too"],
                "observed_at": _ago(190, 100, 50, 1, 190),
                "followers": [900, 1_000, 1_100, 1_200, 200],
                "following": 10.0,
            }
        ),
        "posts": pd.DataFrame(
            {
                "post_id": ["p1", "p2", "p3", "p4", "p5"],
                "account_id": [*"aaaa", "a too"],
                "published_at": _ago(80, 40, 20, 5, 5),
                "sponsor_id": ["r7", "b7", None, None, None],
                "topics": [["food"]] * 5,
                "caption": "New jelly, thanks to @b7",
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
                "actor_id": ["fan"] * 6 + ["a"],
                "account_id": ["a"] * 6 + ["a too"],
                "post_id": ["p3", "p3", None, None, None, "p2", "p5"],
                "kind": ["comment", "reply", "mention", "reshare", "follow", "comment", "comment"],
                "at": _ago(9, 8, 7, 6, 5, 40, 4),
                "actor_followers": 100.0,
                "text": ["so good to see", "so good to hear", None, None, None, "so good to eat", "so good to be"],
            }
        ),
        "audiences": pd.DataFrame({"account_id": "a", "observed_at": NOW - pd.Timedelta(days=9), **shares}),
        "followers": pd.DataFrame(
            {
                "account_id": "a",
                "follower_id": [f"f{number}" for number in range(30)],
                "observed_at": NOW - pd.Timedelta(days=30),
                "followers": 100.0,
                "following": 100.0,
                "posts": 100.0,
                "has_picture": [True, False] * 15,
            }
        ),
        "campaigns": pd.DataFrame(
            {
                "campaign_id": ["c", "before", "first"],
                "brand_id": ["b7", "b7", "r7"],
                "vertical": "food",
                "goal": "sale",
                "topics": [["food"]] * 3,
                "brief": "a new jelly",
                "starts_at": _ago(0, 90, 100),
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
                "impressions": 1_000,
                "clicks": 50,
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


CASES: dict[str, Callable[[Frames], Frames]] = {
    "everything known": lambda frames: frames,
    "no post": _rows("posts"),
    "no post with a hundred likes": _with("posts", likes=99),
    "no post in 90 days": _earlier("posts", "published_at", 86),
    "no post in 30 days": _earlier("posts", "published_at", 26),
    "two posts": _rows("posts", slice(1, 3)),
    "one post": _rows("posts", slice(2, 3)),
    "posts of one moment": _with("posts", published_at=NOW - pd.Timedelta(days=5)),
    "posts of the last three days": _with("posts", published_at=NOW - pd.Timedelta(days=2.99)),
    "only sponsored posts": _with("posts", sponsor_id="b7"),
    "no sponsored post": _with("posts", sponsor_id=None),
    "likes and comments hidden": _with("posts", likes=None, comments=None),
    "likes hidden": _with("posts", likes=None),
    "comments hidden": _with("posts", comments=None),
    "views hidden": _with("posts", views=None),
    "shares hidden": _with("posts", shares=None),
    "saves hidden": _with("posts", saves=None),
    "clicks hidden": _with("posts", clicks=None),
    "no like": _with("posts", likes=0),
    "no view": _with("posts", views=0),
    "no engagement": _with("posts", likes=0, comments=0),
    "topics unknown": _with("posts", topics=None),
    "other topics": _with("posts", topics=["cars"]),
    "no topic in the brief": _with("campaigns", topics=None),
    "no topic in a new vertical": _with("campaigns", topics=None, vertical="new"),
    "captions unknown": _with("posts", caption=None),
    "no word in the brief": _with("campaigns", brief="\U0001f600 !"),
    "no name of the brand": lambda frames: {
        **frames,
        "campaigns": frames["campaigns"].replace({"brand_id": {"b7": "two words"}}),
    },
    "no reading": _rows("account_stats"),
    "no follower": _with("account_stats", followers=0),
    "read for the first time ten days ago": _with("account_stats", observed_at=NOW - pd.Timedelta(days=10)),
    "one reading": _rows("account_stats", slice(3, 4)),
    "following unknown": _with("account_stats", following=None),
    "no interaction": _rows("interactions"),
    "interactions long ago": _earlier("interactions", "at", 100),
    "only interactions with oneself": _with("interactions", actor_id="a"),
    "only follows": _with("interactions", kind="follow"),
    "no comment": _with("interactions", kind="reply"),
    "no text": _with("interactions", text=None),
    "posts reacted to unknown": lambda frames: {
        **frames,
        "interactions": frames["interactions"].drop(columns="post_id"),
    },
    "nobody reacted before": _rows("interactions", lambda rows: rows["at"] > NOW - pd.Timedelta(days=30)),
    "nobody reacted of late": _rows("interactions", lambda rows: rows["at"] < NOW - pd.Timedelta(days=30)),
    "no reaction to others": _rows("interactions", lambda rows: rows["actor_id"] != "a"),
    "followers of fans unknown": _with("interactions", actor_followers=None),
    "no sample": _rows("followers"),
    "sample of a year ago": _earlier("followers", "observed_at", 335),
    "sample of twenty-nine": _rows("followers", slice(1, 30)),
    "posts of sampled followers unknown": _with("followers", posts=None),
    "what sampled followers follow unknown": _with("followers", following=None),
    "sampled followers follow nobody": _with("followers", following=0),
    "sample without profiles": _with("followers", followers=None, following=None, posts=None, has_picture=None),
    "no audience report": _rows("audiences"),
    "nobody in the audience report": _with("audiences", share=0.0),
    "no target": _rows("campaign_audience"),
    "no country in the report": _rows("audiences", lambda rows: rows["dimension"] != "country"),
    "no language in the brief": _rows("campaign_audience", lambda rows: rows["dimension"] != "language"),
    "report and brief on other dimensions": _both(
        _rows("audiences", lambda rows: rows["dimension"] == "age"),
        _rows("campaign_audience", lambda rows: rows["dimension"] == "language"),
    ),
    "language of the account unknown": _with("accounts", language=None),
    "never hired": _rows("outcomes"),
    "hired, still open": _with("outcomes", closed_at=NOW + pd.Timedelta(microseconds=1)),
    "hired once": _rows("outcomes", slice(1, 2)),
    "never posted": _with("outcomes", posted_at=None),
    "hired for another goal": _both(
        _with("campaigns", goal="signup"),
        lambda frames: {**frames, "campaigns": frames["campaigns"].assign(goal=["sale", "signup", "signup"])},
    ),
    "hired for another vertical": lambda frames: {
        **frames,
        "campaigns": frames["campaigns"].assign(vertical=["food", "cars", "cars"]),
    },
    "nothing to compare with": _both(
        _with("campaigns", goal="awareness"), _with("outcomes", closed_at=NOW - pd.Timedelta(days=50))
    ),
    "clicks of the past unknown": _with("outcomes", clicks=None),
    "impressions of the past unknown": _with("outcomes", impressions=None),
    "nothing shown or clicked": _with("outcomes", impressions=0, clicks=0),
    "hired for free": _with("outcomes", fee=0),
    "one account": lambda frames: {
        name: rows[rows["account_id"] != "a too"] if "account_id" in rows else rows for name, rows in frames.items()
    },
    "fees of the past unknown": _with("outcomes", fee=None),
    "value unknown": _with("campaigns", value_per_action=None),
    "worth nothing": _with("campaigns", value_per_action=0),
    "fee unknown": _with("pairs", fee=None),
    "for free": _with("pairs", fee=0),
    "budget unknown": _with("campaigns", budget=None),
    "age unknown": _with("accounts", created_at=None),
    "age of an account to come": _with("accounts", created_at=NOW + pd.Timedelta(days=1)),
    "nothing known when the scores were published": _both(
        _with("pairs", decided_at=NOW - pd.Timedelta(microseconds=1)),  # the last publication is 30 days ago
        lambda frames: {**frames, "posts": frames["posts"].assign(published_at=_ago(29, 20, 10, 5, 5))},
        lambda frames: {**frames, "account_stats": frames["account_stats"].assign(observed_at=_ago(29, 20, 10, 5, 29))},
        _with("interactions", at=NOW - pd.Timedelta(days=5)),
    ),
    "nothing known at all": _both(*(_rows(table) for table in EVENTS)),
}
"""What is changed in the world, by what is then the case."""
