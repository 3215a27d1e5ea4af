"""What people read: the documents, the front page and the console."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import serving

if TYPE_CHECKING:
    import httpx


def test_the_document_describes_the_service(client: httpx.Client) -> None:
    answer = client.get("/docs.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert {"/v1/predict", "/v1/explain", "/v1/rank", "/v1/model"} <= set(document["paths"])
    named = set(re.findall(r'"#/components/schemas/(\w+)"', answer.text))
    assert named <= set(document["components"]["schemas"])
    for path in ("/v1/predict", "/v1/explain", "/v1/rank", "/v1/score"):
        operation = document["paths"][path]["post"]
        assert {"400", "413", "415", "429", "500", "504"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            assert set(response["content"]) == {"application/json" if status == "200" else "application/problem+json"}
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answer = client.post(path, json=example)
        assert answer.status_code == 200, answer.text
        assert answer.json()["explanations" if path == "/v1/explain" else "predictions"], path
    for path, operations in document["paths"].items():
        if "get" in operations:
            examples = {each["name"]: each["example"] for each in operations["get"].get("parameters", [])}
            assert client.get(path.format(**examples)).status_code == 200, path
    for code in ("invalid-request", "unknown-field", "unknown-account", "overloaded", "too-large"):
        assert f"`{code}`" in document["info"]["description"]


def test_bentoml_describes_it_too(client: httpx.Client) -> None:
    routes = {route["route"] for route in client.get("/schema.json").json()["routes"]}
    assert routes == {"/v1/predict", "/v1/explain", "/v1/rank", "/v1/score"}


def test_the_front_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.text
    assert not re.search(r"https?://|//[a-z]", answer.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert client.get(f"/{address}").status_code == 200


def test_the_console_is_what_its_folder_holds(client: httpx.Client) -> None:
    folder = Path(serving.__file__).parent / "console"
    assert (moved := client.get("/console")).status_code == 307
    assert client.get("/console", follow_redirects=True).url.path == "/console/"
    assert moved.headers["location"] == "console/", "relative, for a proxy's path"
    page = client.get("/console/")
    assert page.content == (folder / "index.html").read_bytes()
    for path in (path for path in folder.rglob("*") if path.is_file()):
        answer = client.get(f"/console/{path.relative_to(folder)}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes()), path
        known = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
        if path.suffix in known:
            assert answer.headers["content-type"].startswith(known[path.suffix])
        assert answer.headers["cache-control"] == "no-cache"
        for tag in (answer.headers["etag"], f'"x", W/{answer.headers["etag"]}'):
            again = client.get(f"/console/{path.relative_to(folder)}", headers={"if-none-match": tag})
            assert (again.status_code, again.content) == (304, b"")
    assert client.post("/console/", json={}).status_code == 405


def test_the_console_may_load_and_ask_only_its_own_service(client: httpx.Client) -> None:
    for path in ("/console/", "/console/index.html"):
        found = client.get(path)
        told = found.headers["content-security-policy"]
        policy = dict(part.strip().split(" ", 1) for part in told.split(";"))
        again = client.get(path, headers={"if-none-match": found.headers["etag"]})
        assert (again.status_code, again.headers["content-security-policy"]) == (304, told)
        assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert {policy[name] for name in ("default-src", "frame-ancestors", "form-action")} == {"'none'"}


@pytest.mark.parametrize(
    "path",
    ["../static.py", "..%2fstatic.py", "%2e%2e/static.py", "x/../../static.py", "/etc/passwd", "nothing.js", "."],
)
def test_nothing_beside_the_console_is_handed_out(server: str, path: str) -> None:
    host, port = server.removeprefix("http://").split(":")
    # By hand: clients tidy paths up before they send them.
    with socket.create_connection((host, int(port)), timeout=30) as sent:
        sent.sendall(f"GET /console/{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: sent.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"import" not in answer
