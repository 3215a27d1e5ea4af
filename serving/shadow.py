"""The challenger in the shadow: asked what the champion was asked, logged, never answered."""

from __future__ import annotations

import logging
import random
from contextvars import copy_context
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from serving.metrics import metrics

if TYPE_CHECKING:
    from serving.reload import Live
    from serving.schemas import requests, responses

logger = logging.getLogger(__name__)

_WAITING = 64
"""So many requests may wait for the challenger; more are left out, and counted."""


class Shadow:
    """Scores a share of the predictions with the challenger, one after the other, in a thread of its own.

    Parameters
    ----------
    live : Live
        The challenger; as long as nothing is loaded, nothing is scored.
    share : float
        Of the requests to /v1/predict, from 0 to 1.
    """

    def __init__(self, live: Live, *, share: float) -> None:
        self.live = live
        self.share = share
        self._queue: Queue[Any] = Queue(_WAITING)
        self._stop = Event()
        self._thread = Thread(target=self._work, name="impel-shadow", daemon=True)

    def start(self, seconds: float) -> None:
        """Load the challenger, look for another every so many seconds, and score."""
        if self.share:
            self.live.start(seconds)
            self._thread.start()

    def stop(self) -> None:
        """Score no more; what is waiting is left out."""
        self._stop.set()
        self.live.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def offer(self, request: requests.PredictRequest, answer: responses.PredictResponse) -> None:
        """Have a request scored that was just answered, where it falls into the share; takes no time."""
        if self.live.loaded is None or random.random() >= self.share:  # noqa: S311 - a sample, no secret
            return
        try:
            self._queue.put_nowait((copy_context(), request, answer))
        except Full:
            metrics().shadows.labels("left-out").inc()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                context, request, answer = self._queue.get(timeout=0.5)
            except Empty:
                continue
            context.run(self._score, request, answer)

    def _score(self, request: requests.PredictRequest, answer: responses.PredictResponse) -> None:
        loaded = self.live.loaded
        if loaded is None or loaded.answers.predictor.version == answer.model_version:
            return  # it has become champion
        try:
            found = loaded.answers.predict(request)
        except Exception:
            metrics().shadows.labels("failed").inc()
            logger.exception("the challenger failed")
            return
        metrics().shadows.labels("scored").inc()
        fields = {
            "model": found.model_version,
            "champion": answer.model_version,
            "predictions": [
                {
                    "account_id": theirs.account_id,
                    "at_least": theirs.at_least,
                    "likelihood": theirs.likelihood,
                    "expected_actions": theirs.expected_actions,
                    "champion_likelihood": ours.likelihood,
                    "champion_expected_actions": ours.expected_actions,
                }
                for theirs, ours in zip(found.predictions, answer.predictions, strict=False)
            ],
        }
        logger.info("challenger", extra={"fields": fields})
