"""Numbers for Prometheus that are the service's own.

prometheus_client is imported when the first is asked for: BentoML and `serving.launch` say before that where the
numbers of all processes come together.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def answers() -> Any:
    """Return the counter of all answers, those included that were refused before any work began."""
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter("impel_answers", "Answers by route and status", ["route", "status"])


@cache
def reloads() -> Any:
    """Return the counter of models and data that were loaded or refused while serving."""
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter("impel_reloads", "Models and data loaded or refused while serving", ["role", "outcome"])


@cache
def refused() -> Any:
    """Return whether what should answer now is refused, so that something older answers."""
    from prometheus_client import Gauge  # noqa: PLC0415

    meaning = "1 while what should answer is refused and something older answers"
    return Gauge("impel_reload_refused", meaning, ["role"], multiprocess_mode="livemax")


@cache
def shadows() -> Any:
    """Return the counter of requests that were offered to the challenger."""
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter("impel_shadow_requests", "Requests scored by the challenger, failed or left out", ["outcome"])


def start() -> None:
    """Show what counts how models and data are taken up from the start: what is not there yet cannot be watched."""
    for role in ("champion", "challenger"):
        refused().labels(role).set(0)
        for outcome in ("loaded", "refused"):
            reloads().labels(role, outcome)
    for outcome in ("scored", "failed", "left-out"):
        shadows().labels(outcome)
