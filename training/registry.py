"""MLflow: training runs, registered versions, and which of them is champion.

What a run has to say is written down beside the bundle (`training.json`) before MLflow is asked, so that nothing is
lost when the tracking server is away: `log_bundle` says it later.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

import serving
from features.errors import BundleError, SettingError, TrackingError, nearest, without_password
from serving.bundle import Bundle
from serving.fetch import DIGEST, digest
from serving.predictor import Predictor
from serving.settings import mlflow_at, sqlite_file, tracking_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODEL = "impel"
LOG_LOSS = "log_loss"
CALIBRATION_ERROR = "calibration_error"
TOLERANCE = 0.002
"""By how much a challenger's log loss on the last fold may exceed the champion's: less is noise."""
MAX_CALIBRATION_ERROR = 0.05
"""What the calibration error on the last fold may be at most."""

CARD = "model_card.html"
"""The page about a model, beside its bundle and in its run."""

_RECORD = "training.json"
_PACKAGES = ("duckdb", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "pydantic", "scipy")


class DataWindow(BaseModel):
    """Which data a model learnt from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, AfterValidator(without_password)]
    fingerprint: str
    activations: int
    decided_from: datetime
    decided_until: datetime


class Record(BaseModel):
    """Everything that MLflow is told of a training run; `training.json` beside the bundle.

    Attributes
    ----------
    model : str
        Name of the registered model.
    params : dict
        Settings of the training.
    folds : list of dict
        Metrics of each walk-forward fold, the oldest first; the gate reads `log_loss` and `calibration_error` of the
        last.
    slices : dict
        Metrics of slices of the data, such as `auc.goal.sale`.
    data : DataWindow
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, pattern=r"^[^/@:]+$")
    params: dict[str, str | int | float | bool | None]
    folds: list[dict[str, float]]
    slices: dict[str, float]
    data: DataWindow


@dataclass(frozen=True)
class Version:
    """One registered version: its number, what it is called now, and its metrics on the last walk-forward fold."""

    version: int
    aliases: tuple[str, ...]
    created: datetime
    bundle: str
    metrics: dict[str, float]


def log_model(
    folder: Path,
    *,
    name: str = MODEL,
    params: Mapping[str, Any],
    metrics_by_fold: Sequence[Mapping[str, float]],
    metrics_by_slice: Mapping[str, float],
    data: DataWindow,
    tracking: str | None = None,
) -> int:
    """Write down what a training run found beside its bundle, log both to MLflow, and register a version.

    Parameters
    ----------
    folder : Path
        The saved bundle.
    name : str
        Name of the registered model.
    params, metrics_by_fold, metrics_by_slice, data
        See `Record`; metrics that are NaN (not to be had) are left out.
    tracking : str, optional
        The MLflow tracking URI; see `serving.settings.tracking_uri`.

    Returns
    -------
    int
        The version; the first of a model becomes its champion, each later one the challenger.

    Raises
    ------
    TrackingError
        Where MLflow cannot be reached; bundle and record are kept, and the message says how to log them later.
    """
    record = Record(
        model=name,
        params={key: value if isinstance(value, str | int | float) else str(value) for key, value in params.items()},
        folds=[_finite(metrics) for metrics in metrics_by_fold],
        slices=_finite(metrics_by_slice),
        data=data,
    )
    (folder / _RECORD).write_text(record.model_dump_json(indent=1) + "\n")
    return log_bundle(folder, tracking=tracking)


def log_bundle(folder: Path, *, tracking: str | None = None) -> int:
    """Log a bundle and its record to MLflow and register a version; see `log_model`.

    Raises
    ------
    BundleError
        Where the bundle or its record is damaged, or MLflow's copy does not answer as the bundle does.
    TrackingError
        Where MLflow cannot be reached.
    """
    uri = tracking_uri(tracking)
    bundle, record = Bundle.load(folder), _read_record(folder)
    try:
        with mlflow_at(uri, create=True) as mlflow:
            return _log(mlflow, folder, bundle, record, uri)
    except TrackingError as error:
        raise TrackingError(
            f"The model is trained and lies in {folder}, but {error} Log it later with:"
            f" impel log {folder} --tracking-uri {without_password(uri)}"
        ) from error


def models(*, name: str = MODEL, tracking: str | None = None) -> list[Version]:
    """Return all versions of a model, the newest first.

    Raises
    ------
    TrackingError
        Where the registry cannot be reached or has no such model.
    """
    uri = tracking_uri(tracking)
    with mlflow_at(uri) as mlflow:
        client = mlflow.MlflowClient()
        found = client.search_model_versions(f"name='{name}'")
        if not found:
            known = [model.name for model in client.search_registered_models()]
            raise TrackingError(f"There is no model {name!r} in {without_password(uri)}.{nearest(name, known)}")
        aliases = client.get_registered_model(name).aliases
        versions = [
            Version(
                version=int(each.version),
                aliases=tuple(sorted(alias for alias, version in aliases.items() if int(version) == int(each.version))),
                created=datetime.fromtimestamp(each.creation_timestamp / 1000, UTC),
                bundle=each.tags.get("bundle", ""),
                metrics=json.loads(each.tags.get("last_fold", "{}")),
            )
            for each in found
        ]
    return sorted(versions, key=lambda each: -each.version)


def promote(version: int, *, name: str = MODEL, tracking: str | None = None) -> Version:
    """Make a version champion, if it passes the gate.

    The gate: its bundle loads and reproduces its own examples; on its last fold it is calibrated (error at most
    `MAX_CALIBRATION_ERROR`) and its log loss is not worse than the champion's on its own last fold (`TOLERANCE`).

    Raises
    ------
    SettingError
        Where the gate refuses, with all its reasons, or there is no such version.
    TrackingError
        Where the registry cannot be reached.
    """
    uri = tracking_uri(tracking)
    known = {each.version: each for each in models(name=name, tracking=uri)}
    if version not in known:
        raise SettingError(f"Model {name!r} has no version {version}; it has {', '.join(map(str, sorted(known)))}.")
    candidate = known[version]
    if "champion" in candidate.aliases:
        return candidate
    champion = next((each for each in known.values() if "champion" in each.aliases), None)
    reasons = [*_unhealthy(f"models:/{name}/{version}", uri), *_worse(candidate, champion)]
    if reasons:
        raise SettingError(f"Version {version} is not promoted: {'; '.join(reasons)}.")
    with mlflow_at(uri) as mlflow:
        client = mlflow.MlflowClient()
        client.set_registered_model_alias(name, "champion", str(version))
        if "challenger" in candidate.aliases:
            client.delete_registered_model_alias(name, "challenger")
    return replace(candidate, aliases=("champion",))


def _worse(candidate: Version, champion: Version | None) -> list[str]:
    """Return why the metrics speak against a version."""
    reasons = []
    error, loss = candidate.metrics.get(CALIBRATION_ERROR), candidate.metrics.get(LOG_LOSS)
    if error is None:
        reasons.append("it has no calibration error on a last fold")
    elif error > MAX_CALIBRATION_ERROR:
        reasons.append(f"its calibration error on the last fold is {error:.4f}, more than {MAX_CALIBRATION_ERROR}")
    if loss is None:
        reasons.append("it has no log loss on a last fold")
    elif champion is not None and loss > (theirs := champion.metrics.get(LOG_LOSS, math.inf)) + TOLERANCE:
        reasons.append(
            f"its log loss on the last fold is {loss:.4f}, the champion's (version {champion.version}) {theirs:.4f}"
        )
    return reasons


def _unhealthy(uri: str, tracking: str) -> list[str]:
    """Return why a version's bundle cannot be served."""
    try:
        Predictor.load(uri, tracking_uri=tracking)
    except BundleError as error:
        return [f"its bundle does not load ({error})"]
    return []


def _log(mlflow: Any, folder: Path, bundle: Bundle, record: Record, uri: str) -> int:
    client = mlflow.MlflowClient()
    tags = {"bundle": bundle.metadata.name or folder.name}
    experiment = client.get_experiment_by_name(record.model)
    identity = (
        experiment.experiment_id
        if experiment
        else client.create_experiment(record.model, artifact_location=_artifacts(uri))
    )
    with mlflow.start_run(experiment_id=identity, run_name=tags["bundle"], tags=tags) as run:
        client.log_batch(run.info.run_id, metrics=_metrics(mlflow, record), params=_params(mlflow, record))
        client.log_inputs(run.info.run_id, datasets=[_dataset(mlflow, record.data)])
        mlflow.log_artifact(str(folder / _RECORD))
        if (folder / CARD).is_file():
            mlflow.log_artifact(str(folder / CARD))
        model = _log_pyfunc(mlflow, folder, bundle)
    if not client.search_registered_models(f"name='{record.model}'"):
        client.create_registered_model(record.model)
    tags[DIGEST] = digest(folder)
    # A run keeps the last value of each metric, whichever fold that is of; the gate wants those of the last fold.
    tags["last_fold"] = json.dumps(record.folds[-1] if record.folds else {})
    registered = client.create_model_version(
        record.model, model.model_uri, run_id=run.info.run_id, model_id=model.model_id, tags=tags
    )
    first = "champion" not in client.get_registered_model(record.model).aliases
    client.set_registered_model_alias(record.model, "champion" if first else "challenger", registered.version)
    return int(registered.version)


def _log_pyfunc(mlflow: Any, folder: Path, bundle: Bundle) -> Any:
    """Log the bundle as a model from code, and make sure that MLflow's copy answers as the bundle does."""
    example = bundle.examples[list(bundle.features)].reset_index(drop=True)
    model = mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(serving.__file__).with_name("pyfunc.py")),
        artifacts={"bundle": str(folder)},
        pip_requirements=[f"{package}=={installed(package)}" for package in _PACKAGES],
        signature=_signature(mlflow, bundle),
        input_example=example,
        metadata={"package": f"impel=={installed('impel')}"},
    )
    if model.signature is None:
        raise BundleError(f"MLflow logged {folder} without its signature; see that the bundle names all its features.")
    answer = mlflow.pyfunc.load_model(model.model_uri).predict(example)
    pairs = pd.DataFrame({"campaign_id": range(len(example)), "account_id": None, "decided_at": pd.NaT})
    expected = Predictor(bundle, version="").predict(example, pairs=pairs, campaigns=pairs[["campaign_id"]])
    numbers = ["likelihood", "expected_actions", "actions_low", "actions_high"]
    if not answer[numbers].equals(expected[numbers]):
        raise BundleError(f"MLflow's copy of {folder} does not answer as the bundle does; it is not registered.")
    return model


def _signature(mlflow: Any, bundle: Bundle) -> Any:
    """Return the columns of the feature table, what may be added to them, and the answer."""
    column = mlflow.types.ColSpec
    text = bundle.spec.encoding.categories
    features = [column("string" if name in text else "double", name) for name in bundle.features]
    added = {"campaign_id": "string", "account_id": "string", "decided_at": "datetime"}
    added |= dict.fromkeys(("fee", "value_per_action", "at_least"), "double")
    inputs = features + [column(kind, name, required=False) for name, kind in added.items()]
    answered = {"campaign_id": "string", "account_id": "string", "decided_at": "datetime", "at_least": "double"}
    answered |= dict.fromkeys(("likelihood", "expected_actions", "actions_low", "actions_high"), "double")
    answered |= {
        "expected_value": "double",
        "support": "string",
        "own_record_weight": "double",
        "model_version": "string",
    }
    outputs = [column(kind, name) for name, kind in answered.items()]
    return mlflow.models.ModelSignature(mlflow.types.Schema(inputs), mlflow.types.Schema(outputs))


def _metrics(mlflow: Any, record: Record) -> list[Any]:
    now = int(datetime.now(UTC).timestamp() * 1000)
    steps = [*enumerate(record.folds), (0, record.slices)]
    return [
        mlflow.entities.Metric(_named(name), value, now, step) for step, found in steps for name, value in found.items()
    ]


def _params(mlflow: Any, record: Record) -> list[Any]:
    return [mlflow.entities.Param(_named(name), str(value)) for name, value in record.params.items()]


def _dataset(mlflow: Any, data: DataWindow) -> Any:
    """Return what MLflow keeps of the data: its origin, its fingerprint and the time that it covers."""
    tags = {
        "mlflow.data.context": "training",
        "decided_from": data.decided_from.isoformat(),
        "decided_until": data.decided_until.isoformat(),
        "activations": str(data.activations),
    }
    dataset = mlflow.entities.Dataset(
        name=Path(urlsplit(data.source).path).name or "data",
        digest=data.fingerprint[:36],  # the most that MLflow takes
        source_type="impel",
        source=json.dumps({"source": data.source, "fingerprint": data.fingerprint}),
    )
    return mlflow.entities.DatasetInput(dataset, [mlflow.entities.InputTag(*tag) for tag in tags.items()])


def _artifacts(uri: str) -> str | None:
    """Return where artifacts go: beside an SQLite file; a server decides for itself."""
    file = sqlite_file(uri)
    return None if file is None else (file.parent / "artifacts").as_uri()


def _named(name: str) -> str:
    """Return a name as MLflow allows it."""
    return re.sub(r"[^\w./ -]", "_", name)


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def _read_record(folder: Path) -> Record:
    path = folder / _RECORD
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError:
        raise BundleError(f"{path} is missing: without it nothing is known of the training; train again.") from None
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BundleError(f"{path} is damaged: {place}: {error.errors()[0]['msg']}.") from None
