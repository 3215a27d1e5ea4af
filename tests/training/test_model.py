"""ActionModel: the conventions it keeps, what it refuses, and what little data do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from features.errors import DataError, SettingError
from tests.models import made_features
from training.model import ActionModel

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400
SMALL = 60
THRESHOLDS = (0, 1, 2, 3, 5, 8, 13, 50, 1000, 10**9)


def times(rows: int) -> dict[str, pd.Series]:
    """Return one decision a day, each closed after thirty."""
    decided = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(rows), unit="D"))
    return {"decided_at": decided, "closed_at": decided + pd.Timedelta(days=30)}


def outcomes(X: pd.DataFrame, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return actions and what was posted."""
    random = np.random.default_rng(seed)
    posted = random.random(len(X)) < np.where(X["platform"] == "tiktok", 0.9, 0.6)
    mean = np.exp(0.5 * (X["log_followers"] - 9)) * np.where(X["goal"] == "sale", 3, 40)
    return np.where(posted, random.poisson(mean), 0), posted


def fitted(**options: Any) -> ActionModel:
    X = made_features(ROWS, seed=3)
    actions, posted = outcomes(X, seed=3)
    return ActionModel(**{"rounds": 40, "folds": 2, **options}).fit(X, actions, posted=posted, **times(ROWS))


def answers(model: ActionModel, X: pd.DataFrame) -> np.ndarray:
    found = [model.likelihood(X, at_least) for at_least in THRESHOLDS]
    return np.column_stack([*found, model.expected_actions(X), *model.interval(X), *model.interval(X, 0.5)])


def check_sane(model: ActionModel, X: pd.DataFrame) -> None:
    """Check what holds of every answer whatever the data."""
    assert np.isfinite(answers(model, X)).all()
    likelihood = np.stack([model.likelihood(X, at_least) for at_least in THRESHOLDS])
    assert ((likelihood >= 0) & (likelihood <= 1)).all()
    assert (likelihood[0] == 1).all()
    assert (np.diff(likelihood, axis=0) <= 0).all()
    assert (model.expected_actions(X) >= 0).all()
    wide, narrow = model.interval(X, 0.9), model.interval(X, 0.5)
    assert (wide[0] <= narrow[0]).all()
    assert (narrow[0] <= narrow[1]).all()
    assert (narrow[1] <= wide[1]).all()
    for coverage, (low, high) in ((0.9, wide), (0.5, narrow)):
        assert (low >= 0).all()
        assert (low == np.round(low)).all()
        assert (high == np.round(high)).all()
        inside = model.likelihood(X, low) - model.likelihood(X, high + 1)
        assert (inside >= coverage - 1e-9).all()


@pytest.fixture(scope="module")
def model() -> ActionModel:
    return fitted()


@pytest.fixture(scope="module")
def X() -> pd.DataFrame:
    return made_features(600, seed=4)  # enough rows for more than one thread


def test_parameters_are_stored_and_cloned() -> None:
    options = {
        "rounds": 7,
        "learning_rate": 0.1,
        "leaves": 4,
        "min_rows": 9,
        "feature_share": 0.7,
        "shrinkage": 2.0,
        "recency": 0.5,
        "folds": 3,
        "seed": 5,
        "n_threads": 2,
    }
    model = ActionModel(**options)
    assert model.get_params() == options
    assert clone(model).get_params() == options
    assert model.set_params(leaves=5).leaves == 5
    assert set(ActionModel().get_params()) == set(options)


def test_a_clone_is_not_fitted(model: ActionModel) -> None:
    check_is_fitted(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(model))


def test_the_same_bits_on_a_refit(X: pd.DataFrame) -> None:
    first, again = fitted(rounds=10), fitted(rounds=10)
    assert answers(again, X).tobytes() == answers(first, X).tobytes()
    assert again.out_of_fold_.equals(first.out_of_fold_)


def test_the_same_bits_with_one_thread_or_two(tmp_path: Path) -> None:
    """LightGBM's threads and those of the linear algebra under the curves."""
    rows = 1500
    X = made_features(rows, seed=3)
    actions, posted = outcomes(X, seed=3)
    models = [
        ActionModel(rounds=10, folds=2, n_threads=threads).fit(X, actions, posted=posted, **times(rows))
        for threads in (1, 2)
    ]
    assert models[0].out_of_fold_.equals(models[1].out_of_fold_)
    for threads, model in enumerate(models, start=1):
        model.bundle_.save(tmp_path / f"{threads}")
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / f"{n}").iterdir()} for n in (1, 2))
    assert len(one) == 7
    assert one == two


def test_the_seed_matters(model: ActionModel, X: pd.DataFrame) -> None:
    assert (answers(fitted(seed=1), X) != answers(model, X)).any()


def test_fitting_leaves_its_input_alone() -> None:
    X = made_features(SMALL, seed=3)
    actions, posted = outcomes(X, seed=3)
    given = {"actions": actions, "posted": posted, **times(SMALL)}
    before, copies = X.copy(), {name: value.copy() for name, value in given.items()}
    ActionModel(rounds=5).fit(X, **given)
    pd.testing.assert_frame_equal(X, before)
    for name, value in given.items():
        assert (value == copies[name]).all()


def test_the_index_does_not_matter(X: pd.DataFrame) -> None:
    rows = made_features(SMALL, seed=3)
    actions, posted = outcomes(rows, seed=3)
    plain = ActionModel(rounds=5).fit(rows, actions, posted=posted, **times(SMALL))
    odd = rows.set_index(pd.Index([7] * SMALL))
    moved = {name: value.set_axis(range(900, 900 + SMALL)) for name, value in times(SMALL).items()}
    other = ActionModel(rounds=5).fit(odd, pd.Series(actions, index=odd.index), posted=posted, **moved)
    assert answers(other, X).tobytes() == answers(plain, X).tobytes()


def test_every_answer_is_the_bundles(model: ActionModel, X: pd.DataFrame) -> None:
    found = model.bundle_.distribution(X)
    assert (model.predict(X) == found.expected()).all()
    assert (model.expected_actions(X) == found.expected()).all()
    assert (model.likelihood(X, 4) == found.likelihood(4)).all()
    assert (np.stack(model.interval(X, 0.8)) == np.stack(found.interval(0.8))).all()


def test_answers_are_sane(model: ActionModel, X: pd.DataFrame) -> None:
    check_sane(model, X)
    by_row = np.arange(len(X)) % 9
    found = model.likelihood(X, by_row)
    for at_least in range(9):
        assert (found[by_row == at_least] == model.likelihood(X, at_least)[by_row == at_least]).all()


SHARES = np.linspace(0, 1, 11)


def of_bought(effect: float, name: str) -> np.ndarray:
    """Return answers to rows that differ in one feature alone, which multiplied actions and posting in the past.

    Their shape is (shares, thresholds and expected, rows).
    """
    X = made_features(ROWS, seed=3)
    share = np.random.default_rng(5).beta(1, 2, ROWS)
    X[name] = np.where(np.arange(ROWS) % 9, share, np.nan)
    random = np.random.default_rng(6)
    posted = random.random(ROWS) < np.clip(0.7 + 0.2 * effect * (share - 0.3), 0, 1)
    mean = np.exp(0.5 * (X["log_followers"] - 9) + effect * share) * np.where(X["goal"] == "sale", 3, 40)
    actions = np.where(posted, random.negative_binomial(1 + share, 1 / (1 + mean)), 0)
    model = ActionModel(rounds=40, folds=2).fit(X, actions, posted=posted, **times(ROWS))
    asked = [X[:60].assign(**{name: value}) for value in SHARES]
    return np.array(
        [[*(model.likelihood(rows, k) for k in THRESHOLDS), model.expected_actions(rows)] for rows in asked]
    )


def test_more_fake_followers_never_help_whatever_the_past_says() -> None:
    seemed_to_help, cost = of_bought(2, "fake_share"), of_bought(-2, "fake_share")
    for answered in (seemed_to_help, cost):
        assert (np.diff(answered, axis=0) <= 1e-12 * np.maximum(answered[1:], 1)).all()
    expected = cost[:, -1]
    assert (expected[-1] < 0.8 * expected[0]).all()


def test_a_feature_without_a_direction_goes_the_way_of_the_past() -> None:
    expected = of_bought(2, "sponsored_share_90d")[:, -1]
    assert (expected[-1] > 2 * expected[0]).all()


def test_out_of_fold_predictions_are_of_later_rows(model: ActionModel) -> None:
    found = model.out_of_fold_
    assert list(found.columns) == [
        "position",
        "fold",
        "goal",
        "actions",
        "posted",
        "posted_probability",
        "mean_actions",
        "size",
    ]
    X = made_features(ROWS, seed=3)
    actions, posted = outcomes(X, seed=3)
    assert found["position"].is_unique
    assert (actions[found["position"]] == found["actions"]).all()
    assert (posted[found["position"]] == found["posted"]).all()
    assert (X["goal"].to_numpy()[found["position"]] == found["goal"]).all()
    assert found["position"].min() >= int(0.4 * ROWS)
    assert found["posted_probability"].between(0, 1).all()
    assert (found[["mean_actions", "size"]] > 0).all(axis=None)


def test_training_window(model: ActionModel) -> None:
    metadata = model.bundle_.metadata
    window = times(ROWS)
    assert metadata.activations == ROWS
    assert metadata.trained_from == window["decided_at"].min()
    assert metadata.trained_until == window["closed_at"].max()


TOO_FEW = "29 closed activations are too few to learn from; at least 30 are needed"
COUNTS = "actions must be counts, got {}; leave out activations that are not closed yet"
BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("actions too short", {"actions": np.ones(59)}, DataError, "actions has 59 rows, the feature table 60"),
    ("posted too long", {"posted": np.ones(61, bool)}, DataError, "posted has 61 rows, the feature table 60"),
    ("decided_at", {"decided_at": times(3)["decided_at"]}, DataError, "decided_at has 3 rows, the feature table 60"),
    ("closed_at", {"closed_at": times(3)["closed_at"]}, DataError, "closed_at has 3 rows, the feature table 60"),
    (
        "too few rows",
        {"X": made_features(29, seed=0), "actions": np.ones(29), "posted": None, **times(29)},
        DataError,
        TOO_FEW,
    ),
    ("no rows", {"X": made_features(0, seed=0), "actions": [], "posted": None, **times(0)}, DataError, "too few"),
    ("negative", {"actions": np.r_[-2.0, np.ones(59)]}, DataError, COUNTS.format(-2.0)),
    ("unknown", {"actions": np.r_[np.nan, np.ones(59)]}, DataError, COUNTS.format("nan")),
    ("infinite", {"actions": np.r_[np.inf, np.ones(59)]}, DataError, COUNTS.format("inf")),
    ("None", {"actions": [None] * 60}, DataError, COUNTS.format("nan")),
    ("no goal column", {"X": made_features(60, seed=0).drop(columns="goal")}, DataError, "lacks column 'goal'"),
    (
        "goal null",
        {"X": made_features(60, seed=0).assign(goal=pd.array([None, *["sale"] * 59], dtype="str"))},
        DataError,
        "goal is missing in 1 rows",
    ),
    ("nothing posted", {"posted": np.zeros(60, bool)}, DataError, "none of the 60 closed activations was posted"),
    (
        "a column twice",
        {"X": pd.concat([made_features(60, seed=0), pd.Series(np.ones(60), name="fee_log")], axis=1)},
        DataError,
        "column 'fee_log' twice",
    ),
    (
        "numbers among texts",
        {"X": made_features(60, seed=0).assign(tag=pd.Series(["a", 3] * 30, dtype="object"))},
        DataError,
        "feature 'tag' holds 3; a feature is a number or a text",
    ),
    ("still open", {"closed_at": [pd.NaT] * 60}, DataError, "closed_at is missing in 60 rows; leave out activations"),
    ("no decision", {"decided_at": [pd.NaT] * 60}, SettingError, "decided_at must not be missing"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {
        "X": made_features(SMALL, seed=0),
        "actions": np.ones(SMALL),
        "posted": np.ones(SMALL, dtype=bool),
        **times(SMALL),
        **wrong,
    }
    with pytest.raises(error) as found:
        ActionModel(rounds=5).fit(given.pop("X"), given.pop("actions"), **given)
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def account() -> pd.DataFrame:
    """Return features of one account that was hired again and again for one goal: only the fee ever differs."""
    X = made_features(SMALL, seed=0)
    return X.assign(**{name: X[name].iloc[0] for name in X.columns if name != "fee_log"})


LITTLE: dict[str, pd.DataFrame] = {
    "one goal, one account": account(),
    "sixty rows": made_features(SMALL, seed=0),
    "a number never known": made_features(ROWS, seed=0).assign(fee_log=np.nan),
    "a text never known": made_features(ROWS, seed=0).assign(vertical=pd.array([None] * ROWS, dtype="str")),
    "a constant": made_features(ROWS, seed=0).assign(fee_log=3.0),
    "infinite numbers": made_features(ROWS, seed=0).assign(fee_log=np.inf),
    "a goal seen once": made_features(ROWS, seed=0).assign(goal=["sale"] * (ROWS - 1) + ["signup"]),
    "thirty rows": made_features(30, seed=0),
    "two columns": made_features(ROWS, seed=0)[["goal", "log_followers"]],
}


@pytest.mark.parametrize("name", LITTLE)
def test_little_data(name: str, X: pd.DataFrame) -> None:
    rows = LITTLE[name]
    actions = np.random.default_rng(0).negative_binomial(1, 0.2, len(rows))
    model = ActionModel(rounds=40, folds=3).fit(rows, actions, **times(len(rows)))
    check_sane(model, rows)
    check_sane(model, X)
    assert model.expected_actions(rows).mean() == pytest.approx(actions.mean(), rel=0.25)


@pytest.mark.parametrize("rows", [SMALL, ROWS])
def test_nothing_ever_happened(rows: int, X: pd.DataFrame) -> None:
    model = ActionModel(rounds=40).fit(made_features(rows, seed=0), np.zeros(rows), **times(rows))
    check_sane(model, X)
    assert (model.likelihood(X, 1) < 1 / rows).all()
    assert (model.expected_actions(X) < 1 / rows).all()


def test_all_posted_is_the_same_as_not_said(X: pd.DataFrame) -> None:
    rows = made_features(ROWS, seed=3)
    actions = outcomes(rows, seed=3)[0]
    said = ActionModel(rounds=20, folds=2).fit(rows, actions, posted=np.ones(ROWS, bool), **times(ROWS))
    not_said = ActionModel(rounds=20, folds=2).fit(rows, actions, **times(ROWS))
    assert answers(said, X).tobytes() == answers(not_said, X).tobytes()
    check_sane(said, X)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_little_data_on_posting(share: float) -> None:
    rows = made_features(SMALL, seed=0)
    posted = np.arange(SMALL) % 10 < 10 * share
    actions = np.where(posted, np.random.default_rng(0).poisson(20, SMALL), 0)
    model = ActionModel(rounds=20).fit(rows, actions, posted=posted, **times(SMALL))
    check_sane(model, rows)
    assert model.bundle_.distribution(rows).posted == pytest.approx(np.full(SMALL, share), abs=0.05)
    assert model.likelihood(rows, 1) == pytest.approx(np.full(SMALL, share), abs=0.1)


@pytest.mark.parametrize("rows", [SMALL, ROWS])
def test_nothing_ever_varies(rows: int) -> None:
    X = made_features(rows, seed=0)[["goal", "fee_log"]].assign(goal="sale", fee_log=3.0)
    actions = np.random.default_rng(0).poisson(4, rows)
    with pytest.raises(DataError, match=f"no feature varies over the {rows} posted activations"):
        ActionModel(rounds=20).fit(X, actions, **times(rows))
