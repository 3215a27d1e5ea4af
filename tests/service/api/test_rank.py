"""/v1/rank: all known accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.service.api.conftest import BRIEF, World, predict, rank

if TYPE_CHECKING:
    import httpx


def bare(ranked: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a ranking as /v1/predict answers it."""
    return {name: value for name, value in ranked.items() if name not in {"fee", "account"}}


def test_rank_gives_the_most_likely_of_all(client: httpx.Client, world: World) -> None:
    everybody = predict(client, [{"account_id": account} for account in world.ids])["predictions"]
    expected = sorted(everybody, key=lambda each: (-each["likelihood"], each["account_id"]))
    answer = rank(client, limit=7)
    assert [bare(each) for each in answer["predictions"]] == expected[:7]
    assert answer["considered"] == answer["matching"] == len(world.ids)
    by_actions = rank(client, order_by="expected_actions", limit=len(world.ids))["predictions"]
    assert [bare(each) for each in by_actions] == sorted(
        everybody, key=lambda each: (-each["expected_actions"], each["account_id"])
    )


def test_rank_tells_accounts_apart(client: httpx.Client, world: World) -> None:
    fees = {world.ids[0]: 50.0, world.ids[1]: 0.0}
    accounts = world.store.accounts.set_index("account_id")
    for each in rank(client, limit=1000, fees=fees)["predictions"]:
        account = each["account_id"]
        assert each["fee"] == fees.get(account)
        card = client.get(f"/v1/accounts/{account}").json()
        texts = {name: card[name] for name in ("influencer_id", "platform", "country", "language")}
        assert texts["platform"] == accounts["platform"][account]
        shares = {
            f"fake_share{end}": card["authenticity"][end.strip("_") or "fake_share"] for end in ("", "_low", "_high")
        }
        assert each["account"] == texts | shares


def test_rank_by_value_for_money(client: httpx.Client, world: World) -> None:
    fees = {account: 50.0 * (1 + number % 7) for number, account in enumerate(world.ids[:40])}
    found = rank(client, order_by="value_per_cost", fees=fees, limit=60)["predictions"]
    worth = [each["expected_value"] / fees[each["account_id"]] for each in found[:40]]
    assert worth == sorted(worth, reverse=True)
    assert not {each["account_id"] for each in found[40:]} & set(fees), "those without a fee come last"
    assert found[0]["at_least"] == np.ceil(fees[found[0]["account_id"]] / BRIEF["value_per_action"])


def test_rank_keeps_to_its_filters(client: httpx.Client, world: World) -> None:
    accounts = world.store.accounts.set_index("account_id")
    everybody = {each["account_id"]: each for each in rank(client, limit=1000)["predictions"]}
    followers = {account: each["baselines"]["followers"] for account, each in everybody.items()}
    middle = float(np.nanmedian([np.nan if count is None else count for count in followers.values()]))
    some = sorted(everybody)[:5]
    platform, country = accounts["platform"].mode()[0], accounts["country"].mode()[0]
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"platforms": [platform]}, lambda a: accounts["platform"][a] == platform),
        ({"countries": [country]}, lambda a: accounts["country"][a] == country),
        ({"languages": ["en", "xx"]}, lambda a: accounts["language"][a] == "en"),
        ({"min_followers": int(middle)}, lambda a: (followers[a] or -1) >= int(middle)),
        ({"max_followers": int(middle)}, lambda a: followers[a] is not None and followers[a] <= int(middle)),
        ({"exclude_accounts": some}, lambda a: a not in some),
        ({"min_likelihood": 0.3}, lambda a: everybody[a]["likelihood"] >= 0.3),
        ({"platforms": ["nowhere"]}, lambda _: False),
    ]
    for filters, keeps in cases:
        answer = rank(client, filters=filters, limit=1000)
        expected = [each for account, each in everybody.items() if keeps(account)]
        assert answer["predictions"] == expected, filters
        assert answer["matching"] == len(expected)
        assert 0 <= answer["matching"] <= answer["considered"] <= len(everybody)


def test_rank_filters_on_what_is_known_of_accounts(client: httpx.Client, world: World) -> None:
    everybody = [each["account_id"] for each in rank(client, limit=1000)["predictions"]]
    cards = {account: client.get(f"/v1/accounts/{account}").json() for account in everybody[:12]}
    shares = {account: card["authenticity"]["fake_share"] for account, card in cards.items()}
    some = sorted(share for share in shares.values() if share is not None)
    limit = some[len(some) // 2]
    found = {each["account_id"] for each in rank(client, limit=1000, filters={"max_fake_share": limit})["predictions"]}
    assert {account for account, share in shares.items() if share is not None and share <= limit} == found & set(cards)
    fees = {account: float(number) for number, account in enumerate(everybody)}
    cheap = rank(client, limit=1000, fees=fees, filters={"max_fee": 3})["predictions"]
    assert {each["account_id"] for each in cheap} == set(everybody[:4])
    known = set(world.store.campaigns["vertical"])
    on_vertical = rank(client, limit=1000, filters={"verticals": [min(known)]})
    assert 0 < on_vertical["matching"] < len(everybody)
    assert on_vertical["considered"] == on_vertical["matching"], "filters come first"
    assert rank(client, filters={"verticals": ["nothing like it"]})["predictions"] == []


@pytest.mark.parametrize("order_by", ["likelihood", "expected_actions", "expected_value", "value_per_cost"])
def test_pages_are_the_whole_in_parts(client: httpx.Client, world: World, order_by: str) -> None:
    asked = {"order_by": order_by, "fees": dict.fromkeys(world.ids[::3], 50.0)}
    whole = rank(client, limit=1000, **asked)
    assert whole["next_cursor"] is None
    found, cursor = [], None
    for size in (1, 7, 40, 60, 1000):
        page = rank(client, limit=size, cursor=cursor, **asked)
        assert page["matching"] == whole["matching"]
        found += page["predictions"]
        cursor = page["next_cursor"]
    assert cursor is None
    assert found == whole["predictions"]


def test_a_cursor_is_of_one_question(client: httpx.Client) -> None:
    cursor = rank(client, limit=3)["next_cursor"]
    assert rank(client, limit=5, reasons=True, cursor=cursor)["predictions"], "size and reasons may change"
    for change in ({"at_least": 2}, {"filters": {"min_followers": 1}}, {"order_by": "expected_actions"}):
        answer = client.post("/v1/rank", json={"brief": BRIEF, "cursor": cursor, **change})
        assert answer.status_code == 400
        assert "belongs to another question" in answer.json()["detail"]


def test_rank_with_reasons(client: httpx.Client) -> None:
    found = rank(client, limit=3, reasons=True)["predictions"]
    assert all(each.pop("reasons") for each in found)
    assert found == rank(client, limit=3)["predictions"]
