"""docs/api.md: the HTTP API and its client, written out of the OpenAPI document: python -m serving.api_page."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from serving import client, openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """\
# The HTTP API

Made from the OpenAPI document that the service has at `/docs.json` (`make docs`). JSON in, JSON out. Moments are
ISO 8601; without a time zone they are UTC. Unknown fields are refused, missing measurements are null. Every error is a
problem document (RFC 9457, `application/problem+json`) with a stable `code`. See [From Python](#from-python) for the
client.
"""
_CLIENT = """\
## From Python

`serving.client` has a client that waits and one for asyncio, with the same calls. It needs httpx and pydantic and
loads nothing else.

```python
from datetime import UTC, datetime

from serving.client import Brief, Candidate, ImpelClient, PredictRequest

brief = Brief(goal="sale", vertical="food", starts_at=datetime(2026, 12, 1, tzinfo=UTC), value_per_action=60.0)
with ImpelClient("http://localhost:3000") as client:
    answer = client.predict(PredictRequest(brief=brief, candidates=[Candidate(account_id="a00001", fee=250.0)]))
    print(answer.predictions[0].likelihood)
```
"""
# Names of the lowest and the highest value in JSON Schema, and what they count.
_LIMITS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", ""),
    ("minProperties", "maxProperties", ""),
)


def page() -> str:
    """Return docs/api.md."""
    document = openapi.document()
    parts = [_HEAD]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append("\n".join(_operation(method, path, operation)))
    parts.append("\n".join(_errors()))
    parts.append("## Models\n")
    parts.extend("\n".join(_model(name, schema)) for name, schema in sorted(document["components"]["schemas"].items()))
    parts.append("\n".join(_client()))
    return "\n".join(parts) + "\n"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"## {method.upper()} {path}\n"
    yield f"{operation['summary']}.\n"
    parameters = operation.get("parameters", ())
    if parameters:
        yield "| parameter | type | default | meaning |\n|---|---|---|---|"
        for each in parameters:
            kind = each["schema"]
            default = "required" if each.get("required") else _default(kind.get("default"))
            yield f"| `{each['name']}` | {_type(kind)} | {default} | {_cell(each['description'])} |"
        yield ""
    body = operation.get("requestBody")
    if body is not None:
        (content,) = body["content"].values()
        yield f"Takes {_type(content['schema'])}, for example:\n"
        yield f"```json\n{json.dumps(content['example'], indent=2, ensure_ascii=False)}\n```\n"
    yield "| status | answer |\n|---|---|"
    for status, response in sorted(operation["responses"].items()):
        (content,) = response["content"].values()
        yield f"| {status} | {_type(content['schema'])}: {_cell(response['description'])} |"
    yield ""


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield "| status | code | what to do |\n|---|---|---|"
    for status, code, what in openapi.codes():
        yield f"| {status} | `{code}` | {_cell(what)} |"
    yield ""


def _model(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield f"{' '.join(schema['description'].split())}\n"
    if schema.get("properties"):
        required = set(schema.get("required", ()))
        yield "| field | type | default | meaning |\n|---|---|---|---|"
        for field, about in schema["properties"].items():
            default = "required" if field in required else _default(about.get("default"))
            yield f"| `{field}` | {_type(about)} | {default} | {_cell(about.get('description', ''))} |"
        yield ""


def _type(schema: dict[str, Any]) -> str:
    """Return the type of a value in words, with its limits."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each) for each in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any")
    limits = _limits(schema)
    if kind == "array":
        return f"list{limits} of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        keys = _type({"type": "string", **schema.get("propertyNames", {})})
        return f"object{limits}: {keys} → {_type(schema['additionalProperties'])}"
    return f"{schema.get('format', kind)}{limits}"


def _limits(schema: dict[str, Any]) -> str:
    said = [f"`{schema['pattern']}`"] if "pattern" in schema else []
    for low, high, unit in _LIMITS:
        if low in schema and high in schema:
            said.append(f"{_number(schema[low])} to {_number(schema[high])}{unit}")
        elif low in schema:
            said.append(f"at least {_number(schema[low])}{unit}")
        elif high in schema:
            said.append(f"at most {_number(schema[high])}{unit}")
    return f" ({', '.join(said)})" if said else ""


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else str(value)


def _default(value: Any) -> str:
    """Return what holds where a field is left out; nothing, or nothing in particular, needs no words."""
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float | str) else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _client() -> Iterator[str]:
    yield _CLIENT
    yield "| setting | | |\n|---|---|---|"
    about, _, parameters = (inspect.getdoc(client.ImpelClient) or "").partition("Parameters\n----------\n")
    for name, kind, meaning in re.findall(r"^(\w+) : (.+)\n((?:    .+\n?)+)", parameters, re.MULTILINE):
        yield f"| `{name}` | {kind} | {_cell(meaning)} |"
    yield f"\n{about.strip()}\n"
    yield "| call | |\n|---|---|"
    for name, function in vars(client.ImpelClient).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            takes = ", ".join(
                f"{parameter.name}: {parameter.annotation}"
                for parameter in list(inspect.signature(function).parameters.values())[1:]
            )
            returns = inspect.signature(function).return_annotation
            yield f"| `{name}({takes}) -> {returns}` | {_cell(inspect.getdoc(function) or '')} |"
    yield "\n| error | attributes: `status`, `code`, `detail`, `errors`, `retry_after` |\n|---|---|"
    for name in client.__all__:
        if name.endswith("Error"):
            yield f"| `{name}` | {_cell((inspect.getdoc(getattr(client, name)) or '').splitlines()[0])} |"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
