"""Which followers are fake, and which share of them: a classifier anyone can train on labels of their own."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd

from features.errors import DataError, SettingError, nearest
from features.follower_curves import COMBINATIONS, CURVES, WEIGHTS, design, known_counts, learn, log_odds, read_only
from features.share_interval import shares

if TYPE_CHECKING:
    import numpy.typing as npt
    from sklearn.utils import Tags

    from features.events import FloatArray, IntArray

COUNTS = ("followers", "following", "posts")
FLAGS = ("has_picture", "is_private")
COLUMNS = COUNTS + FLAGS
"""Columns of the table `followers` that the classifier looks at."""

FEWEST = 10
"""Labelled followers of either kind without which nothing is learnt."""
TELLS = 0.2
"""What is known of a follower says enough where the mean probabilities of fakes and of others are this far apart."""
FORMAT = 1
_ALL_KNOWN = 4 * COMBINATIONS - 1


class FakeShare(NamedTuple):
    """A share of fake followers with its 90 % interval; NaN without a sample."""

    share: Any
    low: Any
    high: Any


class FollowerClassifier:
    """Tell fake followers from real ones by their public profiles, and estimate shares of fakes.

    Curves over the log counts and their ratios add up to the log odds (`features.follower_curves`). Shares are counted
    in a way that does not depend on how many of the labelled followers were fake.

    Parameters
    ----------
    base_rate : float
        The share of fakes at which probabilities are stated, and near which shares are estimated most exactly. By
        default the mean of 115 influencers (SRF Data 2017: .264), whatever the share among the labelled followers.

    Attributes
    ----------
    classes_ : (2,) bool
        Real, fake: the columns of `predict_proba`.
    labels_ : (2,) float64
        How many labelled real and fake followers the estimates of shares rest on.
    weights_, usual_, means_, variances_
        Curves; what stands in for unknown flags; and mean and variance of the probability among labelled real and fake
        followers, by what is known of them.

    Notes
    -----
    Let s be the probability of a follower, and m0 and m1 its means over labelled real and fake ones, each s from a fit
    without the follower itself. Then (s - m0) / (m1 - m0) averages 0 over real and 1 over fake followers, and its mean
    over any sample is an unbiased estimate of the share of fakes there as long as real followers look like real ones
    and fakes like fakes: probabilistic adjusted count (Bella, Ferri, Hernandez-Orallo and Ramirez-Quintana,
    "Quantification via probability estimators", ICDM 2010). Mean and variance are kept for each combination of known
    columns, so that a platform that hides some is not taken for one with fewer fakes.

    Examples
    --------
    On labels of one's own, with any of the columns of the table `followers`:

    >>> labelled = pd.read_csv("labelled.csv")  # doctest: +SKIP
    >>> classifier = FollowerClassifier().fit(labelled, labelled["fake"])  # doctest: +SKIP
    >>> classifier.share(sample)  # doctest: +SKIP
    FakeShare(share=0.31, low=0.19, high=0.44)
    >>> Path("followers.json").write_text(classifier.to_json())  # doctest: +SKIP
    >>> FollowerClassifier.from_json(Path("followers.json").read_text())  # doctest: +SKIP

    Labels in the column `fake` of the table `followers` are used by `impel train` by themselves.
    """

    def __init__(self, *, base_rate: float = 0.264) -> None:
        self.base_rate = base_rate

    def fit(self, followers: pd.DataFrame, fake: npt.ArrayLike) -> Self:
        """Learn from labelled followers.

        Parameters
        ----------
        followers : DataFrame of n rows
            Any of followers, following, posts, has_picture, is_private; null where unknown. At least one count.
        fake : (n,) bool or 0 and 1
            The labels.

        Raises
        ------
        DataError
            Where labels are missing or neither 0 nor 1, or fewer than 10 of either kind have a count.
        SettingError
            Where `base_rate` does not lie between 0 and 1.
        """
        if not 0 < self.base_rate < 1:
            raise SettingError(f"base_rate is {self.base_rate!r}; it is a share of fakes, above 0 and below 1.")
        profiles, label = np.column_stack(_profiles(followers)), _labels(fake, len(followers))
        logs, flags = known_counts(profiles[:, :3]), profiles[:, 3:]
        known = [values[~np.isnan(values)] for values in flags.T]
        self.usual_ = np.array([values.mean() if len(values) else 0.5 for values in known])
        flags = np.where(np.isnan(flags), self.usual_, flags)
        self.labels_ = _of_each_kind(label[~np.isnan(logs).all(axis=1)])
        self.weights_ = np.zeros((COMBINATIONS, WEIGHTS))
        self.means_ = np.zeros((4 * COMBINATIONS, 2))
        self.variances_ = np.zeros((4 * COMBINATIONS, 2))
        for counts in range(1, COMBINATIONS):
            columns = np.array([counts >> place & 1 for place in range(3)], np.bool_)
            rows = ~np.isnan(logs[:, columns]).any(axis=1)
            if _of_each_kind(label[rows]).min() >= FEWEST:
                self._learn(counts, np.where(columns, logs[rows], np.nan), flags[rows], label[rows])
            else:
                self._borrow(counts)
        if not self.means_.any():
            real, fakes = self.labels_.astype(int)
            raise DataError(
                f"{fakes} fake and {real} real labelled followers have a count; at least {FEWEST} of either are needed."
            )
        return self

    def _learn(self, counts: int, logs: FloatArray, flags: FloatArray, label: FloatArray) -> None:
        """Fit the curves of one combination of counts, and what their probabilities average over either kind."""
        weights, without_itself = learn(design(logs, flags), label)
        real, fakes = _of_each_kind(label)
        stated = np.log(self.base_rate / (1 - self.base_rate))
        self.weights_[counts] = weights
        self.weights_[counts, -1] += stated - np.log(fakes / real)
        without_itself += stated - np.log((fakes - label) / (real - (1 - label)))
        of_flags = (flags - self.usual_) * weights[CURVES:-1]
        for known in range(4):
            unknown = np.array([not known & 2, not known & 1])
            probability = _probability(without_itself - of_flags @ unknown)
            for kind in (0, 1):
                self.means_[4 * counts + known, kind] = probability[label == kind].mean()
                self.variances_[4 * counts + known, kind] = probability[label == kind].var(ddof=1)

    def _borrow(self, counts: int) -> None:
        """Read a combination of counts that too few labelled followers have as the part of it that tells most."""
        parts = [part for part in range(1, counts) if part & counts == part and self.weights_[part].any()]
        if parts:
            best = max(parts, key=lambda part: self.means_[4 * part + 3] @ (-1, 1))
            self.weights_[counts] = self.weights_[best]
            self.means_[4 * counts :][:4] = self.means_[4 * best :][:4]
            self.variances_[4 * counts :][:4] = self.variances_[4 * best :][:4]

    def predict_proba(self, followers: pd.DataFrame) -> FloatArray:
        """Return the (n, 2) probabilities of real and fake at the base rate; the base rate where nothing is known."""
        fake, known = self._read(_profiles(followers))
        fake[known < 4] = self.base_rate
        return np.column_stack([1 - fake, fake])

    def share(self, followers: pd.DataFrame) -> FakeShare:
        """Estimate the share of fakes among the accounts that a sample of followers was drawn from.

        Followers of whom too little is known are left out.
        """
        scores = self._scores(_profiles(followers))
        scores = scores[~np.isnan(scores)]
        found = self.share_from_sums(len(scores), scores.sum(), (scores**2).sum())
        return FakeShare(*(float(value) for value in found))

    def scores(
        self,
        *,
        followers: npt.ArrayLike | None = None,
        following: npt.ArrayLike | None = None,
        posts: npt.ArrayLike | None = None,
        has_picture: npt.ArrayLike | None = None,
        is_private: npt.ArrayLike | None = None,
    ) -> FloatArray:
        """Score each of n followers so that scores average 0 over real and 1 over fake followers.

        A score is no probability and may lie outside 0 and 1; its mean over a sample estimates the share of fakes.

        Parameters
        ----------
        followers, following, posts : (n,) float64, optional
            Counts of the follower's own profile; NaN where unknown.
        has_picture, is_private : (n,) float64, optional
            1 or 0; NaN where unknown.

        Returns
        -------
        (n,) float64
            NaN where nothing is known, or so little that fakes and others cannot be told apart.
        """
        given = (followers, following, posts, has_picture, is_private)
        n = next((len(np.asarray(values)) for values in given if values is not None), 0)
        unknown = np.full(n, np.nan)
        return self._scores(tuple(unknown if values is None else np.asarray(values, np.float64) for values in given))

    def share_from_sums(self, count: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike) -> FakeShare:
        """Estimate the share of fakes in each of m samples from three sums over their scores.

        The interval covers the error of the sample and that of the labels that the scores rest on
        (`features.share_interval`); where the scores of a sample vary more than those of the labelled followers, as
        scores do of followers of whom less is known, it widens with them.

        Parameters
        ----------
        count, total, squares : (m,) float64
            Number, sum and sum of squares of the scores that are not NaN.

        Returns
        -------
        share, low, high : (m,) float64
            Between 0 and 1; NaN where the count is 0. Few scores say little: of one the interval takes most of 0 to 1.
        """
        sums = [np.asarray(values, np.float64) for values in (count, total, squares)]
        real, fake = self.means_[_ALL_KNOWN]
        variances = self.variances_[_ALL_KNOWN] / (fake - real) ** 2
        found = shares(*(read_only(values.ravel()) for values in sums), read_only(variances), read_only(self.labels_))
        return FakeShare(*(values.reshape(sums[0].shape) for values in found))

    def to_json(self) -> str:
        """Return all that was learnt as JSON, with every bit of the numbers."""
        return json.dumps(
            {
                "format": FORMAT,
                "base_rate": self.base_rate,
                **{name: getattr(self, f"{name}_").tolist() for name in _SHAPES},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        DataError
            Where the text is something else, or of another version.
        """
        try:
            read = json.loads(text)
            if read["format"] != FORMAT:
                raise DataError(f"The follower classifier has format {read['format']!r}; this version reads {FORMAT}.")
            classifier = cls(base_rate=float(read["base_rate"]))
            for name, shape in _SHAPES.items():
                setattr(classifier, f"{name}_", _finite(np.array(read[name], np.float64).reshape(shape)))
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"This is no follower classifier as to_json writes it: {error!r}.") from error
        return classifier

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002  (scikit-learn's signature)
        """Return the settings, as scikit-learn's clone asks for them."""
        return {"base_rate": self.base_rate}

    def set_params(self, *, base_rate: float) -> Self:
        """Change the settings."""
        self.base_rate = base_rate
        return self

    @property
    def classes_(self) -> npt.NDArray[np.bool_]:
        """Real, fake."""
        return np.array([False, True])

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags  # noqa: PLC0415  (only scikit-learn asks)

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(allow_nan=True),
        )

    def _read(self, profiles: tuple[FloatArray, ...]) -> tuple[FloatArray, IntArray]:
        """Return the probability of fake at the base rate, and the code of what is known, of each follower."""
        if not hasattr(self, "weights_"):
            raise SettingError(
                "The follower classifier has learnt nothing yet; call fit, or take default_classifier()."
            )
        odds, known = log_odds(profiles, self.weights_, self.usual_)
        return _probability(odds), known

    def _scores(self, profiles: tuple[FloatArray, ...]) -> FloatArray:
        scores, known = self._read(profiles)
        apart = self.means_[:, 1] - self.means_[:, 0]
        apart[~(apart >= TELLS)] = np.nan
        scores -= self.means_[known, 0]
        scores /= apart[known]
        return scores


@cache
def default_classifier() -> FollowerClassifier:
    """Return the classifier that Impel comes with, made by `python -m training.follower_default`."""
    return FollowerClassifier.from_json(Path(__file__).with_name("follower_default.json").read_text(encoding="utf-8"))


_SHAPES = {
    "labels": (2,),
    "usual": (2,),
    "weights": (COMBINATIONS, WEIGHTS),
    "means": (4 * COMBINATIONS, 2),
    "variances": (4 * COMBINATIONS, 2),
}


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise ValueError("a number is not finite")
    return values


def _probability(odds: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-odds))


def _of_each_kind(label: FloatArray) -> FloatArray:
    """Count the real and the fake ones."""
    return np.array([(label == 0).sum(), (label == 1).sum()], np.float64)


def _profiles(followers: pd.DataFrame) -> tuple[FloatArray, ...]:
    """Return the five columns as float64, NaN where they are null or absent."""
    if not isinstance(followers, pd.DataFrame):
        raise DataError(f"followers is a {type(followers).__name__}; a DataFrame with {', '.join(COLUMNS)} is needed.")
    if not set(COUNTS) & set(followers.columns):
        names = [str(name) for name in followers.columns]
        hint = "".join(dict.fromkeys(nearest(column, names) for column in COUNTS))
        raise DataError(f"followers has none of the columns {', '.join(COUNTS)}; it has {', '.join(names)}.{hint}")
    return tuple(
        _numbers(followers[column], column) if column in followers else np.full(len(followers), np.nan)
        for column in COLUMNS
    )


def _numbers(values: pd.Series, name: str) -> FloatArray:
    try:
        return values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"followers.{name} cannot be read as numbers: {error}.") from error


def _labels(fake: npt.ArrayLike, rows: int) -> FloatArray:
    label = _numbers(pd.Series(np.asarray(fake)), "fake")
    if len(label) != rows:
        raise DataError(f"There are {len(label)} labels for {rows} followers; one each is needed.")
    if not np.isin(label, (0, 1)).all():
        strange = label[~np.isin(label, (0, 1))][0]
        raise DataError(f"A label is {strange:g}; 1 or True is fake, 0 or False is real, others are to be left out.")
    return label
