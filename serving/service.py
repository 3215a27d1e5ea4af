"""The HTTP service: BentoML around `serving.answers`.

Settings come from the environment: IMPEL_DATA (the source, or an event store), IMPEL_MODEL (a bundle folder or a
registry name; by default what the bento holds, else the champion), IMPEL_AS_OF, IMPEL_STORE (the folder of the
prepared event store), IMPEL_SNAPSHOT (what `impel materialize` made of it; otherwise one is made at the start),
IMPEL_TRACKING_URI, IMPEL_BACKTEST (the folder that `impel backtest` wrote, for the console), IMPEL_LOG (the folder or
database that predictions and outcomes are logged in), IMPEL_KEYS (the file of the API keys), IMPEL_WITHOUT_KEYS,
IMPEL_RATE_LIMIT, IMPEL_RELOAD_SECONDS, IMPEL_SHADOW_SHARE and IMPEL_SHADOW_MODEL. `impel serve` sets them.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

# BentoML reports its use to its makers otherwise; it looks when it is imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")

import bentoml
from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from features.errors import ImpelError, nearest
from serving import loading, openapi, raw, static
from serving.guard import Guard
from serving.headers import SecurityHeaders
from serving.logs import RequestLog, configure
from serving.middleware import ProblemDetails, RequestLimits, invalid, own_failure, problem
from serving.reload import settle
from serving.routes import Addressed
from serving.schemas import requests, responses
from serving.shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


# Up to so many candidates are scored on the spot: handing them to a thread costs more than it brings.
_FEW = 8
_THREADS = 2
# Seconds after which a thread that runs Python lets go on one that waits for it, by default 0.005. A request hands over
# whenever compiled code works for it, and while answers are counted it would wait for so long each time.
_SWITCH = 1e-4


class _Service(bentoml.Service):
    """A BentoML service with layers of our own around BentoML's, which answer nobody who may not ask.

    `ProblemDetails` gives every error one shape, those of BentoML's layers included.
    """

    def to_asgi(self, is_main: bool = True) -> Any:  # noqa: FBT001, FBT002 - BentoML's own signature
        """Return the application with all layers around it."""
        configure()
        guarded = Guard.from_environment(RequestLimits(super().to_asgi(is_main=is_main)))
        return RequestLog(SecurityHeaders(ProblemDetails(guarded)))


class _Impel:
    """How likely each influencer is to drive the action that a campaign wants."""

    def __init__(self) -> None:
        logging.getLogger("bentoml._internal.server.http_app").addFilter(own_failure)
        seconds = loading.reload_seconds()
        sys.setswitchinterval(_SWITCH)
        self._limiter = CapacityLimiter(_THREADS)
        self._live = _PAGES.state.live = loading.champion()
        self._shadow = Shadow(loading.challenger(), share=loading.shadow_share())
        _PAGES.state.feedback, _PAGES.state.limiter = loading.feedback(), self._limiter
        _PAGES.state.backtest = loading.backtest()
        for name in ImpelService.apis:
            # Kept: BentoML would look at the signature of a method anew for each request.
            vars(self)[name] = getattr(self, name)
        settle()
        self._live.start(seconds)
        self._shadow.start(seconds)

    @bentoml.on_shutdown
    def stop(self) -> None:
        """End the threads, and let the interpreter clean up what `settle` kept from it; DuckDB complains otherwise."""
        self._shadow.stop()
        self._live.stop()
        loading.feedback().close()
        gc.unfreeze()

    @bentoml.api(route="/v1/predict")
    async def predict(self, request: requests.PredictRequest, /) -> responses.PredictResponse:
        """Predict the candidates of a brief, in their order."""
        predict = self._live.answers.predict
        if len(request.candidates) <= _FEW and not request.reasons:
            answer, response = _answered(predict, request)
        else:
            answer, response = await self._by_thread(predict, request)
        self._shadow.offer(request, answer)
        return response

    @bentoml.api(route="/v1/rank")
    async def rank(self, request: requests.RankRequest, /) -> responses.RankResponse:
        """Rank all known accounts for a brief, best first."""
        return (await self._by_thread(self._live.answers.rank, request))[1]

    @bentoml.api(route="/v1/score")
    async def score(self, request: raw.ScoreRequest, /) -> responses.ScoreResponse:
        """Predict the accounts of an influencer whom the data do not know, out of raw tables."""
        return (await self._by_thread(self._live.answers.score, request))[1]

    @bentoml.api(route="/v1/explain")
    async def explain(self, request: requests.ExplainRequest, /) -> responses.ExplainResponse:
        """Say where the likelihoods of a few candidates come from, and what would change them most."""
        return (await self._by_thread(self._live.answers.explain, request))[1]

    async def _by_thread(self, answer: Callable[[Any], Any], request: Any) -> Any:
        return await to_thread.run_sync(_answered, answer, request, limiter=self._limiter)


def _answered(answer: Callable[[Any], Any], request: Any) -> tuple[Any, Any]:
    """Return the answer, also as JSON; what the caller can put right becomes an error for `ProblemDetails`."""
    try:
        found = answer(request)
        # Not by way of BentoML, which would turn the answer into Python's dicts and lists first.
        return found, Response(found.model_dump_json(), media_type="application/json")
    except ImpelError as error:
        raise bentoml.exceptions.InvalidArgument(str(error)) from None


async def _index(_: Request) -> Response:
    return HTMLResponse(_INDEX)


async def _document(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _outcomes(request: Request) -> Response:
    from serving.feedback import report  # noqa: PLC0415 - see `load`

    return await report(request)


async def _model(request: Request) -> Response:
    return Response(request.app.state.live.model().model_dump_json(), media_type="application/json")


async def _account(request: Request) -> Response:
    """Answer one account; an id may hold slashes, as the ids of a source may."""
    answers, account = request.app.state.live.answers, request.path_params["account_id"]
    if account not in answers.snapshot.row_of:
        hint = nearest(account, islice(answers.snapshot.row_of, 10_000))
        return _problem(problem(404, code="unknown-account", detail=f"The data do not know this account.{hint}"))
    found = await to_thread.run_sync(answers.account, account, limiter=request.app.state.limiter)
    return Response(found.model_dump_json(), media_type="application/json")


async def _campaigns(request: Request) -> Response:
    # What is given several times has no one value.
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    asked = {name: values[0] if len(values) == 1 else values for name, values in given.items()}
    try:
        query = requests.CampaignsRequest.model_validate(asked)
    except ValidationError as error:
        return _problem(invalid(error.errors(), asked))
    answers = request.app.state.live.answers
    found = await to_thread.run_sync(answers.campaigns, query, limiter=request.app.state.limiter)
    return Response(found.model_dump_json(), media_type="application/json")


async def _backtest(request: Request) -> Response:
    found = request.app.state.backtest
    if found is None:
        return _problem(problem(404, code="no-backtest"))
    return Response(found.model_dump_json(), media_type="application/json")


def _problem(details: responses.Problem) -> Response:
    return Response(details.model_dump_json(), details.status, media_type="application/problem+json")


# In place of BentoML's own page, which loads a script that reports the visit to its makers.
_INDEX = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy"
        content="default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:">
  <title>Impel</title>
  <link rel="stylesheet" href="static_content/swagger-ui.css">
</head>
<body>
  <p><a href="console/">Console for marketers</a></p>
  <div id="swagger-ui"><p>Impel: <a href="docs.json">OpenAPI document</a></p></div>
  <script src="static_content/swagger-ui-bundle.js"></script>
  <script src="static_content/swagger-ui-standalone-preset.js"></script>
  <script src="static_content/swagger-initializer.js"></script>
</body>
</html>
"""

_PAGES = Starlette(
    routes=[
        Route("/", _index),
        Route("/docs.json", _document),
        Route(static.CONSOLE, static.redirect),
        Route(f"{static.CONSOLE}/{{file:path}}", static.answer),
        Route("/v1/model", _model),
        Route("/v1/accounts/{account_id:path}", _account),
        Route("/v1/campaigns", _campaigns),
        Route("/v1/backtest", _backtest),
        Route("/v1/outcomes", _outcomes, methods=["POST"]),
    ]
)
ImpelService: Any = bentoml.service(
    name="impel",
    service_class=_Service,
    workers=1,
    threads=_THREADS,
    # BentoML keeps some memory of each request for the whole time-out, answered or not, so it is short.
    traffic={"timeout": 5, "max_concurrency": 64},
    logging={"access": {"enabled": False}},
    # Nothing is exported by default, and to find that out takes a third of what BentoML takes for a request.
    tracing={"excluded_urls": "."},
)(_Impel)
ImpelService.add_asgi_middleware(Addressed)
ImpelService.mount_asgi_app(_PAGES, path="/")
