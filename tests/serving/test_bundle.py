"""The model artefact: it answers as it did when it was trained, or refuses."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features.errors import BundleError
from features.follower_classifier import FollowerClassifier, default_classifier
from serving.bundle import Bundle
from tests.labels import labelled
from tests.models import NUMBERS, made_features
from training.model import ActionModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 400
FILES = (
    "SHA256SUMS",
    "actions.txt",
    "background.parquet",
    "bundle.json",
    "canary.parquet",
    "followers.json",
    "posted.txt",
    "thresholds.txt",
)
CANARY = "does not reproduce its own examples"


@pytest.fixture(scope="module")
def model() -> ActionModel:
    """Return a model with all its parts: some activations were never posted."""
    random = np.random.default_rng(5)
    X = made_features(ROWS, seed=5)
    mean = np.exp(0.5 * (X["log_followers"] - 9)) * np.where(X["goal"] == "sale", 3, 40)
    posted = random.random(ROWS) < np.where(X["platform"] == "tiktok", 0.9, 0.6)
    decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(random.uniform(0, 300, ROWS)), unit="D")
    return ActionModel(rounds=30, folds=2).fit(
        X,
        np.where(posted, random.poisson(mean), 0),
        decided_at=decided,
        closed_at=decided + pd.Timedelta(days=30),
        posted=posted,
    )


@pytest.fixture(scope="module")
def bundle(model: ActionModel) -> Bundle:
    labels = labelled(60, 70)
    return model.bundle_.described(followers=FollowerClassifier().fit(labels, labels["fake"]))


@pytest.fixture(scope="module")
def saved(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.save(tmp_path_factory.mktemp("bundle") / "saved")


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """Return a copy of the bundle that a test may damage."""
    return shutil.copytree(saved, tmp_path / "copy")


@pytest.fixture(scope="module")
def X() -> pd.DataFrame:
    return made_features(600, seed=6)  # enough rows for more than one thread


def answers(bundle: Bundle, X: pd.DataFrame) -> np.ndarray:
    """Return all kinds of answers side by side."""
    found = bundle.distribution(X)
    thresholds = (0, 1, 2, 7, 100, 10_000)
    columns = [found.likelihood(at_least) for at_least in thresholds]
    columns += [found.likelihood(np.ceil(found.expected())), found.expected(), *found.interval(), *found.interval(0.5)]
    return np.column_stack(columns)


def same_bits(one: np.ndarray, two: np.ndarray) -> bool:
    return one.shape == two.shape and one.tobytes() == two.tobytes()


def reseal(folder: Path) -> None:
    """Write the checksums of the files as they are now, as someone would who meddles on purpose."""
    names = [line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def meddle(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change bundle.json and seal the bundle again."""
    content = json.loads((folder / "bundle.json").read_text())
    change(content)
    (folder / "bundle.json").write_text(json.dumps(content))
    reseal(folder)


def test_the_files_of_a_bundle(saved: Path) -> None:
    assert tuple(sorted(path.name for path in saved.iterdir())) == FILES


def test_a_bundle_brings_its_follower_classifier(bundle: Bundle, saved: Path) -> None:
    loaded = Bundle.load(saved)
    assert loaded.follower_classifier.to_json() == bundle.follower_classifier.to_json()
    assert loaded.metadata.follower_labels == (70, 60)


def test_a_bundle_without_a_follower_classifier_uses_that_of_impel(model: ActionModel, tmp_path: Path) -> None:
    saved = model.bundle_.save(tmp_path / "plain")
    assert not (saved / "followers.json").exists()
    assert Bundle.load(saved).follower_classifier is default_classifier()
    assert Bundle.load(saved).metadata.follower_labels is None


def test_a_bundle_whose_follower_classifier_is_gone_is_refused(copy: Path) -> None:
    (copy / "followers.json").unlink()
    lines = (copy / "SHA256SUMS").read_text().splitlines(keepends=True)
    (copy / "SHA256SUMS").write_text("".join(line for line in lines if "followers" not in line))
    with pytest.raises(BundleError, match=r"bundle\.json and followers\.json do not belong together"):
        Bundle.load(copy)


def test_a_loaded_bundle_gives_the_same_bits(bundle: Bundle, saved: Path, X: pd.DataFrame) -> None:
    loaded = Bundle.load(saved)
    assert loaded.features == bundle.features
    assert loaded.spec.model_dump() == bundle.spec.model_dump()
    assert same_bits(answers(loaded, X), answers(bundle, X))


def test_a_bundle_saved_again_has_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = Bundle.load(saved).save(tmp_path / "deeper" / "again")
    for name in FILES:
        assert (again / name).read_bytes() == (saved / name).read_bytes(), name


def test_described_bundles_keep_their_answers(bundle: Bundle, X: pd.DataFrame, tmp_path: Path) -> None:
    described = bundle.described(name="spring", data_fingerprint="abc")
    loaded = Bundle.load(described.save(tmp_path / "spring"))
    assert loaded.metadata.name == "spring"
    assert loaded.metadata.activations == ROWS
    assert same_bits(answers(loaded, X), answers(bundle, X))


def test_order_of_columns_and_further_columns_do_not_matter(bundle: Bundle, X: pd.DataFrame) -> None:
    other = X[X.columns[::-1]].assign(account_id="a", at_least=3.0, zebra=np.nan)
    assert same_bits(answers(bundle, other), answers(bundle, X))
    assert (bundle.support(other) == bundle.support(X)).all()


@pytest.mark.parametrize("kind", ["object", "category", "str"])
def test_kinds_of_text_columns_do_not_matter(bundle: Bundle, X: pd.DataFrame, kind: str) -> None:
    other = X.astype({"goal": kind, "platform": kind, "vertical": kind})
    assert same_bits(answers(bundle, other), answers(bundle, X))


def test_each_row_is_answered_by_itself(bundle: Bundle, X: pd.DataFrame) -> None:
    together = answers(bundle, X)
    assert same_bits(np.vstack([answers(bundle, X.iloc[[row]]) for row in range(20)]), together[:20])
    assert same_bits(answers(bundle, X.iloc[::-1]), together[::-1].copy())


@pytest.mark.parametrize("name", ["goal", "log_followers", "kred_influence"])
def test_a_missing_column_is_named(bundle: Bundle, X: pd.DataFrame, name: str) -> None:
    with pytest.raises(BundleError, match=f"the feature table lacks column '{name}', which the model needs"):
        bundle.distribution(X.drop(columns=name))


def test_a_column_of_nearly_that_name_is_proposed(bundle: Bundle, X: pd.DataFrame) -> None:
    with pytest.raises(BundleError, match=r"lacks column 'klout_score' and 1 more.*Did you mean 'klout_scores'\?"):
        bundle.distribution(X.rename(columns={"klout_score": "klout_scores"}).drop(columns="vertical"))


def test_text_instead_of_numbers(bundle: Bundle, X: pd.DataFrame) -> None:
    with pytest.raises(BundleError, match="feature 'fee_log' must be a number"):
        bundle.distribution(X.assign(fee_log="cheap"))


@pytest.mark.parametrize("name", ["goal", "platform", "vertical"])
def test_a_text_never_seen_counts_as_unknown(bundle: Bundle, X: pd.DataFrame, name: str) -> None:
    unseen = X.assign(**{name: "never seen"})
    assert (bundle.support(unseen) == "outside").all()
    found = answers(bundle, unseen)
    assert np.isfinite(found).all()
    missing = X.assign(**{name: pd.array([None] * len(X), dtype="str")})
    assert same_bits(found, answers(bundle, missing))
    assert not (bundle.support(missing) == "outside").all()


def test_numbers_that_are_unknown_or_infinite(bundle: Bundle, X: pd.DataFrame) -> None:
    unknown = X.assign(**dict.fromkeys(NUMBERS, np.nan))
    infinite = X.assign(**dict.fromkeys(NUMBERS, np.inf))
    assert np.isfinite(answers(bundle, unknown)).all()
    assert same_bits(answers(bundle, infinite), answers(bundle, unknown))
    assert set(bundle.support(unknown)) == {"in"}


@pytest.mark.parametrize("extreme", [1e300, -1e300])
def test_extreme_numbers_get_finite_answers(bundle: Bundle, X: pd.DataFrame, extreme: float) -> None:
    far = X.assign(**dict.fromkeys(NUMBERS, extreme))
    assert np.isfinite(answers(bundle, far)).all()
    assert (bundle.support(far) == "outside").all()


def test_no_rows(bundle: Bundle, X: pd.DataFrame) -> None:
    nothing = X.iloc[:0]
    found = bundle.distribution(nothing)
    assert len(found) == 0
    low, high = found.interval()
    for answer in (found.expected(), found.likelihood(3), found.likelihood(np.empty(0)), low, high):
        assert answer.shape == (0,)
    assert bundle.support(nothing).shape == (0,)


def test_support_of_constructed_rows(bundle: Bundle) -> None:
    seen = bundle.spec.support
    assert set(seen) == {"log_followers", "engagement_rate_median_90d", "fee_log"}
    fee = seen["fee_log"]
    margin = 0.05 * (fee.maximum - fee.minimum)
    expected = {
        (fee.low + fee.high) / 2: "in",
        fee.low: "in",
        fee.high: "in",
        np.nextafter(fee.low, -np.inf): "edge",
        np.nextafter(fee.high, np.inf): "edge",
        fee.minimum: "edge",
        fee.maximum: "edge",
        fee.maximum + 0.99 * margin: "edge",
        fee.minimum - 0.99 * margin: "edge",
        fee.maximum + 1.01 * margin: "outside",
        fee.minimum - 1.01 * margin: "outside",
        np.nan: "in",
    }
    middle = {name: (own.low + own.high) / 2 for name, own in seen.items()}
    rows = made_features(len(expected), seed=8).assign(**middle)
    rows["fee_log"] = list(expected)
    assert bundle.support(rows).tolist() == list(expected.values())
    # The worst of all features counts, whatever their order.
    rows["log_followers"] = seen["log_followers"].maximum
    assert set(bundle.support(rows)) == {"edge", "outside"}
    rows["engagement_rate_median_90d"] = 5.0
    assert set(bundle.support(rows)) == {"outside"}


def test_support_of_the_training_rows(bundle: Bundle) -> None:
    found = pd.Series(bundle.support(made_features(ROWS, seed=5))).value_counts(normalize=True)
    assert found["in"] >= 0.92  # three features, 2 % of the rows beyond the limits of each
    assert "outside" not in found


def test_an_existing_folder_is_left_alone(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(BundleError, match="exists already"):
        bundle.save(tmp_path / "taken")
    assert list((tmp_path / "taken").iterdir()) == []


def test_a_folder_that_cannot_be_written(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError):
        bundle.save(tmp_path / "file" / "bundle")


@pytest.mark.parametrize("place", [0.0, 0.37, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit(copy: Path, name: str, place: float) -> None:
    content = bytearray((copy / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError) as error:
        Bundle.load(copy)
    assert str(copy) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file(copy: Path, name: str, left: float) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(left * len(content)) - (left == 1.0)])
    if (name, left) == ("SHA256SUMS", 1.0):  # only the last end of line is gone: nothing is lost
        Bundle.load(copy)
        return
    with pytest.raises(BundleError, match=r"damaged|does not list the files"):
        Bundle.load(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        Bundle.load(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_folder(copy: Path, name: str) -> None:
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(BundleError, match=name):
        Bundle.load(copy)


def test_a_file_of_any_size_is_not_read(copy: Path) -> None:
    with (copy / "actions.txt").open("r+b") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(BundleError, match=r"actions\.txt is larger than any model"):
        Bundle.load(copy)


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no bundle at"):
        Bundle.load(tmp_path / "nothing")
    with pytest.raises(BundleError, match="SHA256SUMS is missing"):
        Bundle.load(tmp_path)


def test_a_resealed_bundle_loads(copy: Path) -> None:
    meddle(copy, lambda content: content["metadata"].update(name="other"))
    assert Bundle.load(copy).metadata.name == "other"


def usual(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["yardsticks"]["goal"]["sale"]["usual"]


CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("unknown key", lambda spec: spec.update(extra=1), "extra: Extra inputs are not permitted"),
    ("unknown inner key", lambda spec: spec["pool"].update(extra=1), r"pool\.extra: Extra inputs"),
    ("key gone", lambda spec: spec.pop("curves"), "curves: Field required"),
    ("format", lambda spec: spec.update(format=1), "has bundle format 1, this version reads 4"),
    ("no format", lambda spec: spec.pop("format"), "has bundle format None"),
    ("not finite", lambda spec: spec["pool"].update(log_mean="nan"), r"pool\.log_mean"),
    ("negative weight", lambda spec: spec["pool"].update(weight=-1.0), r"pool\.weight"),
    ("zero stretch", lambda spec: spec["pool"].update(stretch=0.0), r"pool\.stretch"),
    ("goal gone", lambda spec: spec["goals"].pop("sale"), "goals must be those of the encoding"),
    ("feature gone", lambda spec: spec["encoding"]["features"].pop(), "curves must be those of the features"),
    ("curves of a goal gone", lambda spec: spec["curves"]["values"].pop(), "curves"),
    ("knots", lambda spec: spec["curves"]["knots"][0].reverse(), "knots must increase"),
    ("scale gone", lambda spec: spec["thresholds"]["log_scale"].pop(), "a scale of thresholds is needed"),
    ("no thresholds", lambda spec: spec.update(thresholds=None), "do not belong together"),
    ("no labels", lambda spec: spec["metadata"].update(follower_labels=None), "do not belong together"),
    ("other labels", lambda spec: spec["metadata"].update(follower_labels=[1, 2]), "do not belong together"),
    ("no yardsticks", lambda spec: spec.pop("yardsticks"), "yardsticks: Field required"),
    ("yardstick of nothing", lambda spec: usual(spec).update(fame=usual(spec)["fee_log"]), "must be those of the feat"),
    ("yardstick too short", lambda spec: usual(spec)["fee_log"].pop(), "one usual value per size"),
    ("yardstick not finite", lambda spec: usual(spec).update(fee_log=["nan"] * 7), "usual.fee_log.0"),
    ("sizes", lambda spec: spec["yardsticks"]["goal"]["sale"]["sizes"].reverse(), "sizes must increase"),
    ("no posting", lambda spec: spec.update(posted=None), CANARY),
    ("other calibration", lambda spec: spec["goals"]["sale"].update(intercept=0.3), CANARY),
    ("other weight", lambda spec: spec["goals"]["traffic"].update(weight=0.123), CANARY),
    ("other correction", lambda spec: spec["goals"]["sale"].update(correction=1.001), CANARY),
    ("codes exchanged", lambda spec: spec["encoding"]["categories"]["platform"].reverse(), CANARY),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_bundle_json_that_was_changed(copy: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    meddle(copy, change)
    with pytest.raises(BundleError, match=message):
        Bundle.load(copy)


@pytest.mark.parametrize("name", [name for name in FILES if name != "SHA256SUMS"])
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"tree\nversion=v4\n"])
def test_a_file_of_something_else(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    reseal(copy)
    with pytest.raises(BundleError):
        Bundle.load(copy)


@pytest.mark.parametrize("name", ["bundle.json", "canary.parquet", "background.parquet"])
def test_a_file_that_is_no_text(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\xff\xfe")
    reseal(copy)
    with pytest.raises(BundleError):
        Bundle.load(copy)


@pytest.mark.parametrize("name", ["actions.txt", "posted.txt", "thresholds.txt", "followers.json"])
def test_a_part_that_is_no_text(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"\xff\xfe")
    reseal(copy)
    with pytest.raises(BundleError):
        Bundle.load(copy)


def test_an_example_lacks_a_feature(copy: Path) -> None:
    pd.read_parquet(copy / "canary.parquet").drop(columns="fee_log").to_parquet(copy / "canary.parquet")
    reseal(copy)
    with pytest.raises(BundleError, match="lacks column 'fee_log'"):
        Bundle.load(copy)


@pytest.mark.parametrize(
    ("change", "message"), [("no column", "lacks column 'fee_log'"), ("no sale", "do not belong together")]
)
def test_a_background_that_explanations_cannot_start_from(copy: Path, change: str, message: str) -> None:
    background = pd.read_parquet(copy / "background.parquet")
    changed = {"no column": background.drop(columns="fee_log"), "no sale": background[background["goal"] != "sale"]}
    changed[change].to_parquet(copy / "background.parquet")
    reseal(copy)
    with pytest.raises(BundleError, match=message):
        Bundle.load(copy)


@pytest.mark.parametrize("change", ["no answers", "no rows", "one more"])
def test_examples_without_the_answers(copy: Path, change: str) -> None:
    canary = pd.read_parquet(copy / "canary.parquet")
    changed = {
        "no answers": canary.loc[:, ~canary.columns.str.startswith("answer:")],
        "no rows": canary.iloc[:0],
        "one more": canary.assign(**{"answer:more": 1.0}),
    }
    changed[change].to_parquet(copy / "canary.parquet")
    reseal(copy)
    with pytest.raises(BundleError):
        Bundle.load(copy)


@pytest.mark.parametrize("column", ["answer:expected", "answer:high", "answer:likelihood_0.5"])
def test_other_answers_than_those_recorded(copy: Path, column: str) -> None:
    canary = pd.read_parquet(copy / "canary.parquet")
    canary.loc[3, column] = np.nextafter(canary.loc[3, column], np.inf)  # the last bit counts
    canary.to_parquet(copy / "canary.parquet")
    reseal(copy)
    with pytest.raises(BundleError, match=CANARY):
        Bundle.load(copy)


def test_elsewhere_the_last_digits_may_differ(copy: Path) -> None:
    canary = pd.read_parquet(copy / "canary.parquet")
    canary["answer:expected"] *= 1 + 1e-13
    canary.to_parquet(copy / "canary.parquet")
    meddle(copy, lambda spec: spec["environment"].update(platform="elsewhere"))
    Bundle.load(copy)
    canary["answer:expected"] *= 1 + 1e-6
    canary.to_parquet(copy / "canary.parquet")
    reseal(copy)
    with pytest.raises(BundleError, match=CANARY):
        Bundle.load(copy)


def test_another_booster(copy: Path) -> None:
    text = (copy / "actions.txt").read_text()
    start = text.index("leaf_value=") + len("leaf_value=")
    end = text.index("\n", start)
    # One digit of one leaf; as long as before, since the text says how long its trees are.
    place = next(at for at in range(start, end) if text[at] == ".") + 3
    digit = "7" if text[place] != "7" else "2"
    (copy / "actions.txt").write_text(text[:place] + digit + text[place + 1 :])
    reseal(copy)
    with pytest.raises(BundleError, match=CANARY):
        Bundle.load(copy)


def test_boosters_exchanged(copy: Path) -> None:
    shutil.copy(copy / "thresholds.txt", copy / "actions.txt")
    reseal(copy)
    with pytest.raises(BundleError, match=r"actions\.txt is not a .* num_class is 1, not 2"):
        Bundle.load(copy)
