from __future__ import annotations

import errno
import io
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import pytest

from features.errors import SettingError
from serving import launch, rate
from serving.guard import Guard
from serving.headers import SecurityHeaders
from serving.keys import Keys, create
from serving.logs import JsonFormatter, RequestLog, configure
from serving.middleware import ProblemDetails
from tests.serving.test_middleware import answering, call, raising

if TYPE_CHECKING:
    from pathlib import Path

OK = answering(200, b"fine")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate, "monotonic", clock)
    return clock


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def bearer(token: str) -> list[Any]:
    return [(b"authorization", f"Bearer {token}".encode())]


def ask(app: Any, path: str, headers: Any = (), **scope: Any) -> tuple[int, dict[bytes, bytes], str]:
    status, found, content = call(ProblemDetails(app), method="GET", headers=list(headers), path=path, **scope)
    return status, found, json.loads(content)["code"] if status >= 400 else ""


SCOPES = [
    ("/v1/predict", {"predict"}),
    ("/v1/rank", {"predict"}),
    ("/v1/model", {"predict", "outcomes", "admin"}),
    ("/metrics", {"admin"}),
    *((path, None) for path in ("/", "/docs.json", "/livez", "/readyz", "/healthz", "/static_content/swagger-ui.css")),
    *((path, None) for path in ("/console", "/console/", "/console/index.html")),
    ("/v1/campaigns", {"predict"}),
    ("/v1/backtest", {"predict"}),
]


@pytest.mark.parametrize(("path", "needed"), SCOPES)
def test_what_each_scope_is_good_for(keys: Path, path: str, needed: set[str] | None) -> None:
    tokens = {scope: create(keys, scope, scopes=(scope,)) for scope in ("predict", "outcomes", "admin")}
    app = Guard(OK, keys=Keys(keys))
    assert ask(app, path)[0] == (200 if needed is None else 401)
    for scope, token in tokens.items():
        status, headers, code = ask(app, path, bearer(token))
        if needed is None or scope in needed:
            assert status == 200
        else:
            assert (status, code) == (403, "scope-missing")
            assert b'error="insufficient_scope"' in headers[b"www-authenticate"]


def test_who_is_refused(keys: Path) -> None:
    token = create(keys, "shop", scopes=("predict",))
    old = create(keys, "old", scopes=("predict",))
    content = json.loads(keys.read_text())
    content["keys"][1]["expires"] = "2020-01-01T00:00:00Z"
    keys.write_text(json.dumps(content))
    app = Guard(OK, keys=Keys(keys))
    cases: list[tuple[list[Any], str]] = [
        ([], "key-missing"),
        ([(b"authorization", b"Basic " + token.encode())], "key-missing"),
        ([(b"authorization", token.encode())], "key-missing"),
        (bearer(token) * 2, "key-missing"),
        (bearer(""), "key-unknown"),
        (bearer(token[:-1]), "key-unknown"),
        ([(b"authorization", b"Bearer \xff\x00")], "key-unknown"),
        (bearer(old), "key-expired"),
    ]
    for headers, expected in cases:
        status, found, code = ask(app, "/v1/predict", headers)
        assert (status, code) == (401, expected), headers
        assert found[b"www-authenticate"].startswith(b'Bearer realm="impel"')
    assert ask(app, "/v1/predict", [(b"authorization", b"bearer " + token.encode())])[0] == 200


def test_addresses_that_do_not_exist_never_reach_the_application(keys: Path) -> None:
    create(keys, "shop", scopes=("predict",))
    for app in (Guard(raising, keys=Keys(keys)), Guard(raising, keys=None)):
        for path in ("/v1/nothing", "/v1/predict/", "/static_content/../secret", "//", "/console/../static.py"):
            assert ask(app, path)[2] == "not-found"


def test_without_keys_only_this_machine_is_answered() -> None:
    alone, told = Guard(OK, keys=None), Guard(OK, keys=None, without_keys=True)
    for host, status in (("127.0.0.1", 200), ("127.8.0.1", 200), ("::1", 200), ("10.0.0.3", 403), ("2001:db8::1", 403)):
        found, _, code = ask(alone, "/v1/predict", server=(host, 3000))
        assert (found, code) == (status, "keys-required" if status == 403 else "")
        assert ask(told, "/v1/predict", server=(host, 3000))[0] == 200
        assert ask(alone, "/readyz", server=(host, 3000))[0] == 200


def test_beyond_this_machine_it_listens_only_with_keys_or_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMPEL_KEYS", "IMPEL_WITHOUT_KEYS"):
        monkeypatch.delenv(name, raising=False)
    launch._listen("127.0.0.1", 0).close()
    with pytest.raises(SettingError, match="make API keys"):
        launch._listen("0.0.0.0", 0)
    for name, value, refused in (
        ("WITHOUT_KEYS", "false", True),
        ("WITHOUT_KEYS", "true", False),
        ("KEYS", "x", False),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(f"IMPEL_{name}", value)
            if refused:
                with pytest.raises(SettingError):
                    launch._listen("0.0.0.0", 0)
            else:
                launch._listen("0.0.0.0", 0).close()


def test_each_key_has_its_own_rate(keys: Path, clock: Clock) -> None:
    first, second = create(keys, "first", scopes=("predict",)), create(keys, "second", scopes=("predict",))
    app = Guard(OK, keys=Keys(keys), rate=2)
    remaining = [ask(app, "/v1/predict", bearer(first))[1][b"ratelimit-remaining"] for _ in range(4)]
    assert remaining == [b"3", b"2", b"1", b"0"]
    status, headers, code = ask(app, "/v1/predict", bearer(first))
    assert (status, code) == (429, "rate-limited")
    assert (headers[b"retry-after"], headers[b"ratelimit-limit"]) == (b"1", b"4")
    assert ask(app, "/v1/predict", bearer(second))[0] == 200
    assert ask(app, "/v1/predict", bearer("impel_first_wrong"))[0] == 401
    clock.now += 0.5
    assert [ask(app, "/v1/predict", bearer(first))[0] for _ in range(2)] == [200, 429]
    clock.now += 1e6
    assert [ask(app, "/v1/predict", bearer(first))[0] for _ in range(5)] == [200] * 4 + [429]


def test_a_slow_rate_says_how_long_to_wait(keys: Path, clock: Clock) -> None:
    token = create(keys, "slow", scopes=("predict",))
    app = Guard(OK, keys=Keys(keys), rate=0.1)
    assert ask(app, "/v1/predict", bearer(token))[0] == 200
    clock.now += 2.5
    assert ask(app, "/v1/predict", bearer(token))[1][b"retry-after"] == b"8"


@pytest.mark.parametrize("value", ["fast", "0", "-1", "nan", "inf"])
def test_rates_that_are_none(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPEL_RATE_LIMIT", value)
    with pytest.raises(SettingError, match="IMPEL_RATE_LIMIT must be a number at least"):
        Guard.from_environment(OK)


@pytest.mark.parametrize(
    ("content_type", "path", "policy", "cache"),
    [
        (b"application/json", "/v1/model", b"default-src 'none'", b"no-store"),
        (b"text/html; charset=utf-8", "/", b"default-src 'self'", b"no-store"),
        (b"text/html; charset=utf-8", "/console/", b"default-src 'none'; script-src 'self'", b"no-store"),
        (b"text/css", "/static_content/swagger-ui.css", b"default-src 'none'", None),
    ],
)
def test_security_headers(content_type: bytes, path: str, policy: bytes, cache: bytes | None) -> None:
    app = SecurityHeaders(answering(200, b"abc", [(b"content-type", content_type)]))
    headers = call(app, method="GET", path=path)[1]
    assert headers[b"content-security-policy"].startswith(policy)
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers.get(b"cache-control") == cache


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(JsonFormatter().format(record)) for record in caplog.records if hasattr(record, "fields")]


@pytest.mark.parametrize("given", [b"job-17:a/b+c=", b"", b"two words", b"x" * 101, b"new\nline", "é".encode()])
def test_every_request_has_an_id(given: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "serving")
    app = RequestLog(ProblemDetails(answering(404, b"no")))
    headers, content = call(app, headers=[(b"x-request-id", given)])[1:]
    identity = headers[b"x-request-id"].decode()
    assert (identity == given.decode()) == (given == b"job-17:a/b+c=")
    assert identity
    assert json.loads(content)["request_id"] == identity
    assert logged(caplog)[0]["status"] == 404


def test_a_line_says_what_was_asked_and_never_with_which_key(keys: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "serving")
    token = create(keys, "shop", scopes=("predict",))
    app = RequestLog(ProblemDetails(Guard(OK, keys=Keys(keys))))
    call(app, headers=bearer(token), path="/v1/predict")
    call(app, headers=bearer(token), path=f"/{token}", method="GET")
    first, second = logged(caplog)
    assert (first["method"], first["route"], first["status"], first["key"]) == ("POST", "/v1/predict", 200, "shop")
    assert first["milliseconds"] >= 0
    assert (second["route"], second["status"]) == ("other", 404)
    assert token not in json.dumps([first, second])


def test_health_is_logged_only_where_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "serving")
    call(RequestLog(OK), method="GET", path="/readyz")
    assert logged(caplog) == []
    call(RequestLog(answering(500, b"")), method="GET", path="/readyz")
    assert len(logged(caplog)) == 1


def test_a_failure_has_its_trace_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    status, headers, content = call(RequestLog(ProblemDetails(raising)))
    assert status == 500
    record: logging.LogRecord = next(record for record in caplog.records if record.exc_info)
    assert "RuntimeError: the secret path" in json.loads(JsonFormatter().format(record))["trace"]
    assert b"secret" not in content
    assert headers[b"x-request-id"]


def test_a_log_that_cannot_be_written_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        tried = 0

        def write(self, text: str) -> int:
            self.tried += bool(text)
            raise OSError(errno.ENOSPC, "No space left on device")

    full = Full()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(sys, "stderr", full)
    configure()
    assert call(RequestLog(OK))[0] == 200
    assert full.tried
