"""What is done with an answer after it was given: counted for Prometheus and logged, by a thread of its own."""

from __future__ import annotations

import logging
import time
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from serving.metrics import metrics
from serving.prediction_log import table_of

if TYPE_CHECKING:
    from serving.prediction_log import Answered, PredictionLog

logger = logging.getLogger(__name__)

MOST_QUEUED = 20_000
"""Predictions that wait for the thread at most; further ones are dropped, and counted."""

_COUNT_SECONDS = 0.1
_STOP_SECONDS = 10.0


class Recorder:
    """A bounded queue of answers and the thread that empties it.

    Whoever answers never waits: an answer that finds the queue full is dropped and counted. The thread counts ten times
    a second, a few answers at a time: requests share Python's lock with it, and would wait for many.

    Parameters
    ----------
    log : PredictionLog or None
        Without one, answers are only counted.
    most_queued : int
        Predictions in the queue at most.
    seconds : float
        How often the log gets what was answered.
    """

    def __init__(
        self, log: PredictionLog | None = None, *, most_queued: int = MOST_QUEUED, seconds: float = 1.0
    ) -> None:
        self.log = log
        self._most_queued, self._seconds = most_queued, seconds
        self._queue: list[Answered] = []
        self._counted: list[Answered] = []
        self._queued = self._dropped = 0
        self._lock = Lock()
        self._stop = Event()
        self._metrics = metrics()
        self._shown = {"written": 0, "dropped": 0, "failures": 0}
        self._thread = Thread(target=self._run, name="impel-recorder", daemon=True)
        self._thread.start()

    def record(self, answered: Answered) -> bool:
        """Take an answer and say whether it is to be logged; never blocks and never raises."""
        rows = len(answered.accounts)
        with self._lock:
            if self._queued + rows > self._most_queued:
                self._dropped += rows
                return False
            self._queue.append(answered)
            self._queued += rows
        return self.log is not None

    def close(self) -> None:
        """Write what is waiting and stop."""
        self._stop.set()
        self._thread.join(timeout=_STOP_SECONDS)
        if self._thread.is_alive():
            logger.warning("predictions that still wait for the log are lost: it does not answer")

    def _run(self) -> None:
        due = time.monotonic() + self._seconds
        while not self._stop.wait(min(_COUNT_SECONDS, self._seconds)):
            self._count()
            if time.monotonic() >= due:
                self._hand_on()
                due = time.monotonic() + self._seconds
        self._count()
        self._hand_on()
        if self.log is not None:
            self.log.close()
            self._show(self.log)

    def _count(self) -> None:
        with self._lock:
            answers, self._queue = self._queue, []
        try:
            if answers:
                self._metrics.count(answers)
        except Exception:
            # The thread must outlive whatever an answer holds.
            logger.exception("%d predictions could not be counted", _rows(answers))
            with self._lock:
                self._queued -= _rows(answers)
                self._dropped += _rows(answers)
        else:
            self._counted += answers

    def _hand_on(self) -> None:
        """Give the log what was counted; it bounds what it holds itself."""
        answers, self._counted = self._counted, []
        with self._lock:
            self._queued -= _rows(answers)
            lost, self._dropped = self._dropped, 0
        if self.log is None:
            return
        self.log.drop(lost)
        try:
            if answers:
                self.log.add(table_of(answers))
        except Exception:
            logger.exception("%d predictions could not be logged", _rows(answers))
            self.log.drop(_rows(answers))
        self.log.write_due()
        self._show(self.log)

    def _show(self, log: PredictionLog) -> None:
        now = {"written": log.written, "dropped": log.dropped, "failures": log.failures}
        self._metrics.show_log(waiting=log.waiting, **{name: now[name] - self._shown[name] for name in now})
        self._shown = now


def _rows(answers: list[Answered]) -> int:
    return sum(len(one.accounts) for one in answers)
