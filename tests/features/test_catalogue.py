"""The catalogue tells the truth: names, order, units, and exactly when each feature is null."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import build, catalogue
from features.catalogue import CATEGORIES, FEATURES, digest, page
from features.tables import CONTRACT
from tests.features.compare import prepared
from tests.features.nulls import NULL
from tests.features.worlds import CASES, NOW, whole_world
from tests.random_tables import random_pairs, random_tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from features import EventStore
    from features.catalogue.entry import Feature


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


def test_the_page_of_features_is_what_the_catalogue_says() -> None:
    written = Path(__file__).parents[2] / "docs" / "features.md"
    assert written.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_features_of_a_family_stand_together() -> None:
    families = [feature.family for feature in FEATURES.values()]
    assert len(set(families)) == sum(one != other for one, other in zip(families, [None, *families], strict=False))


@pytest.mark.parametrize("words", ["meaning", "null", "unit", "family"])
def test_the_digest_stays_when_words_change(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setitem(FEATURES, "fee_log", replace(FEATURES["fee_log"], **{words: "a better sentence"}))
    assert digest() == before


def _other_order(features: dict[str, Feature]) -> dict[str, Feature]:
    return dict(reversed(features.items()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("VERSION", lambda version: version + 1),
        ("FEATURES", _other_order),
        ("FEATURES", lambda features: dict(list(features.items())[1:])),
        ("FEATURES", lambda features: features | {"fee_log": replace(features["fee_log"], name="log_fee")}),
        ("FEATURES", lambda features: features | {"fee_log": replace(features["fee_log"], tables=("posts",))}),
        ("CATEGORIES", lambda names: names[:-1]),
    ],
    ids=["version", "order", "one less", "another name", "null without another table", "one category less"],
)
def test_the_digest_changes_with_numbers(
    name: str, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest()
    monkeypatch.setattr(catalogue, name, change(getattr(catalogue, name)))
    assert digest() != before


@pytest.mark.parametrize("place", [0, 1], ids=["follower classifier", "outlook"])
def test_the_digest_covers_what_impel_comes_with(place: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before, shipped = digest(), list(catalogue._SHIPPED)
    content = json.loads(shipped[place].read_text(encoding="utf-8"))
    shipped[place] = tmp_path / "fitted.json"
    monkeypatch.setattr(catalogue, "_SHIPPED", shipped)
    shipped[place].write_text(json.dumps(content, indent=7))
    assert digest() == before
    number = {"followers": content["followers"] + 1e-9} if place else {"labels": [20.0, 21.0]}
    shipped[place].write_text(json.dumps(content | number))
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


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """Build the pairs of all cases from one store: each case is a world of its own, with ids of its own."""
    worlds = []
    for case, change in CASES.items():
        world = change(whole_world())
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
    other = {name: rows[:1].copy() for name, rows in whole_world().items()}
    other["campaigns"]["campaign_id"] = other["outcomes"]["campaign_id"] = "other"
    other["accounts"]["account_id"] = other["outcomes"]["account_id"] = "other"
    other["outcomes"]["closed_at"] = NOW - pd.Timedelta(days=70)
    for name in ("accounts", "campaigns", "outcomes"):
        frames[name] = pd.concat([other[name].astype(object), frames[name]])
    pairs = frames.pop("pairs").infer_objects()
    return build(prepared({name: rows.infer_objects() for name, rows in frames.items()}), pairs).set_axis(list(CASES))


@pytest.mark.parametrize("family", NULL)
@pytest.mark.parametrize("case", CASES)
def test_a_feature_is_null_exactly_where_its_null_rule_says(case: str, family: str, cases: pd.DataFrame) -> None:
    of_family = cases.loc[case, [name for name, feature in FEATURES.items() if feature.family == family]]
    assert set(of_family.index[of_family.isna()]) == set(NULL[family].get(case, "").split())


@pytest.fixture(scope="module")
def alone() -> tuple[EventStore, pd.DataFrame]:
    """Return the store of one influencer, whose accounts have neither peers nor ranks, and a pair."""
    world = whole_world()
    pairs = world.pop("pairs")
    return prepared(world), pairs


def test_what_only_other_accounts_tell_is_null_without_them(alone: tuple[EventStore, pd.DataFrame]) -> None:
    row = build(*alone).iloc[0][list(FEATURES)]
    told_by_others = {
        *("engagement_rate_for_size", "comment_depth_for_size", "influencer_depth_for_size"),  # peers
        "influencer_past_clicks_for_size",
        *("klout_score", "klout_networks", "peerindex_authority", "peerindex_activity", "peerindex"),  # ranks
        "peerindex_topic_authority",
    }
    assert set(row.index[row.isna()]) == told_by_others


def test_how_long_actions_count_is_null_where_a_request_does_not_say(alone: tuple[EventStore, pd.DataFrame]) -> None:
    store, pairs = alone
    brief = whole_world()["campaigns"].iloc[[0]]
    said, unsaid = (build(store, pairs, campaigns=brief.assign(attribution_days=days)).iloc[0] for days in (30, None))
    assert {name for name in FEATURES if pd.isna(said[name]) != pd.isna(unsaid[name])} == {"attribution_days"}
    assert pd.isna(unsaid["attribution_days"])


def test_every_null_rule_was_tried() -> None:
    assert {case for rules in NULL.values() for case in rules} <= set(CASES)
    tried = {name for rules in NULL.values() for names in rules.values() for name in names.split()}
    never = {name for name, feature in FEATURES.items() if feature.null == "never"}
    # How long actions count is in every brief of the contract, if not in every request.
    assert tried == set(FEATURES) - never - {"attribution_days"}
