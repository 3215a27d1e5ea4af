"""The model artefact: curves, boosters, the shape of the distribution, and the proof that it answers as it did."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from pydantic import ValidationError

from features.errors import BundleError, DataError
from features.follower_classifier import FollowerClassifier, default_classifier
from serving.forest import Forest
from serving.reference import Reference
from serving.spec import Metadata, Spec, environment
from serving.thresholds import Opinion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.distribution import ActionDistribution, FloatArray

_SUMS = "SHA256SUMS"
_JSON, _CANARY, _BACKGROUND = "bundle.json", "canary.parquet", "background.parquet"
_ACTIONS, _POSTED, _THRESHOLDS = "actions.txt", "posted.txt", "thresholds.txt"
_FOLLOWERS = "followers.json"
_REFERENCE = "reference.json"
_FORMAT = Spec.model_fields["format"].default
_CANARY_ROWS = 16
_CANARY_THRESHOLDS = (0.0, 0.1, 0.5, 1.0, 2.0, 10.0)  # times the expected actions
_SUPPORT = np.array(["in", "edge", "outside"])
_LARGEST = 512 * 1024 * 1024  # bytes of a file


class Bundle:
    """A fitted model that answers.

    Parameters
    ----------
    spec : Spec
    actions : str
        LightGBM text of the booster for log mean and log size of the actions given posted.
    posted : str or None
        LightGBM text of the booster for the logit of being posted.
    thresholds : str or None
        LightGBM text of the booster for the logit of reaching a threshold; see `serving.thresholds`.
    followers : str, optional
        JSON of the follower classifier that the features were built with; by default that of Impel.
    reference : str, optional
        JSON of what features and likelihoods were in training; a monitor compares with it.
    examples : DataFrame
        Rows of the feature table that are scored when the bundle is saved and again when it is loaded.
    background : DataFrame
        Rows of the feature table that explanations start from; see `serving.attribution`.

    Attributes
    ----------
    actions, posted, thresholds : Forest
        The last two are None where the bundle has none.
    follower_classifier : FollowerClassifier
        What an event store needs for features such as the model learnt from; see `EventStore.follower_classifier`.
    reference : Reference or None
    """

    def __init__(
        self,
        spec: Spec,
        *,
        actions: str,
        posted: str | None,
        thresholds: str | None,
        followers: str | None = None,
        reference: str | None = None,
        examples: pd.DataFrame,
        background: pd.DataFrame,
    ) -> None:
        self.spec = spec
        self.examples = examples
        self.background = background
        texts = {_ACTIONS: actions, _POSTED: posted, _THRESHOLDS: thresholds, _FOLLOWERS: followers}
        texts[_REFERENCE] = reference
        self._texts = {name: text for name, text in texts.items() if text is not None}
        self.actions = _forest(actions, len(self.features), outputs=2, name=_ACTIONS)
        self.posted = None if posted is None else _forest(posted, len(self.features), name=_POSTED)
        # Its last feature is the threshold.
        wide = len(self.features) + 1
        self.thresholds = None if thresholds is None else _forest(thresholds, wide, name=_THRESHOLDS)
        if (self.thresholds is None) != (spec.thresholds is None):
            raise BundleError(f"{_JSON} and {_THRESHOLDS} do not belong together; train the model again")
        self.reference = None if reference is None else _reference(reference)
        covered = set(spec.goal(spec.encoding.matrix(background)).tolist())
        if not set(range(len(spec.goals))) <= covered:
            raise BundleError(f"{_JSON} and {_BACKGROUND} do not belong together; train the model again")
        self.follower_classifier = default_classifier() if followers is None else _classifier(followers)
        if spec.metadata.follower_labels != (None if followers is None else _labels(self.follower_classifier)):
            raise BundleError(f"{_JSON} and {_FOLLOWERS} do not belong together; train the model again")

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the features in the order of the matrix."""
        return self.spec.encoding.features

    @property
    def metadata(self) -> Metadata:
        """Return what is known about the model's origin."""
        return self.spec.metadata

    def described(
        self, *, followers: FollowerClassifier | None = None, reference: Reference | None = None, **facts: Any
    ) -> Bundle:
        """Return the same model with these fields of `Metadata` filled in, and with what else is given."""
        if followers is not None:
            facts["follower_labels"] = _labels(followers)
        metadata = Metadata(**{**self.metadata.model_dump(), **facts})
        return Bundle(
            self.spec.model_copy(update={"metadata": metadata}),
            actions=self._texts[_ACTIONS],
            posted=self._texts.get(_POSTED),
            thresholds=self._texts.get(_THRESHOLDS),
            followers=self._texts.get(_FOLLOWERS) if followers is None else followers.to_json(),
            reference=self._texts.get(_REFERENCE) if reference is None else reference.model_dump_json(),
            examples=self.examples,
            background=self.background,
        )

    def distribution(self, X: pd.DataFrame) -> ActionDistribution:
        """Return the distribution of actions of each row of a feature table.

        Raises
        ------
        BundleError
            Where `X` lacks a feature; further columns are ignored.
        """
        return self.distribution_of(self.spec.encoding.matrix(X))

    def distribution_of(self, matrix: FloatArray) -> ActionDistribution:
        """Return the distribution of actions of each row of a matrix, as `Encoding` makes it."""
        # All that reads it reads column by column.
        matrix = np.asfortranarray(matrix)
        goal = self.spec.goal(matrix)
        score, posted = self.scores(matrix, goal)
        return self.spec.distribution(goal, score, posted, self.opinion(matrix, goal))

    def scores(self, matrix: FloatArray, goal: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        """Return what `Spec.distribution` asks for of rows of the matrix: scores (n, 2) and scores of posting (n,)."""
        score = self.actions.scores(matrix)
        score[:, 0] += self.spec.curves.total(matrix, goal)
        return score, np.zeros(len(matrix)) if self.posted is None else self.posted.scores(matrix)[:, 0]

    def opinion(self, matrix: FloatArray, goal: NDArray[np.intp]) -> Opinion | None:
        """Return the second opinion on rows of the matrix; None where the bundle has none."""
        if self.thresholds is None or self.spec.thresholds is None:
            return None
        shape = self.spec.thresholds
        return Opinion(self.thresholds, matrix, np.array(shape.log_scale)[goal], np.array(shape.rungs))

    def incremental(
        self, goal: NDArray[np.object_], attributed: ActionDistribution
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return expected number, lower and upper limit (90 %) of the incremental actions of each row, (n,).

        NaN where the goal has no incremental share; `Spec.incremental` says why. `goal` are the (n,) names of the
        goals, `attributed` is the distribution of all actions.
        """
        shares = self.spec.incremental.shares
        known = [shares.get(name) for name in goal]
        if not any(known):
            nothing = np.full(len(goal), np.nan)
            return nothing, nothing, nothing
        # Rows of other goals are worked out as if all were incremental, and left out below.
        found = attributed.part(
            np.array([1.0 if one is None else one.share for one in known]),
            np.array([1.0 if one is None else one.deviation for one in known]),
        )
        told = found.expected(), *found.interval()
        unknown = np.array([one is None for one in known])
        expected, low, high = (np.where(unknown, np.nan, each) for each in told)
        return expected, low, high

    def support(self, X: pd.DataFrame) -> NDArray[np.str_]:
        """Return per row whether the training data reach there: "in", "edge" or "outside".

        Outside: a text never seen in training, or a number beyond all that were, by more than 5 % of their range.
        Edge: outside the central 98 % of the training rows. Unknown numbers do not count.
        """
        unseen = np.zeros(len(X), np.bool_)
        for name, known in self.spec.encoding.categories.items():
            unseen |= ~X[name].isin(known).to_numpy() & X[name].notna().to_numpy()
        return self.support_of(X[list(self.spec.support)].to_numpy(np.float64, na_value=np.nan).T, unseen)

    def support_of(self, values: FloatArray, unseen: NDArray[np.bool_]) -> NDArray[np.str_]:
        """Return the same of the numbers of `Spec.support`'s features, (features, n), and flags of texts never seen."""
        least, low, high, most = self._reach
        edge = ((values < low) | (values > high)).any(axis=0)
        outside = ((values < least) | (values > most)).any(axis=0) | unseen
        return _SUPPORT[np.where(outside, 2, edge)]

    @cached_property
    def _reach(self) -> FloatArray:
        """The limits of "outside" and "edge" below, then above: (4, features of `Spec.support`, 1)."""
        seen = [(each.minimum, each.low, each.high, each.maximum) for each in self.spec.support.values()]
        least, low, high, most = np.array(seen).reshape(-1, 4).T[:, :, None]
        margin = 0.05 * (most - least)
        return np.array([least - margin, low, high, most + margin])

    def save(self, folder: str | Path) -> Path:
        """Write the bundle to a new folder, all or nothing; BundleError where the folder exists."""
        folder = Path(folder)
        if folder.exists():
            raise BundleError(f"{folder} exists already; save the bundle to a new folder")
        spec = json.dumps(self.spec.model_dump(mode="json"), indent=1, allow_nan=False)
        files = {name: text.encode() for name, text in {_JSON: spec, **self._texts}.items()}
        files |= {_CANARY: _parquet(self._canary()), _BACKGROUND: _parquet(self.background)}
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
        draft = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            for name, content in {**files, _SUMS: sums.encode()}.items():
                (draft / name).write_bytes(content)
            draft.chmod(0o755)
            draft.rename(folder)
        except OSError as error:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)
            raise BundleError(f"cannot write the bundle to {folder}: {error.strerror}") from None
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a bundle, after checking every file, and let it score its own examples.

        Raises
        ------
        BundleError
            Where a file is missing or damaged, the format is another, or the examples get other answers.
        """
        folder = Path(folder)
        files = _checked(folder)
        try:
            content = json.loads(files[_JSON])
            if isinstance(content, dict) and content.get("format") != _FORMAT:
                raise BundleError(f"{folder} has bundle format {content.get('format')!r}, this version reads {_FORMAT}")
            spec = Spec.model_validate_json(files[_JSON])
            canary, background = (pd.read_parquet(BytesIO(files[name])) for name in (_CANARY, _BACKGROUND))
            names = (_ACTIONS, _POSTED, _THRESHOLDS, _FOLLOWERS, _REFERENCE)
            texts = {name: files[name].decode() for name in names if name in files}
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise BundleError(f"{folder / _JSON} is not a bundle: {place}: {error.errors()[0]['msg']}") from None
        except (OSError, ValueError) as error:
            if isinstance(error, BundleError):
                raise
            raise BundleError(f"{folder} is not a bundle: {error}") from None
        answers = [name for name in canary.columns if name.startswith("answer:")]
        bundle = cls(
            spec,
            actions=texts[_ACTIONS],
            posted=texts.get(_POSTED),
            thresholds=texts.get(_THRESHOLDS),
            followers=texts.get(_FOLLOWERS),
            reference=texts.get(_REFERENCE),
            examples=canary.drop(columns=answers),
            background=background,
        )
        bundle._compare(canary[answers], folder)
        return bundle

    def _canary(self) -> pd.DataFrame:
        examples = self.examples.iloc[:_CANARY_ROWS]
        found = self.distribution(examples)
        low, high = found.interval()
        answers = {"expected": found.expected(), "low": low, "high": high}
        # Parquet and equality want numbers: -1 stands for what is not known.
        part = (
            np.nan_to_num(one, nan=-1.0) for one in self.incremental(examples["goal"].to_numpy(dtype=object), found)
        )
        answers |= dict(zip(("incremental", "incremental_low", "incremental_high"), part, strict=True))
        for times in _CANARY_THRESHOLDS:
            answers[f"likelihood_{times}"] = found.likelihood(np.ceil(times * found.expected()))
        return examples.assign(**{f"answer:{name}": value for name, value in answers.items()})

    def _compare(self, answers: pd.DataFrame, folder: Path) -> None:
        own = self._canary().filter(like="answer:")
        if not len(answers) or list(own.columns) != list(answers.columns):
            raise BundleError(f"{folder / _CANARY} is not the proof of a bundle; train the model again")
        found, wanted = own.to_numpy(), answers.to_numpy()
        if self.spec.environment == environment():
            same = np.array_equal(found, wanted)
        else:  # other versions may round differently in the last digits; more than that is another model
            same = np.allclose(found, wanted, rtol=1e-9, atol=1e-9)
        if not same:
            raise BundleError(f"{folder} does not reproduce its own examples here; train the model again")


def _parquet(frame: pd.DataFrame) -> bytes:
    content = BytesIO()
    frame.to_parquet(content)
    return content.getvalue()


def _forest(text: str, features: int, *, outputs: int = 1, name: str) -> Forest:
    try:
        return Forest(text, features=features, outputs=outputs)
    except ValueError as error:
        raise BundleError(f"{name} is not a LightGBM model: {error}") from None


def _classifier(text: str) -> FollowerClassifier:
    try:
        return FollowerClassifier.from_json(text)
    except DataError as error:
        raise BundleError(f"{_FOLLOWERS} cannot be used: {error}") from None


def _reference(text: str) -> Reference:
    try:
        return Reference.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(f"{_REFERENCE} cannot be used: {error.errors()[0]['msg']}") from None


def _labels(classifier: FollowerClassifier) -> tuple[int, int]:
    real, fake = classifier.labels_.astype(int).tolist()
    return real, fake


def _checked(folder: Path) -> dict[str, bytes]:
    """Return the content of a bundle's files, each as its checksum says."""
    if not folder.is_dir():
        raise BundleError(f"there is no bundle at {folder}")
    try:
        lines = (folder / _SUMS).read_bytes().decode("ascii").splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        raise BundleError(f"{folder / _SUMS} is missing or damaged; copy the bundle again") from None
    needed = {_JSON, _ACTIONS, _CANARY, _BACKGROUND}
    if not needed <= set(sums) <= needed | {_POSTED, _THRESHOLDS, _FOLLOWERS, _REFERENCE}:
        raise BundleError(f"{folder / _SUMS} does not list the files of a bundle; copy the bundle again")
    files = {}
    for name, digest in sums.items():
        try:
            if (folder / name).stat().st_size > _LARGEST:
                raise BundleError(f"{folder / name} is larger than any model; copy the bundle again")
            files[name] = (folder / name).read_bytes()
        except OSError:
            raise BundleError(f"{folder / name} is missing; copy the bundle again") from None
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(f"{folder / name} is damaged: its SHA-256 differs from {_SUMS}; copy the bundle again")
    return files
