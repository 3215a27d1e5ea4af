"""The HTTP service: BentoML around `serving.answers`.

Settings come from the environment: IMPEL_DATA (the source, or an event store), IMPEL_MODEL (a bundle folder or a
registry name; by default what the bento holds, else the champion), IMPEL_AS_OF, IMPEL_STORE (the folder of the
prepared event store) and IMPEL_TRACKING_URI. `impel serve` sets them.
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
from serving import openapi, schemas
from serving.middleware import ProblemDetails, RequestLimits, own_failure

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
    from features.sources import open_tables  # noqa: PLC0415
    from features.store import EventStore  # noqa: PLC0415
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
    return Answers(predictor, store, as_of=moment_asked)


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
        _PAGES.state.answers = self.answers
        _warm_up(self.answers)

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


def _answered(answer: Callable[[Any], Any], request: Any) -> Any:
    """Answer, and turn what the caller can put right into an error that BentoML hands on to `ProblemDetails`."""
    try:
        return answer(request)
    except ImpelError as error:
        raise bentoml.exceptions.InvalidArgument(str(error)) from None


def _warm_up(answers: Answers) -> None:
    """Answer once, so that the first caller does not wait, and keep all that lives now out of garbage collections."""
    accounts = answers.store.accounts["account_id"]
    # With all that a brief may say: what it leaves out would be compiled, or read, for the first caller who says it.
    brief = {**openapi.BRIEF, "starts_at": f"{answers.as_of.isoformat()}Z"}
    candidates = [{"account_id": account} for account in accounts[:1]] or [{"account_id": "nobody"}]
    body = json.dumps({"brief": brief, "candidates": candidates, "reasons": True})
    answers.predict(schemas.PredictRequest.model_validate_json(body))
    gc.collect()
    gc.freeze()


async def _index(_: Request) -> Response:
    return HTMLResponse(_INDEX)


async def _document(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _model(request: Request) -> Response:
    return Response(request.app.state.answers.model().model_dump_json(), media_type="application/json")


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
ImpelService.add_asgi_middleware(RequestLimits)
