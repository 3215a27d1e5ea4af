"""docs/api.md: up to date, complete, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

from serving import api_page, client, openapi

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == api_page.page(), "make docs"


def test_it_has_every_operation_model_and_link() -> None:
    page = api_page.page()
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    document = openapi.document()
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert operations | set(document["components"]["schemas"]) <= set(headings)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors


def test_its_example_is_python_that_the_client_understands() -> None:
    code = re.search(r"```python\n(.*?)```", api_page.page(), re.DOTALL)
    assert code is not None
    before, _, after = code[1].partition("with ImpelClient")
    names: dict[str, object] = {}
    exec(compile(before, "docs/api.md", "exec"), names)
    asked = re.search(r"client\.predict\((.*)\)$", after, re.MULTILINE)
    assert asked is not None
    assert isinstance(eval(asked[1], names), client.PredictRequest)
