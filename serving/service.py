"""The HTTP service: BentoML around `serving.answers`.

Settings come from the environment: IMPEL_DATA (the source, or an event store), IMPEL_MODEL (a bundle folder or a
registry name; by default what the bento holds, else the champion), IMPEL_AS_OF, IMPEL_STORE (the folder of the
prepared event store), IMPEL_SNAPSHOT (what `impel materialize` made of it; otherwise one is made at the start),
IMPEL_TRACKING_URI and IMPEL_LOG (the folder that predictions and outcomes are logged in). `impel serve` sets them.
"""

from __future__ import annotations

import gc
import json
import logging
import os
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

# BentoML reports its use to its makers otherwise; it looks when it is imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")

import bentoml
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from features.errors import ImpelError, SettingError, nearest
from serving import openapi, raw, schemas
from serving.middleware import ProblemDetails, RequestLimits, own_failure, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from serving.answers import Answers

# Up to so many candidates are scored on the spot: handing them to a thread costs more than it brings.
_FEW = 8
_THREADS = 2


@cache
def load() -> Answers:
    """Load model and event store as the environment says, once.

    Raises
    ------
    ImpelError
        Where a setting is missing or wrong, or the model or the data cannot be used.
    """
    # Here, not above: these take a second to import, and `bentoml serve` imports this module in its supervisor too.
    from features.manifest import is_store  # noqa: PLC0415
    from features.snapshot import Snapshot  # noqa: PLC0415
    from features.sources import open_tables  # noqa: PLC0415
    from features.store import EventStore  # noqa: PLC0415
    from serving import feedback  # noqa: PLC0415
    from serving.answers import Answers, moment  # noqa: PLC0415
    from serving.fetch import default_model  # noqa: PLC0415
    from serving.predictor import Predictor  # noqa: PLC0415

    as_of, model = os.environ.get("IMPEL_AS_OF"), os.environ.get("IMPEL_MODEL") or default_model()
    moment_asked = moment(as_of) if as_of else None
    predictor = Predictor.load(model, tracking_uri=os.environ.get("IMPEL_TRACKING_URI"))
    data, folder = os.environ.get("IMPEL_DATA"), os.environ.get("IMPEL_STORE")
    if data and not is_store(data):
        tables = open_tables(data)
        try:
            store = EventStore.prepare(tables, Path(folder) if folder else None)
        finally:
            tables.close()
    elif data or folder:
        store = EventStore(Path(data or folder or ""))
    else:
        raise SettingError("IMPEL_DATA is not set; set it to the folder, .duckdb file or event store of the data.")
    # Of one worker: a long list is worth all processors that it may use, a short one is scored by one thread anyway.
    predictor.bundle.n_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if (log := _log()) is not None:
        feedback.check(log)
    made = os.environ.get("IMPEL_SNAPSHOT")
    return Answers(predictor, store, as_of=moment_asked, snapshot=Snapshot.open(Path(made)) if made else None)


def _log() -> Path | None:
    return Path(os.environ["IMPEL_LOG"]) if os.environ.get("IMPEL_LOG") else None


class _Service(bentoml.Service):
    """A BentoML service whose every error has one shape, those of BentoML's outer layers included."""

    def to_asgi(self, is_main: bool = True) -> Any:  # noqa: FBT001, FBT002 - BentoML's own signature
        """Return the application with `ProblemDetails` around it."""
        return ProblemDetails(super().to_asgi(is_main=is_main))


class _Impel:
    """How likely each influencer is to drive the action that a campaign wants."""

    def __init__(self) -> None:
        logging.getLogger("bentoml._internal.server.http_app").addFilter(own_failure)
        self.answers = load()
        self._limiter = CapacityLimiter(_THREADS)
        _PAGES.state.answers, _PAGES.state.limiter = self.answers, self._limiter
        _warm_up(self.answers)
        from serving.feedback import Feedback  # noqa: PLC0415 - see `load`

        self.feedback = _PAGES.state.feedback = Feedback(_log())
        self.feedback.follow(self.answers)

    @bentoml.on_shutdown
    def close(self) -> None:
        """Write what waits to be logged."""
        self.feedback.close()

    @bentoml.on_shutdown
    def thaw(self) -> None:
        """Let the interpreter clean up what `_warm_up` kept from it; DuckDB complains at exit otherwise."""
        gc.unfreeze()

    @bentoml.api(route="/v1/predict")
    async def predict(self, request: schemas.PredictRequest, /) -> schemas.PredictResponse:
        """Predict the candidates of a brief, in their order."""
        if len(request.candidates) <= _FEW and not request.reasons:
            return _answered(self.answers.predict, request)
        return await to_thread.run_sync(_answered, self.answers.predict, request, limiter=self._limiter)

    @bentoml.api(route="/v1/rank")
    async def rank(self, request: schemas.RankRequest, /) -> schemas.RankResponse:
        """Rank all known accounts for a brief, best first."""
        return await to_thread.run_sync(_answered, self.answers.rank, request, limiter=self._limiter)

    @bentoml.api(route="/v1/score")
    async def score(self, request: raw.ScoreRequest, /) -> schemas.ScoreResponse:
        """Predict the accounts of an influencer whom the data do not know, out of raw tables."""
        return await to_thread.run_sync(_answered, self.answers.score, request, limiter=self._limiter)

    @bentoml.api(route="/v1/explain")
    async def explain(self, request: schemas.ExplainRequest, /) -> schemas.ExplainResponse:
        """Say where the likelihoods of a few candidates come from, and what would change them most."""
        return await to_thread.run_sync(_answered, self.answers.explain, request, limiter=self._limiter)


def _answered(answer: Callable[[Any], Any], request: Any) -> Any:
    """Answer as JSON; what the caller can put right becomes an error that BentoML hands on to `ProblemDetails`."""
    try:
        # Not by way of BentoML, which would turn the answer into Python's dicts and lists first.
        return Response(answer(request).model_dump_json(), media_type="application/json")
    except ImpelError as error:
        raise bentoml.exceptions.InvalidArgument(str(error)) from None


def _warm_up(answers: Answers) -> None:
    """Answer once, so that the first caller does not wait, and keep all that lives now out of garbage collections."""
    accounts = answers.snapshot.accounts["account_id"]
    brief = {"goal": "sale", "vertical": "food", "starts_at": f"{answers.as_of.isoformat()}Z"}
    candidates = [{"account_id": account} for account in accounts[:1]] or [{"account_id": "nobody"}]
    body = json.dumps({"brief": brief, "candidates": candidates, "reasons": True})
    answers.predict(schemas.PredictRequest.model_validate_json(body))
    gc.collect()
    gc.freeze()


async def _index(_: Request) -> Response:
    return HTMLResponse(_INDEX)


async def _document(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _outcomes(request: Request) -> Response:
    from serving.feedback import report  # noqa: PLC0415 - see `load`

    return await report(request)


async def _model(request: Request) -> Response:
    return Response(request.app.state.answers.model().model_dump_json(), media_type="application/json")


async def _account(request: Request) -> Response:
    """Answer one account; an id may hold slashes, as the ids of a source may."""
    state = request.app.state
    account = request.path_params["account_id"]
    if account not in state.answers.snapshot.row_of:
        hint = nearest(account, islice(state.answers.snapshot.row_of, 10_000))
        details = problem(404, code="unknown-account", detail=f"The data do not know this account.{hint}")
        return Response(details.model_dump_json(), details.status, media_type="application/problem+json")
    found = await to_thread.run_sync(state.answers.account, account, limiter=state.limiter)
    return Response(found.model_dump_json(), media_type="application/json")


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
        Route("/v1/model", _model),
        Route("/v1/accounts/{account_id:path}", _account),
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
)(_Impel)
ImpelService.mount_asgi_app(_PAGES, path="/")
ImpelService.add_asgi_middleware(RequestLimits)
