"""The service's own metrics for Prometheus, beside those of BentoML; `docs/monitoring.md` lists them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from features.catalogue import FEATURES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from serving.prediction_log import Answered

_TENTHS = np.linspace(0, 1, 11)


class Metrics:
    """Counters and gauges; one object per process, see `metrics`.

    Attributes
    ----------
    answers : by route and status
        All answers, those included that were refused before any work began.
    reloads : by role and outcome
        Models and data that were loaded or refused while serving.
    refused : by role
        Whether what should answer now is refused, so that something older answers.
    shadows : by outcome
        Requests that were offered to the challenger.
    """

    def __init__(self) -> None:
        # Late: it looks for PROMETHEUS_MULTIPROC_DIR when it is imported, which BentoML sets after this module is.
        import prometheus_client  # noqa: PLC0415

        counter, gauge = prometheus_client.Counter, prometheus_client.Gauge
        self.answers = counter("impel_answers", "Answers by route and status.", ["route", "status"])
        self.reloads = counter("impel_reloads", "Models and data loaded or refused while serving.", ["role", "outcome"])
        self.refused = gauge(
            "impel_reload_refused",
            "1 while what should answer is refused and something older answers.",
            ["role"],
            multiprocess_mode="livemax",
        )
        self.shadows = counter(
            "impel_shadow_requests", "Requests scored by the challenger, failed or left out.", ["outcome"]
        )
        self._predictions = counter(
            "impel_predictions", "Predictions answered.", ["endpoint", "model_version", "support"]
        )
        self._tenths = counter(
            "impel_likelihoods", "Predictions by likelihood, rounded down to a tenth.", ["model_version", "tenth"]
        )
        self._values = counter("impel_feature_values", "Feature values that predictions were made from.", ["family"])
        self._missing = counter("impel_feature_values_missing", "Feature values that were unknown.", ["family"])
        self._outcomes = counter(
            "impel_outcomes", "Outcomes reported: accepted, repeated, corrected or refused.", ["result"]
        )
        self._model = gauge(
            "impel_model_info", "1 for the model that answers.", ["model_version"], multiprocess_mode="mostrecent"
        )
        self._as_of = gauge(
            "impel_features_as_of_timestamp_seconds", "Up to when the features know.", multiprocess_mode="mostrecent"
        )
        self._waiting = gauge(
            "impel_log_waiting", "Predictions that wait to be written to the log.", multiprocess_mode="livesum"
        )
        self._written = counter("impel_log_written", "Predictions written to the log.")
        self._dropped = counter("impel_log_dropped", "Predictions that could not be logged.")
        self._failures = counter("impel_log_failures", "Parts of the log that could not be written at the first try.")
        # What is not there yet cannot be watched.
        for role in ("champion", "challenger"):
            self.refused.labels(role).set(0)
            for outcome in ("loaded", "refused"):
                self.reloads.labels(role, outcome)
        for outcome in ("scored", "failed", "left-out"):
            self.shadows.labels(outcome)

    def show_model(self, version: str, as_of: datetime, *, before: str | None = None) -> None:
        """Say which model answers from now on, out of what was known when, and which one no longer does."""
        if before is not None:
            self._model.labels(before).set(0)
        self._model.labels(version).set(1)
        self._as_of.set(as_of.timestamp())

    def count(self, answers: Sequence[Answered]) -> None:
        """Count what was answered."""
        groups: dict[tuple[str, str], list[Answered]] = {}
        for one in answers:
            groups.setdefault((one.endpoint, one.model_version), []).append(one)
        for (endpoint, version), group in groups.items():
            support = Counter(name for one in group for name in one.scores["support"].tolist())
            for name, count in support.items():
                self._predictions.labels(endpoint, version, name).inc(count)
            tenths, _ = np.histogram(np.concatenate([one.scores["likelihood"] for one in group]), _TENTHS)
            for place in np.flatnonzero(tenths).tolist():
                self._tenths.labels(version, f"{_TENTHS[place]:.1f}").inc(int(tenths[place]))
        self._count_values(answers)

    def count_outcomes(self, result: str, count: int) -> None:
        """Count outcomes that were reported."""
        self._outcomes.labels(result).inc(count)

    def show_log(self, *, waiting: int, written: int, dropped: int, failures: int) -> None:
        """Say how many predictions wait to be logged, and what has happened to others since it was last said."""
        self._waiting.set(waiting)
        self._written.inc(written)
        self._dropped.inc(dropped)
        self._failures.inc(failures)

    def _count_values(self, answers: Sequence[Answered]) -> None:
        missing = np.isnan(np.concatenate([one.known.numbers for one in answers]))
        unknown: Counter[str] = Counter()
        values: Counter[str] = Counter()
        for name, count in zip(answers[0].known.names, missing.sum(axis=0).tolist(), strict=True):
            family = FEATURES[name].family
            unknown[family] += count
            values[family] += len(missing)
        for name, count in values.items():
            self._values.labels(name).inc(count)
            self._missing.labels(name).inc(unknown[name])


@cache
def metrics() -> Metrics:
    """Return the metrics of this process; a second set of the same names would be refused."""
    return Metrics()
