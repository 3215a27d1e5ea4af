"""From features to predictions: the one scorer behind the command line, the service, the registry and notebooks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from features import build
from features.catalogue import digest
from features.errors import BundleError, DataError, nearest
from features.offer import break_even_or_one
from serving.bundle import Bundle
from serving.fetch import locate
from serving.reasons import Reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from features.store import EventStore
    from serving.distribution import ActionDistribution

    FloatArray = NDArray[np.float64]


BASELINES = {
    "followers": "log_followers",
    "engagement_rate": "engagement_rate_median_90d",
    "klout": "klout_score",
    "kred": "kred_influence",
    "peerindex": "peerindex",
}
"""What people look at without a model, and the feature behind it."""


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
            Whether to add the column `reasons`: the strongest of each likelihood as a list of dicts; see
            `Reasons.strongest`.

        Returns
        -------
        DataFrame
            campaign_id, account_id, decided_at, at_least, likelihood, expected_actions, actions_low, actions_high (the
            90 % interval), expected_value (null where value_per_action is unknown), expected_incremental_actions,
            incremental_low, incremental_high (of the actions, those that would not have come anyway; null where no
            holdout has measured the goal, see `incremental`), support, own_record_weight, model_version.
            `own_record_weight` is how much the account's own closed outcomes count in its track record against those of
            the average account, from 0 where there are none towards 1 (empirical Bayes; see the feature
            past_performance_weight).
            `at_least` is the caller's number, else the break-even, else 1.

        Raises
        ------
        DataError
            Where the tables do not fit together or `at_least` is no whole number above 0.
        BundleError
            Where `X` lacks a feature of the model.
        """
        _check(X, pairs, campaigns)
        value = value_per_action(pairs, campaigns)
        at_least = asked_for(numbers(pairs, "at_least"), numbers(pairs, "fee"), value)
        named = {name: pairs[name].to_numpy() for name in ("campaign_id", "account_id", "decided_at")}
        answer = pd.DataFrame(
            {**named, **self.score(X, at_least=at_least, value_per_action=value), "model_version": self.version},
            index=pairs.index,
        )
        if reasons:
            told = self.reasons.strongest(X, at_least)
            answer["reasons"] = pd.Series(told, index=pairs.index, dtype=object)
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
        goal = X["goal"].to_numpy(dtype=object)
        said = said_of(self.bundle, found, goal=goal, at_least=at_least, value_per_action=value_per_action)
        record = {"own_record_weight": numbers(X, "past_performance_weight")}
        return {**said, "support": self.bundle.support(X), **record}

    def incremental(self, goals: Iterable[str]) -> list[str]:
        """Say, for each different goal, what its incremental actions rest on, or why they are not known."""
        return list(dict.fromkeys(self.bundle.spec.incremental.said(goal) for goal in sorted(set(goals))))

    @cached_property
    def reasons(self) -> Reasons:
        """What says why; see `serving.reasons`."""
        return Reasons(self.bundle)


def said_of(
    bundle: Bundle,
    found: ActionDistribution,
    *,
    goal: NDArray[np.object_],
    at_least: FloatArray,
    value_per_action: FloatArray | float,
) -> dict[str, Any]:
    """Return what an answer says of a distribution of n pairs: the columns from `at_least` to `incremental_high`."""
    expected = found.expected()
    low, high = found.interval()
    incremental, incremental_low, incremental_high = bundle.incremental(goal, found)
    return {
        "at_least": at_least,
        "likelihood": found.likelihood(at_least),
        "expected_actions": expected,
        "actions_low": low,
        "actions_high": high,
        "expected_value": expected * value_per_action,
        "expected_incremental_actions": incremental,
        "incremental_low": incremental_low,
        "incremental_high": incremental_high,
    }


def baselines(X: Mapping[str, Any] | pd.DataFrame) -> dict[str, FloatArray]:
    """Return what people look at without a model, as arrays of shape (n,) with NaN where unknown.

    They are followers, engagement_rate (median of 90 days), klout, kred and peerindex.
    """
    found = {name: np.asarray(X[feature], np.float64) for name, feature in BASELINES.items()}
    found["followers"] = np.rint(np.expm1(found["followers"]))
    return found


def asked_for(at_least: FloatArray, fee: FloatArray, value_per_action: FloatArray) -> FloatArray:
    """Return the number of actions asked for of each pair: the caller's, else the break-even, else 1.

    All arrays have shape (n,), with NaN where nothing is given. DataError where a number is no whole one from 1.
    """
    wrong = (at_least < 1) | (at_least > np.floor(at_least)) | (at_least == np.inf)
    if wrong.any():
        raise DataError(
            f"at_least must be a whole number of actions from 1, not {at_least[wrong][0]:g} ({int(wrong.sum())} pairs)."
        )
    return np.where(np.isnan(at_least), break_even_or_one(fee, value_per_action), at_least)


def numbers(pairs: pd.DataFrame, name: str) -> FloatArray:
    """Return a column of pairs or campaigns as float64, NaN where it is not given; DataError where it holds texts."""
    if name not in pairs:
        return np.full(len(pairs), np.nan)
    try:
        return pairs[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"The column {name} of the pairs must hold numbers, got {pairs[name].dtype}.") from None


def value_per_action(pairs: pd.DataFrame, campaigns: pd.DataFrame) -> FloatArray:
    """Return what an action is worth in the campaign of each pair, NaN where unknown; DataError for unknown ones."""
    ids = pd.Index(campaigns["campaign_id"])
    place = ids.get_indexer(pairs["campaign_id"])
    if (place < 0).any():
        lost = str(pairs["campaign_id"].to_numpy()[place < 0][0])
        raise DataError(f"The pairs name the campaign {lost!r}, which is not known.{nearest(lost, map(str, ids))}")
    return numbers(campaigns, "value_per_action")[place]


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
