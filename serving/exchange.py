"""What a client does with the service's answers: which are sent again and when, and what becomes an error.

No HTTP library waits or sends in here, so that the synchronous and the asynchronous client share every decision.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from features.errors import ImpelError
from serving.schemas.responses import FieldError, Problem

if TYPE_CHECKING:
    from collections.abc import Generator

    Steps = Generator[httpx.Request | float, httpx.Response | httpx.TransportError | None, httpx.Response]

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
_BUSY = frozenset({429, 503})


class ServiceError(ImpelError):
    """The service answered with a problem.

    Attributes
    ----------
    status : int
        HTTP status.
    code : str
        The stable name of the problem, such as `unknown-field`.
    detail : str
        What is wrong and what to do.
    errors : list of FieldError
        Each thing that is wrong with the request, with its place in the body; empty where the service names none.
    retry_after : float or None
        After how many seconds the service asks to be asked again.
    """

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        super().__init__(f"{problem.detail} ({problem.status} {problem.code})")
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors: list[FieldError] = problem.errors or []
        self.retry_after = retry_after


class InvalidRequestError(ServiceError, ValueError):
    """The request cannot be answered as it is; sending it again will not help."""


class KeyRefusedError(ServiceError, PermissionError):
    """The API key is missing, unknown, or not good for this."""


class NotFoundError(ServiceError, LookupError):
    """There is no such thing, such as an account that the data do not know."""


class OverloadedError(ServiceError):
    """The service was too busy, or the key asked too often, at the last try too."""


class FailedError(ServiceError):
    """Something went wrong inside the service, or took too long."""


class NoAnswerError(ImpelError, ConnectionError):
    """The service could not be reached, or did not answer in time, or what answered is not the service."""


def exchange(request: httpx.Request, *, retries: int, longest_wait: float) -> Steps:
    """Yield requests to send and seconds to wait; return the answer.

    Whoever drives it sends in the response to each request, or the error that came in its place. Sent again is what
    the service was too busy for (429, 503) and what never reached it.

    Parameters
    ----------
    request : Request
    retries : int
        How often it is sent again at most.
    longest_wait : float
        Seconds; where the service asks for a longer wait, that is an error at once.

    Raises
    ------
    ServiceError
        Where the service answers with a problem.
    NoAnswerError
        Where it does not answer.
    """
    for attempt in range(retries + 1):
        answer = yield request
        backoff = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT, longest_wait)
        # Anywhere in the upper half, so that clients turned away together do not come back together.
        wait = backoff * random.uniform(0.5, 1)  # noqa: S311
        if isinstance(answer, httpx.Response):
            if not answer.is_error:
                return answer
            error: ImpelError = problem_of(answer)
            if answer.status_code not in _BUSY:
                raise error
            wait = max(wait, _retry_after(answer) or 0.0)
        else:
            error = NoAnswerError(f"{request.url.copy_with(query=None)} does not answer ({_reason(answer)}).")
            if not isinstance(answer, httpx.ConnectError | httpx.ConnectTimeout):
                raise error
        if attempt == retries or wait > longest_wait:
            raise error
        yield wait
    raise AssertionError  # the last attempt has raised or returned


def problem_of(answer: httpx.Response) -> ImpelError:
    """Return the error that an answer of status 400 and above stands for."""
    try:
        problem = Problem.model_validate_json(answer.content, extra="ignore")
    except ValidationError:
        said = f"{answer.status_code} {answer.reason_phrase}".strip()
        return NoAnswerError(f"{answer.url.copy_with(query=None)} does not answer as Impel does ({said}).")
    kinds: dict[int, type[ServiceError]] = {401: KeyRefusedError, 403: KeyRefusedError, 404: NotFoundError}
    kinds |= dict.fromkeys(_BUSY, OverloadedError)
    kind = kinds.get(answer.status_code, InvalidRequestError if answer.status_code < 500 else FailedError)
    return kind(problem, retry_after=_retry_after(answer))


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that the header asks for, which gives them or a date; None where it says neither."""
    text = answer.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _reason(error: httpx.TransportError | None) -> str:
    return "it took too long" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
