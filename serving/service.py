"""The HTTP service: BentoML around `serving.answers`.

Settings come from the environment: IMPEL_DATA (the source, or an event store), IMPEL_MODEL (a bundle folder or a
registry name), IMPEL_AS_OF, IMPEL_STORE (the folder of the prepared event store), IMPEL_TRACKING_URI, IMPEL_KEYS (the
file of the API keys), IMPEL_WITHOUT_KEYS, IMPEL_RATE_LIMIT, IMPEL_RELOAD_SECONDS, IMPEL_SHADOW_SHARE and
IMPEL_SHADOW_MODEL. `impel serve` sets them.
"""

from __future__ import annotations

import gc
import json
import logging
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

# BentoML reports its use to its makers otherwise; it looks when it is imported.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")

import bentoml
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from features.errors import ImpelError, SettingError
from serving import fetch, openapi, schemas
from serving.guard import Guard
from serving.headers import SecurityHeaders
from serving.logs import RequestLog, configure
from serving.middleware import ProblemDetails, RequestLimits, own_failure
from serving.reload import Live, Origin, settle
from serving.settings import number
from serving.shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from starlette.requests import Request

    from serving.answers import Answers

# Up to so many candidates are scored on the spot: handing them to a thread costs more than it brings.
_FEW = 8
_THREADS = 2
_MODEL = "models:/impel@champion"
_CHALLENGER = "models:/impel@challenger"


def load() -> Answers:
    """Load model and event store as the environment says.

    Raises
    ------
    ImpelError
        Where a setting is missing or wrong, or the model or the data cannot be used.
    """
    # Here, not above: these take a second to import, and `bentoml serve` imports this module in its supervisor too.
    from features.manifest import is_store  # noqa: PLC0415
    from features.sources import open_tables  # noqa: PLC0415
    from features.store import EventStore  # noqa: PLC0415
    from serving.answers import Answers  # noqa: PLC0415
    from serving.predictor import Predictor  # noqa: PLC0415

    moment_asked = _as_of()
    predictor = Predictor.load(_setting("IMPEL_MODEL", _MODEL), tracking_uri=os.environ.get("IMPEL_TRACKING_URI"))
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
    return Answers(predictor, store, as_of=moment_asked)


@cache
def champion() -> Live:
    """Return what answers; the first is loaded now. Errors are those of `load`."""
    model = _setting("IMPEL_MODEL", _MODEL)
    # Before loading: what changes meanwhile is found at the next look.
    identity = fetch.identity(model, tracking=os.environ.get("IMPEL_TRACKING_URI"))
    first = load()
    _warm_up(first)
    live = _live("champion", model)
    live.put(first, Origin(identity, first.store.fingerprint))
    return live


def _live(role: str, model: str) -> Live:
    """Return answers of a model out of the store that the champion looks at."""
    from features.manifest import Manifest  # noqa: PLC0415
    from serving.answers import Answers  # noqa: PLC0415
    from serving.predictor import Predictor  # noqa: PLC0415

    tracking = os.environ.get("IMPEL_TRACKING_URI")

    def find() -> Origin:
        manifest = Manifest.read(champion().answers.store.folder)
        return Origin(fetch.identity(model, tracking=tracking), "" if manifest is None else manifest.fingerprint)

    def replace() -> Answers:
        predictor = Predictor.load(model, tracking_uri=tracking)
        answers = Answers(predictor, champion().answers.store.reopened(), as_of=_as_of())
        _warm_up(answers)
        return answers

    return Live(role, find=find, load=replace)


def _as_of() -> pd.Timestamp | None:
    from serving.answers import moment  # noqa: PLC0415

    text = os.environ.get("IMPEL_AS_OF")
    return moment(text) if text else None


def _setting(name: str, default: str) -> str:
    return os.environ.get(name) or default


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
        seconds = number("IMPEL_RELOAD_SECONDS", 30.0)
        share = number("IMPEL_SHADOW_SHARE", 0.0, most=1.0)
        self._limiter = CapacityLimiter(_THREADS)
        self._live = _PAGES.state.live = champion()
        self._shadow = Shadow(_live("challenger", _setting("IMPEL_SHADOW_MODEL", _CHALLENGER)), share=share)
        settle()
        self._live.start(seconds)
        self._shadow.start(seconds)

    @bentoml.on_shutdown
    def stop(self) -> None:
        """End the threads, and let the interpreter clean up what `settle` kept from it; DuckDB complains otherwise."""
        self._shadow.stop()
        self._live.stop()
        gc.unfreeze()

    @bentoml.api(route="/v1/predict")
    async def predict(self, request: schemas.PredictRequest, /) -> schemas.PredictResponse:
        """Predict the candidates of a brief, in their order."""
        predict = self._live.answers.predict
        if len(request.candidates) <= _FEW and not request.reasons:
            answer = _answered(predict, request)
        else:
            answer = await to_thread.run_sync(_answered, predict, request, limiter=self._limiter)
        self._shadow.offer(request, answer)
        return answer

    @bentoml.api(route="/v1/rank")
    async def rank(self, request: schemas.RankRequest, /) -> schemas.RankResponse:
        """Rank all known accounts for a brief, best first."""
        return await to_thread.run_sync(_answered, self._live.answers.rank, request, limiter=self._limiter)


def _answered(answer: Callable[[Any], Any], request: Any) -> Any:
    """Answer, and turn what the caller can put right into an error that BentoML hands on to `ProblemDetails`."""
    try:
        return answer(request)
    except ImpelError as error:
        raise bentoml.exceptions.InvalidArgument(str(error)) from None


def _warm_up(answers: Answers) -> None:
    """Answer once, so that the first caller does not wait."""
    accounts = answers.store.accounts["account_id"]
    brief = {"goal": "sale", "vertical": "food", "starts_at": f"{answers.as_of.isoformat()}Z"}
    candidates = [{"account_id": account} for account in accounts[:1]] or [{"account_id": "nobody"}]
    body = json.dumps({"brief": brief, "candidates": candidates, "reasons": True})
    answers.predict(schemas.PredictRequest.model_validate_json(body))


async def _index(_: Request) -> Response:
    return HTMLResponse(_INDEX)


async def _document(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _model(request: Request) -> Response:
    return Response(request.app.state.live.model().model_dump_json(), media_type="application/json")


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

_PAGES = Starlette(routes=[Route("/", _index), Route("/docs.json", _document), Route("/v1/model", _model)])
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
