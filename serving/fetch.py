"""From the name of a model to a bundle folder on this machine: a folder, or a version in an MLflow registry."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from features.errors import BundleError, SettingError, TrackingError, without_password
from serving.settings import home, mlflow_at, tracking_uri

PACKED = Path(__file__).with_name("packed")
"""Where a bento keeps its model, below the registry's name of it; there is no such folder elsewhere."""

_MODEL = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))")
DIGEST = "bundle_digest"
"""The tag of a registered version that says which bundle it was registered with."""
# How MLflow calls what is not there; the second is its answer to an alias that no version has.
_NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


@dataclass(frozen=True)
class Located:
    """A bundle folder, and the registry's name of it, such as `impel/3`, where it came from there."""

    folder: Path
    version: str | None


def locate(uri: str | Path, *, tracking: str | None = None) -> Located:
    """Return where the bundle lies, after bringing it here from the registry where need be.

    A version never changes, so it is brought here once and then found in `IMPEL_HOME/models`, with or without the
    server.

    Parameters
    ----------
    uri : str or Path
        A bundle folder, `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
    tracking : str, optional
        The MLflow tracking URI; see `serving.settings.tracking_uri`.

    Raises
    ------
    SettingError
        Where a URI begins with `models:` and goes on otherwise.
    TrackingError
        Where the registry cannot be reached or lacks the model.
    BundleError
        Where there is no such folder, or the version holds no bundle.
    """
    if not str(uri).startswith("models:"):
        folder = _folder(uri)
        return Located(folder, _packed_version(folder))
    place = tracking_uri(tracking)
    name, version = _registered(str(uri), place)
    origin = hashlib.sha256(place.encode()).hexdigest()[:12]
    folder = home() / "models" / origin / name / version
    if not folder.is_dir():
        _bring(name, version, place, folder)
    return Located(folder, f"{name}/{version}")


def default_model() -> str:
    """Return the model that answers where none is named: the one of the bento that this runs in, else the champion."""
    packed = sorted(PACKED.rglob("bundle.json"))
    return str(packed[0].parent) if packed else "models:/impel@champion"


def _packed_version(folder: Path) -> str | None:
    """Return the registry's name of a bundle that was packed out of it."""
    parts = folder.relative_to(PACKED).parts if folder.is_relative_to(PACKED) else ()
    return "/".join(parts) if len(parts) == 2 else None


def identity(uri: str | Path, *, tracking: str | None = None) -> str:
    """Return what `locate` would find now: another text where that would be another bundle. Nothing is brought here.

    Parameters and errors are those of `locate`.
    """
    if str(uri).startswith("models:"):
        return "/".join(_registered(str(uri), tracking_uri(tracking)))
    return digest(_folder(uri))


def digest(bundle: Path) -> str:
    """Return what stands for the content of a bundle folder: the SHA-256 of its list of checksums."""
    sums = bundle / "SHA256SUMS"
    return hashlib.sha256(sums.read_bytes()).hexdigest() if sums.is_file() else ""


def _folder(uri: str | Path) -> Path:
    folder = Path(uri)
    if not folder.is_dir():
        raise BundleError(
            f"There is no bundle folder {str(uri)!r}; give a folder or a registry name such as models:/impel@champion."
        )
    return folder


def _registered(uri: str, tracking: str) -> tuple[str, str]:
    """Return name and version of a registered model."""
    match = _MODEL.fullmatch(uri)
    if match is None:
        raise SettingError(f"{uri!r} names no model; write models:/impel@champion or models:/impel/3.")
    return match["name"], match["version"] or _version(match["name"], match["alias"], tracking)


def _version(name: str, alias: str, tracking: str) -> str:
    with mlflow_at(tracking) as mlflow:
        try:
            return str(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
        except mlflow.MlflowException as error:
            raise _not_there(error, f"{name}@{alias}", tracking) from None


def _bring(name: str, version: str, tracking: str, folder: Path) -> None:
    """Copy a version's bundle to a folder, all or nothing."""
    with mlflow_at(tracking) as mlflow, tempfile.TemporaryDirectory(prefix="impel-") as draft:
        try:
            found = mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=draft)
        except mlflow.MlflowException as error:
            raise _not_there(error, f"{name}/{version}", tracking) from None
        bundles = sorted(Path(found).glob("artifacts/*/bundle.json"))
        if len(bundles) != 1:
            raise BundleError(f"models:/{name}/{version} in {without_password(tracking)} holds no Impel bundle.")
        recorded = mlflow.MlflowClient().get_model_version(name, version).tags.get(DIGEST)
        if recorded not in {None, digest(bundles[0].parent)}:
            raise BundleError(
                f"models:/{name}/{version} in {without_password(tracking)} was changed after it was registered; "
                "train and register the model again."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        shutil.copytree(bundles[0].parent, beside, dirs_exist_ok=True)
        try:
            beside.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(beside)


def _not_there(error: Exception, model: str, tracking: str) -> Exception:
    """Return the user's error for a model that the registry lacks, and any other error as it is."""
    if getattr(error, "error_code", None) in _NOT_THERE:
        return TrackingError(
            f"There is no model {model} in {without_password(tracking)}; `impel models` lists those there are."
        )
    return error
