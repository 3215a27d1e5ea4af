from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import BundleError, DataError, ImpelError, SettingError, TrackingError
from features.offer import break_even
from serving.attribution import Attribution
from serving.bundle import Bundle
from serving.predictor import Predictor, baselines
from serving.reasons import REASONS
from tests.models import NUMBERS, made_bundle, made_features

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 6
CAMPAIGNS = pd.DataFrame({"campaign_id": ["c1", "c2", "c3"], "value_per_action": [10.0, np.nan, 0.1]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_bundle(tmp_path_factory.mktemp("predictor") / "small")


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder)


def pairs(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "campaign_id": ["c1"] * ROWS,
            "account_id": [f"a{row}" for row in range(ROWS)],
            "decided_at": pd.Timestamp("2026-01-01").as_unit("us"),
        }
    )
    return frame.assign(**columns)


def test_answers_have_the_rows_order_and_index_of_the_pairs(predictor: Predictor) -> None:
    asked = pairs().set_index(pd.Index([9, 3, 3, 1, 7, 0]))
    answer = predictor.predict(made_features(ROWS, seed=1), pairs=asked, campaigns=CAMPAIGNS)
    assert list(answer.columns) == [
        "campaign_id",
        "account_id",
        "decided_at",
        "at_least",
        "likelihood",
        "expected_actions",
        "actions_low",
        "actions_high",
        "expected_value",
        "expected_incremental_actions",
        "incremental_low",
        "incremental_high",
        "support",
        "own_record_weight",
        "model_version",
    ]
    assert list(answer.index) == [9, 3, 3, 1, 7, 0]
    assert list(answer["account_id"]) == list(asked["account_id"])
    assert set(answer["model_version"]) == {"small"}
    assert set(answer["support"]) <= {"in", "edge", "outside"}


def test_the_weight_of_the_own_record_is_that_of_the_features(predictor: Predictor) -> None:
    X = made_features(ROWS, seed=1)
    weight = [0.0, 0.25, 0.4, 0.5, 0.75, np.nan]
    answer = predictor.predict(X.assign(past_performance_weight=weight), pairs=pairs(), campaigns=CAMPAIGNS)
    np.testing.assert_array_equal(answer["own_record_weight"], weight)
    # A model may know nothing of records.
    assert predictor.predict(X, pairs=pairs(), campaigns=CAMPAIGNS)["own_record_weight"].isna().all()


def test_each_row_is_answered_by_itself(predictor: Predictor) -> None:
    X, asked = made_features(ROWS, seed=1), pairs(fee=range(ROWS))
    together = predictor.predict(X, pairs=asked, campaigns=CAMPAIGNS)
    alone = [
        predictor.predict(X.iloc[[row]], pairs=asked.iloc[[row]], campaigns=CAMPAIGNS) for row in reversed(range(ROWS))
    ]
    pd.testing.assert_frame_equal(pd.concat(alone[::-1]), together, check_exact=True)


def test_a_model_of_other_features_is_refused(folder: Path, tmp_path: Path) -> None:
    Bundle.load(folder).described(catalogue_digest="of another time").save(tmp_path / "old")
    with pytest.raises(BundleError, match="trained on features that this version of Impel computes otherwise"):
        Predictor.load(tmp_path / "old")


AT_LEAST = [
    ({}, 1),
    ({"fee": 25.0}, 3),
    ({"fee": 30.0}, 3),
    ({"fee": 0.0}, 1),
    ({"fee": np.nan}, 1),
    ({"fee": None}, 1),
    ({"fee": 25.0, "at_least": 7}, 7),
    ({"fee": 25.0, "at_least": np.nan}, 3),
    ({"fee": 25.0, "at_least": None}, 3),
    ({"campaign_id": "c2", "fee": 25.0}, 1),
    ({"campaign_id": "c3", "fee": 1.1}, 11),  # 1.1 / 0.1 is 11.000000000000002
    ({"campaign_id": "c3", "fee": 1.11}, 12),
]


@pytest.mark.parametrize(("columns", "expected"), AT_LEAST)
def test_number_of_actions_asked_for(predictor: Predictor, columns: dict[str, Any], expected: float) -> None:
    answer = predictor.predict(made_features(ROWS, seed=2), pairs=pairs(**columns), campaigns=CAMPAIGNS)
    assert set(answer["at_least"]) == {expected}
    assert answer["likelihood"].equals(
        predictor.predict(
            made_features(ROWS, seed=2), pairs=pairs(**{**columns, "at_least": expected}), campaigns=CAMPAIGNS
        )["likelihood"]
    )


@given(actions=st.integers(1, 10**6), cents=st.integers(1, 10**6))
def test_break_even_of_whole_actions_is_exact(actions: int, cents: int) -> None:
    # What a caller writes: decimal fractions with two places, whose quotient is a whole number.
    fee, value = np.array([float(f"{actions * cents}e-2")]), np.array([float(f"{cents}e-2")])
    assert break_even(fee, value) == actions
    assert break_even(fee + 0.01, value) == actions + 1


def test_nothing_breaks_even_at_a_value_of_nothing() -> None:
    assert np.isnan(break_even(np.array([5.0, np.nan, 5.0]), np.array([0.0, 2.0, np.nan]))).all()


def test_expected_value_is_null_where_the_value_is(predictor: Predictor) -> None:
    asked = pairs(campaign_id=["c1", "c2"] * 3)
    answer = predictor.predict(made_features(ROWS, seed=2), pairs=asked, campaigns=CAMPAIGNS)
    assert answer["expected_value"].isna().tolist() == [False, True] * 3
    assert answer["expected_value"][0] == answer["expected_actions"][0] * 10


def test_reasons_are_the_strongest_contributions(predictor: Predictor) -> None:
    X = made_features(ROWS, seed=3)
    answer = predictor.predict(X, pairs=pairs(), campaigns=CAMPAIGNS, reasons=True)
    parts = pd.DataFrame(Attribution(predictor.bundle)(X, answer["at_least"].to_numpy()).parts, columns=X.columns)
    for row, reasons in enumerate(answer["reasons"]):
        strongest = parts.iloc[row].abs().sort_values(ascending=False)
        assert len(reasons) == min(REASONS, int((strongest > 0).sum()))
        assert [reason["feature"] for reason in reasons] == list(strongest.index[: len(reasons)])
        for reason in reasons:
            assert reason["contribution"] == parts.iloc[row][reason["feature"]]
            assert reason["direction"] == ("raises" if reason["contribution"] > 0 else "lowers")
            assert reason["meaning"]
            assert reason["words"]
            known = X.iloc[row][reason["feature"]]
            assert reason["value"] == (None if pd.isna(known) else known)


def test_families_add_up_to_likelihood_less_base(predictor: Predictor) -> None:
    X, at_least = made_features(50, seed=3), np.arange(1.0, 51.0)
    told = predictor.reasons.by_family(X, at_least)
    assert [each["likelihood"] for each in told] == predictor.bundle.distribution(X).likelihood(at_least).tolist()
    for each in told:
        total = sum(family["contribution"] for family in each["families"])
        assert each["base_likelihood"] + total == pytest.approx(each["likelihood"], abs=1e-15)
        sizes = [abs(family["contribution"]) for family in each["families"]]
        assert sizes == sorted(sizes, reverse=True)
        assert {family["family"] for family in each["families"]} <= {"engagement", "offer", "social scores"}
        for family in each["families"]:
            assert {feature["family"] for feature in family["features"]} == {family["family"]}


def test_reasons_name_what_is_usual_and_what_is_typical(predictor: Predictor) -> None:
    X = made_features(50, seed=3)
    past = predictor.bundle.background
    rates = past.groupby("goal")["engagement_rate_median_90d"].median()
    told = predictor.reasons.strongest(X, np.full(50, 3.0), most=9)
    for row, reasons in enumerate(told):
        rate = next((each for each in reasons if each["feature"] == "engagement_rate_median_90d"), None)
        if rate is None:
            continue
        assert rate["typical"] == rates[X["goal"][row]]
        assert rate["usual"] == pytest.approx(rates.mean(), rel=0.4), "it does not depend on the size here"
        assert f"{X['platform'][row]} accounts of this size" in rate["words"] or rate["value"] is None
    assert any(each["feature"] == "platform" and each["usual"] is None for reasons in told for each in reasons)


def test_reasons_do_not_change_the_answer(predictor: Predictor) -> None:
    X = made_features(ROWS, seed=3)
    plain = predictor.predict(X, pairs=pairs(), campaigns=CAMPAIGNS)
    told = predictor.predict(X, pairs=pairs(), campaigns=CAMPAIGNS, reasons=True)
    pd.testing.assert_frame_equal(told.drop(columns="reasons"), plain, check_exact=True)


def test_inputs_stay_as_they_are(predictor: Predictor) -> None:
    X, asked, campaigns = made_features(ROWS, seed=4), pairs(fee=5.0), CAMPAIGNS.copy()
    before = X.copy(), asked.copy()
    predictor.predict(X, pairs=asked, campaigns=campaigns, reasons=True)
    pd.testing.assert_frame_equal(X, before[0])
    pd.testing.assert_frame_equal(asked, before[1])
    pd.testing.assert_frame_equal(campaigns, CAMPAIGNS)


def test_no_pairs_no_answers(predictor: Predictor) -> None:
    answer = predictor.predict(
        made_features(ROWS, seed=4).iloc[:0], pairs=pairs().iloc[:0], campaigns=CAMPAIGNS, reasons=True
    )
    assert answer.shape == (0, 16)


def test_baselines_are_raw_values() -> None:
    X = made_features(3, seed=5).assign(log_followers=[np.log1p(1234), np.log1p(0), np.nan])
    found = baselines(X)
    assert found["followers"].tolist()[:2] == [1234, 0]
    assert np.isnan(found["kred"]).all()
    assert np.array_equal(found["klout"], X["klout_score"])
    assert np.isnan(found["followers"]).tolist() == [False, False, True]


BAD = [
    ({"pairs": pairs().iloc[:3]}, DataError, "6 rows of features for 3 pairs"),
    ({"pairs": pairs(campaign_id="c9")}, DataError, "campaign 'c9', which is not known."),
    ({"pairs": pairs().drop(columns="account_id")}, DataError, "pairs lack the column 'account_id'"),
    ({"pairs": pairs(at_least=0)}, DataError, "whole number of actions from 1, not 0"),
    ({"pairs": pairs(at_least=2.5)}, DataError, "not 2.5 .6 pairs"),
    ({"pairs": pairs(at_least=np.inf)}, DataError, "not inf"),
    ({"pairs": pairs(fee="much")}, DataError, "column fee of the pairs must hold numbers"),
    ({"campaigns": CAMPAIGNS.drop(columns="campaign_id")}, DataError, "campaigns lack the column 'campaign_id'"),
    ({"campaigns": pd.concat([CAMPAIGNS, CAMPAIGNS])}, DataError, "'c1' is listed twice"),
    ({"X": made_features(ROWS, seed=1).drop(columns="peerindex")}, BundleError, "peerindex"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_bad_input(predictor: Predictor, changes: dict[str, Any], error: type[ImpelError], message: str) -> None:
    arguments = {"X": made_features(ROWS, seed=1), "pairs": pairs(), "campaigns": CAMPAIGNS, **changes}
    with pytest.raises(error, match=message):
        predictor.predict(arguments.pop("X"), **arguments)


@pytest.mark.parametrize(
    ("uri", "error", "message"),
    [
        ("nowhere", BundleError, "no bundle folder 'nowhere'"),
        ("models:/impel", SettingError, "models:/impel@champion"),
        ("models:/impel/latest", SettingError, "names no model"),
        ("models:/impel@champion", TrackingError, "no registry at sqlite:///.* yet; train a model first"),
    ],
)
def test_models_that_are_not_there(
    uri: str, error: type[ImpelError], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPEL_HOME", str(tmp_path))
    with pytest.raises(error, match=message):
        Predictor.load(uri)
    assert list(tmp_path.iterdir()) == [], "asking creates nothing"


def test_a_name_in_the_bundle_is_its_version(folder: Path, tmp_path: Path) -> None:
    named = Bundle.load(folder).described(name="autumn").save(tmp_path / "other")
    assert Predictor.load(named).version == "autumn"


def test_predicting_needs_neither_training_nor_mlflow_nor_scikit_learn(folder: Path) -> None:
    program = f"""
import sys
for name in ("mlflow", "sklearn", "training", "bentoml"):
    sys.modules[name] = None  # importing it fails
import numpy as np, pandas as pd
from serving.predictor import Predictor
from serving import answers
X = pd.DataFrame({{name: [1.0] for name in {NUMBERS}}}).assign(goal="sale", platform="tiktok", vertical="food")
pairs = pd.DataFrame({{"campaign_id": ["c"], "account_id": ["a"], "decided_at": [pd.Timestamp("2026-01-01")]}})
Predictor.load({str(folder)!r}).predict(X, pairs=pairs, campaigns=pairs[["campaign_id"]], reasons=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
