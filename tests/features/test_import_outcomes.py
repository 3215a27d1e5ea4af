"""Outcomes are made of who was hired and what was counted; what nobody counted is left out, not zero."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from features.importers.outcomes import joined
from tests.features.provider_files import (
    CAMPAIGNS,
    CODES,
    EXPORTED,
    ORDERS,
    POSTS,
    briefed,
    complete,
    hired,
    imported,
    table,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path


def outcome(folder: Path, account: str) -> pd.Series:
    found = table(folder, "outcomes").set_index("account_id")
    return found.loc[account]


def left_out(report: Any) -> str:
    return "; ".join(f"{reason}: {examples}" for reason, (_, examples) in report.outcomes.left_out.items())


def test_orders_with_a_code_are_counted_once_and_not_when_reversed(tmp_path: Path) -> None:
    complete(tmp_path)
    anna = outcome(tmp_path, "instagram:anna")
    assert anna["actions"] == 2  # of five: one refunded, one cancelled, one line of an order that is there already
    assert anna["posted_at"] == pd.Timestamp("2026-05-03")
    assert anna["decided_at"] == pd.Timestamp("2026-05-01")  # the campaign's start, as no export says it
    assert anna["closed_at"] == pd.Timestamp("2026-06-02")
    assert anna["impressions"] == 1200


def test_a_code_that_nobody_used_is_zero_and_one_who_never_posted_too(tmp_path: Path) -> None:
    complete(tmp_path)
    assert outcome(tmp_path, "tiktok:bea")["actions"] == 0
    dora = outcome(tmp_path, "instagram:dora")
    assert (dora["actions"], dora["posted_at"]) == (0, pd.NaT) or dora["posted_at"] is pd.NaT


def test_an_activation_that_nothing_traces_is_left_out(tmp_path: Path) -> None:
    briefed(tmp_path, codes=CODES.replace("BEA20,tiktok:bea,c1\n", ""))
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    report = imported(tmp_path, "shopify", "orders.csv", ORDERS)
    assert "import codes.csv: ['c1/tiktok:bea']" in left_out(report)
    assert "tiktok:bea" not in set(table(tmp_path, "outcomes")["account_id"])


@pytest.mark.parametrize("gone", ["#6,", "#1,"])
def test_a_window_that_the_orders_do_not_cover_is_left_out(gone: str, tmp_path: Path) -> None:
    orders = "".join(line for line in ORDERS.splitlines(keepends=True) if not line.startswith(gone))
    briefed(tmp_path)
    imported(tmp_path, "creatoriq", "posts.csv", POSTS.replace("05-03", "05-01"), time_zone="UTC")
    report = imported(tmp_path, "shopify", "orders.csv", orders)
    assert "does not cover their window" in left_out(report)
    told = imported(tmp_path, "shopify", "orders.csv", orders, exported_at=EXPORTED)
    assert ("does not cover their window" in left_out(told)) == (gone == "#1,")


def test_spans_that_follow_each_other_are_one() -> None:
    day = dt.datetime(2026, 5, 1)  # noqa: DTZ001
    spans = [(day, day + dt.timedelta(days=3)), (day + dt.timedelta(days=4), day + dt.timedelta(days=6))]
    assert joined(spans) == [(day, day + dt.timedelta(days=6))]
    assert len(joined([spans[0], (day + dt.timedelta(days=5), day + dt.timedelta(days=6))])) == 2


def impact(state: str, **more: Any) -> dict[str, Any]:
    action = {
        "Id": "1000.1",
        "ActionTrackerName": "Sale",
        "MediaPartnerId": 10000,
        "State": state,
        "EventDate": "2026-05-10T10:00:00-07:00",
        "LockingDate": "2026-07-15T00:00:00-07:00",
        "Currency": "USD",
        "Amount": 21.99,
        "PromoCode": "",
        "ReferringDomain": "",
    }
    before = {"Id": "1000.0", "EventDate": "2026-04-30T10:00:00-07:00", "MediaPartnerId": 1}
    return {"Actions": [action | more, action | before | {"State": "REVERSED"}]}


def with_actions(folder: Path, actions: dict[str, Any]) -> Any:
    hired(folder)
    names = written(folder, "map.csv", "name,account_id\nimpact:10000,instagram:anna\n")
    return imported(folder, "impact", "actions.json", actions, exported_at=pd.Timestamp("2026-08-01"), accounts=names)


def test_an_outcome_closes_when_its_last_action_is_locked(tmp_path: Path) -> None:
    with_actions(tmp_path, impact("APPROVED"))
    anna = outcome(tmp_path, "instagram:anna")
    assert (anna["actions"], anna["closed_at"]) == (1, pd.Timestamp("2026-07-15 07:00"))


def test_a_reversed_action_does_not_count_but_its_locking_does(tmp_path: Path) -> None:
    with_actions(tmp_path, impact("REVERSED"))
    anna = outcome(tmp_path, "instagram:anna")
    assert (anna["actions"], anna["closed_at"]) == (0, pd.Timestamp("2026-07-15 07:00"))


def test_a_pending_action_leaves_the_outcome_open_until_a_later_export(tmp_path: Path) -> None:
    report = with_actions(tmp_path, impact("PENDING"))
    assert "still pending: import a later export: ['c1/instagram:anna']" in left_out(report)
    with_actions(tmp_path, impact("APPROVED"))
    assert outcome(tmp_path, "instagram:anna")["actions"] == 1


def test_a_tracker_with_a_name_of_its_own_is_refused_not_guessed(tmp_path: Path) -> None:
    report = with_actions(tmp_path, impact("APPROVED", ActionTrackerName="Kauf"))
    (message,) = report.files[0].tables["conversions"].refused
    assert "'Kauf', which is none of" in message


def test_partners_without_an_account_are_named(tmp_path: Path) -> None:
    report = with_actions(tmp_path, impact("APPROVED"))
    assert any("impact:1" in note and "--accounts" in note for note in report.outcomes.notes)


def test_a_partner_without_an_account_is_known_by_the_code(tmp_path: Path) -> None:
    with_actions(tmp_path, impact("APPROVED", MediaPartnerId=77, PromoCode="anna20"))
    assert outcome(tmp_path, "instagram:anna")["actions"] == 1


MAY_10, MAY_20, JULY_15 = "1778407200", "1779271200", "1784116800"  # seconds, as Refersion writes them


def conversion(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "created": MAY_10,
        "updated": JULY_15,
        "status": "APPROVED",
        "order_id": f"#{number}",
        "total": "24.00",
        "commission_total": "4.80",
        "currency": "USD",
        "coupon_code": None,
        "is_test_conversion": False,
        "affiliate": {"id": 37567438, "name": "Anna", "email": "a@b.c"},
    } | more


BEFORE = conversion(1, created="1777543200", status="DENIED")  # the export reaches from before the window


def with_conversions(folder: Path, *conversions: dict[str, Any]) -> Any:
    hired(folder)
    names = written(folder, "map.csv", "name,account_id\nrefersion:37567438,instagram:anna\n")
    answer = {"data": {"conversions": [BEFORE, *conversions]}}
    moment = pd.Timestamp("2026-08-01")
    return imported(folder, "refersion", "conversions.json", answer, exported_at=moment, accounts=names)


def test_denied_and_unqualified_conversions_of_refersion_do_not_count(tmp_path: Path) -> None:
    denied, unqualified = conversion(3, status="DENIED"), conversion(4, status="UNQUALIFIED")
    report = with_conversions(tmp_path, conversion(2), denied, unqualified)
    anna = outcome(tmp_path, "instagram:anna")
    assert (anna["actions"], anna["closed_at"]) == (1, pd.Timestamp("2026-07-15 12:00"))
    assert not report.files[0].unknown
    assert not report.files[0].tables["conversions"].refused


def test_a_pending_conversion_of_refersion_leaves_the_outcome_open(tmp_path: Path) -> None:
    report = with_conversions(tmp_path, conversion(2, status="PENDING"))
    assert "still pending: import a later export: ['c1/instagram:anna']" in left_out(report)
    with_conversions(tmp_path, conversion(2))
    assert outcome(tmp_path, "instagram:anna")["actions"] == 1


def test_an_order_that_was_cancelled_as_a_whole_does_not_count(tmp_path: Path) -> None:
    whole = conversion(12, order_id="#2", total="-24.00", created=MAY_20)
    part = conversion(13, order_id="#3", total="-20.00", created=MAY_20)
    refused = conversion(14, order_id="#4", total="-24.00", status="DENIED")  # the cancellation, not the order
    with_conversions(tmp_path, conversion(2), whole, conversion(3), part, conversion(4), refused)
    assert outcome(tmp_path, "instagram:anna")["actions"] == 2


def test_tests_and_credits_by_hand_are_no_orders(tmp_path: Path) -> None:
    report = with_conversions(tmp_path, conversion(2, is_test_conversion=True), conversion(3, order_id=None))
    assert outcome(tmp_path, "instagram:anna")["actions"] == 0
    assert report.files[0].tables["conversions"].kept == 1


def test_orders_in_any_currency_count_once(tmp_path: Path) -> None:
    with_conversions(tmp_path, conversion(2), conversion(3, currency="CAD", total="630.00"))
    assert outcome(tmp_path, "instagram:anna")["actions"] == 2


def test_webhooks_of_refersion_add_up_and_the_last_status_counts(tmp_path: Path) -> None:
    hired(tmp_path)
    trigger = {"id": 1, "affiliate_id": 37567438, "trigger": "TEA5", "type": "COUPON"}
    names = written(tmp_path, "map.csv", "name,account_id\nrefersion:37567438,instagram:anna\n")
    imported(tmp_path, "refersion", "triggers.json", trigger, accounts=names)
    bodies = [
        BEFORE,
        conversion(2, status="PENDING", affiliate=None, coupon_code="tea5", created="2026-05-10 10:00:00"),
        conversion(2, affiliate=None, coupon_code="tea5", created="2026-05-10 10:00:00"),
        conversion(3, status="PENDING"),
        conversion(3, status="DENIED", denied_reason_code="REFUNDED"),
    ]
    lines = "".join(f"{json.dumps(body)}\n" for body in bodies)
    report = imported(tmp_path, "refersion", "webhooks.jsonl", lines, exported_at=pd.Timestamp("2026-08-01"))
    assert report.files[0].shape == "webhooks"
    assert outcome(tmp_path, "instagram:anna")["actions"] == 1


GA4 = (
    "# ----------------------------------------\n# Free form 1\n# 20260501-20260610\n"
    "# ----------------------------------------\n\n"
    "Date,Session campaign,Session manual ad content,Sessions\n"
    ',,,1200\n20260501,(not set),(not set),1000\n20260503,spring,anna,"1,150"\n20260504,spring,anna,50\n'
    "20260610,(not set),(not set),900\n"
)


def test_sessions_of_a_tag_are_the_actions_of_traffic(tmp_path: Path) -> None:
    imported(tmp_path, "tables", "campaigns.csv", CAMPAIGNS.replace("sale", "traffic"))
    imported(tmp_path, "creatoriq", "posts.csv", POSTS.replace(",99,5,", ",99,,"), time_zone="UTC")
    imported(tmp_path, "tables", "codes.csv", "code,account_id,campaign_id\nspring/anna,instagram:anna,c1\n")
    report = imported(tmp_path, "ga4", "sessions.csv", GA4, time_zone="UTC")
    assert not report.files[0].unknown
    assert outcome(tmp_path, "instagram:anna")["actions"] == 1200


@pytest.mark.parametrize(
    ("goal", "actions", "why"),
    [("awareness", 1200, ""), ("engagement", 1020, "instagram:dora"), ("traffic", 5, "")],
)
def test_other_goals_are_counted_on_posts(goal: str, actions: int, why: str, tmp_path: Path) -> None:
    imported(tmp_path, "tables", "campaigns.csv", CAMPAIGNS.replace("sale", goal))
    report = imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    assert outcome(tmp_path, "instagram:anna")["actions"] == actions
    if why:  # comments of bea's post were not measured, so nor was the engagement
        assert "counts of their posts are not known" in left_out(report)


def test_counts_read_before_the_window_ended_are_no_outcome(tmp_path: Path) -> None:
    imported(tmp_path, "tables", "campaigns.csv", CAMPAIGNS.replace("sale", "awareness"))
    report = imported(tmp_path, "creatoriq", "posts.csv", POSTS.replace("06-20", "05-20"), time_zone="UTC")
    assert "read before the attribution window ended" in left_out(report)


PAYABLES = {
    "Data": [
        {
            "PayableID": f"P{n}",
            "PublisherID": 99,
            "CampaignID": "c1",
            "PayableStatus": status,
            "PayableAmount": {"Value": value, "Currency": currency},
        }
        for n, (status, value, currency) in enumerate(
            [("PAID", "100.50", "EUR"), ("READY", "50", "EUR"), ("REJECTED", "999", "EUR"), ("PAID", "70", "USD")]
        )
    ]
}


def test_fees_are_what_was_paid_for_the_campaign_in_one_currency(tmp_path: Path) -> None:
    complete(tmp_path)
    imported(tmp_path, "creatoriq", "payables.json", PAYABLES, currency="EUR")
    assert outcome(tmp_path, "instagram:anna")["fee"] == 150.5


def test_creatoriq_transactions_and_codes_are_traced_by_publisher(tmp_path: Path) -> None:
    rows = [
        {
            "CiqTransactionId": str(n),
            "TransactionDate": f"2026-{when} 10:00:00",
            "Status": status,
            "PublisherId": 99,
            "CampaignId": "c1",
            "CouponCode": None,
            "ValidationDate": "2026-06-15 00:00:00",
        }
        for n, (when, status) in enumerate([("05-01", "approved"), ("05-10", "approved"), ("05-11", "declined")])
    ]
    imported(tmp_path, "tables", "campaigns.csv", CAMPAIGNS)
    imported(tmp_path, "creatoriq", "posts.csv", POSTS, time_zone="UTC")
    codes = {"Items": [{"PublisherId": 98, "PromoCodeName": "BEA20"}]}
    imported(tmp_path, "creatoriq", "promo-codes.json", codes)
    imported(tmp_path, "creatoriq", "transactions.json", {"data": rows}, time_zone="UTC", exported_at=EXPORTED)
    anna = outcome(tmp_path, "instagram:anna")
    assert (anna["actions"], anna["closed_at"]) == (1, pd.Timestamp("2026-06-15"))
    assert outcome(tmp_path, "tiktok:bea")["actions"] == 0


def test_leaks_are_flagged_and_nothing_is_taken_away(tmp_path: Path) -> None:
    line = "#9{n},a@b.c,paid,EUR,9,BEA20,2026-05-{day:02} 10:00:00 +0200,Tea,,9{n}\n"
    orders = ORDERS + "".join(line.format(n=n, day=n % 20 + 5) for n in range(70))
    hired(tmp_path)
    early = orders.replace("ANNA20,2026-05-04", "ANNA20,2026-05-01")
    report = imported(tmp_path, "shopify", "orders.csv", early)
    flags = "\n".join(report.outcomes.flags)
    assert "c1/tiktok:bea: 70 orders for 3,000 followers, more than one for every fifty" in flags
    assert "code anna20: used from 2026-05-01 on, before the first post of 2026-05-03" in flags
    assert outcome(tmp_path, "tiktok:bea")["actions"] == 70


def test_conversions_from_coupon_sites_are_flagged(tmp_path: Path) -> None:
    report = with_actions(tmp_path, impact("APPROVED", ReferringDomain="www.retailmenot.com"))
    assert any("retailmenot" in flag for flag in report.outcomes.flags)


def test_outcomes_of_ones_own_stay_as_they_are(tmp_path: Path) -> None:
    complete(tmp_path)
    own = "campaign_id,account_id,decided_at,posted_at,actions,closed_at\n"
    own += "c1,instagram:anna,2026-05-02,2026-05-03,9,2026-06-09\n"
    imported(tmp_path, "tables", "outcomes.csv", own)
    assert outcome(tmp_path, "instagram:anna")["actions"] == 9
    assert len(table(tmp_path, "outcomes")) == 3


def test_activations_of_ones_own_say_when_they_were_decided(tmp_path: Path) -> None:
    complete(tmp_path)
    own = "campaign_id,account_id,decided_at,fee\nc1,instagram:anna,2026-04-20T09:00:00Z,250\n"
    imported(tmp_path, "tables", "activations.csv", own)
    anna = outcome(tmp_path, "instagram:anna")
    assert (anna["decided_at"], anna["fee"], anna["posted_at"]) == (
        pd.Timestamp("2026-04-20 09:00"),
        250,
        pd.Timestamp("2026-05-03"),
    )
