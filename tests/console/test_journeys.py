"""What marketers do with the console, from a brief to a shortlist."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.console.conftest import CAMPAIGN, HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.console.conftest import Opened, World

    Open = Callable[..., Opened]

BRIEF = {"goal": "sale", "vertical": "food", "starts_at": "2026-12-01T00:00:00Z", "value_per_action": 60}


def with_question(**changes: Any) -> str:
    """Return the hash of a link to a question."""
    from urllib.parse import urlencode

    return "#" + urlencode({"view": "ranking", "question": json.dumps({"brief": BRIEF} | changes)})


def percent(text: str) -> float:
    return float(text.strip("<> %\N{NO-BREAK SPACE}")) / 100


@pytest.mark.parametrize("width", [390, 1024, 1920])
def test_every_view_is_accessible_and_fits(opened: Open, width: int) -> None:
    session = opened(width=width)
    page = session.page
    expect(page.locator("#model")).to_contain_text("accounts")
    session.check_accessible()
    session.choose_campaign()
    for mark in ("Hire ", "Compare "):
        for row in (0, 1):
            page.locator(f'[aria-label^="{mark}"]').nth(row).check()
    session.check_accessible()
    session.open_influencer()
    page.locator(".waterfall summary").first.click()
    page.locator("#influencer .as-table > summary").first.click()
    session.check_accessible()
    page.get_by_role("link", name="Compare (2)").click()
    expect(page.locator("#compare thead a")).to_have_count(2)
    session.check_accessible()
    page.get_by_role("link", name="Backtest").click()
    expect(page.locator("#backtest h1")).to_be_focused()
    session.check_accessible()


def test_a_past_campaign_fills_the_brief_and_the_fees(opened: Open, world: World) -> None:
    session = opened()
    session.choose_campaign()
    campaign = world.campaign()
    page = session.page
    brief = campaign["brief"]
    expect(page.locator("#goal")).to_have_value(brief["goal"])
    expect(page.get_by_label("Text of the brief")).to_have_value(brief["brief"])
    expect(page.locator("#fees-told")).to_have_text(f"{len(campaign['fees'])} fees known.")
    answer = world.asked("v1/rank", {"brief": brief, "fees": campaign["fees"], "limit": 25})
    shown = session.rows()
    assert [shown.nth(row).locator("a").inner_text() for row in range(25)] == [
        one["account_id"] for one in answer["predictions"]
    ]
    first = answer["predictions"][0]
    expect(shown.first).to_contain_text(f"{first['actions_low']:,} to {first['actions_high']:,}")
    expect(page.locator("#ranked")).to_contain_text(answer["incremental"])
    assert percent(shown.first.locator("strong").first.inner_text()) == pytest.approx(first["likelihood"], abs=0.0051)


def test_a_brief_by_hand(opened: Open) -> None:
    session = opened()
    page = session.page
    page.locator("#goal").select_option("signup")
    page.get_by_label("Vertical").fill("Food")
    page.get_by_label("Topics, with commas").fill("food, home")
    page.get_by_label("Starts").fill("2026-12-01")
    page.get_by_label("Value per action").fill("12.5")
    page.get_by_label("At least, actions").fill("3")
    page.get_by_text("The audience wanted").click()
    page.get_by_role("button", name="Add a part of the audience").click()
    page.get_by_label("which").fill("US")
    page.get_by_label("share, %").fill("80")
    page.get_by_text("Which accounts").click()
    page.get_by_label("Fake followers at most, %").fill("60")
    page.get_by_label("Followers from").fill("1000")
    with page.expect_request("**/v1/rank") as asked:
        page.get_by_role("button", name="Show the ranking").click()
    expect(session.rows().first).to_be_visible()
    assert asked.value.post_data_json == {
        "brief": {
            "goal": "signup",
            "vertical": "food",
            "topics": ["food", "home"],
            "starts_at": "2026-12-01T00:00:00Z",
            "value_per_action": 12.5,
            "attribution_days": 30,
            "audience": {"country": {"US": 0.8}},
        },
        "at_least": 3,
        "filters": {"min_followers": 1000, "max_fake_share": 0.6},
        "order_by": "likelihood",
        "fees": {},
        "limit": 25,
    }
    expect(page.locator("#ranked")).to_be_focused()


def test_problems_are_told_at_their_fields(opened: Open) -> None:
    session = opened(
        address=with_question(brief={**BRIEF, "audience": {"country": {"US": 0.9, "GB": 0.8}}}), problems=True
    )
    page = session.page
    expect(page.locator("#ranked [role=alert]")).to_contain_text("add up to 1.7")
    expect(page.locator("#slices .field-problem")).to_contain_text("add up to 1.7")
    expect(page.locator("#audience-sum")).to_have_text("Adds up to: country 170\N{NO-BREAK SPACE}%.")
    page.get_by_label("share, %").last.fill("10")
    page.get_by_label("share, %").last.press("Tab")
    expect(session.rows().first).to_be_visible()
    expect(page.locator(".field-problem")).to_have_count(0)
    page.get_by_text("Which accounts").click()
    page.get_by_label("Countries, with commas").fill("USA")
    page.get_by_label("Countries, with commas").press("Enter")
    field = page.get_by_label("Countries, with commas")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_be_visible()
    session.check_accessible()


def test_what_a_brief_must_have_is_asked_for_before_the_service_is(opened: Open) -> None:
    session = opened()
    session.page.get_by_role("button", name="Show the ranking").click()
    expect(session.page.locator("#goal")).to_be_focused()
    assert not [url for url in session.requests if url.endswith("/v1/rank")]


def test_pages_of_the_ranking_hold_all_accounts_once(opened: Open, world: World) -> None:
    session = opened(address=with_question())
    page = session.page
    seen: list[str] = []
    for number in range(1, 100):
        expect(page.locator(".pages span")).to_contain_text(f"Page {number} of")
        assert session.rows().count() <= 25
        seen += session.rows().locator("a").all_inner_texts()
        following = page.get_by_role("button", name="Next page")
        if following.is_disabled():
            break
        following.click()
    everyone = world.asked("v1/rank", {"brief": BRIEF, "limit": 1000})["predictions"]
    assert seen == [one["account_id"] for one in everyone]
    page.get_by_role("button", name="Page before").click()
    expect(page.locator(".pages span")).to_contain_text(f"Page {number - 1} of")


def test_order_and_filters_change_the_ranking(opened: Open, world: World) -> None:
    session = opened(address=with_question())
    page = session.page
    with page.expect_response("**/v1/rank"):
        page.get_by_label("Order by").select_option("expected_value")
    best = world.asked("v1/rank", {"brief": BRIEF, "order_by": "expected_value"})["predictions"][0]
    expect(session.rows().first.locator("a")).to_have_text(best["account_id"])
    page.get_by_text("Which accounts").click()
    page.get_by_label("Platforms, with commas").fill("Tiktok")
    with page.expect_response("**/v1/rank"):
        page.get_by_label("Platforms, with commas").press("Tab")
    expect(session.rows().first).to_contain_text("tiktok")
    page.get_by_label("Followers from").fill("1000000000")
    page.get_by_label("Followers from").press("Tab")
    expect(page.locator("#ranked")).to_contain_text("No known account keeps all filters")
    session.check_accessible()


def test_fees_and_the_budget(opened: Open, world: World) -> None:
    session = opened(address=with_question(brief={**BRIEF, "budget": 500}))
    page = session.page
    account = session.rows().first.locator("a").inner_text()
    before = session.rows().first.locator("strong").first.inner_text()
    page.get_by_label(f"Hire {account}").check()
    expect(page.locator("#roster-cost")).to_have_text(
        "Fees 0 of 500, 0\N{NO-BREAK SPACE}% of the budget; 1 account without a fee."
    )
    page.get_by_label(f"Fee of {account}").fill("600")
    page.get_by_label(f"Fee of {account}").press("Tab")
    expect(session.rows().first.locator("small", has_text="of at least 10")).to_be_visible()
    answer = world.asked("v1/predict", {"brief": BRIEF, "candidates": [{"account_id": account, "fee": 600}]})
    after = session.rows().first.locator("strong").first.inner_text()
    assert percent(after) == pytest.approx(answer["predictions"][0]["likelihood"], abs=0.0051)
    assert after != before
    expect(page.locator("#roster-cost")).to_have_text(
        "Fees 600 of 500, 120\N{NO-BREAK SPACE}% of the budget: 100 too much."
    )
    page.locator("summary", has_text="Fees").click()
    page.get_by_label("Paste lines of account_id,fee").fill(f"account_id,fee\n{account},90\n\nbad line\nx,-3\n")
    page.get_by_role("button", name="Take these fees").click()
    expect(page.locator("#fees-told")).to_contain_text("1 fee read. Not read: lines 3, 4")
    expect(page.locator("#roster-cost")).to_have_text("Fees 90 of 500, 18\N{NO-BREAK SPACE}% of the budget.")
    page.get_by_label("or load a CSV file").set_input_files(
        {"name": "fees.csv", "mimeType": "text/csv", "buffer": f'"{account}";"120"\r\n'.encode()}
    )
    expect(page.locator("#roster-cost")).to_contain_text("Fees 120 of 500")
    expect(page.locator("#ranked")).to_contain_text("Not asked alike")
    page.reload()
    expect(page.locator("#fees-told")).to_have_text("1 fee known.")


def test_the_ranking_as_csv(opened: Open, world: World) -> None:
    session = opened()
    session.choose_campaign()
    while HOSTILE not in session.rows().locator("a").all_inner_texts():
        session.page.get_by_role("button", name="Next page").click()
        expect(session.page.locator("#ranked")).to_have_attribute("aria-busy", "false")
    with session.page.expect_download() as saved:
        session.page.get_by_role("button", name="Save as CSV").click()
    text = Path(saved.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    shown = session.rows().locator("a").all_inner_texts()
    assert [row["account_id"].removeprefix("'") for row in rows] == shown
    (found,) = (row for row in rows if row["account_id"] == f"'{HOSTILE}")
    campaign = world.campaign()
    candidate = {"account_id": HOSTILE, "fee": campaign["fees"][HOSTILE]}
    (said,) = world.asked("v1/predict", {"brief": campaign["brief"], "candidates": [candidate]})["predictions"]
    assert float(found["likelihood"]) == said["likelihood"]
    assert float(found["fee"]) == candidate["fee"]
    assert found["support"] == said["support"]
    assert not [cell for row in rows for cell in row.values() if cell[:1] in set("=+@\t\r")]


def test_an_influencer(opened: Open, world: World) -> None:
    session = opened()
    session.choose_campaign()
    page = session.page
    account = session.open_influencer()
    campaign = world.campaign()
    offer = {"account_id": account, "fee": campaign["fees"].get(account)}
    (told,) = world.asked("v1/explain", {"brief": campaign["brief"], "candidates": [offer]})["explanations"]
    parts = page.locator(".waterfall summary strong").all_inner_texts()
    assert len(parts) == len(told["families"])
    ends = [percent(text) for text in page.locator(".waterfall .total strong").all_inner_texts()]
    assert ends == pytest.approx([told["base_likelihood"], told["likelihood"]], abs=0.0051)
    added = sum(float(part.replace("\N{MINUS SIGN}", "-")) for part in parts) / 100
    assert added == pytest.approx(told["likelihood"] - told["base_likelihood"], abs=0.0005 * (len(parts) + 1))
    page.locator(".waterfall summary").first.click()
    expect(page.locator(".waterfall details").first).to_contain_text(told["families"][0]["features"][0]["words"])
    from urllib.parse import quote

    known = world.asked(f"v1/accounts/{quote(account, safe='')}")
    expect(page.locator("#influencer")).to_contain_text(known["authenticity"]["summary"])
    expect(page.get_by_role("group", name="Track record").locator("tbody tr")).to_have_count(len(known["track_record"]))
    for dimension in campaign["brief"]["audience"]:
        expect(page.locator(".dimension h3", has_text=re.compile(f"^{dimension}"))).to_have_count(1)
    page.locator("summary", has_text="Posts over time").click()
    expect(page.get_by_role("group", name="Posts over time").locator("tbody tr")).to_have_count(52)


def test_what_was_never_hired_for_is_marked(opened: Open) -> None:
    session = opened(address=with_question(brief={**BRIEF, "vertical": "never heard of"}))
    expect(session.rows().first.locator(".badge")).to_have_text("⚠ outside what was hired")
    expect(session.page.locator("#ranked .warning", has_text="beyond experience")).to_be_visible()
    session.check_accessible()


def test_the_backtest_as_pictures(opened: Open, world: World) -> None:
    session = opened(address="#view=backtest")
    page = session.page
    told = world.asked("v1/backtest")
    money = page.locator("section.panel", has=page.get_by_role("heading", name="The same money, among those hired"))
    expect(money.locator("tbody tr")).to_have_count(1 + len(told["money_hired"]["rules"]))
    model = told["money_hired"]["rules"][0]["net_value"]["value"]
    row = money.locator("tbody tr").nth(1)
    assert float(
        row.locator("td").nth(1).inner_text().split("\n")[0].replace(",", "").replace("\N{MINUS SIGN}", "-")
    ) == round(model)
    diagram = page.get_by_role("img", name=re.compile("all goals"))
    expect(diagram.locator("circle")).to_have_count(len(told["reliability"]))
    page.locator("summary", has_text="all goals").click()
    bins = page.get_by_role("group", name=re.compile("Likelihoods and what happened, all goals"))
    expect(bins.locator("tbody tr")).to_have_count(len(told["reliability"]))
    for goal in told["goals"]:
        if goal["why_not"] is not None:
            expect(page.locator("#backtest")).to_contain_text(goal["why_not"])
    for check in told["checks"]:
        if check["outcome"] == "issue":
            expect(page.locator("#backtest")).to_contain_text(check["to_do"])
    session.check_accessible()


def test_where_nothing_can_be_told_of_money_the_backtest_says_so(opened: Open, world: World) -> None:
    told = world.asked("v1/backtest")
    reasons = [rule["why_not"] for rule in told["money_all"]["rules"] if rule["why_not"]]
    if told["money_all"]["why_not"]:
        reasons = [told["money_all"]["why_not"]]
    assert reasons
    session = opened(address="#view=backtest")
    for reason in reasons:
        expect(session.page.locator("#backtest")).to_contain_text(reason)


def test_without_a_backtest_the_console_says_how_to_get_one(opened: Open, world: World) -> None:
    from serving.launch import running

    with running(store=world.settings["store"], model=world.settings["model"]) as url:
        session = opened(url=url, address="#view=backtest", problems=True)
        expect(session.page.locator("#backtest pre")).to_contain_text("--backtest report")
        session.check_accessible()


def test_ids_and_links_do_no_harm(opened: Open) -> None:
    session = opened()
    session.choose_campaign()
    page = session.page
    while not page.get_by_role("link", name=HOSTILE, exact=True).count():
        page.get_by_role("button", name="Next page").click()
        expect(page.locator("#ranked")).to_have_attribute("aria-busy", "false")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page.locator("#influencer h1")).to_have_text(HOSTILE)
    expect(page.locator("#influencer .waterfall")).to_be_visible()
    assert page.locator("#influencer img").count() == 0
    session.check_accessible()
    for address in (
        "#view=nothing&question={",
        "#question=[1]",
        '#view=influencer&question={"brief":{"audience":"x","topics":3}}',
    ):
        page.goto(f"{page.url.partition('#')[0]}{address}")
        expect(page.locator("#ranking h1")).to_be_visible()


def test_what_if(opened: Open, world: World) -> None:
    session = opened()
    session.choose_campaign()
    page = session.page
    account = session.open_influencer(1)  # with so small an audience that no great fee can pay
    before = page.locator(".big strong").inner_text()
    at_least = page.get_by_label("At least, actions").last
    at_least.focus()
    with page.expect_response("**/v1/explain"):
        at_least.press("End")
    expect(page.locator(".big span")).to_contain_text("points")
    expect(page.get_by_role("group", name="The answer").locator("thead")).to_contain_text("At first")
    asked = int(at_least.input_value())
    body = {
        "brief": world.campaign()["brief"],
        "candidates": [{"account_id": account, "at_least": asked, "fee": world.campaign()["fees"].get(account)}],
    }
    (said,) = world.asked("v1/predict", body)["predictions"]
    after = page.locator(".big strong").inner_text()
    assert after != before
    assert percent(after) == pytest.approx(said["likelihood"], abs=0.0051)
    expect(page.locator(".waterfall .total strong").last).to_have_text(after)
    page.get_by_role("button", name="Back to the start").click()
    expect(page.locator(".big strong")).to_have_text(before)
    fee = page.get_by_label("Fee", exact=True).last
    fee.focus()
    fee.press("End")  # so many actions that neither the average activation nor this one will bring them
    expect(page.locator("#influencer")).to_contain_text("So is this offer")
    expect(page.locator(".waterfall summary")).to_have_count(0)
    page.get_by_role("button", name="Back to the start").click()
    expect(page.locator(".waterfall summary").first).to_be_visible()
    expect(page.locator(".big strong")).to_have_text(before)
    shares = page.locator("fieldset").last.locator("input")
    if shares.count() > 1:
        shares.first.focus()
        shares.first.press("End")
        assert float(shares.nth(1).input_value()) == 0
    page.get_by_label("Fee", exact=True).focus()
    page.get_by_label("Fee", exact=True).press("Home")
    page.get_by_role("button", name="Take over into the brief").click()
    expect(page.locator("#ranking")).to_be_visible()
    expect(session.rows().first).to_be_visible()


def test_side_by_side(opened: Open) -> None:
    session = opened()
    session.choose_campaign()
    page = session.page
    boxes = page.locator('[aria-label^="Compare "]')
    for row in range(4):
        boxes.nth(row).check()
    boxes.nth(4).click()
    expect(boxes.nth(4)).not_to_be_checked()
    expect(page.locator("#compare-full")).to_be_visible()
    page.get_by_role("link", name="Compare (4)").click()
    heads = page.locator("#compare thead a")
    expect(heads).to_have_count(4)
    likelihoods = session.rows().locator("td:nth-of-type(2) strong").all_inner_texts()[:4]
    assert page.locator("#compare tbody tr").first.locator("strong").all_inner_texts() == likelihoods
    page.locator("#compare thead button").first.click()
    expect(heads).to_have_count(3)
    page.go_back()
    expect(boxes.first).not_to_be_checked()
    expect(boxes.nth(1)).to_be_checked()


def test_a_link_says_it_all_but_keys_and_fees(opened: Open, world: World) -> None:
    first = opened()
    first.choose_campaign()
    address = first.page.url
    assert world.key not in address
    shown = first.rows().locator("a").all_inner_texts()
    second = opened(address=f"#{address.partition('#')[2]}")
    expect(second.rows().first).to_be_visible()
    expect(second.page.get_by_label("Text of the brief")).to_have_value(world.campaign()["brief"]["brief"])
    answer = world.asked("v1/rank", {"brief": world.campaign()["brief"], "limit": 25})
    assert second.rows().locator("a").all_inner_texts() == [one["account_id"] for one in answer["predictions"]]
    assert len(shown) == 25


def test_back_leads_to_where_one_was(opened: Open) -> None:
    session = opened()
    session.choose_campaign()
    page = session.page
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".pages span")).to_contain_text("Page 2")
    asked = len(session.requests)
    account = session.open_influencer(3)
    page.go_back()
    expect(page.locator("#ranking")).to_be_visible()
    expect(page.locator(".pages span")).to_contain_text("Page 2")
    expect(session.rows().nth(3).locator("a")).to_be_focused()
    assert not [url for url in session.requests[asked:] if url.endswith("/v1/rank")]
    page.go_forward()
    expect(page.locator("#influencer h1")).to_have_text(account)
    page.go_back()
    page.get_by_label("Vertical").fill("travel")
    with page.expect_response("**/v1/rank"):
        page.get_by_role("button", name="Show the ranking").click()
    page.go_back()
    expect(page.get_by_label("Vertical")).not_to_have_value("travel")


def test_by_keyboard_alone(opened: Open) -> None:
    session = opened(width=1024)
    page = session.page

    def tab_to(found: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            if page.evaluate("found => document.activeElement.matches(`${found}:focus-visible`)", found):
                return
        raise AssertionError(f"the keyboard does not reach {found}")

    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("#past-campaigns > summary")
    page.keyboard.press("Enter")
    tab_to("#campaign-search")
    page.keyboard.type(CAMPAIGN)
    expect(page.locator("#campaigns button")).to_have_count(1)
    tab_to("#campaigns button")
    page.keyboard.press("Enter")
    expect(session.rows().first).to_be_visible()
    expect(page.locator("#ranked")).to_be_focused()
    expect(page.locator("#status")).to_contain_text("Accounts 1 to 25 of")
    tab_to('[aria-label^="Hire "]')
    page.keyboard.press("Space")
    expect(page.locator("#roster h2")).to_have_text("1 account to hire")
    tab_to("tbody tr:nth-child(2) a")
    page.keyboard.press("Enter")
    expect(page.locator("#influencer h1")).to_be_focused()
    tab_to("input[type=range]")
    before = page.locator(".big strong").inner_text()
    with page.expect_response("**/v1/explain"):
        page.keyboard.press("PageUp")
    expect(page.locator(".big strong")).not_to_have_text(before)
    # What comes late would take away the element that the keyboard stands on.
    expect(page.locator(".waterfall .total strong").last).to_have_text(page.locator(".big strong").inner_text())
    expect(page.locator("#influencer [aria-busy=true]")).to_have_count(0)
    tab_to(".waterfall summary")
    page.keyboard.press("Enter")
    expect(page.locator(".waterfall details").first).to_have_attribute("open", "")
    page.go_back()  # the browser's own key for it, which it has no window for here
    expect(session.rows().nth(1).locator("a")).to_be_focused()


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(opened: Open, world: World) -> None:
    session = opened(address=with_question(), with_key=False, problems=True)
    page = session.page
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This needs an API key")
    session.check_accessible()
    page.get_by_label("API key", exact=True).fill("impel_nobody_knows")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("not known")
    page.get_by_label("API key", exact=True).fill(world.key)
    page.get_by_role("button", name="Go on").click()
    expect(dialog).not_to_be_visible()
    expect(session.rows().first).to_be_visible()
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []
    assert world.key not in page.url
    assert not [url for url in session.requests if world.key in url]
    page.get_by_role("button", name="Forget the API key").click()
    expect(dialog).to_be_visible()
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#ranked [role=alert]")).to_contain_text("API key")


def test_a_service_that_cannot_be_reached(opened: Open) -> None:
    session = opened(address=with_question(), problems=True)
    page = session.page
    expect(session.rows().first).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#ranked [role=alert]")).to_contain_text("cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(session.rows().first).to_be_visible()


def test_an_account_that_the_data_do_not_know(opened: Open) -> None:
    session = opened(address="#view=influencer&account=nobody%2Fhere", problems=True)
    expect(session.page.locator("#influencer [role=alert]")).to_contain_text("The data do not know this account.")
    session.check_accessible()
