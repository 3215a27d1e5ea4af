from __future__ import annotations

import gc
import json
import logging
import time
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from features.errors import BundleError, DataError, SettingError, TrackingError
from serving.logs import JsonFormatter
from serving.reload import Live, Origin
from serving.request import REQUEST, Request
from serving.shadow import Shadow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class World:
    """Something to load that may fail; what is loaded is its own origin."""

    def __init__(self) -> None:
        self.origin = Origin("impel/1", "a")
        self.failing: Exception | None = None
        self.loads = 0

    def find(self) -> Origin:
        return self.origin

    def load(self) -> Any:
        self.loads += 1
        if self.failing is not None:
            raise self.failing
        return self.origin


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def live(world: World) -> Live:
    live = Live("champion", find=world.find, load=world.load)
    live.check()
    return live


def test_it_loads_when_model_or_data_are_others_and_never_otherwise(world: World, live: Live) -> None:
    for origin, loads in ((("impel/1", "a"), 1), (("impel/2", "a"), 2), (("impel/2", "b"), 3), (("impel/1", "b"), 4)):
        world.origin = Origin(*origin)
        live.check()
        live.check()
        assert (live.answers, world.loads) == (world.origin, loads)


ERRORS = [
    (BundleError("/srv/bundle.json is damaged"), "model-refused"),
    (DataError("/srv/store is none"), "data-refused"),
    (TrackingError("http://x cannot be used"), "registry-unavailable"),
    (SettingError("names no model"), "setting-refused"),
    (MemoryError(), "internal"),
    (RuntimeError("never thought of"), "internal"),
]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_what_fails_is_refused_said_once_and_tried_again(
    world: World, live: Live, error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.origin, world.failing = Origin("impel/2", "a"), error
    for _ in range(3):
        live.check()
    assert live.answers == Origin("impel/1", "a")
    assert live.refused is not None
    assert live.refused.code == code
    assert "/srv" not in live.refused.model_dump_json()
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    line = json.loads(JsonFormatter().format(record))
    assert (line["code"], line["model"]) == (code, "impel/2")
    assert ("trace" in line) == (code == "internal")
    world.failing = None
    live.check()
    assert (live.answers, live.refused) == (Origin("impel/2", "a"), None)


def test_going_back_clears_what_was_refused(world: World, live: Live) -> None:
    world.origin, world.failing = Origin("impel/2", "a"), BundleError("damaged")
    live.check()
    world.origin = Origin("impel/1", "a")
    live.check()
    assert live.refused is None
    assert world.loads == 2


def answer(likelihood: float = 0.5, version: str = "impel/1") -> Any:
    row = SimpleNamespace(account_id="a", at_least=1, likelihood=likelihood, expected_actions=1.0)
    return SimpleNamespace(model_version=version, predictions=[row])


def shadow(predict: Callable[[Any], Any], *, share: float = 1.0, version: str = "impel/2") -> Shadow:
    answers: Any = SimpleNamespace(predict=predict, predictor=SimpleNamespace(version=version))
    live = Live("challenger", find=lambda: Origin("m", "d"), load=lambda: answers)
    live.check()
    found = Shadow(live, share=share)
    found.start(0)
    return found


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_challenger_is_logged_under_the_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "serving.shadow")
    lines: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(json.loads(JsonFormatter().format(record)))  # type: ignore[method-assign]
    logging.getLogger("serving.shadow").addHandler(handler)
    asked = shadow(lambda _: answer(0.25, "impel/2"))
    REQUEST.set(Request("job-17"))
    try:
        asked.offer("request", answer())  # type: ignore[arg-type]
        until(lambda: bool(lines))
    finally:
        REQUEST.set(None)
        logging.getLogger("serving.shadow").removeHandler(handler)
        asked.stop()
    (line,) = lines
    assert (line["request_id"], line["model"], line["champion"]) == ("job-17", "impel/2", "impel/1")
    (row,) = line["predictions"]
    assert (row["likelihood"], row["champion_likelihood"]) == (0.25, 0.5)


def test_a_slow_challenger_holds_nobody_up() -> None:
    going, scored = Event(), []

    def slow(request: Any) -> Any:
        going.wait(60)
        scored.append(request)
        return answer()

    asked = shadow(slow)
    for number in range(500):
        asked.offer(number, answer())  # type: ignore[arg-type]
    assert not scored
    going.set()
    until(lambda: len(scored) >= 60)
    asked.stop()
    assert len(scored) <= 70, "what did not fit was left out"


def test_a_failing_challenger_goes_on_with_the_next(caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def fail(request: Any) -> Any:
        seen.append(request)
        raise ZeroDivisionError

    asked = shadow(fail)
    for number in range(3):
        asked.offer(number, answer())  # type: ignore[arg-type]
    until(lambda: len([record for record in caplog.records if record.exc_info]) == 3)
    asked.stop()
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(("share", "version"), [(0.0, "impel/2"), (1.0, "impel/1")])
def test_nothing_is_scored_without_a_share_or_for_the_champion_itself(share: float, version: str) -> None:
    def never(_: Any) -> Any:
        raise AssertionError("scored")

    asked = shadow(never, share=share, version=version)
    asked.offer("request", answer())  # type: ignore[arg-type]
    asked._score("request", answer())  # type: ignore[arg-type]
    asked.stop()
