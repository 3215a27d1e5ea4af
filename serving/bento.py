"""A bento: the service with one model packed into it, which serves from an empty folder.

In it are the packages features and serving, the bundle, the exact versions of all libraries that serving needs, and
the model's lineage as labels. Data are not: a bento finds them by IMPEL_DATA or IMPEL_STORE when it starts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from features.errors import ImpelError, SettingError
from serving.fetch import PACKED, locate
from serving.libraries import needs, pinned

if TYPE_CHECKING:
    from serving.spec import Metadata

_ROOT = Path(__file__).parents[1]
# What only training, the command line and the packing itself import: the service scores LightGBM's trees by itself.
_NOT_SERVED = frozenset({"click", "jinja2", "lightgbm", "matplotlib", "mlflow", "optuna", "rich", "scikit-learn", "uv"})
_README = """\
# Impel, model {model_version}

Serve it from the folder that bento.yaml lies in, with the libraries of env/python/requirements.txt installed:

    IMPEL_DATA=/path/to/data bentoml serve .

IMPEL_DATA is the folder, .duckdb file or event store of the data, IMPEL_STORE where its event store is kept.
IMPEL_MODEL, a bundle folder, puts another model in place of the one packed here.
"""


@dataclass(frozen=True)
class Built:
    """A bento that was built.

    Attributes
    ----------
    tag : str
        BentoML's name and version of it.
    path : Path
        Where it lies: the file or folder asked for, or its folder in BentoML's own store.
    labels : dict
        The lineage of its model.
    packages : list of str
        What it installs, each as name==version.
    """

    tag: str
    path: Path
    labels: dict[str, str]
    packages: list[str]


def build(model: str | Path, *, out: Path | None = None, tracking_uri: str | None = None) -> Built:
    """Pack the service and a model; asks nobody on the network but the registry that the model comes from.

    Parameters
    ----------
    model : str or Path
        A bundle folder, `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
    out : Path, optional
        A file that ends in .bento, or a folder, none of which may exist; by default BentoML's own store (BENTOML_HOME).
    tracking_uri : str, optional
        See `serving.settings.tracking_uri`.

    Raises
    ------
    BundleError, TrackingError
        As `Predictor.load`: what could not be served is not packed.
    SettingError
        Where `out` exists already, or something of impel[bento] is missing.
    ImpelError
        Where BentoML fails; the message is the last it said.
    """
    # Not above: the process that builds imports this module, too.
    from serving.predictor import Predictor  # noqa: PLC0415

    _check(out)
    located = locate(model, tracking=tracking_uri)
    folder = located.folder.resolve()
    predictor = Predictor.load(folder)
    version = located.version or predictor.version
    labels = _labels(predictor.bundle.metadata, version)
    # PostgreSQL's driver is for a log, or data, in a database.
    served = (one for one in needs("impel", ["bento"]) if canonicalize_name(one.name) not in _NOT_SERVED)
    # BentoML names itself, with its version.
    packages = [line for line in pinned(served) if not line.startswith("bentoml==")]
    with tempfile.TemporaryDirectory(prefix="impel-bento-") as scratch:
        source = Path(scratch) / "source"
        for package in ("features", "serving"):
            shutil.copytree(
                _ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", PACKED.name)
            )
        _copy_bundle(folder, source / PACKED.relative_to(_ROOT) / (located.version or folder.name))
        request = {
            "out": None if out is None else str(out.absolute()),
            "service": "serving.service:ImpelService",
            "labels": labels,
            "python": {"packages": packages, "lock_packages": False},
            "description": _README.format(**labels),
            "build_ctx": str(source),
        }
        tag, path = _run(request, source, home=None if out is None else Path(scratch) / "bentoml")
    return Built(tag, Path(path), labels, packages)


def _check(out: Path | None) -> None:
    if out is not None and out.exists():
        raise SettingError(f"{out} exists already; give the bento a new file or folder.")
    try:
        metadata.version("adbc-driver-postgresql")
        if shutil.which("uv") is None:
            metadata.version("uv")
    except metadata.PackageNotFoundError as error:
        raise SettingError(f"A bento needs {error.name}, which is not installed; pip install 'impel[bento]'.") from None


def _labels(about: Metadata, version: str) -> dict[str, str]:
    """Return where the model comes from, as texts."""
    window = {"trained_from": about.trained_from, "trained_until": about.trained_until}
    return {
        "model_version": version,
        "bundle": about.name,
        "data_fingerprint": about.data_fingerprint,
        "catalogue_digest": about.catalogue_digest,
        "activations": str(about.activations),
        **{name: "" if moment is None else moment.isoformat() for name, moment in window.items()},
        "impel_version": metadata.version("impel"),
    }


def _copy_bundle(bundle: Path, folder: Path) -> None:
    """Copy the files of a bundle and nothing else that lies beside them, such as the record of its training."""
    folder.mkdir(parents=True)
    for line in (bundle / "SHA256SUMS").read_text(encoding="ascii").splitlines():
        shutil.copy(bundle / line.split("  ", 1)[1], folder)
    shutil.copy(bundle / "SHA256SUMS", folder)


def _run(request: dict[str, Any], source: Path, *, home: Path | None) -> tuple[str, str]:
    """Let BentoML build in a process of its own, which imports what is packed and not what packs it."""
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "true"}
    environment.pop("PYTHONPATH", None)
    if home is not None:
        environment["BENTOML_HOME"] = str(home)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "serving.bento", json.dumps(request)],
        cwd=source,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        raise ImpelError(f"BentoML could not build the bento: {said}")
    tag, path = json.loads(done.stdout.splitlines()[-1])
    return tag, path


def _main(request: dict[str, Any]) -> tuple[str, str]:
    """Build as asked; returns tag and place."""
    import bentoml  # noqa: PLC0415

    out = request.pop("out")
    bento = bentoml.build(**request)
    if out is None:
        return str(bento.tag), bento.path
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    if out.endswith(".bento"):
        bento.export(out)
    else:
        shutil.copytree(bento.path, out)
    return str(bento.tag), out


if __name__ == "__main__":
    print(json.dumps(_main(json.loads(sys.argv[1]))))  # noqa: T201
