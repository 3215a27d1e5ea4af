"""The service's side of the loop: what it answered is recorded, and what came of it is taken in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from anyio import to_thread
from pydantic import ValidationError
from starlette.responses import JSONResponse, Response

from features.errors import LogError
from serving.metrics import metrics
from serving.middleware import problem
from serving.outcomes import ContradictionError
from serving.prediction_log import PredictionLog
from serving.recorder import Recorder
from serving.schemas import requests, responses

if TYPE_CHECKING:
    from starlette.requests import Request

    from serving.answers import Answers
    from serving.log_storage import LogStorage

logger = logging.getLogger(__name__)


class Feedback:
    """The recorder of predictions and the log of outcomes of one process.

    Parameters
    ----------
    storage : LogStorage or None
        Of the log; without one predictions are only counted, and outcomes not taken.
    """

    def __init__(self, storage: LogStorage | None) -> None:
        self._log = None if storage is None else PredictionLog(storage)
        self._recorder = Recorder(self._log)
        self._outcomes = None if storage is None else storage.outcomes()
        self._version: str | None = None

    def follow(self, answers: Answers) -> None:
        """Record from now on what these answer."""
        version, reference = answers.predictor.version, answers.predictor.bundle.reference
        if self._log is not None and reference is not None:
            self._log.keep_reference(version, reference)
        metrics().show_model(version, answers.as_of.tz_localize("UTC"), before=self._version)
        self._version = version
        answers.record = self._recorder.record

    def report(self, outcomes: list[requests.Outcome]) -> responses.OutcomesResponse | responses.Problem:
        """Keep outcomes, or say why not."""
        if self._outcomes is None:
            return problem(501)
        count = metrics().count_outcomes
        try:
            found = self._outcomes.report(outcomes)
        except ContradictionError as error:
            count("refused", len(outcomes))
            known = "was reported with other values, and this one did not close later"
            errors = [
                responses.FieldError(
                    at=f"/outcomes/{place}",
                    code="contradiction",
                    message=f"Outcome of {outcomes[place].account_id!r} for {outcomes[place].campaign_id!r} {known}.",
                )
                for place in error.places
            ]
            return problem(409, errors=errors)
        except OSError as error:
            logger.warning("%d outcomes could not be written (%s)", len(outcomes), error.strerror or error)
            count("refused", len(outcomes))
            return problem(503, code="not-stored")
        for name, rows in found._asdict().items():
            count(name, rows)
        return responses.OutcomesResponse(**found._asdict())

    def close(self) -> None:
        """Write what is waiting."""
        self._recorder.close()


def check(storage: LogStorage) -> None:
    """Make a log where there is none.

    A database that is away may come back, and answers need none: that is only said.

    Raises
    ------
    ImpelError
        Where it cannot be a log, now or later.
    """
    try:
        storage.create()
        storage.outcomes()
    except LogError as error:
        logger.warning("what is logged waits: %s", error)


async def report(request: Request) -> Response:
    """Answer POST /v1/outcomes."""
    try:
        asked = requests.OutcomesRequest.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return JSONResponse({"detail": found}, status_code=400)
    answer = await to_thread.run_sync(request.app.state.feedback.report, asked.outcomes)
    status = answer.status if isinstance(answer, responses.Problem) else 200
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")
