"""The typed client over real sockets: what it sends, what it reads, what it sends again, and what it raises."""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest

from features.errors import ImpelError, SettingError
from serving import client as api
from serving import openapi
from serving.schemas import responses

if TYPE_CHECKING:
    from collections.abc import Iterator

PREDICTION = {
    "account_id": "a1",
    "at_least": 5,
    "likelihood": 0.31,
    "expected_actions": 4.2,
    "actions_low": 0,
    "actions_high": 13,
    "expected_value": None,
    "expected_incremental_actions": None,
    "incremental_low": None,
    "incremental_high": None,
    "support": "in",
    "own_record_weight": None,
    "baselines": dict.fromkeys(("followers", "engagement_rate", "klout", "kred", "peerindex")),
}
NO_MONEY = {"why_not": "nothing is known", "campaigns": 0, "spent": None, "hired": None, "rules": []}
ABOUT = {"model_version": "impel/3", "features_as_of": "2026-11-20T00:00:00Z"}
ANSWERS: dict[str, Any] = {
    "/v1/predict": {**ABOUT, "predictions": [PREDICTION], "incremental": "nothing", "unknown_accounts": ["b"]},
    "/v1/rank": {
        **ABOUT,
        "considered": 9,
        "matching": 1,
        "incremental": "nothing",
        "predictions": [
            {
                **PREDICTION,
                "fee": 250.0,
                "account": {
                    "influencer_id": "i",
                    "platform": "x",
                    **dict.fromkeys(("country", "language", "fake_share", "fake_share_low", "fake_share_high")),
                },
            }
        ],
        "next_cursor": None,
    },
    "/v1/explain": {**ABOUT, "explanations": [], "unknown_accounts": ["b"]},
    "/v1/score": {**ABOUT, "incremental": "nothing", "predictions": [PREDICTION]},
    "/v1/outcomes": {"accepted": 1, "repeated": 0, "corrected": 0},
    "/v1/accounts/a%2F1": {
        "account_id": "a/1",
        "influencer_id": "i",
        "platform": "x",
        "country": None,
        "language": None,
        "features_as_of": "2026-11-20T00:00:00Z",
        "followers": None,
        "engagement_rate": None,
        "klout": dict.fromkeys(("score", "networks", "reach", "amplification", "network")),
        "kred": dict.fromkeys(("influence", "outreach")),
        "peerindex": dict.fromkeys(("score", "authority", "activity")),
        "authenticity": {"fake_share": None, "low": None, "high": None, "summary": "nothing is known", "signals": []},
        "audience": {"country": {"GB": 0.6}},
        "followers_over_time": [{"at": "2026-11-19T00:00:00Z", "followers": 9.0}],
        "posts_over_time": [{"week": "2026-11-10T00:00:00Z", "posts": 1, "reactions": 3.5, "views": None}],
        "track_record": [
            {
                "campaign_id": "c",
                "goal": "sale",
                "vertical": "food",
                "decided_at": "2026-11-01T00:00:00Z",
                **dict.fromkeys(("fee", "actions", "closed_at")),
            }
        ],
    },
    "/v1/campaigns": {"features_as_of": "2026-11-20T00:00:00Z", "matching": 0, "campaigns": []},
    "/v1/backtest": {
        "made_at": None,
        "data_fingerprint": None,
        "tested_from": "2026-01-01T00:00:00Z",
        "tested_until": "2026-10-01T00:00:00Z",
        "activations": 3,
        "campaigns": 1,
        "accounts": 2,
        "reached_share": 0.5,
        "confidence": 0.95,
        "interval": 0.9,
        "money_hired": NO_MONEY,
        "money_all": NO_MONEY,
        "rules": [],
        "reliability": [],
        "goals": [],
        "checks": [],
        **dict.fromkeys(("calibration_error", "calibration_error_by_chance", "interval_coverage")),
    },
    "/v1/model": {**ABOUT, "accounts": 9, "data_fingerprint": "x", "features": 3, "training": {}},
}
BRIEF = api.Brief(goal="sale", vertical="food", starts_at=datetime(2026, 12, 1, tzinfo=UTC))
PREDICT = api.PredictRequest(brief=BRIEF, candidates=[api.Candidate(account_id="a1", fee=250.0)])
RANK = api.RankRequest(brief=BRIEF, filters=api.Filters(platforms=["tiktok"]), limit=3)
SCORE = api.ScoreRequest.model_validate(
    {"brief": BRIEF, "influencer": {"accounts": [{"account_id": "a1", "platform": "x"}]}}
)
OUTCOMES = api.OutcomesRequest.model_validate_json(json.dumps(openapi.OUTCOMES))
# What each method of each path is asked with; /healthz is another name of /livez.
CALLS: dict[tuple[str, str], tuple[str, tuple[Any, ...]]] = {
    ("post", "/v1/predict"): ("predict", (PREDICT,)),
    ("post", "/v1/rank"): ("rank", (RANK,)),
    ("post", "/v1/explain"): ("explain", (api.ExplainRequest(brief=BRIEF, candidates=PREDICT.candidates),)),
    ("post", "/v1/score"): ("score", (SCORE,)),
    ("post", "/v1/outcomes"): ("outcomes", (OUTCOMES,)),
    ("get", "/v1/accounts/{account_id}"): ("account", ("a/1",)),
    ("get", "/v1/campaigns"): ("campaigns", ()),
    ("get", "/v1/backtest"): ("backtest", ()),
    ("get", "/v1/model"): ("model", ()),
    ("get", "/livez"): ("alive", ()),
    ("get", "/readyz"): ("ready", ()),
    ("get", "/metrics"): ("metrics", ()),
}


@dataclass
class Service:
    """A service on loopback that notes what it is asked, and answers what is laid out for it before anything else."""

    url: str = ""
    asked: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    def turns_down(self, status: int, code: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        """Answer the next request with a problem."""
        problem = responses.Problem(title="No", status=status, code=code, detail="What to do.", **more)
        self.answers.append((status, headers or {}, problem.model_dump_json().encode()))


@pytest.fixture
def service() -> Iterator[Service]:
    noted = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            noted.asked.append((self.command.lower(), self.path, body, {k.lower(): v for k, v in self.headers.items()}))
            usual = (200, {}, json.dumps(ANSWERS[self.path]).encode() if self.path in ANSWERS else b"fine")
            status, headers, content = noted.answers.pop(0) if noted.answers else usual
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        noted.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield noted
        finally:
            server.shutdown()
            thread.join()


Kind = type[api.ImpelClient] | type[api.AsyncImpelClient]
KINDS = pytest.mark.parametrize("kind", [api.ImpelClient, api.AsyncImpelClient])


def ask(kind: Kind, url: str, method: str, *arguments: Any, **settings: Any) -> Any:
    """Call a method of a client, and wait for what it returns."""
    if issubclass(kind, api.ImpelClient):
        with kind(url, **settings) as client:
            return getattr(client, method)(*arguments)

    async def wait() -> Any:
        async with kind(url, **settings) as client:
            return await getattr(client, method)(*arguments)

    return asyncio.run(wait())


def operations() -> dict[tuple[str, str], Any]:
    paths = openapi.document()["paths"]
    return {(method, path): found for path, methods in paths.items() for method, found in methods.items()}


def named(content: Any) -> str:
    """Return the name of the model that a body has, or of its type."""
    (media,) = content.values()
    schema = media["schema"]
    return schema["$ref"].rpartition("/")[2] if "$ref" in schema else schema["type"]


@KINDS
def test_every_operation_of_the_document_has_a_method_of_the_same_types(service: Service, kind: Kind) -> None:
    assert set(CALLS) == set(operations()) - {("get", "/healthz")}
    for (method, path), operation in operations().items():
        if path == "/healthz":
            continue
        name, arguments = CALLS[method, path]
        service.asked.clear()
        answer = ask(kind, service.url, name, *arguments)
        ((sent_method, sent_path, body, headers),) = service.asked
        assert (sent_method, sent_path) == (method, path.replace("{account_id}", "a%2F1"))
        function = getattr(kind, name)
        hints = get_type_hints(function, vars(api))
        assert isinstance(answer, hints["return"])
        asked_for = {parameter: hint for parameter, hint in hints.items() if parameter != "return"}
        if "requestBody" in operation:
            assert [hint.__name__ for hint in asked_for.values()] == [named(operation["requestBody"]["content"])]
            assert headers["content-type"] == "application/json"
            assert type(arguments[0]).model_validate_json(body) == arguments[0]
        else:
            assert list(asked_for) == [each["name"] for each in operation.get("parameters", ())]
            assert body == b""
        answered = named(operation["responses"]["200"]["content"])
        assert hints["return"].__name__ in {answered, {"string": "str"}.get(answered), "bool"}


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> dict[str, tuple[Any, ...]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: tuple(inspect.signature(f).parameters.items()) for name, f in methods if not name.startswith("_")}

    assert public(api.ImpelClient) == public(api.AsyncImpelClient)


@KINDS
def test_a_query_holds_what_was_asked_for(service: Service, kind: Kind) -> None:
    found = json.dumps(ANSWERS["/v1/campaigns"]).encode()
    for arguments, query in (
        (("jelly & tea",), "search=jelly+%26+tea"),
        ((None, 3), "limit=3"),
        (("", 0), "search=&limit=0"),
    ):
        service.answers.append((200, {}, found))
        ask(kind, service.url, "campaigns", *arguments)
        assert service.asked[-1][1] == f"/v1/campaigns?{query}"


@KINDS
def test_only_what_was_set_is_sent_and_the_key_with_it(
    service: Service, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(kind, service.url, "predict", PREDICT, key="k1")
    monkeypatch.setenv("IMPEL_API_KEY", "k2")
    ask(kind, service.url, "model")
    (_, _, body, first), (_, _, _, second) = service.asked
    assert (first["authorization"], second["authorization"]) == ("Bearer k1", "Bearer k2")
    assert json.loads(body) == {
        "brief": {"goal": "sale", "vertical": "food", "starts_at": "2026-12-01T00:00:00Z"},
        "candidates": [{"account_id": "a1", "fee": 250.0}],
    }


@KINDS
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, api.InvalidRequestError),
        (401, api.KeyRefusedError),
        (403, api.KeyRefusedError),
        (404, api.NotFoundError),
        (413, api.InvalidRequestError),
        (500, api.FailedError),
        (504, api.FailedError),
    ],
)
def test_problems_are_raised_at_once_and_say_what_the_service_said(
    service: Service, kind: Kind, status: int, error: type[api.ServiceError]
) -> None:
    wrong = [responses.FieldError(at="/brief/gaol", code="unknown-field", message="Unknown field.")]
    service.turns_down(status, "some-code", errors=wrong)
    with pytest.raises(error) as caught:
        ask(kind, service.url, "predict", PREDICT)
    said = caught.value
    assert (said.status, said.code, said.detail, said.errors) == (status, "some-code", "What to do.", wrong)
    assert isinstance(said, ImpelError)
    assert len(service.asked) == 1


@KINDS
def test_a_busy_service_is_asked_again_when_it_says(service: Service, kind: Kind) -> None:
    service.turns_down(503, "overloaded")
    service.turns_down(429, "overloaded", {"retry-after": "1"})
    began = time.monotonic()
    assert ask(kind, service.url, "model").accounts == 9
    assert len(service.asked) == 3
    assert time.monotonic() - began >= 1.25, "a quarter of a second at least, then the second asked for"


@KINDS
def test_there_is_an_end_to_asking_again(service: Service, kind: Kind) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    for header in ("3600", soon):
        service.turns_down(503, "overloaded", {"retry-after": header})
        with pytest.raises(api.OverloadedError) as caught:
            ask(kind, service.url, "model")
        assert caught.value.retry_after is not None
        assert caught.value.retry_after > 500
    assert len(service.asked) == 2, "longer than the longest wait"
    for _ in range(2):
        service.turns_down(429, "rate-limited", {"retry-after": "nonsense"})
    with pytest.raises(api.OverloadedError):
        ask(kind, service.url, "model", retries=1)
    assert len(service.asked) == 4


@KINDS
def test_who_does_not_answer(service: Service, kind: Kind) -> None:
    with pytest.raises(api.NoAnswerError, match="does not answer"):
        ask(kind, "http://127.0.0.1:9", "model", retries=0)
    assert ask(kind, "http://127.0.0.1:9", "ready") is False
    service.answers.append((502, {}, b"<html>proxy</html>"))
    with pytest.raises(api.NoAnswerError, match="does not answer as Impel does"):
        ask(kind, service.url, "model")
    service.answers.append((200, {}, b"{}"))
    with pytest.raises(api.NoAnswerError, match="of ModelResponse"):
        ask(kind, service.url, "model")
    service.answers.append((503, {}, b""))
    assert ask(kind, service.url, "ready") is False
    with pytest.raises(SettingError, match="is no address"):
        ask(kind, "localhost:3000", "model")


@KINDS
def test_pages_of_a_ranking(service: Service, kind: Kind) -> None:
    for cursor in ("one", "two", None):
        answer = {**ANSWERS["/v1/rank"], "next_cursor": cursor}
        service.answers.append((200, {}, json.dumps(answer).encode()))

    async def collect() -> list[Any]:
        async with api.AsyncImpelClient(service.url) as client:
            return [page async for page in client.rank_pages(RANK)]

    if issubclass(kind, api.ImpelClient):
        with kind(service.url) as client:
            pages = list(client.rank_pages(RANK))
    else:
        pages = asyncio.run(collect())
    assert len(pages) == 3
    sent = [json.loads(body) for _, _, body, _ in service.asked]
    assert [body.pop("cursor", None) for body in sent] == [None, "one", "two"]
    assert sent[0] == sent[1] == sent[2]


@KINDS
def test_answers_may_say_more_than_is_known_here(service: Service, kind: Kind) -> None:
    service.answers.append((200, {}, json.dumps({**ANSWERS["/v1/model"], "new": 1}).encode()))
    assert ask(kind, service.url, "model").model_version == "impel/3"


def test_it_asks_for_none_of_what_scoring_needs() -> None:
    program = "import sys, serving.client; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"serving", "httpx", "pydantic"} <= loaded
    heavy = {"lightgbm", "bentoml", "duckdb", "numba", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "mlflow"}
    assert not loaded & heavy
