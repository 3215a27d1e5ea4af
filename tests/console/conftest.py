"""One real service with the console, and one real browser, for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from features import EventStore, build, open_tables
from serving.keys import create
from serving.launch import running
from tests.console.chromium import program
from training import report
from training.backtest import backtest, origin
from training.candidates import KnownAccounts
from training.marketplace import simulate
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, ConsoleMessage, Page

HOSTILE = '=1+1/../"<img src=x onerror=alert(1)>&?#%2F\N{RIGHT-TO-LEFT OVERRIDE}\N{HEBREW LETTER ALEF}'
"""An account's id that would do harm wherever it were not escaped."""
CAMPAIGN = "c0020"
"""A past campaign that hired the account of the hostile id."""
FAILED = "Failed to load resource"
"""What the browser says itself of an answer that is a problem."""


@dataclass(frozen=True)
class World:
    url: str
    key: str
    settings: dict[str, Path]
    """What the service was started with, but for keys."""

    def asked(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the service answers to the same question without a browser."""
        headers = {"authorization": f"Bearer {self.key}"}
        answer = httpx.request("GET" if body is None else "POST", f"{self.url}/{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def campaign(self, name: str = CAMPAIGN) -> dict[str, Any]:
        (found,) = self.asked(f"v1/campaigns?search={name}")["campaigns"]
        return dict(found)


@dataclass
class Opened:
    """A page, and what it said and asked for on the way."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def rows(self) -> Any:
        return self.page.locator("#ranked tbody tr")

    def choose_campaign(self, name: str = CAMPAIGN) -> None:
        """Begin with a past campaign and wait for the ranking."""
        self.page.locator("#past-campaigns > summary").click()
        self.page.get_by_label("Search").fill(name)
        button = self.page.locator("#campaigns button", has_text=name)
        expect(button).to_have_count(1)
        button.click()
        expect(self.rows().first).to_be_visible()
        expect(self.page.locator("#ranked")).to_have_attribute("aria-busy", "false")

    def open_influencer(self, row: int = 0) -> str:
        """Open the influencer of a row; return the id."""
        anchor = self.rows().nth(row).locator("a")
        name = anchor.inner_text()
        anchor.click()
        expect(self.page.locator("#influencer .waterfall")).to_be_visible()
        return name

    def check_accessible(self) -> None:
        """No violation that axe knows, in light and dark, and nothing that makes the page scroll sideways."""
        # What passes would be listed with all its elements, which takes as long again.
        failing = {"resultTypes": ["violations"]}
        found = Axe().run(self.page, options=failing)
        assert found.violations_count == 0, found.generate_report()
        self.page.emulate_media(color_scheme="dark")
        found = Axe().run(self.page, options={**failing, "runOnly": ["color-contrast"]})
        assert found.violations_count == 0, found.generate_report()
        self.page.emulate_media(color_scheme="light")
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def renamed(folder: Path) -> None:
    """Give one account that was hired for the campaign the hostile id, wherever it is named."""
    hired = pd.read_parquet(folder / "outcomes.parquet").query("campaign_id == @CAMPAIGN")["account_id"]
    for path in folder.glob("*.parquet"):
        rows = pd.read_parquet(path)
        named = [column for column in ("account_id", "actor_id") if column in rows]
        rows[named] = rows[named].replace(hired.iloc[0], HOSTILE)
        rows.to_parquet(path)


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("console")
    data = simulate(home / "data", influencers=60, campaigns=25, seed=41)
    renamed(data)
    store = EventStore.prepare(open_tables(data), home / "store", buckets=2)
    past = store.activations()
    model = ActionModel(rounds=12, folds=2)
    X = build(store, past)
    model.fit(
        X,
        past["actions"],
        decided_at=past["decided_at"],
        closed_at=past["closed_at"],
        posted=past["posted"],
    )
    tested = backtest(X, past, model=model, folds=2, accounts=KnownAccounts(store), metadata=origin(store))
    key = create(home / "keys.json", "marketing", scopes=("predict",))
    settings = {
        "store": home / "store",
        "model": model.bundle_.save(home / "bundle"),
        "backtest": report.write(tested, home / "report").parent,
    }
    with running(**settings, keys=home / "keys.json", rate_limit=100_000) as url:
        yield World(url, key, settings)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = program()
    assert found is not None, "these tests need Chromium: apt-get install chromium"
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(world: World, browser: Browser) -> Iterator[Callable[..., Opened]]:
    """Open the console in a session of its own; whatever a page asks elsewhere, or complains of, fails the test."""
    sessions = []

    def make(
        *, width: int = 1280, address: str = "", url: str = world.url, with_key: bool = True, problems: bool = False
    ) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(30_000)
        if with_key:
            context.add_init_script(f"sessionStorage.setItem('impel.key', '{world.key}')")
        session = Opened(context.new_page(), url)

        def said(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and not (problems and message.text.startswith(FAILED)):
                session.faults.append(message.text)

        session.page.on("console", said)
        session.page.on("pageerror", lambda error: session.faults.append(str(error)))
        session.page.on("dialog", lambda dialog: session.faults.append(dialog.message))
        session.page.on("request", lambda request: session.requests.append(request.url))
        sessions.append(session)
        session.page.goto(f"{url}/console{address}")
        return session

    yield make
    for session in sessions:
        session.page.context.close()
        assert session.faults == []
        elsewhere = [each for each in session.requests if not each.startswith((f"{session.url}/", "blob:"))]
        assert elsewhere == []
