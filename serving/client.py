"""The HTTP API from Python: `ImpelClient` and `AsyncImpelClient`, typed by the models of `serving.schemas`.

    with ImpelClient("http://localhost:3000", key="...") as client:
        answer = client.predict(PredictRequest(brief=Brief(...), candidates=[Candidate(account_id="a00017")]))

Needs httpx and pydantic and nothing else of what Impel needs.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from features.errors import SettingError
from serving.backtest import BacktestResponse
from serving.exchange import (
    FailedError,
    InvalidRequestError,
    KeyRefusedError,
    NoAnswerError,
    NotFoundError,
    OverloadedError,
    ServiceError,
    exchange,
)
from serving.raw import Influencer, ScoreRequest
from serving.schemas.requests import (
    Brief,
    Candidate,
    ExplainRequest,
    Filters,
    Outcome,
    OutcomesRequest,
    PredictRequest,
    RankRequest,
)
from serving.schemas.responses import (
    AccountResponse,
    CampaignsResponse,
    ExplainResponse,
    ModelResponse,
    OutcomesResponse,
    PredictResponse,
    RankResponse,
    ScoreResponse,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from serving.exchange import Steps

__all__ = [
    "AccountResponse",
    "AsyncImpelClient",
    "BacktestResponse",
    "Brief",
    "CampaignsResponse",
    "Candidate",
    "ExplainRequest",
    "ExplainResponse",
    "FailedError",
    "Filters",
    "ImpelClient",
    "Influencer",
    "InvalidRequestError",
    "KeyRefusedError",
    "ModelResponse",
    "NoAnswerError",
    "NotFoundError",
    "Outcome",
    "OutcomesRequest",
    "OutcomesResponse",
    "OverloadedError",
    "PredictRequest",
    "PredictResponse",
    "RankRequest",
    "RankResponse",
    "ScoreRequest",
    "ScoreResponse",
    "ServiceError",
]

Answer = TypeVar("Answer", bound=BaseModel)
Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)


class Operation(NamedTuple, Generic[Answer]):
    """One method of one path of the API, and the model of its answer."""

    method: str
    path: str
    answer: type[Answer]


PREDICT = Operation("POST", "/v1/predict", PredictResponse)
EXPLAIN = Operation("POST", "/v1/explain", ExplainResponse)
RANK = Operation("POST", "/v1/rank", RankResponse)
SCORE = Operation("POST", "/v1/score", ScoreResponse)
OUTCOMES = Operation("POST", "/v1/outcomes", OutcomesResponse)
ACCOUNT = Operation("GET", "/v1/accounts/{account_id}", AccountResponse)
CAMPAIGNS = Operation("GET", "/v1/campaigns", CampaignsResponse)
BACKTEST = Operation("GET", "/v1/backtest", BacktestResponse)
MODEL = Operation("GET", "/v1/model", ModelResponse)


class _Client(Generic[Http]):
    """What both clients share."""

    _kind: type[Http]

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        longest_wait: float = 30.0,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingError(f"{url!r} is no address of a service; write http://localhost:3000.")
        key = key or os.environ.get("IMPEL_API_KEY")
        self._retries = retries
        self._longest_wait = longest_wait
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        # The service closes connections that are silent for 5 s: who sends just then would get no answer.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2.0)
        self._http: Http = self._kind(base_url=url, timeout=timeout, headers=authorization, limits=limits)

    def _steps(self, method: str, path: str, request: BaseModel | None = None, **query: str | int | None) -> Steps:
        # Only what was set: a service of the version before need not know of fields that stayed as they are.
        body = None if request is None else request.model_dump_json(exclude_unset=True)
        headers = {} if body is None else {"Content-Type": "application/json"}
        asked = {name: value for name, value in query.items() if value is not None}
        built = self._http.build_request(method, path, params=asked, content=body, headers=headers)
        return exchange(built, retries=self._retries, longest_wait=self._longest_wait)


class ImpelClient(_Client[httpx.Client]):
    """A client whose calls return the answer. Threads may share one; at the end of a `with` it lets go of connections.

    Every call but `alive` and `ready` raises `ServiceError` (one of its subclasses) where the service answers with a
    problem, and `NoAnswerError` where it does not answer.

    Parameters
    ----------
    url : str
        Where the service is, such as `https://impel.example.com`.
    key : str, optional
        API key; by default that of the environment, IMPEL_API_KEY. Without one none is sent.
    timeout : float
        Seconds within which the service must be reached, and then each part of an answer must come.
    retries : int
        How often a request is sent again that the service was too busy for (429, 503) or that did not reach it. Any
        other may have done what it was sent for, and is not sent again.
    longest_wait : float
        Seconds to wait before the next try at most: where the service asks for more (Retry-After), that is an error at
        once.

    Raises
    ------
    SettingError
        Where `url` is no address.
    """

    _kind = httpx.Client

    def predict(self, request: PredictRequest) -> PredictResponse:
        """Answer the candidates of a brief, in their order."""
        return _read(PREDICT, self._run(self._steps(PREDICT.method, PREDICT.path, request)))

    def rank(self, request: RankRequest) -> RankResponse:
        """Rank all known accounts for a brief, best first."""
        return _read(RANK, self._run(self._steps(RANK.method, RANK.path, request)))

    def rank_pages(self, request: RankRequest) -> Iterator[RankResponse]:
        """Rank all known accounts, `limit` at a time, from the page asked for to the last."""
        asked: RankRequest | None = request
        while asked is not None:
            page = self.rank(asked)
            yield page
            asked = _following(asked, page)

    def explain(self, request: ExplainRequest) -> ExplainResponse:
        """Say where the likelihoods of a few candidates come from, and what would change them most."""
        return _read(EXPLAIN, self._run(self._steps(EXPLAIN.method, EXPLAIN.path, request)))

    def score(self, request: ScoreRequest) -> ScoreResponse:
        """Answer for an influencer whom the data do not know, out of raw tables."""
        return _read(SCORE, self._run(self._steps(SCORE.method, SCORE.path, request)))

    def outcomes(self, request: OutcomesRequest) -> OutcomesResponse:
        """Report what came of activations."""
        return _read(OUTCOMES, self._run(self._steps(OUTCOMES.method, OUTCOMES.path, request)))

    def account(self, account_id: str) -> AccountResponse:
        """Say what is known of one account without a brief."""
        path = ACCOUNT.path.format(account_id=quote(account_id, safe=""))
        return _read(ACCOUNT, self._run(self._steps(ACCOUNT.method, path)))

    def campaigns(self, search: str | None = None, limit: int | None = None) -> CampaignsResponse:
        """Look up past and planned campaigns of the data, the newest first."""
        return _read(CAMPAIGNS, self._run(self._steps(CAMPAIGNS.method, CAMPAIGNS.path, search=search, limit=limit)))

    def backtest(self) -> BacktestResponse:
        """Return the figures of the backtest that the service was started with."""
        return _read(BACKTEST, self._run(self._steps(BACKTEST.method, BACKTEST.path)))

    def model(self) -> ModelResponse:
        """Say which model answers, out of which data."""
        return _read(MODEL, self._run(self._steps(MODEL.method, MODEL.path)))

    def metrics(self) -> str:
        """Return the counters for Prometheus."""
        return self._run(self._steps("GET", "/metrics")).text

    def alive(self) -> bool:
        """Say whether the process is alive; False where it cannot be reached."""
        return self._says_yes("/livez")

    def ready(self) -> bool:
        """Say whether it answers; False where it cannot be reached."""
        return self._says_yes("/readyz")

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, steps: Steps) -> httpx.Response:
        outcome: httpx.Response | httpx.TransportError | None = None
        try:
            while True:
                step = steps.send(outcome)
                outcome = None
                if isinstance(step, float):
                    time.sleep(step)
                    continue
                try:
                    outcome = self._http.send(step)
                except httpx.TransportError as error:
                    outcome = error
        except StopIteration as done:
            answer: httpx.Response = done.value
            return answer

    def _says_yes(self, path: str) -> bool:
        try:
            return self._http.get(path).is_success
        except httpx.TransportError:
            return False


class AsyncImpelClient(_Client[httpx.AsyncClient]):
    """The same for asyncio: every call is awaited, and `async with` lets go of connections. See `ImpelClient`."""

    _kind = httpx.AsyncClient

    async def predict(self, request: PredictRequest) -> PredictResponse:
        """Answer the candidates of a brief, in their order."""
        return _read(PREDICT, await self._run(self._steps(PREDICT.method, PREDICT.path, request)))

    async def rank(self, request: RankRequest) -> RankResponse:
        """Rank all known accounts for a brief, best first."""
        return _read(RANK, await self._run(self._steps(RANK.method, RANK.path, request)))

    async def rank_pages(self, request: RankRequest) -> AsyncIterator[RankResponse]:
        """Rank all known accounts, `limit` at a time, from the page asked for to the last."""
        asked: RankRequest | None = request
        while asked is not None:
            page = await self.rank(asked)
            yield page
            asked = _following(asked, page)

    async def explain(self, request: ExplainRequest) -> ExplainResponse:
        """Say where the likelihoods of a few candidates come from, and what would change them most."""
        return _read(EXPLAIN, await self._run(self._steps(EXPLAIN.method, EXPLAIN.path, request)))

    async def score(self, request: ScoreRequest) -> ScoreResponse:
        """Answer for an influencer whom the data do not know, out of raw tables."""
        return _read(SCORE, await self._run(self._steps(SCORE.method, SCORE.path, request)))

    async def outcomes(self, request: OutcomesRequest) -> OutcomesResponse:
        """Report what came of activations."""
        return _read(OUTCOMES, await self._run(self._steps(OUTCOMES.method, OUTCOMES.path, request)))

    async def account(self, account_id: str) -> AccountResponse:
        """Say what is known of one account without a brief."""
        path = ACCOUNT.path.format(account_id=quote(account_id, safe=""))
        return _read(ACCOUNT, await self._run(self._steps(ACCOUNT.method, path)))

    async def campaigns(self, search: str | None = None, limit: int | None = None) -> CampaignsResponse:
        """Look up past and planned campaigns of the data, the newest first."""
        return _read(
            CAMPAIGNS, await self._run(self._steps(CAMPAIGNS.method, CAMPAIGNS.path, search=search, limit=limit))
        )

    async def backtest(self) -> BacktestResponse:
        """Return the figures of the backtest that the service was started with."""
        return _read(BACKTEST, await self._run(self._steps(BACKTEST.method, BACKTEST.path)))

    async def model(self) -> ModelResponse:
        """Say which model answers, out of which data."""
        return _read(MODEL, await self._run(self._steps(MODEL.method, MODEL.path)))

    async def metrics(self) -> str:
        """Return the counters for Prometheus."""
        return (await self._run(self._steps("GET", "/metrics"))).text

    async def alive(self) -> bool:
        """Say whether the process is alive; False where it cannot be reached."""
        return await self._says_yes("/livez")

    async def ready(self) -> bool:
        """Say whether it answers; False where it cannot be reached."""
        return await self._says_yes("/readyz")

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, steps: Steps) -> httpx.Response:
        outcome: httpx.Response | httpx.TransportError | None = None
        try:
            while True:
                step = steps.send(outcome)
                outcome = None
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    continue
                try:
                    outcome = await self._http.send(step)
                except httpx.TransportError as error:
                    outcome = error
        except StopIteration as done:
            answer: httpx.Response = done.value
            return answer

    async def _says_yes(self, path: str) -> bool:
        try:
            return (await self._http.get(path)).is_success
        except httpx.TransportError:
            return False


def _following(asked: RankRequest, page: RankResponse) -> RankRequest | None:
    """Return what asks for the page after this one; None where it is the last."""
    return None if page.next_cursor is None else asked.model_copy(update={"cursor": page.next_cursor})


def _read(operation: Operation[Answer], answer: httpx.Response) -> Answer:
    """Read an answer; what a later version of the service adds to it is passed over."""
    try:
        return operation.answer.model_validate_json(answer.content, extra="ignore")
    except ValidationError as error:
        raise NoAnswerError(
            f"{answer.url} does not answer as Impel does ({error.error_count()} fields of {operation.answer.__name__}"
            " are missing or wrong); see that client and service are of one version."
        ) from None
