"""Each check with a case in which it finds an issue and one in which it passes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from training import checks
from training.checks.check import Evidence, Finding
from training.splits import walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable

CAMPAIGNS, HIRED = 100, 12
ROWS = CAMPAIGNS * HIRED


def rows(rng: np.random.Generator) -> pd.DataFrame:
    """Return activations without anything odd about them."""
    campaign = np.repeat(np.arange(CAMPAIGNS), HIRED)
    decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(campaign * 3, unit="D")
    actions = rng.poisson(rng.gamma(1.0, 4.0, ROWS)).astype(float)
    return pd.DataFrame(
        {
            "campaign_id": [f"c{n:03d}" for n in campaign],
            "account_id": [f"a{n}" for n in rng.integers(0, 60, ROWS)],
            "decided_at": decided,
            "closed_at": decided + pd.to_timedelta(rng.integers(10, 21, ROWS), unit="D"),
            "goal": np.where(campaign % 2, "sale", "traffic"),
            "actions": actions,
            "outcome": (actions >= 3).astype(float),
        }
    )


def likelihoods(log_loss: float, *, low: float) -> dict[str, Any]:
    """Return the model's figures beside those of the share of the goal."""
    gap = {"value": 0.4 - log_loss, "low": low, "high": low + 0.1}
    return {
        "model": {"log_loss": {"value": log_loss}},
        "goal_rate": {"log_loss": {"value": 0.4}, "model_ahead": {"log_loss": gap}},
    }


def evidence() -> Evidence:
    """Return what a sound backtest shows."""
    rng = np.random.default_rng(0)
    given = rows(rng)
    X = pd.DataFrame(
        {
            "log_followers": rng.normal(9, 2, ROWS),
            "engagement_rate_median_90d": np.where(rng.random(ROWS) < 0.2, np.nan, rng.beta(2, 40, ROWS)),
            "likes_log_mean_newest": np.log1p(given["actions"]) + rng.normal(scale=1.0, size=ROWS),
            "past_activations": np.arange(ROWS, dtype=float),
            "goal": given["goal"],
        }
    )
    folds = list(walk_forward(given["decided_at"], given["closed_at"], folds=4, groups=given["campaign_id"]))
    tested = pd.concat([given.iloc[test].assign(fold=number) for number, (_, test) in enumerate(folds, start=1)])
    found: dict[str, Any] = {
        "data": {
            "tested": len(tested),
            "reached_share": tested["outcome"].mean(),
            "accounts": 60,
            "campaigns": tested["campaign_id"].nunique(),
            "campaigns_with_several": 60,
            "fee_known_share": 1.0,
            "value_known_share": 1.0,
        },
        "settings": {"folds": 4},
        "metadata": {"families_without": []},
        "likelihood": likelihoods(0.31, low=0.02),
        "off_policy": {
            "why_not": None,
            "policies": {"model": {"why_not": None, "overlap": {"effective": 50.0, "matched": 80}}},
        },
    }
    likely = float(given["outcome"].mean())
    return Evidence(given, X, folds, tested.assign(likelihood=likely), found)


@pytest.fixture(scope="module")
def sound() -> Evidence:
    return evidence()


def found(code: str, given: Evidence) -> Finding:
    return next(one for one in checks.run(given) if one.code == code)


def test_codes_and_titles_are_unique_and_all_pass_where_nothing_is_wrong(sound: Evidence) -> None:
    findings = checks.run(sound)
    assert [one.code for one in findings] == [f"IMP{number:03d}" for number in range(1, len(checks.ALL) + 1)]
    assert len({one.title for one in findings}) == len(findings)
    assert {one.code: one.said for one in findings if one.outcome != "passed"} == {}
    for one in findings:
        assert one.said.endswith(".")
        assert not one.to_do


def data(given: Evidence, **changes: Any) -> Evidence:
    return replace(given, found={**given.found, "data": {**given.found["data"], **changes}})


def leaking(given: Evidence) -> Evidence:
    """A count that was read after the end of the campaign."""
    return replace(given, X=given.X.assign(leak=given.rows["actions"] * 1.1 + np.arange(ROWS) % 2))


def leaking_null(given: Evidence) -> Evidence:
    """A feature that is known only of activations that succeeded."""
    rng = np.random.default_rng(1)
    alike = given.rows.assign(actions=np.where(given.rows["actions"] >= 3, 5.0, 0.0))
    return replace(given, rows=alike, X=given.X.assign(leak=np.where(alike["actions"] > 0, rng.random(ROWS), np.nan)))


def peeking(given: Evidence) -> Evidence:
    """One training outcome closed an hour after the first tested decision."""
    train, test = given.folds[1]
    start = given.rows["decided_at"].iloc[test].min()
    late = given.rows.copy()
    late.loc[train[-1], "closed_at"] = start + pd.Timedelta(hours=1)
    return replace(given, rows=late)


def peeking_open(given: Evidence) -> Evidence:
    late = given.rows.copy()
    late.loc[given.folds[0][0][3], "closed_at"] = pd.NaT
    return replace(given, rows=late)


def peeking_same_rows(given: Evidence) -> Evidence:
    train, test = given.folds[2]
    return replace(given, folds=[*given.folds[:2], (np.append(train, test[0]), test), *given.folds[3:]])


def closing(given: Evidence, share: float, days: float) -> Evidence:
    odd = given.rows.copy()
    some = np.random.default_rng(2).random(ROWS) < share
    odd.loc[some, "closed_at"] = odd.loc[some, "decided_at"] + pd.Timedelta(days=days)
    return replace(given, rows=odd)


def still_open(given: Evidence) -> Evidence:
    odd = given.rows.copy()
    odd.loc[ROWS - 1, "closed_at"] = pd.NaT
    return replace(given, rows=odd)


def closed_by_export(given: Evidence) -> Evidence:
    odd = given.rows.copy()
    end = odd["decided_at"].max()
    return replace(given, rows=odd.assign(closed_at=odd["closed_at"].clip(upper=end)))


def risen(given: Evidence) -> Evidence:
    later = given.predictions["fold"] == 4
    return replace(
        given, predictions=given.predictions.assign(actions=given.predictions["actions"] * np.where(later, 4.0, 1.0))
    )


def shifted(given: Evidence) -> Evidence:
    later = given.rows["decided_at"] >= given.rows["decided_at"].iloc[given.folds[-1][1]].min()
    return replace(given, X=given.X.assign(log_followers=given.X["log_followers"] + 2.0 * later))


def no_longer_reported(given: Evidence) -> Evidence:
    later = given.rows["decided_at"] >= given.rows["decided_at"].iloc[given.folds[-1][1]].min()
    return replace(given, X=given.X.assign(log_followers=given.X["log_followers"].where(~later)))


def overconfident(given: Evidence) -> Evidence:
    later = given.predictions["fold"] == 3
    likelihood = given.predictions["likelihood"] + 0.2 * later
    return replace(given, predictions=given.predictions.assign(likelihood=likelihood))


def rare_goal(given: Evidence) -> Evidence:
    seldom = given.rows["campaign_id"].isin(["c010", "c090"])
    goal = given.rows["goal"].where(~seldom, "signup")
    tested = given.predictions.assign(goal=goal.loc[given.predictions.index])
    return replace(given, rows=given.rows.assign(goal=goal), predictions=tested)


def without_overlap(given: Evidence) -> Evidence:
    refused = {"why_not": "only 3 of those it would have hired were hired"}
    return replace(given, found={**given.found, "off_policy": {"why_not": None, "policies": {"model": refused}}})


ISSUES: list[tuple[str, Callable[[Evidence], Evidence], str]] = [
    ("IMP001", leaking, "Almost tell the outcome by themselves: leak"),
    ("IMP001", leaking_null, "Almost tell the outcome by themselves: leak"),
    ("IMP002", peeking, "fold 2: 1 training outcomes closed after the first tested decision"),
    ("IMP002", peeking_open, "fold 1: 1 training outcomes closed after the first tested decision"),
    ("IMP002", peeking_same_rows, "fold 3: 1 activations were both learnt from and tested"),
    ("IMP002", peeking_same_rows, "fold 3: 1 campaigns were both learnt from and tested"),
    ("IMP003", lambda given: closing(given, 0.05, 1), "closed in less than 0.25 of the usual time"),
    ("IMP003", lambda given: closing(given, 0.05, 90), "took more than 4 times as long as usual"),
    ("IMP003", still_open, "1 are still open"),
    ("IMP003", closed_by_export, "closed at the very last moment of the data"),
    ("IMP004", risen, "activations of fold 4 brought"),
    ("IMP005", shifted, "1 shifted: log_followers"),
    ("IMP005", no_longer_reported, "1 shifted: log_followers"),
    ("IMP006", overconfident, "fold 3, where 72% were said"),
    ("IMP007", lambda given: data(given, tested=300), "300 activations could be tested"),
    ("IMP007", lambda given: data(given, reached_share=0.01), "of which 7 brought"),
    ("IMP008", rare_goal, "fewer than 100 activations of signup (12)"),
    ("IMP009", lambda given: data(given, accounts=1), "All outcomes come from one account"),
    ("IMP010", lambda given: data(given, campaigns=9), "Only 9 campaigns"),
    ("IMP011", lambda given: data(given, campaigns_with_several=0), "more than one account"),
    ("IMP012", lambda given: data(given, value_known_share=0.0), "The value of an action is not known"),
    ("IMP012", lambda given: data(given, fee_known_share=0.0), "Fees are not known"),
    ("IMP012", lambda given: data(given, fee_known_share=0.5), "Fees are known of 50%"),
    (
        "IMP013",
        lambda given: replace(given, found={**given.found, "metadata": {"families_without": ["audience fit"]}}),
        "by family: audience fit",
    ),
    ("IMP014", lambda given: replace(given, found={**given.found, "settings": {"folds": 6}}), "6 folds were asked for"),
    ("IMP015", without_overlap, "cannot be told: only 3 of those"),
    (
        "IMP016",
        lambda given: replace(given, found={**given.found, "likelihood": likelihoods(0.405, low=-0.02)}),
        "Nothing was learnt that can be told from chance: the log loss is 0.4050;",
    ),
]


@pytest.mark.parametrize(("code", "change", "said"), ISSUES)
def test_an_issue_is_found_and_says_what_to_do(
    sound: Evidence, code: str, change: Callable[[Evidence], Evidence], said: str
) -> None:
    one = found(code, change(sound))
    assert one.outcome == "issue"
    assert said in one.said
    assert one.to_do.endswith(".")


def few(given: Evidence) -> Evidence:
    """Return two campaigns in one fold: too little for any comparison."""
    some = given.rows.iloc[:24].reset_index(drop=True)
    fold = (np.arange(12), np.arange(12, 24))
    return Evidence(
        some, given.X.iloc[:24], [fold], some.iloc[12:].assign(fold=1, likelihood=0.5), {**given.found, "metadata": {}}
    )


@pytest.mark.parametrize("code", ["IMP001", "IMP004", "IMP005", "IMP006", "IMP013"])
def test_what_cannot_be_asked_does_not_apply(sound: Evidence, code: str) -> None:
    one = found(code, few(sound))
    assert one.outcome == "not applicable"
    assert not one.to_do


def test_with_too_few_campaigns_nobody_can_say_whether_anything_was_learnt(sound: Evidence) -> None:
    unknown = {**sound.found, "likelihood": likelihoods(0.31, low=float("nan"))}
    assert found("IMP016", replace(sound, found=unknown)).outcome == "not applicable"


def test_nothing_told_about_others_does_not_apply(sound: Evidence) -> None:
    untold = {"why_not": "the candidates were not looked at", "policies": {}}
    one = found("IMP015", replace(sound, found={**sound.found, "off_policy": untold}))
    assert one.outcome == "not applicable"
    assert "the candidates were not looked at" in one.said


def test_records_grow_and_briefs_differ(sound: Evidence) -> None:
    """past_activations only ever grows, here from the first row to the last; budgets are those of a few campaigns."""
    assert found("IMP005", sound).outcome == "passed"
    renamed = replace(sound, X=sound.X.rename(columns={"past_activations": "posts_90d"}))
    assert "1 shifted: posts_90d" in found("IMP005", renamed).said
    campaign = sound.rows["campaign_id"].str[1:].astype(int)
    briefs = np.random.default_rng(3).normal(size=CAMPAIGNS)[campaign]
    assert found("IMP005", replace(sound, X=sound.X.assign(audience_fit=briefs))).outcome == "passed"


def test_features_that_never_vary_have_not_shifted(sound: Evidence) -> None:
    assert found("IMP005", replace(sound, X=sound.X[["goal"]].assign(posts_90d=1.0))).outcome == "passed"
    assert found("IMP005", replace(sound, X=sound.X[["goal", "past_activations"]])).outcome == "not applicable"


def test_of_many_features_of_the_brief_some_differ_by_chance_and_one_that_shifted_is_found(sound: Evidence) -> None:
    campaign = sound.rows["campaign_id"].str[1:].astype(int)
    drawn = np.random.default_rng(4).normal(size=(100, CAMPAIGNS))
    briefs = pd.DataFrame({f"brief_{number}": values[campaign] for number, values in enumerate(drawn)})
    given = replace(sound, X=pd.concat([sound.X, briefs], axis=1))
    assert found("IMP005", given).outcome == "passed"
    assert "1 shifted: log_followers" in found("IMP005", shifted(given)).said
