from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from features.errors import DataError, ImpelError, SettingError
from tests.told import Told
from tests.training.backtest_cases import Market, market, model
from training.backtest import Backtest, backtest
from training.policies import POLICIES
from training.report.page import plain as report_plain
from training.report.page import render

SAID = ["likelihood", "expected_actions", "actions_low", "actions_high", "score_model", "likelihood_past_outcomes"]


@pytest.fixture(scope="session")
def small() -> Market:
    return market()


@pytest.fixture(scope="session")
def plain(small: Market) -> Backtest:
    return backtest(small.X, small.activations, model=model(), folds=3)


@pytest.fixture(scope="session")
def others(small: Market) -> Backtest:
    """Everybody could have been hired, and that each of 60 was one of 12 is logged."""
    logged = small.activations.assign(propensity=12 / 60)
    return backtest(small.X, logged, model=model(), folds=3, accounts=small)


@pytest.fixture(scope="session")
def known(small: Market) -> Backtest:
    return backtest(small.X, small.activations, model=model(), folds=3, truth=small)


def said(found: Backtest, folds: set[int]) -> pd.DataFrame:
    rows = found.predictions[found.predictions["fold"].isin(folds)]
    return rows.set_index(["campaign_id", "account_id"])[SAID]


def test_every_row_is_predicted_from_what_had_closed_before(small: Market, plain: Backtest) -> None:
    tested = plain.predictions
    assert set(tested["fold"]) == {1, 2, 3}
    assert not tested.duplicated(["campaign_id", "account_id"]).any()
    assert tested.groupby("campaign_id")["fold"].nunique().eq(1).all()
    for window in plain.metrics["folds"]:
        start = pd.Timestamp(window["test_from"])
        assert pd.Timestamp(window["train_until"]) <= start
        before = small.activations["decided_at"] < start
        closed = small.activations["closed_at"] <= start
        assert window["train_rows"] == (before & closed).sum()
        assert window["embargoed"] == (before & ~closed).sum() > 0
        assert window["test_rows"] == (tested["fold"] == window["fold"]).sum()


def test_outcomes_that_closed_after_a_folds_start_change_nothing_in_it(small: Market, plain: Backtest) -> None:
    start = pd.Timestamp(plain.metrics["folds"][1]["test_from"])
    later = small.activations["closed_at"] > start
    other = small.activations.assign(
        actions=small.activations["actions"].where(~later, 7_777),
        posted=small.activations["posted"].where(~later, other=False),
    )
    found = backtest(small.X, other, model=model(), folds=3)
    pd.testing.assert_frame_equal(said(found, {1, 2}), said(plain, {1, 2}), check_exact=True)
    assert not said(found, {3}).equals(said(plain, {3}))


def test_a_feature_that_knows_the_future_does_not_reach_back(small: Market) -> None:
    """A leak is believed only where training outcomes show it; what later rows hold changes nothing earlier."""
    leaking = small.X.assign(leak=small.activations["actions"].astype(float))
    found = backtest(leaking, small.activations, model=model(), folds=3)
    start = pd.Timestamp(found.metrics["folds"][2]["test_from"])
    later = (small.activations["decided_at"] >= start).to_numpy()
    mixed = leaking.assign(leak=np.where(later, -1.0, leaking["leak"]))
    without = backtest(mixed, small.activations, model=model(), folds=3)
    pd.testing.assert_frame_equal(said(found, {1, 2}), said(without, {1, 2}), check_exact=True)


def test_the_order_of_the_rows_changes_nothing(small: Market, plain: Backtest) -> None:
    """Up to the last bits: sums in another order round differently."""
    mixed = np.random.default_rng(0).permutation(len(small.X))
    found = backtest(small.X.iloc[mixed], small.activations.iloc[mixed], model=model(), folds=3)
    one, other = (run.predictions.set_index(["campaign_id", "account_id"]).sort_index() for run in (plain, found))
    assert (one["fold"] == other["fold"]).all()
    for name in POLICIES:
        if f"score_{name}" in one and not name.startswith("model"):
            pd.testing.assert_series_equal(one[f"score_{name}"], other[f"score_{name}"])


def test_figures_are_those_of_the_rows(plain: Backtest) -> None:
    rows = plain.predictions
    reached = rows["actions"] * rows["value_per_action"] >= rows["fee"]
    assert (rows["outcome"].astype(bool) == reached.to_numpy()).all()
    found = plain.metrics["likelihood"]["model"]
    assert found["auc"]["value"] == pytest.approx(roc_auc_score(reached, rows["likelihood"]))
    assert found["log_loss"]["value"] == pytest.approx(log_loss(reached, rows["likelihood"]))
    brier = brier_score_loss(reached, rows["likelihood"])
    base = brier_score_loss(reached, rows["likelihood_base_rate"])
    assert found["brier"]["value"] == pytest.approx(brier)
    assert found["brier_skill"]["value"] == pytest.approx(1 - brier / base)
    followers = plain.metrics["likelihood"]["followers"]
    assert followers["score_auc"]["value"] == pytest.approx(roc_auc_score(reached, rows["score_followers"]))
    assert followers["model_ahead"]["log_loss"]["value"] == pytest.approx(
        log_loss(reached, rows["likelihood_followers"]) - log_loss(reached, rows["likelihood"])
    )
    assert sum(one["rows"] for one in plain.metrics["reliability"]["model"]) == len(rows)
    assert plain.reliability["rows"].sum() == sum(plain.metrics["spread"]) == len(rows)
    inside = rows["actions"].between(rows["actions_low"], rows["actions_high"])
    assert plain.metrics["forecast"][0]["interval_coverage"]["value"] == pytest.approx(inside.mean())


def test_the_whole_distribution_is_judged_by_what_was_usual_before(small: Market, plain: Backtest) -> None:
    rows = plain.predictions
    pit, found = plain.metrics["pit"], plain.metrics["thresholds"]
    assert len(pit) == 10
    assert sum(one["value"] for one in pit) == pytest.approx(1.0)
    assert ((rows["pit_low"] >= 0) & (rows["pit_low"] <= rows["pit_high"]) & (rows["pit_high"] <= 1)).all()
    assert [one["share"] for one in found] == [0.75, 0.5, 0.25, 0.1]
    start = pd.Timestamp(plain.metrics["folds"][0]["test_from"])
    past = small.activations[(small.activations["closed_at"] <= start) & (small.activations["goal"] == "sale")]
    first = rows[(rows["fold"] == 1) & (rows["goal"] == "sale")]
    for one in found:
        k, likelihood = (rows[f"{name}_of_{100 * one['share']:.0f}"] for name in ("at_least", "likelihood"))
        usual = k.loc[first.index[0]]
        assert (past["actions"] > usual).mean() <= one["share"] <= (past["actions"] >= usual).mean() + 1 / len(past)
        reached = rows["actions"] >= k
        assert one["reached_share"] == pytest.approx(reached.mean())
        table = pd.DataFrame(one["reliability"])
        assert np.average(table["likelihood"], weights=table["rows"]) == pytest.approx(likelihood.mean())
        assert np.average(table["observed"], weights=table["rows"]) == pytest.approx(reached.mean())
    below = rows.groupby("goal")["likelihood_of_10"].mean() < rows.groupby("goal")["likelihood_of_75"].mean()
    assert below.all()
    share = (past["actions"].to_numpy()[:, None] >= first["at_least"].to_numpy()).mean(axis=0)
    assert first["likelihood_goal_rate"].to_numpy() == pytest.approx(share, abs=1 / len(past))
    inside = rows["actions"].between(rows["actions_low"], rows["actions_high"])
    for part in plain.metrics["slices"]:
        if part["by"] == "platform" and "interval_coverage" in part:
            own = rows["platform"] == part["slice"]
            assert part["interval_coverage"]["value"] == pytest.approx(inside[own].mean())


def shuffled(given: Market) -> Market:
    """Return the market with outcomes that have nothing to do with who brought them, but for the goal."""
    rng, rows = np.random.default_rng(0), given.activations
    order = np.arange(len(rows))
    for own in rows.groupby("goal").indices.values():
        order[own] = rng.permutation(own)
    X = given.X.drop(columns="past_actions_mean")
    return replace(given, X=X, activations=rows.assign(actions=rows["actions"].to_numpy()[order]))


def test_families_count_as_much_as_they_say(plain: Backtest) -> None:
    found = {one["family"]: one for one in plain.metrics["importance"]}
    assert sum(one["share"] for one in found.values()) == pytest.approx(1.0)
    # Actions follow followers (here behind the scores) and skill (behind engagement); platforms say nothing.
    assert found["engagement"]["loss_rise"]["low"] > 0
    assert found["engagement"]["share"] > 3 * found["offer"]["share"]
    for family, one in found.items():
        assert one["loss_rise"]["value"] == pytest.approx(plain.predictions[f"rise_{family}"].mean())


def test_without_any_signal_the_report_says_that_nothing_was_learnt(small: Market) -> None:
    silent = shuffled(small)
    found = backtest(silent.X, silent.activations, model=model(), folds=3)
    verdict = next(one for one in found.metrics["checks"] if one["code"] == "IMP016")
    assert verdict["outcome"] == "issue"
    page = render(report_plain(found.metrics))
    assert "Nothing was learnt that can be told from chance" in page.partition("<section>")[0]
    assert all(one["loss_rise"]["low"] <= 0 for one in found.metrics["importance"])
    # What is left is what the goal usually brings.
    rows = found.predictions
    assert np.abs(rows["likelihood"] - rows["likelihood_goal_rate"]).mean() <= 0.06


def test_where_there_is_a_signal_it_says_so(plain: Backtest) -> None:
    assert next(one for one in plain.metrics["checks"] if one["code"] == "IMP016")["outcome"] == "passed"


def test_money_of_the_first_hires_by_hand(plain: Backtest) -> None:
    rows = plain.predictions
    entry = next(one for one in plain.metrics["ranking"] if one["k"] == 3)
    assert entry["campaigns"] == entry["campaigns_with_fees"] == rows["campaign_id"].nunique()
    net = rows["expected_actions"] * rows["value_per_action"] - rows["fee"]
    for policy, score in (("model", net), ("followers", rows["score_followers"])):
        first = rows.assign(score=score).sort_values("score", ascending=False).groupby("campaign_id").head(3)
        value, fees = (first["actions"] * first["value_per_action"]).sum(), first["fee"].sum()
        found = entry["policies"][policy]
        assert found["value"]["value"] == pytest.approx(value)
        assert found["fees"]["value"] == pytest.approx(fees)
        assert found["net_value"]["value"] == pytest.approx(value - fees)
        whole = rows.groupby("campaign_id")["actions"].sum()
        share = first.groupby("campaign_id")["actions"].sum() / whole
        assert found["actions_share"]["value"] == pytest.approx(share[whole > 0].mean())
        by_goal = first.groupby("goal")["actions"].sum()
        assert found["actions_by_goal"] == pytest.approx(by_goal.to_dict())


def test_the_base_rate_is_that_of_the_past(small: Market, plain: Backtest) -> None:
    window = plain.metrics["folds"][0]
    past = small.activations[small.activations["closed_at"] <= pd.Timestamp(window["test_from"])]
    reached = (past["actions"] * past["value_per_action"] >= past["fee"]).sum()
    rows = plain.predictions[plain.predictions["fold"] == 1]
    assert rows["likelihood_base_rate"].unique() == pytest.approx([(reached + 0.5) / (len(past) + 1)])


def test_known_influencers_have_a_closed_outcome(small: Market, plain: Backtest) -> None:
    rows = plain.predictions
    for _, row in rows.sample(40, random_state=0).iterrows():
        own = small.activations[small.activations["account_id"] == row["account_id"]]
        assert (row["influencer"] == "known") == bool((own["closed_at"] <= row["decided_at"]).any())


def test_small_parts_say_so(plain: Backtest) -> None:
    parts = {(one["by"], one["slice"]): one for one in plain.metrics["slices"]}
    assert parts["all", "everything"]["rows"] == len(plain.predictions)
    assert {name for by, name in parts if by == "goal"} == {"sale", "traffic"}
    for one in parts.values():
        assert ("not_enough" in one) != ("score_auc" in one)
        if one["rows"] < 30:
            assert one["not_enough"] == f"{one['rows']} rows; 30 are needed"


def test_the_truth_is_the_best_and_judged_exactly(small: Market, known: Backtest) -> None:
    found = known.metrics["truth"]
    tested = known.predictions["campaign_id"].unique()
    pairs = small.pairs[small.pairs["campaign_id"].isin(tested)]
    assert found["candidates"] == len(pairs)
    p = pairs["likelihood"]
    entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p)).mean()
    assert found["likelihood"]["oracle"]["log_loss"]["value"] == pytest.approx(entropy, rel=1e-4)
    assert found["likelihood"]["oracle"]["calibration_error"]["value"] == pytest.approx(0.0, abs=1e-6)
    entry = next(one for one in found["ranking"] if one["k"] == 10)
    value = small.activations.groupby("campaign_id")["value_per_action"].first()
    net = pairs["expected_actions"] * pairs["campaign_id"].map(value) - pairs["fee"]
    best = net.groupby(pairs["campaign_id"]).nlargest(10).sum()
    assert entry["policies"]["oracle"]["net_value"]["value"] == pytest.approx(best, rel=1e-4)
    for one in entry["policies"].values():
        assert one["net_value"]["value"] <= best * (1 + 1e-4)
        assert one["regret"]["value"] == pytest.approx(best - one["net_value"]["value"], rel=1e-3, abs=best * 1e-4)
    hired = known.predictions.merge(small.pairs, on=["campaign_id", "account_id"], suffixes=("", "_true"))
    assert np.array_equal(hired["likelihood_oracle"], hired["likelihood_true"])


def test_the_truth_changes_nothing_of_what_was_said(plain: Backtest, known: Backtest) -> None:
    """Nor does a second run with the same seed."""
    columns = plain.predictions.columns
    pd.testing.assert_frame_equal(known.predictions[columns], plain.predictions, check_exact=True)
    for part in ("spread", "forecast"):
        assert repr(known.metrics[part]) == repr(plain.metrics[part])
    for name, figures in plain.metrics["likelihood"].items():
        assert repr(known.metrics["likelihood"][name]) == repr(figures)


def test_half_of_the_fees_by_hand(plain: Backtest) -> None:
    rows, found = plain.predictions, plain.metrics["spend"]
    assert found["fees"] == pytest.approx(rows["fee"].sum() / 2)
    worth = rows["actions"] * rows["value_per_action"]
    assert found["hired"]["value"]["value"] == pytest.approx(worth.sum() / 2)
    total = 0.0
    for _, campaign in rows.assign(worth=worth).groupby("campaign_id"):
        left = campaign["fee"].sum() / 2
        for _, row in campaign.sort_values("score_followers", ascending=False).iterrows():
            part = min(left / row["fee"], 1.0)
            total += part * row["worth"]
            left -= part * row["fee"]
    assert found["policies"]["followers"]["value"]["value"] == pytest.approx(total)
    mine = found["policies"]["model"]["value"]["value"]
    assert found["policies"]["followers"]["model_ahead"]["value"] == pytest.approx(mine - total)
    assert found["hired"]["model_ahead"]["value"] == pytest.approx(mine - worth.sum() / 2)


def test_rosters_spend_what_was_paid(known: Backtest, plain: Backtest) -> None:
    found = known.metrics["off_policy"]
    rows = known.predictions
    value, fees = (rows["actions"] * rows["value_per_action"]).sum(), rows["fee"].sum()
    assert found["spend"] == "fees"
    assert found["budget"] == pytest.approx(fees)
    assert found["hired"]["value"] == pytest.approx(value)
    assert found["hired"]["net_value"] == pytest.approx(value - fees)
    assert {"model", "followers", "engagement_rate", "klout", "random"} <= set(found["policies"])
    for one in found["policies"].values():
        assert one["true"]["fees"] == pytest.approx(fees, rel=1e-5)
    assert "were not looked at" in plain.metrics["off_policy"]["why_not"]


def test_what_others_would_have_earned_is_near_the_truth(known: Backtest, others: Backtest) -> None:
    """Hires were by chance here: whatever is told holds the truth, and it is told of whoever hires enough."""
    truth, told = known.metrics["off_policy"]["policies"], others.metrics["off_policy"]["policies"]
    assert set(truth) == set(told)
    ends = [
        (one["doubly_robust"]["net_value"], truth[name]["true"]["net_value"])
        for name, one in told.items()
        if not one["why_not"]
    ]
    assert len(ends) >= 4
    assert all(end["low"] <= true <= end["high"] for end, true in ends)
    assert told["model"]["doubly_robust"]["against_hired"]["low"] > 0
    assert "true" not in told["model"]
    for one in told.values():
        assert bool(one["why_not"]) == (one["overlap"]["effective"] < 20)


def test_logged_propensities_are_used_and_others_estimated(small: Market, others: Backtest) -> None:
    found = others.metrics["selection"]
    assert found["logged_share"] == 1.0
    assert found["auc"] == pytest.approx(0.5, abs=0.06)
    assert found["effective"] == pytest.approx(found["hired"])
    half = small.activations.assign(propensity=np.where(small.activations.index % 2, 12 / 60, np.nan))
    mixed = backtest(small.X, half, model=model(), folds=3, accounts=small)
    assert mixed.metrics["selection"]["logged_share"] == pytest.approx(0.5, abs=0.01)
    mine, theirs = (run.metrics["off_policy"]["policies"]["model"]["doubly_robust"] for run in (mixed, others))
    assert mine["value"]["value"] != theirs["value"]["value"]
    assert mine["value"]["value"] == pytest.approx(theirs["value"]["value"], rel=0.15)


def test_candidates_change_nothing_of_what_was_said(plain: Backtest, others: Backtest) -> None:
    columns = plain.predictions.columns
    pd.testing.assert_frame_equal(others.predictions[columns], plain.predictions, check_exact=True)
    assert others.metrics["truth"] is None
    assert repr(others.metrics["ranking"]) == repr(plain.metrics["ranking"])


@pytest.mark.parametrize(("most", "campaigns"), [(60 * 12, 12), (60 * 3 - 1, None)])
def test_as_many_campaigns_as_there_is_room_for(
    small: Market, monkeypatch: pytest.MonkeyPatch, most: int, campaigns: int | None
) -> None:
    monkeypatch.setattr("training.backtest.MOST_CANDIDATES", most)
    found = backtest(small.X, small.activations, model=model(), folds=3, accounts=small).metrics
    if campaigns is None:
        assert "too many" in found["off_policy"]["why_not"]
    else:
        assert found["off_policy"]["campaigns"] == found["selection"]["campaigns"] == campaigns


@pytest.mark.parametrize(
    ("column", "spend", "why_not"),
    [("value_per_action", None, "value and fees are not known"), ("fee", "hires", None)],
)
def test_without_values_nothing_is_told_and_without_fees_hires_count(
    small: Market, column: str, spend: str | None, why_not: str | None
) -> None:
    unknown = replace(small, pairs=small.pairs.assign(fee=np.nan)) if column == "fee" else small
    rows = small.activations.assign(**{column: np.nan})
    found = backtest(small.X, rows, model=model(), folds=2, accounts=unknown).metrics["off_policy"]
    assert (why_not is None) == (found["why_not"] is None)
    assert (why_not or "") in (found["why_not"] or "")
    assert found.get("spend") == spend
    if spend:
        assert found["policies"]["model"]["hires"] == found["hired"]["hires"]


def test_chunks_of_candidates_change_nothing(small: Market, known: Backtest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.fold._CHUNK_ROWS", 1)
    again = backtest(small.X, small.activations, model=model(), folds=3, truth=small)
    assert repr(again.metrics["truth"]["ranking"]) == repr(known.metrics["truth"]["ranking"])


def test_candidates_that_stood_before_the_training_ended_are_left_out(small: Market) -> None:
    early = Market(
        small.X,
        small.activations,
        small.pairs.assign(
            decided_at=small.pairs["decided_at"]
            - pd.to_timedelta(np.where(small.pairs["campaign_id"] == "c035", 300, 0), unit="D")
        ),
        small.pairs_x,
    )
    found = backtest(small.X, small.activations, model=model(), folds=3, truth=early)
    assert [one["campaigns_without_truth"] for one in found.metrics["folds"]] == [0, 0, 1]
    assert found.metrics["truth"]["campaigns"] == found.metrics["data"]["campaigns"] - 1


def test_without_money_followers_or_rivals(small: Market) -> None:
    """As in data that have no fee, no value, no followers: one hire per campaign, one account, one goal."""
    rows = small.activations.assign(
        campaign_id=[f"live{number}" for number in range(len(small.X))],
        account_id="only",
        fee=np.nan,
        value_per_action=np.nan,
        goal="sale",
    )
    scores = ["log_followers", "engagement_rate_median_90d", "klout_score", "kred_influence", "past_actions_mean"]
    X = small.X.assign(goal="sale", **dict.fromkeys([*scores, "fee_log", "log_break_even"], np.nan))
    found = backtest(X, rows, model=model(), at_least=20, metadata={"families_without": ["audience fit"]}).metrics
    assert found["ranking"] == []
    assert found["headline"]["of"] == "likelihood"
    assert found["headline"]["best_rule"] is None
    assert set(found["likelihood"]) == {"model", "random", "goal_rate", "base_rate"}
    assert [one["name"] for one in found["policies"] if one["available"]] == [
        "model",
        "model_likelihood",
        "model_value",
        "random",
    ]
    assert found["gains"]["by_hires"]["campaigns"] == found["gains"]["by_fees"]["campaigns"] == 0
    assert found["spend"]["campaigns"] == 0
    told = " ".join(one["said"] for one in found["checks"] if one["outcome"] == "issue")
    for words in ("one account", "more than one account", "value of an action is not known", "audience fit"):
        assert words in told


def test_at_least_is_asked_of_all_and_progress_told(small: Market) -> None:
    told = Told()
    found = backtest(small.X, small.activations, model=model(), folds=2, at_least=4, progress=told)
    assert (found.predictions["at_least"] == 4).all()
    assert (found.predictions["outcome"] == (found.predictions["actions"] >= 4)).all()
    assert told.steps[0].startswith("fold 1 of 2: learning from ")
    assert told.steps[-1] == "measuring"
    assert told.shares == [0.0, 0.45, 0.9]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X": "short"}, DataError, "X has 479 rows, activations 480"),
        ({"activations": "no fee"}, DataError, "activations lack the column 'fee'"),
        ({"at_least": 0}, SettingError, "at_least must be 1 or more actions, got 0"),
        ({"at_least": 3, "truth": "yes"}, SettingError, "at_least=3 cannot be judged against the truth"),
        ({"folds": 0}, SettingError, "folds must be at least 1, got 0"),
        ({"activations": "few"}, DataError, "36 activations are too few for a walk-forward backtest"),
    ],
)
def test_wrong_input_is_named(small: Market, change: dict[str, Any], error: type[ImpelError], message: str) -> None:
    given: dict[str, Any] = {"X": small.X, "activations": small.activations, **change}
    if given["X"] is not small.X:
        given["X"] = small.X[1:]
    if change.get("activations") == "no fee":
        given["activations"] = small.activations.drop(columns="fee")
    if change.get("activations") == "few":
        given |= {"X": small.X[:36], "activations": small.activations[:36]}
    if "truth" in change:
        given["truth"] = small
    with pytest.raises(error, match="^" + message.replace("(", r"\(")):
        backtest(**given, model=model())
