"""Tune: settings of the model tried walk-forward, then the best compared with the defaults on a part never looked at.

The last activations in time are held out. On what had closed before them Optuna tries settings fold by fold, and gives
up on those that are behind the median of the others (pruning). What it finds is kept in an SQLite file, so that another
run goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from features import build, catalogue
from features.errors import DataError, SettingError
from features.progress import quiet, within
from serving.predictor import asked_for
from serving.settings import home
from training.bootstrap import CampaignBootstrap, difference
from training.follower_labels import use_labels
from training.forecast import threshold_losses
from training.model import ActionModel
from training.splits import walk_forward
from training.train import closed
from training.tuned import Tuned
from training.usual import Usual

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from features.progress import Progress
    from features.store import EventStore
    from training.bootstrap import Estimate
    from training.metrics import FloatArray

    Fold = tuple[NDArray[np.intp], NDArray[np.intp]]

HELD_OUT = 0.2
"""Share of the activations, the last ones, that tuning never sees."""
FOLDS = 3
_FEWEST = 60  # activations to learn from; with fewer, settings are told apart by chance only
_UNPRUNED = 5  # settings that are tried in full before any is given up
_DEFAULT = "default"
_FEATURES, _TRYING = 0.05, 0.95  # which share of the time is over after features, and after trying


@dataclass(frozen=True)
class Part:
    """Activations split by time: the folds that settings are tried on, and the last part, held out."""

    folds: list[Fold]
    held_out: Fold


def split(activations: pd.DataFrame) -> Part:
    """Return the folds of tuning and the held-out part.

    Raises
    ------
    DataError
        Where there are too few activations.
    """
    last = next(iter(_walk(activations, folds=1, first_share=1 - HELD_OUT)), None)
    earlier = [] if last is None else list(_walk(activations.iloc[last[0]], folds=FOLDS, first_share=0.4))
    if last is None or not earlier:
        raise DataError(
            f"{len(activations)} activations are too few to tune on: {_FEWEST} must have closed before the first fold "
            "of those before the last part. The defaults are meant for this: impel train DATA."
        )
    return Part([(last[0][train], last[0][test]) for train, test in earlier], last)


def tune_store(
    store: EventStore,
    *,
    trials: int,
    timeout: float | None = None,
    at_least: int | None = None,
    progress: Progress = quiet,
) -> Tuned:
    """Tune on the activations of an event store; what is tried is kept in IMPEL_HOME, by the fingerprint of the data.

    Labels of fake followers count where they were observed before the first decision that settings are tried on. For
    parameters and errors see `tune`.
    """
    activations = closed(store)
    first = min(activations["decided_at"].iloc[test].min() for _, test in split(activations).folds)
    use_labels(store, until=first, progress=progress)
    X = build(store, activations, progress=lambda share: progress("features", _FEATURES * share))
    # Losses can be compared only where features, model and question are the same.
    asked = "break-even" if at_least is None else f"at least {at_least}"
    return tune(
        X,
        activations,
        storage=home() / "tuning" / f"{store.fingerprint[:16]}.db",
        trials=trials,
        timeout=timeout,
        at_least=at_least,
        name=f"{version('impel')} {catalogue.digest()} {asked}",
        progress=within(progress, _FEATURES, 1.0),
    )


def tune(
    X: pd.DataFrame,
    activations: pd.DataFrame,
    *,
    storage: Path,
    trials: int,
    timeout: float | None = None,
    at_least: int | None = None,
    name: str = "tune",
    seed: int = 0,
    progress: Progress = quiet,
) -> Tuned:
    """Try settings of the model, and compare the best with the defaults.

    Parameters
    ----------
    X : DataFrame of shape (n, features)
        Point-in-time features, rows as in `activations`.
    activations : DataFrame of n rows
        campaign_id, decided_at, closed_at, fee, value_per_action, goal, actions, posted.
    storage : Path
        SQLite file; made where it is missing, gone on with where it is not.
    trials : int
        Settings to try altogether, the defaults and those of earlier runs included.
    timeout : float, optional
        Seconds after which no further settings are tried; the defaults are tried first in any case.
    at_least : int, optional
        Actions asked for; left out, the break-even of each activation, else 1.
    name : str
        Of the study in the file: what has other data, features or questions needs another.
    progress : callable, optional
        Told what is being tried, and which share of all was.

    Raises
    ------
    DataError
        Where there are too few activations.
    SettingError
        Where `trials` or `at_least` is below 1, or the file is none of Optuna's.
    """
    for what, value in (("trials", trials), ("at_least", at_least)):
        if value is not None and value < 1:
            raise SettingError(f"{what} must be 1 or more, got {value!r}.")
    part, rows = split(activations), activations.reset_index(drop=True)
    X = X.reset_index(drop=True)
    given = np.full(len(rows), np.nan if at_least is None else float(at_least))
    asked = asked_for(given, *(rows[name].to_numpy(np.float64) for name in ("fee", "value_per_action")))
    study = _study(storage, name=name, seed=seed)

    def loss(trial: optuna.Trial) -> float:
        settings, found = _suggested(trial), []
        for number, fold in enumerate(part.folds, start=1):
            best = f"; least loss so far {study.best_value:.4f}" if _completed(study) else ""
            tried = len(_completed(study, TrialState.PRUNED))
            share = (tried + (number - 1) / len(part.folds)) / trials
            progress(f"settings {tried + 1} of {trials}, fold {number} of {len(part.folds)}{best}", _TRYING * share)
            found.append(losses(settings, rows, X, fold, asked))
            mean = float(np.concatenate(found).mean())
            trial.report(mean, number)
            if trial.should_prune() and not trial.user_attrs.get(_DEFAULT):
                raise optuna.TrialPruned
        return mean

    if not any(trial.user_attrs.get(_DEFAULT) for trial in _completed(study)):
        study.enqueue_trial(_defaults(), user_attrs={_DEFAULT: True})
        study.optimize(loss, n_trials=1)  # however short the timeout: all else is compared with them
    left = trials - len(_completed(study, TrialState.PRUNED))
    if left > 0:
        study.optimize(loss, n_trials=left, timeout=timeout)
    progress("the best and the defaults on the part held out", _TRYING)
    default = next(trial for trial in _completed(study) if trial.user_attrs.get(_DEFAULT))
    settings = {} if study.best_trial.user_attrs.get(_DEFAULT) else dict(study.best_params)
    of_default = losses({}, rows, X, part.held_out, asked)
    of_best = losses(settings, rows, X, part.held_out, asked) if settings else of_default
    boot = CampaignBootstrap(pd.factorize(rows["campaign_id"].iloc[part.held_out[1]])[0].astype(np.int64), seed=seed)
    return Tuned(
        settings=settings,
        tried=len(_completed(study, TrialState.PRUNED)),
        pruned=len(_completed(study, TrialState.PRUNED)) - len(_completed(study)),
        tuning_loss={"default": float(default.value or np.nan), "best": study.best_value},
        activations=len(part.held_out[1]),
        campaigns=boot.campaigns,
        loss=_compared(boot, of_default.mean(axis=1), of_best.mean(axis=1)),
        log_loss=_compared(boot, of_default[:, 0], of_best[:, 0]),
    )


def losses(
    settings: dict[str, Any], rows: pd.DataFrame, X: pd.DataFrame, fold: Fold, at_least: FloatArray
) -> FloatArray:
    """Return the log losses of a fold's test rows (m, 5): at what was asked for, and at what is usual for the goal.

    The other thresholds are what 75, 50, 25 and 10 % of the training activations of the goal had reached.
    """
    train, test = fold
    known, tested = rows.iloc[train], rows.iloc[test]
    model = ActionModel(**settings).fit(
        X.iloc[train],
        known["actions"],
        decided_at=known["decided_at"],
        closed_at=known["closed_at"],
        posted=known["posted"],
    )
    usual, said = Usual.of(known["goal"], known["actions"]), model.bundle_.distribution(X.iloc[test])
    actions = tested["actions"].to_numpy(dtype=np.float64)
    return threshold_losses(said, actions, [at_least[test], *usual.thresholds(tested["goal"])])


def _suggested(trial: optuna.Trial) -> dict[str, Any]:
    """Return the settings of a trial; the number of trees is chosen walk-forward anyway."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "leaves": trial.suggest_int("leaves", 3, 32, log=True),
        "min_rows": trial.suggest_int("min_rows", 5, 100, log=True),
        "feature_share": trial.suggest_float("feature_share", 0.2, 1.0),
        "shrinkage": trial.suggest_float("shrinkage", 0.25, 4.0, log=True),
        "recency": trial.suggest_float("recency", 0.3, 1.0),
    }


def _defaults() -> dict[str, Any]:
    names = ("learning_rate", "leaves", "min_rows", "feature_share", "shrinkage", "recency")
    return {name: value for name, value in ActionModel().get_params().items() if name in names}


def _study(storage: Path, *, name: str, seed: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=f"sqlite:///{storage}",
            study_name=name,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED),
            load_if_exists=True,
        )
        # A run that goes on must not draw what the first one drew.
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    except Exception as error:  # noqa: BLE001 - whatever SQLite, SQLAlchemy and Optuna have to say of a file
        reason = str(error).strip().splitlines()[0]
        raise SettingError(f"{storage} cannot be used ({reason}); remove it to start anew.") from None
    return study


def _completed(study: optuna.Study, *more: TrialState) -> list[Any]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, *more))


def _compared(boot: CampaignBootstrap, default: FloatArray, best: FloatArray) -> dict[str, Estimate]:
    one, other = boot.mean(default), boot.mean(best)
    return {"default": one, "best": other, "ahead": difference(one, other)}


def _walk(activations: pd.DataFrame, *, folds: int, first_share: float) -> list[Fold]:
    return list(
        walk_forward(
            activations["decided_at"],
            activations["closed_at"],
            folds=folds,
            first_share=first_share,
            groups=activations["campaign_id"],
            min_train=_FEWEST,
        )
    )
