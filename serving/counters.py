"""Numbers for Prometheus that are the service's own."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def answers() -> Any:
    """Return the counter of all answers, those included that were refused before any work began."""
    # Here, not above: BentoML and `serving.launch` say first where the numbers of all processes come together.
    from prometheus_client import Counter  # noqa: PLC0415

    return Counter("impel_answers", "Answers by route and status", ["route", "status"])
