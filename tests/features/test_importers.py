"""Exports of every provider become tables of the data contract, and imports into one folder add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.checks import check
from features.errors import DataError, ImpelError, SettingError
from features.importers.describe import page
from features.importers.mapping import load, providers
from tests.features.provider_files import (
    CAMPAIGNS,
    CODES,
    EXPORTED,
    ORDERS,
    POSTS,
    briefed,
    complete,
    imported,
    table,
    written,
)

INSIGHTS = [
    {"name": name, "values": [{"value": value}]} for name, value in (("views", 500), ("saved", 4), ("shares", 2))
]
INSTAGRAM_MEDIA = {
    "data": [
        {
            "id": "17900001",
            "username": "Anna",
            "timestamp": "2026-05-03T10:00:00+0200",
            "caption": "Tea, at last",
            "like_count": 17,
            "comments_count": 3,
            "insights": {"data": INSIGHTS},
        },
        {"id": "17900002", "username": "Anna", "timestamp": "2026-05-04T10:00:00+0000", "comments_count": 1},
    ]
}
YOUTUBE_VIDEOS = {
    "kind": "youtube#videoListResponse",
    "items": [
        {
            "id": "dQw4w9WgXcQ",
            "snippet": {
                "publishedAt": "2026-05-03T10:00:00Z",
                "channelId": "UCabc",
                "title": "Tea",
                "tags": ["tea", "home"],
            },
            "statistics": {"viewCount": "1200", "likeCount": "30"},
        }
    ],
}
YOUTUBE_CHANNELS = {
    "items": [
        {
            "id": "UCabc",
            "snippet": {"customUrl": "@Anna", "publishedAt": "2020-01-01T00:00:00Z", "country": "DE"},
            "statistics": {"subscriberCount": "12300", "hiddenSubscriberCount": False, "videoCount": "40"},
        },
        {
            "id": "UCdef",
            "snippet": {"customUrl": "@bea", "publishedAt": "2020-01-01T00:00:00Z"},
            "statistics": {"subscriberCount": "0", "hiddenSubscriberCount": True, "videoCount": "4"},
        },
    ]
}
STUDIO = (
    "Content,Video title,Video publish time,Duration,Likes,Views,Watch time (hours),Comments added,Shares\n"
    "Total,,,,10,130,1.5,3,1\n"
    'dQw4w9WgXcQ,"Tea, at last","May 3, 2026",45,10,"1,100",0.5,2,1\n'
    "aaaaaaaaaaa,Cups,2026-05-04 10:00:00,45,,30,1.0,1,0\n"
)
TIKTOK = {
    "code": 0,
    "data": {
        "videos": [
            {
                "item_id": "7300001",
                "create_time": 1777802400,
                "caption": "Tea",
                "share_url": "https://www.tiktok.com/@Bea/video/7300001?utm=1",
                "video_views": 900,
                "likes": 17,
                "comments": 2,
                "shares": 0,
            }
        ]
    },
}
X = (
    "Post id,Date,Post text,Post Link,Impressions,Likes,Engagements,Bookmarks,Shares,New follows,Replies,Reposts,"
    "Profile visits,Detail Expands,URL Clicks,Hashtag Clicks,Permalink Clicks\n"
    '2035933611212357737,"Sun, May 3, 2026",Tea,https://x.com/Anna/status/2035933611212357737,"10,050",14,20,1,0,0,2,3,'
    "0,0,7,0,0\n"
)
HYPEAUDITOR = {
    "result": {
        "report_state": "READY",
        "user": {
            "username": "Anna",
            "followers_count": 15000,
            "followings_count": 300,
            "posts_count": 40,
            "blogger_geo": {"country": "uk"},
            "blogger_languages": ["en"],
            "followers_chart": [{"date": 1775001600, "count": 14000}],
            "audience_geography": {
                "countries": [{"name": "United Kingdom", "code": "uk", "value": 62.5}],
                "cities": [],
            },
            "audience_languages": {"data": [{"code": "en", "value": 80}]},
            "demography": [{"gender": "F", "value": 70}, {"gender": "M", "value": 30}],
        },
    }
}
MODASH = {
    "error": False,
    "profile": {
        "userId": "1",
        "profile": {"username": "Anna", "url": "https://www.instagram.com/anna/", "followers": 15000},
        "country": "DE",
        "language": {"code": "de"},
        "postsCount": 40,
        "statHistory": [{"month": "2026-03", "followers": 14000}],
        "audience": {
            "genders": [{"code": "FEMALE", "weight": 0.7}, {"code": "MALE", "weight": 0.3}],
            "ages": [{"code": "65-", "weight": 0.1}],
            "geoCountries": [{"code": "DE", "name": "Germany", "weight": 0.9}],
        },
    },
}
PHYLLO_CONTENTS = {
    "data": [
        {
            "id": "p1",
            "external_id": "17900001",
            "account": {"platform_username": "Anna"},
            "work_platform": {"name": "Instagram"},
            "published_at": "2026-05-03T10:00:00",
            "updated_at": "2026-06-20T10:00:00.123456",
            "description": "Tea",
            "hashtags": ["tea", "home"],
            "engagement": {
                "like_count": 17,
                "comment_count": 3,
                "share_count": 2,
                "click_count": None,
                "view_count": None,
                "impression_organic_count": 800,
            },
        }
    ]
}
PHYLLO_PROFILES = {
    "data": [
        {
            "id": "p1",
            "account": {"platform_username": "Anna"},
            "work_platform": {"name": "Instagram"},
            "updated_at": "2026-06-20T10:00:00",
            "country": "DE",
            "reputation": {"follower_count": 15000, "following_count": 300, "content_count": 40},
        }
    ]
}
CREATORIQ = {
    "count": 1,
    "results": [
        {
            "CampaignId": 40944,
            "PostId": 1,
            "SocialHandle": "Anna",
            "SocialNetwork": "Instagram",
            "PostDate": "2026-05-03",
            "LastUpdated": "2026-06-20 08:12:54",
            "PostStatus": "Actual",
            "Views": 1200,
            "Likes": 17,
            "Comments": 3,
            "FollowersAtTimeOfPost": 14575,
        }
    ],
}
POST = {"likes": 17.0, "comments": 3.0}
BEFORE = "2026-05-03 10:00"

# provider, file, content, options, table, number of rows, one row's values
PROVIDERS: dict[str, tuple[str, str, Any, dict[str, Any], str, int, dict[str, Any]]] = {
    "creatoriq posts": (
        "creatoriq",
        "posts.csv",
        POSTS,
        {"time_zone": "UTC"},
        "posts",
        2,
        {
            "post_id": "creatoriq:1",
            "account_id": "instagram:anna",
            "views": 1200.0,
            "likes": 1017.0,
            "observed_at": pd.Timestamp("2026-06-20 08:12:54"),
            "caption": "Tea, at last",
        },
    ),
    "creatoriq followers": (
        "creatoriq",
        "posts.csv",
        POSTS,
        {"time_zone": "UTC"},
        "account_stats",
        2,
        {"account_id": "instagram:anna", "followers": 14575, "observed_at": pd.Timestamp("2026-05-04")},
    ),
    "creatoriq accounts": (
        "creatoriq",
        "posts.csv",
        POSTS,
        {"time_zone": "UTC"},
        "accounts",
        3,
        {"account_id": "instagram:anna", "influencer_id": "creatoriq:99", "platform": "instagram"},
    ),
    "creatoriq, as its interface answers": (
        "creatoriq",
        "posts.json",
        CREATORIQ,
        {"time_zone": "UTC"},
        "posts",
        1,
        {"post_id": "creatoriq:1", "account_id": "instagram:anna", "views": 1200.0, **POST},
    ),
    "creatoriq, with blanks in the header": (
        "creatoriq",
        "spaced.csv",
        POSTS.replace("PostDate", "Post Date").replace("SocialHandle", "SOCIAL_HANDLE"),
        {"time_zone": "UTC"},
        "posts",
        2,
        {"post_id": "creatoriq:2", "account_id": "tiktok:bea", "views": 900.0},
    ),
    "instagram media": (
        "instagram",
        "media.json",
        INSTAGRAM_MEDIA,
        {"exported_at": EXPORTED},
        "posts",
        2,
        {
            "post_id": "instagram:17900001",
            "account_id": "instagram:anna",
            "views": 500.0,
            "saves": 4.0,
            "shares": 2.0,
            "published_at": pd.Timestamp("2026-05-03 08:00"),
            "observed_at": EXPORTED,
            **POST,
        },
    ),
    "instagram profile": (
        "instagram",
        "me.json",
        {"id": "1784", "username": "Anna", "followers_count": 15000, "follows_count": 3, "media_count": 40},
        {"exported_at": EXPORTED},
        "account_stats",
        1,
        {"account_id": "instagram:anna", "followers": 15000, "following": 3.0, "posts": 40.0},
    ),
    "youtube videos": (
        "youtube",
        "videos.json",
        YOUTUBE_VIDEOS,
        {"exported_at": EXPORTED},
        "posts",
        1,
        {"post_id": "youtube:dQw4w9WgXcQ", "account_id": "youtube:ucabc", "views": 1200.0, "likes": 30.0},
    ),
    "youtube channels": (
        "youtube",
        "channels.json",
        YOUTUBE_CHANNELS,
        {"exported_at": EXPORTED},
        "account_stats",
        1,
        {"account_id": "youtube:anna", "followers": 12300, "posts": 40.0},
    ),
    "youtube studio": (
        "youtube",
        "Table data.csv",
        STUDIO,
        {"exported_at": EXPORTED, "account": "youtube:anna", "time_zone": "UTC"},
        "posts",
        2,
        {
            "post_id": "youtube:dQw4w9WgXcQ",
            "account_id": "youtube:anna",
            "views": 1100.0,
            "likes": 10.0,
            "published_at": pd.Timestamp("2026-05-03"),
        },
    ),
    "tiktok": (
        "tiktok",
        "videos.json",
        TIKTOK,
        {"exported_at": EXPORTED},
        "posts",
        1,
        {
            "post_id": "tiktok:7300001",
            "account_id": "tiktok:bea",
            "views": 900.0,
            "shares": 0.0,
            "published_at": pd.Timestamp(BEFORE),
        },
    ),
    "x": (
        "x",
        "content.csv",
        X,
        {"exported_at": EXPORTED, "time_zone": "UTC"},
        "posts",
        1,
        {
            "post_id": "x:2035933611212357737",
            "account_id": "x:anna",
            "views": 10050.0,
            "comments": 2.0,
            "shares": 3.0,
            "clicks": 7.0,
            "published_at": pd.Timestamp("2026-05-03"),
        },
    ),
    "hypeauditor": (
        "hypeauditor",
        "report.json",
        HYPEAUDITOR,
        {"exported_at": EXPORTED},
        "audiences",
        4,
        {"account_id": "instagram:anna", "dimension": "country", "bucket": "GB", "share": 0.625},
    ),
    "hypeauditor history": (
        "hypeauditor",
        "report.json",
        HYPEAUDITOR,
        {"exported_at": EXPORTED},
        "account_stats",
        2,
        {"followers": 14000, "observed_at": pd.Timestamp("2026-04-01")},
    ),
    "modash": (
        "modash",
        "report.json",
        MODASH,
        {"exported_at": EXPORTED},
        "audiences",
        4,
        {"account_id": "instagram:anna", "dimension": "age", "bucket": "65+", "share": 0.1},
    ),
    "modash history": (
        "modash",
        "report.json",
        MODASH,
        {"exported_at": EXPORTED},
        "account_stats",
        2,
        {"followers": 14000, "observed_at": pd.Timestamp("2026-04-01")},
    ),
    "phyllo contents": (
        "phyllo",
        "contents.json",
        PHYLLO_CONTENTS,
        {},
        "posts",
        1,
        {"post_id": "instagram:17900001", "account_id": "instagram:anna", "views": 800.0, "shares": 2.0, **POST},
    ),
    "phyllo profiles": (
        "phyllo",
        "profiles.json",
        PHYLLO_PROFILES,
        {},
        "account_stats",
        1,
        {"account_id": "instagram:anna", "followers": 15000, "posts": 40.0},
    ),
}


@pytest.fixture(scope="module")
def read() -> dict[tuple[str, str], Path]:
    """Where the files are that were imported, by provider and name."""
    return {}


@pytest.mark.parametrize(
    ("provider", "name", "content", "options", "filled", "rows", "values"), PROVIDERS.values(), ids=list(PROVIDERS)
)
def test_what_a_provider_exports_becomes_rows(
    provider: str,
    name: str,
    content: Any,
    options: dict[str, Any],
    filled: str,
    rows: int,
    values: dict[str, Any],
    read: dict[tuple[str, str], Path],
    tmp_path: Path,
) -> None:
    folder = read.setdefault((provider, name), tmp_path)
    if folder is tmp_path:
        report = imported(folder, provider, name, content, **options)
        assert not [message for file in report.files for part in file.tables.values() for message in part.refused]
        assert not [p for p in check(folder / "data").problems if p.severity == "error" and p.rule != "missing-table"]
    found = table(folder, filled)
    assert len(found) == rows
    same = pd.concat([found[column] == value for column, value in values.items()], axis=1).all(axis=1)
    assert same.any(), found.T


def test_every_provider_is_tried() -> None:
    elsewhere = {
        "impact",
        "refersion",
        "shopify",
        "ga4",
        "tables",
    }  # outcomes are made of these: test_import_outcomes.py
    assert {provider for provider, *_ in PROVIDERS.values()} | elsewhere == set(providers())


def test_the_page_of_fields_is_up_to_date() -> None:
    path = Path(__file__).parents[2] / "docs" / "import-fields.md"
    assert path.read_text(encoding="utf-8") == page(), "run make docs"


def test_documentation_is_named_for_every_provider() -> None:
    for name in set(providers()) - {"tables"}:
        assert all(address.startswith("https://") for address in load(name).documentation)
        assert load(name).documentation


def test_imports_add_up_and_pass_the_check(tmp_path: Path) -> None:
    complete(tmp_path)
    report = check(tmp_path / "data")
    assert report.ok, str(report)
    assert set(report.tables) == {"accounts", "account_stats", "posts", "campaigns", "outcomes"}


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    complete(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    report = imported(tmp_path, "shopify", "orders.csv", ORDERS)
    assert report.known == ["orders.csv"]
    assert {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()} == before


def test_the_order_of_imports_of_different_things_does_not_matter(tmp_path: Path) -> None:
    complete(tmp_path / "one")
    imported(tmp_path / "two", "shopify", "orders.csv", ORDERS)
    imported(tmp_path / "two", "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    briefed(tmp_path / "two")
    for name in ("accounts", "posts", "outcomes"):
        pd.testing.assert_frame_equal(table(tmp_path / "one", name), table(tmp_path / "two", name))


def test_a_file_imported_again_with_another_zone_is_replaced(tmp_path: Path) -> None:
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="Europe/Berlin")
    assert list(table(tmp_path, "posts")["observed_at"]) == [pd.Timestamp("2026-06-20 06:12:54")] * 2
    assert len(json.loads((tmp_path / "data" / "provenance.json").read_text())["imports"]) == 1


def test_a_later_export_of_the_same_post_counts(tmp_path: Path) -> None:
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    imported(tmp_path, "creatoriq", "later.csv", POSTS.replace("1.2K", "1.5K"), time_zone="UTC")
    assert list(table(tmp_path, "posts")["views"]) == [1500.0, 900.0]


def test_accounts_of_two_providers_are_joined_by_name_and_by_map(tmp_path: Path) -> None:
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    imported(tmp_path, "modash", "report.json", MODASH, exported_at=EXPORTED)
    names = written(tmp_path, "map.csv", "name,account_id,influencer_id\ntiktok:bea,instagram:beatrice,b\n")
    imported(tmp_path, "tables", "codes.csv", CODES, accounts=names)
    accounts = table(tmp_path, "accounts").set_index("account_id")
    assert accounts.loc["instagram:anna", ["influencer_id", "country"]].tolist() == ["creatoriq:99", "DE"]
    assert accounts.loc["instagram:beatrice", "influencer_id"] == "b"
    assert list(table(tmp_path, "posts")["account_id"]) == ["instagram:anna", "instagram:beatrice"]


def test_a_channels_id_becomes_its_handle(tmp_path: Path) -> None:
    imported(tmp_path, "youtube", "videos.json", YOUTUBE_VIDEOS, exported_at=EXPORTED)
    imported(tmp_path, "youtube", "channels.json", YOUTUBE_CHANNELS, exported_at=EXPORTED)
    assert list(table(tmp_path, "posts")["account_id"]) == ["youtube:anna"]


def test_provenance_says_where_everything_comes_from(tmp_path: Path) -> None:
    imported(tmp_path, "shopify", "orders.csv", ORDERS.replace("partially_refunded", "odd"), exported_at=EXPORTED)
    (entry,) = json.loads((tmp_path / "data" / "provenance.json").read_text())["imports"].values()
    assert (entry["file"], entry["provider"], entry["shape"], entry["mapping_version"]) == (
        "orders.csv",
        "shopify",
        "orders",
        1,
    )
    assert len(entry["sha256"]) == 64
    found = entry["tables"]["conversions"]
    assert (found["read"], found["kept"], sum(found["refused"].values())) == (6, 5, 1)
    assert entry["covers"]["sale"] == ["2026-04-30T08:00:00", "2026-07-01T00:00:00"]
    assert entry["ignored"]["Email"] == "personal data"


def test_a_dry_run_writes_nothing_and_shows_what_was_understood(tmp_path: Path) -> None:
    report = imported(tmp_path, "shopify", "orders.csv", ORDERS.replace("Lineitem name", "Odd"), dry_run=True)
    (file,) = report.files
    assert not (tmp_path / "data").exists()
    assert file.unknown == ["Odd"]
    assert file.tables["conversions"].columns["at"] == "Created at"
    assert file.tables["conversions"].first["status"] == ["approved", "approved", "approved"]


MAPPING = """
name = "mine"
title = "Our own counts"
version = 3

[[file]]
name = "counts"
format = "csv"
export = "the weekly file"
ignored = { Comment = "said by people" }

[[file.table]]
table = "posts"

[file.table.columns]
post_id = { from = "Post" }
account_id = { from = "Who", prefix = "instagram" }
published_at = { from = "When", time = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }
views = { from = "Seen", decimal = "," }
likes = { from = "Liked" }
"""


def test_a_mapping_of_ones_own_works_like_those_that_come_along(tmp_path: Path) -> None:
    mapping = written(tmp_path, "mine.toml", MAPPING)
    content = "Post;Who;When;Seen;Liked;Comment;New\n1;Anna;03.05.2026 10:00;1.234;5;x;y\n"
    report = imported(tmp_path, "mine", "counts.csv", content, mapping=mapping)
    row = table(tmp_path, "posts").iloc[0]
    assert row[["post_id", "account_id", "views", "likes"]].tolist() == ["1", "instagram:anna", 1234.0, 5.0]
    assert row["published_at"] == pd.Timestamp("2026-05-03 08:00")
    assert report.files[0].unknown == ["New"]


BAD_MAPPINGS = {
    "no TOML": ("name = ", "is not TOML"),
    "unknown table": (MAPPING.replace('table = "posts"', 'table = "post"'), r"no table 'post'.*Did you mean 'posts'\?"),
    "unknown column": (MAPPING.replace("likes =", "like ="), r"has no column 'like'.*Did you mean 'likes'\?"),
    "unknown word": (MAPPING.replace('decimal = ","', "decimals = 1"), "decimals"),
    "nothing to fill an id": (MAPPING.replace('post_id = { from = "Post" }', ""), "needs post_id"),
    "two origins": (MAPPING.replace('{ from = "Post" }', '{ from = "Post", value = "1" }'), "exactly one of"),
    "another name": (MAPPING.replace('"mine"', '"yours"'), "is called 'yours'"),
    "no path": (MAPPING.replace('"csv"', '"json"').replace('"Post"', '"a[["'), "is no path"),
}


@pytest.mark.parametrize(("text", "message"), BAD_MAPPINGS.values(), ids=list(BAD_MAPPINGS))
def test_a_mistake_in_a_mapping_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    mapping = written(tmp_path, "mine.toml", text)
    with pytest.raises(SettingError, match=message) as caught:
        imported(tmp_path, "mine", "counts.json", {}, mapping=mapping)
    assert "\n" not in str(caught.value)


BAD_FILES: dict[str, tuple[str, str, Any, dict[str, Any], str]] = {
    "missing column": (
        "shopify",
        "orders.csv",
        ORDERS.replace("Discount Code", "Discount"),
        {},
        "orders.csv lacks 'Discount Code', so it is not the file 'orders' of shopify. Did you mean 'Discount'.* Export",
    ),
    "missing key": (
        "tiktok",
        "v.json",
        {"data": {"videos": [{"item_id": "1"}]}},
        {},
        "lacks 'share_url', 'create_time'",
    ),
    "empty": ("shopify", "orders.csv", "", {}, "empty"),
    "no JSON": ("tiktok", "v.json", "{", {}, "v.json cannot be read as JSON"),
    "CSV for JSON": ("tiktok", "v.csv", "a,b\n1,2\n", {}, r"v.csv is CSV; tiktok exports videos \(JSON\)"),
    "spreadsheet": ("shopify", "orders.xlsx", "PK", {}, "neither CSV nor JSON"),
    "no zone": ("creatoriq", "posts.csv", POSTS, {}, "PostDate has local times such as '2026-05-03'; .*--time-zone"),
    "no moment": ("tiktok", "v.json", TIKTOK, {}, "does not say when its numbers were read; .*--exported-at"),
    "no account": (
        "youtube",
        "t.csv",
        STUDIO,
        {"exported_at": EXPORTED, "time_zone": "UTC"},
        "whose it is; .*--account",
    ),
    "unknown zone": ("creatoriq", "posts.csv", POSTS, {"time_zone": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
    "unknown currency": ("shopify", "orders.csv", ORDERS, {"currency": "€"}, "is no currency"),
    "unknown provider": ("shopfy", "orders.csv", ORDERS, {}, "There is no provider 'shopfy'.*Did you mean 'shopify'"),
}


@pytest.mark.parametrize(("provider", "name", "content", "options", "message"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_what_cannot_be_imported_is_one_line(
    provider: str, name: str, content: Any, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ImpelError, match=message) as caught:
        imported(tmp_path, provider, name, content, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_tables_that_imports_did_not_make_are_not_replaced(tmp_path: Path) -> None:
    written(tmp_path / "data", "campaigns.csv", CAMPAIGNS)
    with pytest.raises(
        DataError, match=r"campaigns.csv was not made by impel import.*impel import tables campaigns.csv"
    ):
        imported(tmp_path, "shopify", "orders.csv", ORDERS)


def test_missing_files_name_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "files", "orders.csv", ORDERS)
    from features.importers.folder import import_files
    from features.importers.options import Options

    with pytest.raises(DataError, match=r"order\.csv cannot be read"):
        import_files(load("shopify"), [path.with_name("order.csv")], tmp_path / "data", Options())
