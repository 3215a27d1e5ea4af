"""What the service loads at its start, and again when something has changed: as the environment says.

See `serving.service` for the variables.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from features.errors import SettingError
from serving import backtest_file, fetch, openapi, raw
from serving.reload import Live, Origin
from serving.schemas import requests
from serving.settings import number

if TYPE_CHECKING:
    import pandas as pd

    from features.snapshot import Snapshot
    from features.store import EventStore
    from serving.answers import Answers
    from serving.backtest import BacktestResponse
    from serving.feedback import Feedback
    from serving.log_storage import LogStorage

_CHALLENGER = "models:/impel@challenger"

# What is imported within functions takes a second, and `bentoml serve` imports this module in its supervisor too.


def load() -> Answers:
    """Load model, event store and snapshot.

    Raises
    ------
    ImpelError
        Where a setting is missing or wrong, or the model or the data cannot be used.
    """
    from serving import feedback as loop  # noqa: PLC0415

    as_of = _as_of()
    if (log := _log()) is not None:
        loop.check(log)
    return _answers(_model(), _store(), as_of)


@cache
def champion() -> Live:
    """Return what answers; the first is loaded now. Errors are those of `load`."""
    # Before loading: what changes meanwhile is found at the next look.
    model = fetch.identity(_model(), tracking=os.environ.get("IMPEL_TRACKING_URI"))
    made = _made()
    first = load()
    _warm_up(first)
    feedback().follow(first)
    live = _live("champion", _model())
    live.put(first, Origin(model, f"{first.store.fingerprint} {made}"))
    return live


@cache
def challenger() -> Live:
    """Return what is asked in the shadow of the champion; nothing is loaded yet."""
    return _live("challenger", os.environ.get("IMPEL_SHADOW_MODEL") or _CHALLENGER)


@cache
def feedback() -> Feedback:
    """Return what records the answers and takes outcomes."""
    from serving.feedback import Feedback  # noqa: PLC0415

    return Feedback(_log())


def reload_seconds() -> float:
    """Return how often to look for something newer; SettingError where IMPEL_RELOAD_SECONDS is no such number."""
    return number("IMPEL_RELOAD_SECONDS", 30.0)


def shadow_share() -> float:
    """Return which share the challenger scores; SettingError where IMPEL_SHADOW_SHARE is no share."""
    return number("IMPEL_SHADOW_SHARE", 0.0, most=1.0)


@cache
def backtest() -> BacktestResponse | None:
    """Return the backtest that is shown, if any.

    Raises
    ------
    ImpelError
        Where it cannot be read.
    """
    folder = _folder("IMPEL_BACKTEST")
    return None if folder is None else backtest_file.read(folder)


def _live(role: str, model: str) -> Live:
    """Return answers of a model out of the store that the champion looks at."""
    from features.manifest import Manifest  # noqa: PLC0415

    def find() -> Origin:
        manifest = Manifest.read(champion().answers.store.folder)
        store = "" if manifest is None else manifest.fingerprint
        return Origin(fetch.identity(model, tracking=os.environ.get("IMPEL_TRACKING_URI")), f"{store} {_made()}")

    def replace() -> Answers:
        answers = _answers(model, champion().answers.store.reopened(), _as_of())
        _warm_up(answers)
        if role == "champion":
            feedback().follow(answers)
        return answers

    return Live(role, find=find, load=replace)


def _answers(model: str, store: EventStore, as_of: pd.Timestamp | None) -> Answers:
    from serving.answers import Answers  # noqa: PLC0415
    from serving.predictor import Predictor  # noqa: PLC0415

    predictor = Predictor.load(model, tracking_uri=os.environ.get("IMPEL_TRACKING_URI"))
    return Answers(predictor, store, as_of=as_of, snapshot=_snapshot())


def _store() -> EventStore:
    from features.manifest import is_store  # noqa: PLC0415
    from features.sources import open_tables  # noqa: PLC0415
    from features.store import EventStore  # noqa: PLC0415

    data, folder = os.environ.get("IMPEL_DATA"), _folder("IMPEL_STORE")
    if data and not is_store(data):
        with open_tables(data) as tables:
            return EventStore.prepare(tables, folder)
    prepared = Path(data) if data else folder
    if prepared is None:
        raise SettingError("IMPEL_DATA is not set; set it to the folder, .duckdb file or event store of the data.")
    return EventStore(prepared)


def _snapshot() -> Snapshot | None:
    from features.snapshot import Snapshot  # noqa: PLC0415

    folder = _folder("IMPEL_SNAPSHOT")
    return None if folder is None else Snapshot.open(folder)


def _made() -> str:
    """Return which making of the snapshot lies there now; empty without one."""
    from features.snapshot import MANIFEST  # noqa: PLC0415

    folder = _folder("IMPEL_SNAPSHOT")
    manifest = None if folder is None else folder / MANIFEST
    return "" if manifest is None or not manifest.is_file() else fetch.digest(manifest)


def _model() -> str:
    return os.environ.get("IMPEL_MODEL") or fetch.default_model()


def _log() -> LogStorage | None:
    from serving.log_storage import log_storage  # noqa: PLC0415

    where = os.environ.get("IMPEL_LOG")
    return log_storage(where) if where else None


def _folder(name: str) -> Path | None:
    return Path(os.environ[name]) if os.environ.get(name) else None


def _as_of() -> pd.Timestamp | None:
    from serving.answers import moment  # noqa: PLC0415

    text = os.environ.get("IMPEL_AS_OF")
    return moment(text) if text else None


def _warm_up(answers: Answers) -> None:
    """Answer one of each question, so that no first caller waits: compiling takes longer than an answer may."""
    accounts = answers.snapshot.accounts["account_id"].tolist() or ["nobody"]
    # With all that a brief may say: what it leaves out would be compiled, or read, for the first caller who says it.
    brief = {**openapi.BRIEF, "starts_at": f"{answers.as_of.isoformat()}Z"}
    for candidates, reasons in ((1, True), (100, False)):
        asked = [{"account_id": accounts[place % len(accounts)]} for place in range(candidates)]
        body = json.dumps({"brief": brief, "candidates": asked, "reasons": reasons})
        answers.predict(requests.PredictRequest.model_validate_json(body))
    # The filter by verticals is compiled code that no prediction calls.
    ranking = {"brief": brief, "filters": {"verticals": [brief["vertical"]]}, "limit": 1}
    answers.rank(requests.RankRequest.model_validate_json(json.dumps(ranking)))
    # Goes over all activations the first time.
    answers.campaigns(requests.CampaignsRequest(limit=1))
    explained = {"brief": brief, "candidates": [{"account_id": accounts[0], "fee": 1.0}]}
    answers.explain(requests.ExplainRequest.model_validate_json(json.dumps(explained)))
    answers.score(raw.ScoreRequest.model_validate_json(json.dumps({**openapi.SCORE, "brief": brief, "reasons": True})))
    if accounts[0] in answers.snapshot.row_of:
        answers.account(accounts[0])
