"""What answers now, and how it is replaced: loaded beside the old one, checked, and put in its place in one step."""

from __future__ import annotations

import gc
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from features.errors import BundleError, DataError, ImpelError, TrackingError
from serving.metrics import metrics
from serving.schemas import responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.answers import Answers

logger = logging.getLogger(__name__)

# MLflow has one address for the whole process, so one thread asks it at a time.
_TURN = Lock()
_CODES = {BundleError: "model-refused", DataError: "data-refused", TrackingError: "registry-unavailable"}


class Origin(NamedTuple):
    """What something was loaded from: the same where, and only where, loading again would give the same."""

    model: str
    data: str


@dataclass(frozen=True)
class Loaded:
    """What answers, where it came from, and since when it answers."""

    answers: Answers
    origin: Origin
    since: datetime


class Live:
    """Answers that are replaced when the registry's alias, the bundle's folder or the event store has changed.

    A thread looks every so often. What cannot be loaded, or differs from its record, is refused: the old one goes on
    answering, and log, metrics and /v1/model say so. Going back is the same as going forward.

    Parameters
    ----------
    role : str
        What log and metrics call it: champion or challenger.
    find : callable
        Returns where the answers would come from now, cheaply.
    load : callable
        Loads them; takes as long as it takes.
    """

    def __init__(self, role: str, *, find: Callable[[], Origin], load: Callable[[], Answers]) -> None:
        self.role = role
        self.loaded: Loaded | None = None
        self.refused: responses.Refused | None = None
        self._find = find
        self._load = load
        self._said = ""
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def answers(self) -> Answers:
        """Return what answers now; a request asks once, so that one and the same answers all of it."""
        if self.loaded is None:
            raise RuntimeError(f"no {self.role} is loaded yet")
        return self.loaded.answers

    def model(self) -> responses.ModelResponse:
        """Say what answers, since when, and what does not answer in its place."""
        loaded = self.loaded
        more = {"loaded_at": None if loaded is None else loaded.since, "refused": self.refused}
        return self.answers.model().model_copy(update=more)

    def put(self, answers: Answers, origin: Origin) -> None:
        """Let these answer from the next request on."""
        self.loaded = Loaded(answers, origin, datetime.now(UTC))
        settle()

    def check(self) -> None:
        """Replace the answers where they would be others now; never raises."""
        origin = None
        try:
            with _TURN:
                origin = self._find()
                if self.loaded is None or origin != self.loaded.origin:
                    self.put(self._load(), origin)
                    metrics().reloads.labels(self.role, "loaded").inc()
                    logger.info("loaded", extra={"fields": {"role": self.role, "model": origin.model}})
            self._accept()
        except ImpelError as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "setting-refused")
            self._refuse(code, origin, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, what answered before goes on
            self._refuse("internal", origin, repr(error), trace=True)

    def start(self, seconds: float) -> None:
        """Load what is not loaded yet, and look every so many seconds, in a thread of its own; 0 for never again."""
        if seconds or self.loaded is None:
            self._thread = Thread(target=self._watch, args=[seconds], name=f"impel-{self.role}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _watch(self, seconds: float) -> None:
        if self.loaded is None:
            self.check()
        while seconds and not self._stop.wait(seconds):
            self.check()

    def _accept(self) -> None:
        self.refused, self._said = None, ""
        metrics().refused.labels(self.role).set(0)

    def _refuse(self, code: str, origin: Origin | None, message: str, *, trace: bool = False) -> None:
        """Report what was refused, and write it into the log when it is news."""
        metrics().refused.labels(self.role).set(1)
        if message == self._said:
            return
        self._said = message
        metrics().reloads.labels(self.role, "refused").inc()
        # The message may name a folder: it is for the log alone.
        self.refused = responses.Refused(code=code, since=datetime.now(UTC))
        fields = {"role": self.role, "code": code, "model": origin and origin.model, "reason": message}
        logger.error("refused; what answered before goes on", exc_info=trace, extra={"fields": fields})


def settle() -> None:
    """Keep all that lives now out of later garbage collections, which would stop every thread for their while.

    What is replaced holds no cycles, so it goes without one.
    """
    gc.collect()
    gc.freeze()
