"""The walk-forward backtest: what the model would have said before each campaign, and what came of it.

Every fold is a block of campaigns. Its model has learnt from the outcomes that were complete before the block's first
decision; activations decided earlier but still open then are in neither part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from features import catalogue
from features.errors import DataError, SettingError
from features.offer import break_even_or_one
from features.progress import quiet, within
from training.bootstrap import COVERAGE
from training.findings import findings
from training.fold import INTERVAL, Fold
from training.policies import MODEL
from training.splits import walk_forward

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from features.progress import Progress
    from features.store import EventStore
    from training.fold import Accounts, Candidates
    from training.model import ActionModel

    IndexArray = NDArray[np.intp]

COLUMNS = (
    "campaign_id",
    "account_id",
    "decided_at",
    "fee",
    "goal",
    "value_per_action",
    "actions",
    "posted",
    "closed_at",
)
_FEWEST_TRAINING_ROWS = 30
_FOLDS, _FITTING = 0.9, 0.4  # which share of the time folds take, and of that of a fold learning, about
MOST_CANDIDATES = 1_000_000
"""Pairs of campaign and account that are looked at, unless the truth is given: about two minutes' work."""


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Attributes
    ----------
    metrics : dict
        Every figure, ready for JSON but for NaN; `report.write` says what it means.
    predictions : DataFrame
        One row per tested activation: what was known, what every policy said, what came.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame = field(repr=False)

    @property
    def reliability(self) -> pd.DataFrame:
        """Return the model's reliability table: rows, likelihood, observed, low and high per bin."""
        return pd.DataFrame(self.metrics["reliability"][MODEL])


def backtest(
    X: pd.DataFrame,
    activations: pd.DataFrame,
    *,
    model: ActionModel,
    folds: int = 5,
    test_share: float = 0.6,
    at_least: int | None = None,
    truth: Candidates | None = None,
    accounts: Accounts | None = None,
    metadata: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = quiet,
) -> Backtest:
    """Judge a model and the usual rules on campaigns that they had not seen.

    Parameters
    ----------
    X : DataFrame of shape (n, features)
        Point-in-time features, rows as in `activations`. Where labels of followers were learnt from, they are to be
        labels of before `first_decision`, of these activations and settings: `training.follower_labels.use_labels`.
    activations : DataFrame of n rows
        campaign_id, account_id, decided_at, fee, goal, value_per_action, actions, posted, closed_at and, where it was
        logged, propensity (with which probability the account was chosen) and incremental_actions (from a holdout).
    model : ActionModel
        Cloned and fitted anew for every fold.
    folds : int
        Blocks of campaigns; fewer are used where there are few outcomes.
    test_share : float
        Share of the activations, the last ones in time, that is tested; the first model learns from those before.
    at_least : int, optional
        How many actions count as reached; left out, the break-even of each activation, else 1.
    truth : Candidates, optional
        Of simulated data: then all candidates are judged too, not only those who were hired.
    accounts : Accounts, optional
        All that could have been hired (`training.candidates.KnownAccounts`): then it is estimated what others would
        have earned, in as many campaigns as have a million candidates together. Not needed beside `truth`.
    metadata : mapping, optional
        Facts for the report, such as `origin` returns; `families_without` names the feature families that the data
        could not feed.
    seed : int
        Of resamples, ties and the policy that hires by chance.
    progress : callable, optional
        Told each step, and which share of all is done.

    Raises
    ------
    DataError
        Where X and activations do not fit together or are too few to be split by time.
    SettingError
        Where `at_least` is below 1, or given beside `truth`, which knows the break-even only; where `test_share` does
        not lie between 0 and 1.
    """
    _check(X, activations, at_least=at_least, truth=truth)
    X, rows = X.reset_index(drop=True), activations.reset_index(drop=True)
    rows["at_least"] = break_even_or_one(rows["fee"], rows["value_per_action"]) if at_least is None else float(at_least)
    rows["influencer"] = _knowledge(rows)
    rows["outcome"] = (rows["actions"] >= rows["at_least"]).astype(np.float64)
    rows["value"] = rows["actions"] * rows["value_per_action"]
    windows, tested, judged, heads = [], [], [], []
    splits = list(_splits(rows, folds=folds, test_share=test_share))
    for number, (train, test) in enumerate(splits, start=1):
        tell = within(progress, _FOLDS * (number - 1) / len(splits), _FOLDS * number / len(splits))
        tell(f"fold {number} of {len(splits)}: learning from {len(train):,}, testing on {len(test):,}", 0.0)
        window = _window(rows, train, test, number=number)
        fold = Fold.fit(model, rows.iloc[train], X.iloc[train], seed=seed)
        heads.append(fold.model.bundle_.spec.incremental)
        hired = fold.hired(rows.iloc[test], X.iloc[test]).assign(fold=number)
        if truth is not None:
            candidates = fold.candidates(hired, truth, progress=within(tell, _FITTING, 1.0))
            hired = candidates.hired
            judged.append(candidates.everyone)
            window["campaigns_without_truth"] = candidates.too_early
        elif accounts is not None:
            some = _some(hired, MOST_CANDIDATES // len(splits) // max(accounts.size, 1))
            if len(some):
                source = accounts.at(rows.iloc[train], X.iloc[train], _decided(some))
                judged.append(fold.candidates(some, source, progress=within(tell, _FITTING, 1.0)).everyone)
        windows.append(window)
        tested.append(hired)
    if not tested:
        raise DataError(
            f"{len(rows)} activations are too few for a walk-forward backtest: at least {_FEWEST_TRAINING_ROWS} "
            "must have closed before the first campaign that is tested; bring more outcomes"
        )
    progress("measuring", _FOLDS)
    predictions = pd.concat(tested).sort_index()
    settings = {"folds": folds, "at_least": at_least, "seed": seed, "confidence": COVERAGE, "interval": INTERVAL}
    with threadpool_limits(model.n_threads, user_api="blas"):  # as in its `fit`
        found = findings(
            rows,
            X,
            predictions,
            pd.concat(judged, ignore_index=True) if judged else None,
            truth_known=truth is not None,
            splits=splits,
            windows=windows,
            incremental=heads[-1],
            settings=settings,
            metadata=dict(metadata or {}),
        )
    return Backtest(found, predictions.reset_index(drop=True))


def origin(store: EventStore) -> dict[str, Any]:
    """Return the facts about a backtest of a store, made now: what its report says of its origin."""
    return {
        "families_without": catalogue.lost_families(store.missing),
        "data_fingerprint": store.fingerprint,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def first_decision(activations: pd.DataFrame, *, folds: int = 5, test_share: float = 0.6) -> pd.Timestamp | None:
    """Return the first decision that a backtest tests; None where there are too few activations to test any."""
    _, test = next(_splits(activations, folds=folds, test_share=test_share), (None, None))
    return None if test is None else activations["decided_at"].iloc[test].min()


def _splits(activations: pd.DataFrame, *, folds: int, test_share: float) -> Iterator[tuple[IndexArray, IndexArray]]:
    if not 0 < test_share < 1:
        raise SettingError(f"test_share must lie between 0 and 1, got {test_share!r}")
    return walk_forward(
        activations["decided_at"],
        activations["closed_at"],
        folds=folds,
        first_share=1 - test_share,
        groups=activations["campaign_id"],
        min_train=_FEWEST_TRAINING_ROWS,
    )


def _some(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the activations of up to `most` campaigns, spread evenly over time."""
    first = rows.groupby("campaign_id")["decided_at"].min().sort_values(kind="stable")
    names = first.index[np.unique(np.linspace(0, len(first) - 1, min(most, len(first))).astype(np.intp))]
    return rows[rows["campaign_id"].isin(names)]


def _decided(rows: pd.DataFrame) -> pd.DataFrame:
    """Return when the campaigns of activations decided, and what an action was worth to them."""
    return rows.groupby("campaign_id", as_index=False).agg(
        decided_at=("decided_at", "min"), value_per_action=("value_per_action", "first")
    )


def _check(X: pd.DataFrame, activations: pd.DataFrame, *, at_least: int | None, truth: Candidates | None) -> None:
    if len(X) != len(activations):
        raise DataError(f"X has {len(X)} rows, activations {len(activations)}; build the features of these activations")
    lacking = [name for name in COLUMNS if name not in activations.columns]
    if lacking:
        raise DataError(f"activations lack the column {lacking[0]!r}; pass EventStore.activations()")
    if at_least is not None and at_least < 1:
        raise SettingError(f"at_least must be 1 or more actions, got {at_least!r}")
    if at_least is not None and truth is not None:
        raise SettingError(
            f"at_least={at_least!r} cannot be judged against the truth, which knows the break-even only; leave one out"
        )


def _knowledge(activations: pd.DataFrame) -> pd.Series:
    """Return "known" where the account had a complete outcome when it was decided upon, else "new"."""
    first = activations.groupby("account_id")["closed_at"].transform("min")
    return pd.Series(np.where(first <= activations["decided_at"], "known", "new"), index=activations.index)


def _window(rows: pd.DataFrame, train: IndexArray, test: IndexArray, *, number: int) -> dict[str, Any]:
    """Return what a fold was trained and tested on, and how many outcomes were still open."""
    start = rows["decided_at"].iloc[test].min()
    decided = int((rows["decided_at"].iloc[np.setdiff1d(np.arange(len(rows)), test)] < start).sum())
    return {
        "fold": number,
        "train_rows": len(train),
        "train_from": _day(rows["decided_at"].iloc[train].min()),
        "train_until": _day(rows["closed_at"].iloc[train].max()),
        "embargoed": decided - len(train),
        "test_rows": len(test),
        "test_campaigns": int(rows["campaign_id"].iloc[test].nunique()),
        "test_from": _day(start),
        "test_to": _day(rows["decided_at"].iloc[test].max()),
    }


def _day(moment: pd.Timestamp) -> str:
    return str(moment.isoformat(timespec="minutes"))
