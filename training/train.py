"""Train: from a prepared event store to a bundle on disk and a registered version, with honest figures beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from features import build, catalogue
from features.errors import DataError, without_password
from features.progress import quiet, within
from serving.reference import Reference
from serving.settings import home
from training import metrics, registry
from training.backtest import backtest, first_decision
from training.follower_labels import use_labels
from training.model import ActionModel
from training.policies import MODEL
from training.report import card

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from features.catalogue.entry import Family
    from features.progress import Progress
    from features.store import EventStore
    from training.backtest import Backtest

FOLDS = 3
"""Walk-forward folds whose figures are logged; `impel backtest` looks closer."""
FEWEST = 30
"""Closed activations without which nothing can be learnt."""
_FEATURES, _JUDGING, _LEARNING = 0.3, 0.75, 0.95  # which share of the time is over after each step, about


@dataclass(frozen=True)
class Trained:
    """What `train` made.

    Attributes
    ----------
    folder
        The bundle on disk.
    version
        Its number in the registry.
    activations
        How many closed activations it learnt from.
    lost
        Features that are null for want of a table, by family.
    follower_labels
        Real and fake followers that its follower classifier learnt from; None where there were too few, and it uses
        the one that Impel comes with.
    backtest
        Its walk-forward figures; None where there are too few outcomes for one.
    """

    folder: Path
    version: int
    activations: int
    lost: dict[Family, tuple[str, ...]]
    follower_labels: tuple[int, int] | None
    backtest: Backtest | None

    @property
    def figures(self) -> dict[str, float]:
        """Log loss, Brier score, AUC and calibration error over all walk-forward folds; empty without a backtest."""
        return {} if self.backtest is None else _figures(self.backtest.predictions)

    @property
    def importance(self) -> dict[str, float]:
        """Share of each family of features in what the model goes by, the largest first; empty without a backtest."""
        found = [] if self.backtest is None else self.backtest.metrics["importance"]
        return {one["family"]: one["share"] for one in found}


def train(
    store: EventStore,
    *,
    source: str,
    until: pd.Timestamp | None = None,
    name: str = registry.MODEL,
    tracking: str | None = None,
    model: ActionModel | None = None,
    progress: Progress = quiet,
) -> Trained:
    """Learn from the outcomes that were complete by a moment, judge that walk-forward, save and register the model.

    Where followers are labelled as fake or real, the follower classifier is learnt first, from labels of before the
    same moment; it goes into the bundle, and the store has it from now on. The walk-forward figures are of features
    whose classifier knew only the labels of before the first decision that is tested.

    Parameters
    ----------
    store : EventStore
        Prepared from the source.
    source : str
        Where the data came from, for the record.
    until : Timestamp, optional
        Only outcomes closed and labels observed by then; by default all.
    name, tracking
        Of the registered model, and MLflow's tracking URI.
    model : ActionModel, optional
        Settings; by default its own.
    progress : callable, optional
        Told what is being done, and which share of all is.

    Raises
    ------
    DataError
        Where fewer than 30 activations are closed.
    TrackingError
        Where MLflow cannot be used: the bundle is kept, and the message says where and how to log it later.
    """
    model = model or ActionModel()
    activations = closed(store, until=until)
    if (first := first_decision(activations, folds=FOLDS)) is not None:
        use_labels(store, until=first)
    words = f"features of {len(activations):,} activations"
    X = build(store, activations, progress=lambda share: progress(words, _FEATURES * share))
    judging = store.follower_classifier
    lost = catalogue.without(store.missing)
    judged = _judged(X, activations, model, store.missing, within(progress, _FEATURES, _JUDGING))
    followers = use_labels(store, until=until, progress=progress)
    if store.follower_classifier is not judging:
        X = build(store, activations)
    progress("the model itself", _JUDGING)
    fitted = model.fit(
        X,
        activations["actions"],
        decided_at=activations["decided_at"],
        closed_at=activations["closed_at"],
        posted=activations["posted"],
        incremental_actions=activations["incremental_actions"],
        campaign_id=activations["campaign_id"],
    )
    unseen = None if judged is None else judged.predictions[f"likelihood_{MODEL}"].to_numpy(np.float64)
    bundle = fitted.bundle_.described(
        name=f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{store.fingerprint[:8]}",
        data_fingerprint=store.fingerprint,
        catalogue_digest=catalogue.digest(),
        missing_families=tuple(catalogue.lost_families(store.missing)),
        settings={name: value for name, value in model.get_params().items() if name != "n_threads"},
        followers=followers,
        reference=Reference.learn(X, likelihoods=unseen),
    )
    folder = home() / "bundles" / bundle.metadata.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    bundle.save(folder)
    card.write(
        folder / registry.CARD,
        bundle.metadata,
        source=without_password(source),
        lost=lost,
        goals=activations["goal"].value_counts().to_dict(),
        judged=judged,
    )
    progress("registering", _LEARNING)
    version = registry.log_model(
        folder,
        name=name,
        params=model.get_params(),
        metrics_by_fold=_by_fold(judged),
        metrics_by_slice=_by_slice(judged),
        data=registry.DataWindow(
            source=source,
            fingerprint=store.fingerprint,
            activations=len(activations),
            decided_from=activations["decided_at"].min(),
            decided_until=activations["decided_at"].max(),
        ),
        tracking=tracking,
    )
    return Trained(folder, version, len(activations), lost, bundle.metadata.follower_labels, judged)


def closed(store: EventStore, *, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """Return the activations whose outcome was complete by a moment; those still open are left out, not counted as 0.

    Raises
    ------
    DataError
        Where there are fewer than 30.
    """
    activations = store.activations()
    if until is not None:
        activations = activations[activations["closed_at"] <= until].reset_index(drop=True)
    if len(activations) < FEWEST:
        when = "" if until is None else f" by {until:%Y-%m-%d}"
        raise DataError(
            f"{len(activations)} activations had closed{when}; at least {FEWEST} are needed, some hundreds to say much."
        )
    return activations


def _judged(
    X: pd.DataFrame,
    activations: pd.DataFrame,
    model: ActionModel,
    missing: tuple[str, ...],
    progress: Progress,
) -> Backtest | None:
    try:
        return backtest(
            X,
            activations,
            model=model,
            folds=FOLDS,
            metadata={"families_without": catalogue.lost_families(missing)},
            progress=progress,
        )
    except DataError as error:
        progress(f"no walk-forward figures: {error}")
        return None


def _by_fold(judged: Backtest | None) -> list[dict[str, float]]:
    return [] if judged is None else [_figures(rows) for _, rows in judged.predictions.groupby("fold")]


def _by_slice(judged: Backtest | None) -> dict[str, float]:
    if judged is None:
        return {}
    slices = judged.predictions.groupby("goal")
    return {f"{name}.goal.{goal}": value for goal, rows in slices for name, value in _figures(rows).items()}


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    outcome = rows["outcome"].to_numpy(np.float64)
    likelihood = rows[f"likelihood_{MODEL}"].to_numpy(np.float64)
    figures: dict[str, Any] = {
        registry.LOG_LOSS: metrics.log_losses(outcome, likelihood).mean(),
        "brier": metrics.brier_scores(outcome, likelihood).mean(),
        "auc": metrics.auc(outcome, likelihood),
        registry.CALIBRATION_ERROR: metrics.calibration_error(metrics.reliability(outcome, likelihood, bins=8)),
    }
    return {name: float(value) for name, value in figures.items()}
