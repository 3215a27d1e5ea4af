"""The contract in code says what the contract in prose says."""

from __future__ import annotations

import pytest

from features.tables import CONTRACT, GOALS, SQL_TYPES, Table

# As in the data contract: names in order, with * where null is allowed.
PROSE = {
    "accounts": "account_id influencer_id platform country* language* created_at*",
    "account_stats": "account_id observed_at followers following* posts*",
    "posts": "post_id account_id published_at observed_at* sponsor_id* topics* caption*"
    " views* likes* comments* shares* saves* clicks*",
    "interactions": "actor_id account_id post_id* kind at actor_followers* text*",
    "audiences": "account_id observed_at dimension bucket share",
    "followers": "account_id follower_id observed_at followers* following* posts* has_picture* is_private* fake*",
    "campaigns": "campaign_id brand_id vertical goal topics* brief* starts_at ends_at* attribution_days"
    " value_per_action* budget*",
    "campaign_audience": "campaign_id dimension bucket share",
    "outcomes": "campaign_id account_id decided_at posted_at* fee* impressions* clicks* actions closed_at"
    " propensity* incremental_actions*",
}


def test_tables_and_columns_are_those_of_the_contract_in_its_order() -> None:
    written = {
        name: " ".join(column.name + "*" * column.nullable for column in table.columns)
        for name, table in CONTRACT.items()
    }
    assert list(written.items()) == list(PROSE.items())


def test_four_tables_are_required() -> None:
    assert [name for name, table in CONTRACT.items() if table.required] == [
        "accounts",
        "posts",
        "campaigns",
        "outcomes",
    ]


def test_goals_are_those_of_the_contract() -> None:
    assert GOALS == ("awareness", "engagement", "traffic", "signup", "sale")


@pytest.mark.parametrize("table", CONTRACT.values(), ids=list(CONTRACT))
def test_keys_references_and_kinds_exist(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    assert all(column.kind in SQL_TYPES for column in table.columns)
    for column, other in table.references.items():
        assert column in names
        assert column in [key for key in CONTRACT[other].key if CONTRACT[other].column(key).kind == "id"]
    assert table.required != bool(table.serves)
