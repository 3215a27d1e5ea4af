"""Whatever the data, a feature is a finite number or null, and no warning is raised on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from features import build, open_tables
from features.catalogue import FEATURES
from features.errors import DataError
from features.social_scores import statement
from features.tables import CONTRACT
from tests.features.compare import Frames, assert_same_bits, different, prepared
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS = 200
OPTIONAL = [name for name, table in CONTRACT.items() if not table.required]


@pytest.fixture(scope="module")
def frames() -> Frames:
    made = random_tables(
        np.random.default_rng(7), influencers=6, accounts=12, campaigns=15, days=DAYS, posts=150, outcomes=60
    )
    # Counted in microseconds, so that moments of any century fit.
    return {
        name: rows.astype({column.name: "datetime64[us]" for column in CONTRACT[name].columns if column.kind == "time"})
        for name, rows in made.items()
    }


@pytest.fixture(scope="module")
def pairs(frames: Frames) -> pd.DataFrame:
    return random_pairs(np.random.default_rng(8), frames, 40, days=DAYS).astype({"decided_at": "datetime64[us]"})


@pytest.fixture(scope="module")
def X(frames: Frames, pairs: pd.DataFrame) -> pd.DataFrame:
    return build(prepared(frames), pairs)


def finite(X: pd.DataFrame) -> pd.DataFrame:
    assert list(X.columns[: len(FEATURES)]) == list(FEATURES)
    assert not np.isinf(X[list(FEATURES)].to_numpy()).any()
    return X


@pytest.mark.parametrize("table", OPTIONAL)
def test_a_missing_table_makes_its_features_null_and_leaves_the_others(
    table: str, frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame
) -> None:
    without = finite(build(prepared({name: rows for name, rows in frames.items() if name != table}), pairs))
    lost = [name for name, feature in FEATURES.items() if feature.tables[0] == table]
    assert lost == [] or without[lost].isna().all(axis=None)
    assert different(X, without) <= {name for name, feature in FEATURES.items() if table in feature.tables}


@pytest.mark.parametrize("table", OPTIONAL)
def test_an_empty_table_is_measured_but_has_nothing(table: str, frames: Frames, pairs: pd.DataFrame) -> None:
    empty = finite(build(prepared({**frames, table: frames[table][:0]}), pairs))
    without = build(prepared({name: rows for name, rows in frames.items() if name != table}), pairs)
    counted = different(empty, without)
    # What an empty table tells and a missing one does not: that there was none.
    assert without[sorted(counted)].isna().any().all()
    never_null = {name for name, feature in FEATURES.items() if feature.tables[0] == table and feature.null == "never"}
    assert never_null <= counted
    assert (empty[sorted(never_null)] == 0).all(axis=None)


def test_no_optional_table_at_all(frames: Frames, pairs: pd.DataFrame) -> None:
    X = finite(build(prepared({name: frames[name] for name in frames if name not in OPTIONAL}), pairs))
    for name, feature in FEATURES.items():
        if feature.tables[0] in OPTIONAL:
            assert X[name].isna().all(), name
        elif set(feature.tables).isdisjoint(OPTIONAL):
            assert X[name].notna().any(), name


@pytest.mark.parametrize("empty", [("outcomes",), ("posts",), tuple(set(CONTRACT) - {"accounts", "campaigns"})])
def test_required_tables_without_a_row(empty: tuple[str, ...], frames: Frames, pairs: pd.DataFrame) -> None:
    X = finite(build(prepared({**frames, **{name: frames[name][:0] for name in empty}}), pairs))
    for name, feature in FEATURES.items():
        if feature.tables[0] in empty and feature.null == "never":
            assert (X[name] == 0).all(), name


def test_no_pair(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    none = build(prepared(frames), pairs[:0])
    assert (len(none), list(none.columns), list(none.dtypes)) == (0, list(X.columns), list(X.dtypes))


def test_an_account_without_any_event(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    silent = finite(X)[pairs["account_id"] == frames["accounts"]["account_id"].iloc[-1]]
    of_the_offer = {name for name, feature in FEATURES.items() if feature.family == "offer"}
    of_the_person = {name for name, feature in FEATURES.items() if feature.family == "cross-platform"}
    of_the_person |= {"influencer_past_performance", "own_language_share"}
    known = {name for name in FEATURES if silent[name].notna().any()}
    assert (
        known - of_the_offer - of_the_person
        == {name for name, feature in FEATURES.items() if feature.null == "never"} - of_the_offer - of_the_person
    )


def _largest(frames: Frames) -> Frames:
    return {
        name: rows.assign(
            **{
                column.name: np.full(len(rows), 2 * 10**18)
                for column in CONTRACT[name].columns
                if column.kind == "count" and column.name != "attribution_days"
            }
        )
        for name, rows in frames.items()
    }


def _counters(followers: int) -> Callable[[Frames], Frames]:
    return lambda frames: {**frames, "account_stats": frames["account_stats"].assign(followers=followers)}


def _one_post(frames: Frames) -> Frames:
    return {**frames, "posts": frames["posts"].drop_duplicates("account_id")}


def _nothing_measured(frames: Frames) -> Frames:
    return {
        name: rows.assign(
            **{
                column.name: None
                for column in CONTRACT[name].columns
                if column.nullable and column.name not in ("observed_at", "posted_at")
            }
        )
        for name, rows in frames.items()
    }


def _all_zero(frames: Frames) -> Frames:
    return {
        name: rows.assign(
            **{column.name: 0 for column in CONTRACT[name].columns if column.kind in ("count", "number", "share")}
        )
        for name, rows in frames.items()
    }


def _four_centuries(frames: Frames) -> Frames:
    back = {"account_stats": "observed_at", "interactions": "at", "posts": "published_at", "outcomes": "decided_at"}
    made = dict(frames)
    for name, column in back.items():
        moments = frames[name][column]
        made[name] = frames[name].assign(
            **{column: moments.where(np.arange(len(moments)) % 2 > 0, moments - pd.DateOffset(years=400))}
        )
    return made


def _one_moment(frames: Frames) -> Frames:
    moment = pd.Timestamp("2024-03-01")
    return {
        name: rows.assign(
            **{column: moment for column in ("observed_at", "at", "published_at", "closed_at") if column in rows}
        )
        for name, rows in frames.items()
    }


DISTURBANCES: dict[str, Callable[[Frames], Frames]] = {
    "largest counts": _largest,
    "no followers": _counters(0),
    "one follower": _counters(1),
    "a billion followers": _counters(10**9),
    "one post each": _one_post,
    "nothing measured": _nothing_measured,
    "all zero": _all_zero,
    "a gap of four centuries": _four_centuries,
    "all at one moment": _one_moment,
}


@pytest.mark.parametrize("name", DISTURBANCES)
def test_extreme_values(name: str, frames: Frames, pairs: pd.DataFrame) -> None:
    finite(build(prepared(DISTURBANCES[name](frames)), pairs))


@pytest.mark.parametrize("moment", ["0001-01-01", "1969-12-31T23:59:59.999999", "1970-01-01", "9999-12-31"])
def test_extreme_moments(moment: str, frames: Frames, pairs: pd.DataFrame) -> None:
    finite(build(prepared(frames), pairs.assign(decided_at=np.datetime64(moment, "us"))))


def test_rows_that_stand_twice(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    # A post that stands twice is one post; of the other tables it is not for the features to say what was meant.
    twice = build(prepared({**frames, "posts": pd.concat([frames["posts"]] * 2)}), pairs)
    assert_same_bits(X, twice)
    keys = ("accounts", "campaigns")
    all_twice = {name: rows if name in keys else pd.concat([rows] * 2) for name, rows in frames.items()}
    finite(build(prepared(all_twice), pairs))


def test_interactions_of_an_unknown_kind_count_nowhere(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    strange = frames["interactions"].assign(kind="like", text="so good")
    mixed = {**frames, "interactions": pd.concat([strange, frames["interactions"]])}
    assert_same_bits(X, build(prepared(mixed), pairs))
    moment = pd.Timestamp("2024-07-01")
    for account in frames["accounts"]["account_id"]:
        with open_tables(frames) as known, open_tables(mixed) as with_strange:
            listed = [statement(tables, account, as_of=moment) for tables in (known, with_strange)]
        pd.testing.assert_frame_equal(*listed)


def test_names_in_any_script_carry_no_meaning(frames: Frames, pairs: pd.DataFrame, X: pd.DataFrame) -> None:
    def named(rows: pd.DataFrame) -> pd.DataFrame:
        """Rename ids and words one to one, into emoji and a script that runs from right to left."""
        made = rows.copy()
        for column in ("account_id", "influencer_id", "campaign_id", "post_id", "actor_id", "sponsor_id", "brand_id"):
            if column in rows:
                made[column] = "\U0001f469\u200d\U0001f373 " + rows[column] + " \u0645\u0624\u062b\u0631"
        if "topics" in rows:
            made["topics"] = rows["topics"].map(
                lambda words: [f"\u05d0\u05d5\u05db\u05dc {w}" for w in words], na_action="ignore"
            )
        if "caption" in rows:
            made["caption"] = "\u202e\U0001f1f9\U0001f1ed" * 50 + " " + rows["caption"]  # as many words as before
        return made

    renamed = build(prepared({name: named(rows) for name, rows in frames.items()}), named(pairs))
    # The order of events of one moment is that of their hashed ids: it decides which are among the newest.
    steady = [name for name in FEATURES if "newest" not in name and "last" not in name]
    np.testing.assert_allclose(renamed[steady], X[steady], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fee": -1.0}, "fee is no amount in 100 of 100 rows, such as -1; give 0 or more, or leave it null."),
        ({"fee": np.inf}, "fee is no amount in 100 of 100 rows, such as inf; give 0 or more, or leave it null."),
        ({"fee": "free"}, "fee holds something that is no amount: "),
        ({"account_id": "a0"}, "Unknown account 'a0'. Did you mean 'a0"),
        ({"campaign_id": "C001"}, "Unknown campaign 'C001'. Did you mean 'c001'?"),
        ({"decided_at": pd.NaT}, "decided_at is empty in 100 of 100 rows."),
        ({"decided_at": "soon"}, "decided_at holds 'soon', which is no moment; write times as 2026-01-31T18:30:00Z."),
        ({"decided_at": "01/02/2026"}, "decided_at holds '01/02/2026', which is no moment; write times as"),
        ({"decided_at": 1_700_000_000}, "decided_at holds numbers; write times as 2026-01-31T18:30:00Z."),
    ],
)
def test_pairs_that_cannot_be_read_are_refused(
    change: dict[str, object], message: str, frames: Frames, pairs: pd.DataFrame
) -> None:
    with pytest.raises(DataError) as refusal:
        build(prepared(frames), pairs.assign(**change))
    assert message in str(refusal.value)


@pytest.mark.parametrize("column", ["campaign_id", "account_id", "decided_at"])
def test_pairs_without_a_column_are_refused(column: str, frames: Frames, pairs: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=f"The pairs have no column '{column}'. Did you mean '{column}s'?"):
        build(prepared(frames), pairs.rename(columns={column: f"{column}s"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goal": "sales"}, "Unknown goal 'sales'; it is one of awareness, engagement, traffic, signup, sale."),
        ({"campaign_id": "c"}, "Campaign 'c' is given twice."),
        ({"starts_at": pd.NaT}, "starts_at is empty in 15 of 15 rows."),
        ({"starts_at": "in spring"}, "starts_at holds 'in spring', which is no moment; write times as"),
    ],
)
def test_briefs_that_cannot_be_read_are_refused(
    change: dict[str, object], message: str, frames: Frames, pairs: pd.DataFrame
) -> None:
    with pytest.raises(DataError) as refusal:
        build(prepared(frames), pairs, campaigns=frames["campaigns"].assign(**change))
    assert message in str(refusal.value)
