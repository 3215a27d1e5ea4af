"""The report of a backtest in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.console.conftest import World


def test_the_table_of_parts_fits_a_laptop(world: World, browser: Browser) -> None:
    """Whether intervals hold, part by part, stands in the last column: nobody should have to scroll for it."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((world.settings["backtest"] / "report.html").as_uri())
    table = page.get_by_role("region", name="Parts of the tested activations")
    assert "are needed" in table.inner_text()
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")
    page.close()
