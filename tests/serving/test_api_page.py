"""docs/api.md: up to date, complete, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

from serving import api_page, client, openapi
from serving.routes import scopes

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


def test_every_code_of_an_error_is_in_it() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(openapi.__file__).parent.glob("*.py")]
    given = [found for text in sources for found in re.findall(r'problem\((\d{3}),\s*code="([a-z-]+)"', text)]
    assert len(given) > 8
    table = api_page.page().partition("## Errors")[2].partition("## Models")[0]
    assert set(given) <= set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", table, re.MULTILINE))


def test_every_address_that_wants_a_key_says_what_is_answered_without_one() -> None:
    for path, operations in openapi.document()["paths"].items():
        answers = {status for operation in operations.values() for status in operation["responses"]}
        assert ({"401", "403", "429"} <= answers) == bool(scopes(path)), path


def test_its_example_is_python_that_the_client_understands() -> None:
    code = re.search(r"```python\n(.*?)```", api_page.page(), re.DOTALL)
    assert code is not None
    before, _, after = code[1].partition("with ImpelClient")
    names: dict[str, object] = {}
    exec(compile(before, "docs/api.md", "exec"), names)
    asked = re.search(r"client\.predict\((.*)\)$", after, re.MULTILINE)
    assert asked is not None
    assert isinstance(eval(asked[1], names), client.PredictRequest)
