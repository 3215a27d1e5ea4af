"""From a request to an answer: candidates looked up, features built, the predictor asked; no web framework in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import build
from features.errors import SettingError
from serving import schemas
from serving.predictor import asked_for, baselines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from features.store import EventStore
    from serving.predictor import FloatArray, Predictor

# The id of the campaign that a request describes; ids of a source's own campaigns are no concern of a request.
_CAMPAIGN = "request"


class Answers:
    """A predictor and the event store it looks at, at one moment.

    Parameters
    ----------
    predictor : Predictor
    store : EventStore
    as_of : Timestamp, optional
        The moment up to which anything is known; the newest of the data by default.
    """

    def __init__(self, predictor: Predictor, store: EventStore, *, as_of: pd.Timestamp | None = None) -> None:
        self.predictor = predictor
        self.store = store
        self.as_of = store.newest if as_of is None else as_of
        self._known = frozenset(store.accounts["account_id"])
        store.follower_classifier = predictor.bundle.follower_classifier
        # Every bucket is read now and stays: threads then only read, and no request waits for a disk.
        store.resident = max(store.resident, store.buckets)
        for number in range(store.buckets):
            store.bucket(number)

    def predict(self, request: schemas.PredictRequest) -> schemas.PredictResponse:
        """Answer the candidates in their order; those that the data do not know are named instead."""
        known = [candidate for candidate in request.candidates if candidate.account_id in self._known]
        unknown = [candidate.account_id for candidate in request.candidates if candidate.account_id not in self._known]
        accounts = [candidate.account_id for candidate in known]
        X, scores = self._score(
            request.brief,
            accounts,
            fee=_numbers(candidate.fee for candidate in known),
            at_least=_numbers(candidate.at_least for candidate in known),
        )
        return schemas.PredictResponse(
            model_version=self.predictor.version,
            features_as_of=self._as_of(),
            incremental=self._incremental(request.brief),
            predictions=self._predictions(accounts, X, scores, reasons=request.reasons),
            unknown_accounts=list(dict.fromkeys(unknown)),
        )

    def rank(self, request: schemas.RankRequest) -> schemas.RankResponse:
        """Score all known accounts that keep the filters, and answer the best of them, best first."""
        filters = request.filters
        accounts = self._filtered(filters)
        fee = _numbers(request.fees.get(account) for account in accounts)
        X, scores = self._score(request.brief, accounts, fee=fee, at_least=_numbers(request.at_least for _ in accounts))
        keep = np.ones(len(accounts), dtype=bool)
        followers = baselines(X)["followers"]
        if filters.min_followers is not None:
            keep &= followers >= filters.min_followers
        if filters.max_followers is not None:
            keep &= followers <= filters.max_followers
        if filters.min_likelihood is not None:
            keep &= scores["likelihood"] >= filters.min_likelihood
        scores["value_per_cost"] = scores["expected_value"] / np.where(fee > 0, fee, np.nan)
        # Equals are ordered by account, so that the same question gets the same answer; NaN comes last.
        order = np.lexsort((np.array(accounts, dtype=object), -scores[request.order_by]))
        best = order[keep[order]][: request.limit]
        return schemas.RankResponse(
            model_version=self.predictor.version,
            features_as_of=self._as_of(),
            considered=len(accounts),
            matching=int(keep.sum()),
            incremental=self._incremental(request.brief),
            predictions=self._predictions(
                [accounts[place] for place in best],
                X.iloc[best],
                {name: values[best] for name, values in scores.items()},
                reasons=request.reasons,
            ),
        )

    def model(self) -> schemas.ModelResponse:
        """Say which model answers, out of which data."""
        return schemas.ModelResponse(
            model_version=self.predictor.version,
            features_as_of=self._as_of(),
            accounts=len(self._known),
            data_fingerprint=self.store.fingerprint,
            features=len(self.predictor.bundle.features),
            training=self.predictor.bundle.metadata.model_dump(mode="json"),
        )

    def _score(
        self, brief: schemas.Brief, accounts: list[str], *, fee: FloatArray, at_least: FloatArray
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the features of the accounts for a brief, and what `Predictor.score` says of them."""
        pairs = pd.DataFrame(
            {
                "campaign_id": np.full(len(accounts), _CAMPAIGN, dtype=object),
                "account_id": np.array(accounts, dtype=object),
                "decided_at": np.full(len(accounts), self.as_of.to_datetime64()),
                "fee": fee,
            }
        )
        X = build(self.store, pairs, campaigns=_campaign(brief))
        value = np.full(len(accounts), np.nan if brief.value_per_action is None else brief.value_per_action)
        asked = asked_for(at_least, fee, value)
        return X, self.predictor.score(X, at_least=asked, value_per_action=value)

    def _filtered(self, filters: schemas.Filters) -> list[str]:
        accounts = self.store.accounts
        keep = ~accounts["account_id"].isin(filters.exclude_accounts)
        for column, wanted in (
            ("platform", filters.platforms),
            ("country", filters.countries),
            ("language", filters.languages),
        ):
            if wanted is not None:
                keep &= accounts[column].isin(wanted)
        return list(accounts["account_id"][keep])

    def _predictions(
        self, accounts: list[str], X: pd.DataFrame, scores: dict[str, Any], *, reasons: bool
    ) -> list[schemas.Prediction]:
        counts = {name: scores[name].astype(np.int64) for name in ("at_least", "actions_low", "actions_high")}
        answered = {name: values for name, values in scores.items() if name in schemas.Prediction.model_fields}
        rows = _records({**answered, **counts})
        told = self.predictor.reasons(X) if reasons else [None] * len(rows)
        return [
            schemas.Prediction.model_validate({"account_id": account, **row, "baselines": baseline, "reasons": reason})
            for account, row, baseline, reason in zip(accounts, rows, _records(baselines(X)), told, strict=True)
        ]

    def _incremental(self, brief: schemas.Brief) -> str:
        return self.predictor.incremental([brief.goal])[0]

    def _as_of(self) -> datetime:
        return self.as_of.tz_localize("UTC").to_pydatetime()


def _campaign(brief: schemas.Brief) -> pd.DataFrame:
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


def _numbers(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _records(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Return arrays as one dict of Python values per row, with None for NaN: JSON has no NaN."""
    lists = [
        [None if isinstance(value, float) and value != value else value for value in values.tolist()]  # noqa: PLR0124
        for values in columns.values()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def moment(text: str) -> pd.Timestamp:
    """Read a moment as naive UTC; SettingError where it is none."""
    try:
        found = pd.Timestamp(text)
    except ValueError:
        found = pd.NaT
    if found is pd.NaT:
        raise SettingError(f"{text!r} is no moment; write it as 2026-12-01 or 2026-12-01T08:00:00Z.")
    return (found if found.tz is None else found.tz_convert("UTC").tz_localize(None)).as_unit("us")
