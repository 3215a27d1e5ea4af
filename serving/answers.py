"""From a request to an answer: candidates looked up, features built, the predictor asked; no web framework in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features import build
from features.errors import SettingError
from serving import schemas
from serving.predictor import baselines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.store import EventStore
    from serving.predictor import Predictor

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
        # Every bucket is read now and stays: threads then only read, and no request waits for a disk.
        store.resident = max(store.resident, store.buckets)
        for number in range(store.buckets):
            store.bucket(number)

    def predict(self, request: schemas.PredictRequest) -> schemas.PredictResponse:
        """Answer the candidates in their order; those that the data do not know are named instead."""
        known = [candidate for candidate in request.candidates if candidate.account_id in self._known]
        pairs = self._pairs(
            [candidate.account_id for candidate in known],
            fee=[candidate.fee for candidate in known],
            at_least=[candidate.at_least for candidate in known],
        )
        unknown = [candidate.account_id for candidate in request.candidates if candidate.account_id not in self._known]
        return schemas.PredictResponse(
            model_version=self.predictor.version,
            features_as_of=self._as_of(),
            predictions=self._predictions(*self._answer(request.brief, pairs, reasons=request.reasons)),
            unknown_accounts=list(dict.fromkeys(unknown)),
        )

    def rank(self, request: schemas.RankRequest) -> schemas.RankResponse:
        """Score all known accounts that keep the filters, and answer the best of them, best first."""
        accounts = self._filtered(request.filters)
        pairs = self._pairs(
            accounts,
            fee=[request.fees.get(account) for account in accounts],
            at_least=[request.at_least] * len(accounts),
        )
        X, answer = self._answer(request.brief, pairs)
        keep = np.ones(len(answer), dtype=bool)
        followers = baselines(X)["followers"]
        if request.filters.min_followers is not None:
            keep &= (followers >= request.filters.min_followers).to_numpy()
        if request.filters.max_followers is not None:
            keep &= (followers <= request.filters.max_followers).to_numpy()
        if request.filters.min_likelihood is not None:
            keep &= (answer["likelihood"] >= request.filters.min_likelihood).to_numpy()
        order = answer.assign(value_per_cost=answer["expected_value"] / pairs["fee"].where(pairs["fee"] > 0))
        # Equals are ordered by account, so that the same question gets the same answer.
        best = order[keep].sort_values([request.order_by, "account_id"], ascending=[False, True]).index[: request.limit]
        shown, X = answer.loc[best], X.loc[best]
        if request.reasons:
            shown = shown.assign(reasons=pd.Series(self.predictor.reasons(X), index=best, dtype=object))
        return schemas.RankResponse(
            model_version=self.predictor.version,
            features_as_of=self._as_of(),
            considered=len(answer),
            matching=int(keep.sum()),
            predictions=self._predictions(X, shown),
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

    def _answer(
        self, brief: schemas.Brief, pairs: pd.DataFrame, *, reasons: bool = False
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        campaigns = _campaign(brief)
        X = build(self.store, pairs, campaigns=campaigns)
        return X, self.predictor.predict(X, pairs=pairs, campaigns=campaigns, reasons=reasons)

    def _pairs(
        self, accounts: Sequence[str], *, fee: Sequence[float | None], at_least: Sequence[int | None]
    ) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "campaign_id": pd.Series(_CAMPAIGN, index=range(len(accounts)), dtype="str"),
                "account_id": pd.Series(accounts, dtype="str"),
                "decided_at": pd.Series(self.as_of, index=range(len(accounts)), dtype="datetime64[us]"),
                "fee": np.array(fee, dtype=np.float64),
                "at_least": np.array(at_least, dtype=np.float64),
            }
        )

    def _filtered(self, filters: schemas.Filters) -> list[str]:
        accounts = self.store.accounts
        keep = ~accounts["account_id"].isin(filters.exclude_accounts)
        for column, wanted in (
            ("platform", filters.platforms),
            ("country", filters.countries),
            ("language", filters.languages),
        ):
            if wanted is None:
                continue
            keep &= accounts[column].isin(wanted)
        return list(accounts["account_id"][keep])

    def _predictions(self, X: pd.DataFrame, answer: pd.DataFrame) -> list[schemas.Prediction]:
        shown = answer.drop(columns=["campaign_id", "decided_at", "model_version"]).astype(
            {"at_least": np.int64, "actions_low": np.int64, "actions_high": np.int64}
        )
        return [
            schemas.Prediction.model_validate({**row, "baselines": baseline})
            for row, baseline in zip(_records(shown), _records(baselines(X)), strict=True)
        ]

    def _as_of(self) -> Any:
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


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dicts of Python values, with None for NaN: JSON has no NaN."""
    columns = {
        name: [None if isinstance(value, float) and np.isnan(value) else value for value in frame[name].tolist()]
        for name in frame.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def moment(text: str) -> pd.Timestamp:
    """Read a moment as naive UTC; SettingError where it is none."""
    try:
        found = pd.Timestamp(text)
    except ValueError:
        found = pd.NaT
    if found is pd.NaT:
        raise SettingError(f"{text!r} is no moment; write it as 2026-12-01 or 2026-12-01T08:00:00Z.")
    return (found if found.tz is None else found.tz_convert("UTC").tz_localize(None)).as_unit("us")
