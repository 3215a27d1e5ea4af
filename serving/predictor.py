"""From features to predictions: the one scorer behind the command line, the service, the registry and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from features import build
from features.catalogue import FEATURES, digest
from features.errors import BundleError, DataError, nearest
from features.offer import break_even
from serving.bundle import Bundle
from serving.fetch import locate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from features.store import EventStore

    FloatArray = NDArray[np.float64]

REASONS = 5
"""How many reasons are given for one prediction."""


class Predictor:
    """A bundle that answers pairs of campaign and account.

    Parameters
    ----------
    bundle : Bundle
    version : str
        What answers call the model: `impel/3` out of a registry, else the bundle's name.
    """

    def __init__(self, bundle: Bundle, *, version: str) -> None:
        self.bundle = bundle
        self.version = version

    @classmethod
    def load(cls, uri: str | Path, *, tracking_uri: str | None = None) -> Self:
        """Load a bundle folder, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

        Raises
        ------
        BundleError
            Where the bundle is missing, damaged, does not reproduce its own examples, or was trained on features that
            have another definition now.
        TrackingError
            Where the registry cannot be reached or lacks the model.
        """
        found = locate(uri, tracking=tracking_uri)
        bundle = Bundle.load(found.folder)
        if bundle.metadata.catalogue_digest not in {"", digest()}:
            raise BundleError(
                f"{uri} was trained on features that this version of Impel computes otherwise; train it anew."
            )
        return cls(bundle, version=found.version or bundle.metadata.name or found.folder.name)

    def features(
        self,
        store: EventStore,
        pairs: pd.DataFrame,
        *,
        campaigns: pd.DataFrame | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> pd.DataFrame:
        """Build the features of pairs as the model has learnt from them: see `features.build`.

        From now on the store has the model's follower classifier.
        """
        store.follower_classifier = self.bundle.follower_classifier
        return build(store, pairs, campaigns=campaigns, progress=progress)

    def predict(
        self, X: pd.DataFrame, *, pairs: pd.DataFrame, campaigns: pd.DataFrame, reasons: bool = False
    ) -> pd.DataFrame:
        """Return one row per pair, in the order and with the index of `pairs`.

        Parameters
        ----------
        X : DataFrame of n rows
            Features of the pairs, row by row, as `features` gives them.
        pairs : DataFrame of n rows
            campaign_id, account_id, decided_at; optionally fee and at_least, null where not given.
        campaigns : DataFrame
            campaign_id and value_per_action of at least the campaigns in `pairs`.
        reasons : bool
            Whether to add the column `reasons`: the strongest contributions as a list of dicts.

        Returns
        -------
        DataFrame
            campaign_id, account_id, decided_at, at_least, likelihood, expected_actions, actions_low, actions_high (the
            90 % interval), expected_value (null where value_per_action is unknown), support, own_record_weight,
            model_version. `own_record_weight` is how much the account's own closed outcomes count in its track record
            against those of the average account, from 0 where there are none towards 1 (empirical Bayes; see the
            feature past_performance_weight).
            `at_least` is the caller's number, else the break-even, else 1.

        Raises
        ------
        DataError
            Where the tables do not fit together or `at_least` is no whole number above 0.
        BundleError
            Where `X` lacks a feature of the model.
        """
        _check(X, pairs, campaigns)
        value = _value_per_action(pairs, campaigns)
        at_least = asked_for(_numbers(pairs, "at_least"), _numbers(pairs, "fee"), value)
        named = {name: pairs[name].to_numpy() for name in ("campaign_id", "account_id", "decided_at")}
        answer = pd.DataFrame(
            {**named, **self.score(X, at_least=at_least, value_per_action=value), "model_version": self.version},
            index=pairs.index,
        )
        if reasons:
            answer["reasons"] = pd.Series(self.reasons(X), index=pairs.index, dtype=object)
        return answer

    def score(self, X: pd.DataFrame, *, at_least: FloatArray, value_per_action: FloatArray) -> dict[str, Any]:
        """Return what `predict` computes as arrays of shape (n,): its columns from `at_least` to `own_record_weight`.

        Parameters
        ----------
        X : DataFrame of n rows
            Features.
        at_least, value_per_action : arrays of shape (n,)
            Number of actions asked for; value of one, NaN where unknown.
        """
        found = self.bundle.distribution(X)
        expected = found.expected()
        low, high = found.interval()
        return {
            "at_least": at_least,
            "likelihood": found.likelihood(at_least),
            "expected_actions": expected,
            "actions_low": low,
            "actions_high": high,
            "expected_value": expected * value_per_action,
            "support": self.bundle.support(X),
            "own_record_weight": _numbers(X, "past_performance_weight"),
        }

    def reasons(self, X: pd.DataFrame, *, most: int = REASONS) -> list[list[dict[str, Any]]]:
        """Return per row the features that move the expectation most, strongest first.

        Each is a dict of feature, meaning, unit, value (None where unknown), contribution (on the natural logarithm of
        the expected actions, given that the activation is posted) and direction ("raises" or "lowers").
        """
        if X.empty:
            return []
        parts = self.bundle.contributions(X).drop(columns="baseline")
        matrix = parts.to_numpy()
        strongest = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :most]
        columns = [X[name].to_numpy(dtype=object) for name in parts.columns]
        return [
            [
                {
                    "feature": (name := str(parts.columns[column])),
                    "meaning": FEATURES[name].meaning if name in FEATURES else name,
                    "unit": FEATURES[name].unit if name in FEATURES else "",
                    "value": None if pd.isna(columns[column][row]) else columns[column][row],
                    "contribution": float(matrix[row, column]),
                    "direction": "raises" if matrix[row, column] > 0 else "lowers",
                }
                for column in order
                if matrix[row, column] != 0
            ]
            for row, order in enumerate(strongest)
        ]


def baselines(X: pd.DataFrame) -> dict[str, FloatArray]:
    """Return what people look at without a model, as arrays of shape (n,) with NaN where unknown.

    They are followers, engagement_rate (median of 90 days), klout, kred and peerindex.
    """
    return {
        "followers": np.round(np.expm1(X["log_followers"].to_numpy(np.float64))),
        "engagement_rate": X["engagement_rate_median_90d"].to_numpy(np.float64),
        "klout": X["klout_score"].to_numpy(np.float64),
        "kred": X["kred_influence"].to_numpy(np.float64),
        "peerindex": X["peerindex"].to_numpy(np.float64),
    }


def asked_for(at_least: FloatArray, fee: FloatArray, value_per_action: FloatArray) -> FloatArray:
    """Return the number of actions asked for of each pair: the caller's, else the break-even, else 1.

    All arrays have shape (n,), with NaN where nothing is given. DataError where a number is no whole one from 1.
    """
    wrong = ~np.isnan(at_least) & ((at_least < 1) | (at_least != np.floor(at_least)) | np.isinf(at_least))
    if wrong.any():
        raise DataError(
            f"at_least must be a whole number of actions from 1, not {at_least[wrong][0]:g} ({int(wrong.sum())} pairs)."
        )
    even = break_even(fee, value_per_action)
    return np.where(~np.isnan(at_least), at_least, np.where(~np.isnan(even), even, 1.0))


def _numbers(pairs: pd.DataFrame, name: str) -> FloatArray:
    if name not in pairs:
        return np.full(len(pairs), np.nan)
    try:
        return pairs[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"The column {name} of the pairs must hold numbers, got {pairs[name].dtype}.") from None


def _value_per_action(pairs: pd.DataFrame, campaigns: pd.DataFrame) -> FloatArray:
    ids = pd.Index(campaigns["campaign_id"])
    place = ids.get_indexer(pairs["campaign_id"])
    if (place < 0).any():
        lost = str(pairs["campaign_id"].to_numpy()[place < 0][0])
        raise DataError(f"The pairs name the campaign {lost!r}, which is not known.{nearest(lost, map(str, ids))}")
    return _numbers(campaigns, "value_per_action")[place]


def _check(X: pd.DataFrame, pairs: pd.DataFrame, campaigns: pd.DataFrame) -> None:
    if len(X) != len(pairs):
        raise DataError(f"There are {len(X)} rows of features for {len(pairs)} pairs; give one row for each pair.")
    for name, frame, needed in (
        ("pairs", pairs, ("campaign_id", "account_id", "decided_at")),
        ("campaigns", campaigns, ("campaign_id",)),
    ):
        for column in needed:
            if column not in frame:
                hint = nearest(column, map(str, frame.columns))
                raise DataError(f"The {name} lack the column {column!r}.{hint}")
    repeated = campaigns["campaign_id"][campaigns["campaign_id"].duplicated()]
    if len(repeated):
        raise DataError(f"The campaign {repeated.iloc[0]!r} is listed twice; every campaign_id must be unique.")
