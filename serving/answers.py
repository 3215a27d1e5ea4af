"""From a request to an answer: accounts looked up, features put together, the predictor asked; no web framework."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pandas as pd

from features import peers
from features.authenticity import evidence
from features.briefs import Briefs
from features.errors import DataError, SettingError
from features.materialize import materialize, materialize_beside
from features.timeline import timeline
from serving.campaigns import Campaigns
from serving.explain import explain
from serving.pairs import TEXTS, Accounts, Pairs
from serving.prediction_log import Answered
from serving.predictor import BASELINES, asked_for, baselines, said_of
from serving.ranking import Cursor, Ranking
from serving.request import REQUEST
from serving.schemas import requests, responses
from serving.unknown import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from features.events import IntArray
    from features.snapshot import Snapshot
    from features.store import EventStore
    from serving.predictor import FloatArray, Predictor
    from serving.raw import ScoreRequest


# The id of the campaign that a request describes; ids of a source's own campaigns are no concern of a request.
_CAMPAIGN = "request"


class Answers:
    """A predictor and the accounts that it knows, at one moment.

    Parameters
    ----------
    predictor : Predictor
    store : EventStore
    as_of : Timestamp, optional
        The moment up to which anything is known; the newest of the data by default.
    snapshot : Snapshot, optional
        Made of the store by `materialize`; without one it is made now, in a temporary folder.

    Attributes
    ----------
    record : callable or None
        Told what was answered to each request, and says whether that is logged; must neither block nor raise.

    Raises
    ------
    DataError
        Where the snapshot does not belong to the store, the moment or the predictor.
    """

    def __init__(
        self,
        predictor: Predictor,
        store: EventStore,
        *,
        as_of: pd.Timestamp | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.predictor = predictor
        self.store = store
        self.record: Callable[[Answered], bool] | None = None
        store.follower_classifier = predictor.bundle.follower_classifier
        if snapshot is None:
            with tempfile.TemporaryDirectory(prefix="impel-snapshot-") as folder:
                # Its files stay mapped when the folder is gone.
                snapshot = materialize(store, Path(folder) / "snapshot", as_of=as_of)
        elif snapshot.contents.store != store.fingerprint:
            raise DataError(
                f"{snapshot.folder} was made of other data; make it anew with: impel materialize DATA --out SNAPSHOT"
            )
        elif as_of is not None and as_of != snapshot.as_of:
            raise DataError(
                f"{snapshot.folder} holds what was known at {snapshot.as_of.isoformat()}Z, not at "
                f"{as_of.isoformat()}Z; leave --as-of out, or materialize it for that moment."
            )
        self.as_of = snapshot.as_of
        self._moment = snapshot.as_of.tz_localize("UTC").to_pydatetime()
        self.snapshot = snapshot
        self.accounts = Accounts(snapshot, predictor.bundle)

    def predict(self, request: requests.PredictRequest) -> responses.PredictResponse:
        """Answer the candidates in their order; those that the data do not know are named instead."""
        row_of = self.snapshot.row_of
        known = [candidate for candidate in request.candidates if candidate.account_id in row_of]
        unknown = [candidate.account_id for candidate in request.candidates if candidate.account_id not in row_of]
        rows = np.array([row_of[candidate.account_id] for candidate in known], np.int64)
        fee = _numbers(candidate.fee for candidate in known)
        pairs = Pairs(self.accounts, _briefs(request.brief), rows, fee)
        scores = self._scores(pairs, request.brief, fee, _numbers(candidate.at_least for candidate in known))
        return responses.PredictResponse.model_validate(
            {
                "model_version": self.predictor.version,
                "features_as_of": self._moment,
                "request_id": self._recorded("predict", request.brief, pairs, fee, scores),
                "incremental": self._incremental(request.brief),
                "predictions": self._predictions(pairs, scores, reasons=request.reasons),
                "unknown_accounts": list(dict.fromkeys(unknown)),
            }
        )

    def explain(self, request: requests.ExplainRequest) -> responses.ExplainResponse:
        """Explain the answers to candidates in their order; those that the data do not know are named instead."""
        known = [candidate for candidate in request.candidates if candidate.account_id in self.snapshot.row_of]
        accounts = {candidate.account_id for candidate in known}
        unknown = [each.account_id for each in request.candidates if each.account_id not in accounts]
        pairs = pd.DataFrame(
            {
                "campaign_id": np.full(len(known), _CAMPAIGN, dtype=object),
                "account_id": np.array([candidate.account_id for candidate in known], dtype=object),
                "decided_at": np.full(len(known), self.as_of.to_datetime64()),
                "fee": _numbers(candidate.fee for candidate in known),
                "at_least": _numbers(candidate.at_least for candidate in known),
            }
        )
        told = explain(self.predictor, self.store, pairs=pairs, campaigns=_campaign(request.brief))
        return responses.ExplainResponse(
            model_version=self.predictor.version,
            features_as_of=self._moment,
            explanations=[responses.Explanation.model_validate(each) for each in told],
            unknown_accounts=list(dict.fromkeys(unknown)),
        )

    def rank(self, request: requests.RankRequest) -> responses.RankResponse:
        """Order all known accounts that keep the filters, and answer a page of them, best first."""
        asked = self._digest(request)
        after = None if request.cursor is None else Cursor.read(request.cursor, asked)
        ranking = Ranking(self.accounts, _briefs(request.brief), request)
        page = ranking.page(after)
        pairs = Pairs(self.accounts, ranking.briefs, page.rows, page.fee)
        scores = self._scores(pairs, request.brief, page.fee, _numbers(request.at_least for _ in page.rows))
        predictions = self._predictions(pairs, scores, reasons=request.reasons)
        for row, fee, account in zip(predictions, page.fee.tolist(), self._summaries(page.rows), strict=True):
            row["fee"], row["account"] = None if fee != fee else fee, account  # noqa: PLR0124
        return responses.RankResponse.model_validate(
            {
                "model_version": self.predictor.version,
                "features_as_of": self._moment,
                "request_id": self._recorded("rank", request.brief, pairs, page.fee, scores),
                "considered": ranking.considered,
                "matching": ranking.matching,
                "incremental": self._incremental(request.brief),
                "predictions": predictions,
                "next_cursor": None if page.last is None else page.last.written(asked),
            }
        )

    def score(self, request: ScoreRequest) -> responses.ScoreResponse:
        """Answer for an influencer whom the data do not know, out of the tables that the request brings."""
        bundle = self.predictor.bundle
        unknown = prepared(request.influencer, missing=self.store.missing)
        unknown.follower_classifier = bundle.follower_classifier
        # What is usual for peers is what the known accounts have made it.
        peers.publish(self.store, np.array([self.snapshot.contents.as_of]))
        unknown.published_peers = self.store.published_peers
        accounts = Accounts(materialize_beside(self.snapshot, unknown), bundle)
        rows = np.array([accounts.snapshot.row_of[candidate.account_id] for candidate in request.asked], np.int64)
        fee = _numbers(candidate.fee for candidate in request.asked)
        pairs = Pairs(accounts, _briefs(request.brief), rows, fee)
        scores = self._scores(pairs, request.brief, fee, _numbers(candidate.at_least for candidate in request.asked))
        return responses.ScoreResponse.model_validate(
            {
                "model_version": self.predictor.version,
                "features_as_of": self._moment,
                "request_id": self._recorded("score", request.brief, pairs, fee, scores),
                "incremental": self._incremental(request.brief),
                "predictions": self._predictions(pairs, scores, reasons=request.reasons),
            }
        )

    def account(self, account_id: str) -> responses.AccountResponse:
        """Say what is known of one account without a brief.

        Raises
        ------
        DataError
            Where the data do not know it.
        """
        found = evidence(self.store, account_id, self.as_of)
        snapshot, row = self.snapshot, self.snapshot.row_of[account_id]
        values = _records({name: snapshot.features[[row], column] for name, column in snapshot.column_of.items()})[0]
        over_time = timeline(self.store, account_id, self.as_of)
        names = ("score", "networks", "reach", "amplification", "network")
        return responses.AccountResponse.model_validate(
            {
                **_records({name: self.accounts.texts(name, np.array([row])) for name in TEXTS})[0],
                "features_as_of": self._moment,
                "followers": values["usual followers"],
                "engagement_rate": values["engagement_rate_median_90d"],
                "klout": {name: values[f"klout_{name}"] for name in names},
                "kred": {name: values[f"kred_{name}"] for name in ("influence", "outreach")},
                "peerindex": {
                    "score": values["peerindex"],
                    **{name: values[f"peerindex_{name}"] for name in ("authority", "activity")},
                },
                "authenticity": {
                    **{name: getattr(found, name) for name in ("fake_share", "low", "high", "summary")},
                    "signals": [asdict(signal) for signal in found.signals],
                },
                "audience": over_time.audience,
                "followers_over_time": _dicts(over_time.followers),
                "posts_over_time": _dicts(over_time.posts),
                "track_record": _dicts(over_time.activations),
            }
        )

    def campaigns(self, request: requests.CampaignsRequest) -> responses.CampaignsResponse:
        """Say which campaigns of the data are known, the newest first."""
        matching, found = self._campaigns.found(request)
        return responses.CampaignsResponse(features_as_of=self._moment, matching=matching, campaigns=found)

    def model(self) -> responses.ModelResponse:
        """Say which model answers, out of which data."""
        return responses.ModelResponse(
            model_version=self.predictor.version,
            features_as_of=self._moment,
            accounts=len(self.snapshot.accounts),
            data_fingerprint=self.store.fingerprint,
            features=len(self.predictor.bundle.features),
            training=self.predictor.bundle.metadata.model_dump(mode="json"),
        )

    @cached_property
    def _campaigns(self) -> Campaigns:
        return Campaigns(self.store, self.as_of)

    def _summaries(self, rows: IntArray) -> list[dict[str, Any]]:
        """Return what tells accounts from others, as `responses.AccountSummary` wants it."""
        snapshot = self.snapshot
        names = ("fake_share", "fake_share_low", "fake_share_high")
        return _records(
            {
                **{name: self.accounts.texts(name, rows) for name in TEXTS if name != "account_id"},
                **{name: snapshot.features[rows, snapshot.column_of[name]] for name in names},
            }
        )

    def _scores(self, pairs: Pairs, brief: requests.Brief, fee: FloatArray, at_least: FloatArray) -> dict[str, Any]:
        """Return what `Predictor.score` says of the pairs."""
        value = _value(brief)
        found = self.predictor.bundle.distribution_of(pairs.matrix())
        asked = asked_for(at_least, fee, value)
        goal = np.full(len(pairs), brief.goal, dtype=object)
        said = said_of(self.predictor.bundle, found, goal=goal, at_least=asked, value_per_action=value)
        (record,) = pairs.numbers(("past_performance_weight",))
        return {**said, "support": pairs.support(), "own_record_weight": record}

    def _recorded(
        self, endpoint: str, brief: requests.Brief, pairs: Pairs, fee: FloatArray, scores: dict[str, Any]
    ) -> str | None:
        """Hand on what is answered to whoever records it; return the name of the answer where it is logged."""
        if self.record is None or not len(pairs):
            return None
        request = REQUEST.get()
        answered = Answered(
            request_id=uuid4().hex if request is None else request.answer_id(),
            endpoint=endpoint,
            answered_at=datetime.now(UTC),
            model_version=self.predictor.version,
            catalogue_digest=self.predictor.bundle.metadata.catalogue_digest,
            decided_at=self._moment,
            brief=brief,
            accounts=pairs.accounts.ids[pairs.rows].tolist(),
            fee=fee,
            scores=scores,
            features=pairs.values,
        )
        return answered.request_id if self.record(answered) else None

    def _predictions(self, pairs: Pairs, scores: dict[str, Any], *, reasons: bool) -> list[dict[str, Any]]:
        """Return the pairs as `responses.Prediction` wants them."""
        counts = {name: scores[name].astype(np.int64) for name in ("at_least", "actions_low", "actions_high")}
        rows = _records({"account_id": pairs.accounts.ids[pairs.rows], **scores, **counts})
        told = self.predictor.reasons.strongest(pairs.frame(), scores["at_least"]) if reasons else [None] * len(rows)
        usual = baselines(dict(zip(BASELINES.values(), pairs.numbers(tuple(BASELINES.values())), strict=True)))
        for row, baseline, reason in zip(rows, _records(usual), told, strict=True):
            row["baselines"], row["reasons"] = baseline, reason
        return rows

    def _incremental(self, brief: requests.Brief) -> str:
        return self.predictor.incremental([brief.goal])[0]

    def _digest(self, request: requests.RankRequest) -> str:
        """Return a hash of what the pages of one ranking have in common: the question, the model, the accounts."""
        question = request.model_dump_json(exclude={"cursor", "limit", "reasons"})
        of = (question, self.predictor.version, self.snapshot.contents.store, str(self.snapshot.contents.as_of))
        return hashlib.sha256("\0".join(of).encode()).hexdigest()[:16]


def _briefs(brief: requests.Brief) -> Briefs:
    """Return a brief as features read it: what was asked for before is remembered."""
    return _read(brief.model_dump_json())


@lru_cache(maxsize=256)
def _read(text: str) -> Briefs:
    brief = requests.Brief.model_validate_json(text)
    given = brief.__dict__
    # No brand is never the brand of a past post, and an empty id is none.
    starts_at = int(brief.starts_at.timestamp()) * 1_000_000 + brief.starts_at.microsecond
    return Briefs.one({**given, "brand_id": brief.brand_id or "", "campaign_id": _CAMPAIGN}, starts_at=starts_at)


def _campaign(brief: requests.Brief) -> pd.DataFrame:
    """Return a brief as one row of the contract's campaigns, with the audience it wants beside it."""
    given = brief.model_dump()
    columns: dict[str, Any] = {name: [given[name]] for name in ("goal", "vertical", "topics", "brief", "audience")}
    for name in ("starts_at", "ends_at"):
        moment = None if given[name] is None else given[name].replace(tzinfo=None)
        columns[name] = np.array([moment], dtype="datetime64[us]")
    for name in ("value_per_action", "budget", "attribution_days"):
        columns[name] = np.array([given[name]], dtype=np.float64)
    # No brand is never the brand of a past post, and an empty id is none.
    return pd.DataFrame({"campaign_id": [_CAMPAIGN], "brand_id": [given["brand_id"] or ""], **columns})


def _value(brief: requests.Brief) -> FloatArray:
    return np.array(np.nan if brief.value_per_action is None else brief.value_per_action)


def _numbers(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _records(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Return arrays as one dict of Python values per row, with None for NaN: JSON has no NaN."""
    # Only NaN differs from itself.
    lists = [[None if value != value else value for value in values.tolist()] for values in columns.values()]  # noqa: PLR0124
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _dicts(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Return named tuples as dicts; moments are UTC."""
    return [
        {
            name: value.tz_localize("UTC").to_pydatetime() if isinstance(value, pd.Timestamp) else value
            for name, value in row._asdict().items()
        }
        for row in rows
    ]


def moment(text: str) -> pd.Timestamp:
    """Read a moment as naive UTC; SettingError where it is none."""
    try:
        found = pd.Timestamp(text)
    except ValueError:
        found = pd.NaT
    if found is pd.NaT:
        raise SettingError(f"{text!r} is no moment; write it as 2026-12-01 or 2026-12-01T08:00:00Z.")
    return (found if found.tz is None else found.tz_convert("UTC").tz_localize(None)).as_unit("us")
