"""Incremental actions: a head of their own, which the attributed ones know nothing of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features.errors import BundleError, DataError
from serving.bundle import Bundle
from serving.predictor import Predictor
from tests.models import made_features
from tests.serving.test_bundle import meddle
from tests.training.backtest_cases import market
from tests.training.backtest_cases import model as small_model
from training.backtest import backtest
from training.incremental import FEWEST_CAMPAIGNS, fit_incremental
from training.model import ActionModel
from training.report.page import render

if TYPE_CHECKING:
    from pathlib import Path

    from serving.spec import Incremental

GOALS = ("sale", "traffic", "awareness")
TRUE = np.array([0.2, 0.3, 0.35])
ROWS, CAMPAIGNS = 400, 20
SHARE = 0.3


class Past:
    """Made-up activations in campaigns of one goal each, some of them measured by a holdout."""

    def __init__(self, *, seed: int = 3) -> None:
        random = np.random.default_rng(seed)
        self.campaign = np.sort(random.integers(0, CAMPAIGNS, ROWS))
        goal = np.where(self.campaign % 2, "sale", "traffic")
        self.X = made_features(ROWS, seed=seed).assign(goal=pd.array(goal, dtype="str"))
        mean = np.exp(0.5 * (self.X["log_followers"] - 9)) * np.where(self.X["goal"] == "sale", 3, 40)
        self.actions = random.poisson(mean)
        self.decided = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.arange(ROWS), unit="D")
        measured = self.campaign % 4 < 2
        self.incremental = np.where(measured, random.binomial(self.actions, SHARE), np.nan)

    def fit(self, **more: Any) -> Bundle:
        when = {"decided_at": self.decided, "closed_at": self.decided + pd.Timedelta(days=9)}
        return ActionModel(rounds=20, folds=2).fit(self.X, self.actions, **when, **more).bundle_


@pytest.fixture(scope="module")
def past() -> Past:
    return Past()


@pytest.fixture(scope="module")
def with_head(past: Past) -> Bundle:
    return past.fit(incremental_actions=past.incremental, campaign_id=past.campaign)


@pytest.fixture(scope="module")
def without(past: Past) -> Bundle:
    return past.fit()


def goals(X: pd.DataFrame) -> np.ndarray:
    return X["goal"].to_numpy(dtype=object)


def learnt(*, campaigns: int, deviation: float, random: np.random.Generator) -> tuple[Incremental, np.ndarray]:
    """Return what is learnt of simulated holdouts, and the true shares of another campaign of each goal."""
    goal = np.arange(campaigns) % len(GOALS)
    shares, others = (np.clip(random.normal(mean, deviation), 0, 1) for mean in (TRUE[goal], TRUE))
    campaign = np.repeat(np.arange(campaigns), 15)
    actions = random.poisson(np.array([4, 30, 1000])[goal][campaign] * random.gamma(1.5, 1 / 1.5, len(campaign)))
    measured = random.binomial(actions, shares[campaign])
    found = fit_incremental(GOALS, goal[campaign], actions.astype(float), measured, campaign_id=campaign)
    return found, others


@pytest.mark.parametrize(("campaigns", "deviation"), [(6, 0.05), (15, 0.1)])
def test_intervals_hold_the_share_of_another_campaign(campaigns: int, deviation: float) -> None:
    random = np.random.default_rng(campaigns)
    inside, width = [], []
    for _ in range(60):
        found, others = learnt(campaigns=campaigns, deviation=deviation, random=random)
        for goal, other in zip(GOALS, others, strict=True):
            low, high = found.shares[goal].interval()
            inside.append(low <= other <= high)
            width.append(high - low)
    assert 0.86 <= np.mean(inside) <= 0.99
    # Wide, because campaigns differ, but not as if nothing had been learnt.
    assert np.mean(width) < 0.75


def test_more_holdouts_make_the_share_surer() -> None:
    random = np.random.default_rng(0)
    few, many = (learnt(campaigns=n, deviation=0.05, random=random)[0] for n in (6, 60))
    assert all(many.shares[goal].deviation < few.shares[goal].deviation for goal in GOALS)
    assert [many.shares[goal].share for goal in GOALS] == pytest.approx(TRUE, abs=0.05)


def test_a_goal_measured_little_leans_on_the_others() -> None:
    counts = {"sale": (1, 0.9), "traffic": (6, 0.3), "awareness": (6, 0.3)}
    rows = [(code, n) for code, goal in enumerate(GOALS) for n in range(counts[goal][0])]
    share = np.array([counts[GOALS[code]][1] for code, _ in rows])
    actions = np.where([code == 0 for code, _ in rows], 4.0, 400.0)
    found = fit_incremental(GOALS, np.array([code for code, _ in rows]), actions, share * actions)
    assert 0.3 < found.shares["sale"].share < 0.75
    assert found.shares["sale"].deviation > 3 * found.shares["traffic"].deviation


def test_attributed_answers_are_the_same_bits_with_and_without_holdouts(
    with_head: Bundle, without: Bundle, past: Past
) -> None:
    one, other = with_head.distribution(past.X), without.distribution(past.X)
    for at_least in (1, 5, 50):
        assert one.likelihood(at_least).tobytes() == other.likelihood(at_least).tobytes()
    assert one.expected().tobytes() == other.expected().tobytes()
    assert np.array_equal(one.interval(), other.interval())


def test_incremental_actions_are_expected_apart(with_head: Bundle, past: Past) -> None:
    attributed = with_head.distribution(past.X)
    expected, low, high = with_head.incremental(goals(past.X), attributed)
    share = {goal: found.share for goal, found in with_head.spec.incremental.shares.items()}
    assert share == pytest.approx({"sale": SHARE, "traffic": SHARE}, abs=0.06)
    assert expected == pytest.approx(past.X["goal"].map(share).to_numpy() * attributed.expected())
    assert (low <= high).all()
    assert (high <= attributed.interval()[1]).all()
    known = np.isfinite(past.incremental)
    inside = (low <= past.incremental) & (past.incremental <= high)
    assert inside[known].mean() > 0.85
    assert (high - low).mean() < 0.6 * np.subtract(*attributed.interval()[::-1]).mean()


def test_a_row_is_answered_by_itself(with_head: Bundle, past: Past) -> None:
    X = pd.concat([past.X.head(8), past.X.head(4).assign(goal="signup")])
    together = with_head.incremental(goals(X), with_head.distribution(X))
    alone = [
        with_head.incremental(goals(X.iloc[[row]]), with_head.distribution(X.iloc[[row]])) for row in range(len(X))
    ]
    assert np.array_equal(np.hstack(alone), together, equal_nan=True)
    assert np.isnan(together)[:, 8:].all()
    assert np.isfinite(together)[:, :8].all()
    for kind in ("object", "category"):
        other = X.astype({"goal": kind})
        assert np.array_equal(
            with_head.incremental(goals(other), with_head.distribution(other)), together, equal_nan=True
        )


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (lambda _: False, "none of 400 activations has incremental_actions"),
        (lambda campaign: campaign < FEWEST_CAMPAIGNS - 1, "4 campaigns with actions .* 5 are needed, as fewer"),
    ],
)
def test_too_few_holdouts_say_so(past: Past, measured: Any, why: str) -> None:
    incremental = np.where(measured(past.campaign), past.actions / 4, np.nan)
    codes = (past.X["goal"] == "traffic").to_numpy().astype(np.intp)
    found = fit_incremental(("sale", "traffic"), codes, past.actions * 1.0, incremental, campaign_id=past.campaign)
    assert not found.shares
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found.said("sale"))


def test_a_goal_that_was_never_measured_says_so(past: Past) -> None:
    incremental = np.where(past.X["goal"] == "sale", past.actions / 4, np.nan)
    bundle = past.fit(incremental_actions=incremental, campaign_id=past.campaign)
    predictor = Predictor(bundle, version="v")
    answers = predictor.score(past.X, at_least=np.ones(ROWS), value_per_action=np.full(ROWS, 2.0))
    sale = (past.X["goal"] == "sale").to_numpy()
    for name in ("expected_incremental_actions", "incremental_low", "incremental_high"):
        assert np.array_equal(np.isfinite(answers[name]), sale)
    assert predictor.incremental(past.X["goal"]) == [
        (
            "25 % of the actions attributed for sale are taken to be incremental (24 to 26 % in another campaign), "
            "learnt from 10 campaigns with a holdout"
        ),
        "incremental actions are not known: no campaign for traffic has incremental_actions, which a holdout measures",
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"incremental_actions": np.zeros(3)}, "incremental_actions has 3 rows, the feature table 400"),
        ({"incremental_actions": np.full(ROWS, np.inf)}, "must be finite numbers, null where no holdout was run"),
        ({"campaign_id": ["c1"]}, "campaign_id has 1 rows, the feature table 400"),
    ],
)
def test_what_is_refused(past: Past, more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        past.fit(**more)


def test_the_head_is_saved_and_loaded(with_head: Bundle, past: Past, tmp_path: Path) -> None:
    loaded = Bundle.load(with_head.save(tmp_path / "saved"))
    X = past.X
    assert np.array_equal(
        loaded.incremental(goals(X), loaded.distribution(X)), with_head.incremental(goals(X), with_head.distribution(X))
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda head: head["shares"]["sale"].update(share=0.5), "does not reproduce its own examples"),
        (lambda head: head["shares"]["sale"].update(deviation=0.2), "does not reproduce its own examples"),
        (lambda head: head["shares"]["sale"].update(share=-0.1), "incremental.shares.sale.share"),
        (lambda head: head["shares"].update(fame=head["shares"]["sale"]), "must be those of goals"),
        (lambda head: head["shares"].clear(), "either shares are known, or why they are not"),
    ],
)
def test_a_damaged_head_is_refused(with_head: Bundle, tmp_path: Path, change: Any, message: str) -> None:
    folder = with_head.save(tmp_path / "saved")
    meddle(folder, lambda content: change(content["incremental"]))
    with pytest.raises(BundleError, match=message):
        Bundle.load(folder)


def test_a_backtest_says_what_holdouts_measured() -> None:
    sample = market(seed=1)
    random = np.random.default_rng(0)
    actions = sample.activations["actions"].to_numpy()
    measured = random.binomial(actions, 0.4).astype(float)
    rows = sample.activations.assign(
        incremental_actions=np.where(sample.activations["goal"] == "sale", measured, np.nan)
    )
    plain = backtest(sample.X, sample.activations, model=small_model(), folds=2)
    found = backtest(sample.X, rows, model=small_model(), folds=2)
    for name in ("likelihood", "ranking", "spend", "headline", "forecast"):
        assert str(found.metrics[name]) == str(plain.metrics[name]), name
    sale, traffic = found.metrics["incremental"]
    tested = found.predictions[found.predictions["goal"] == "sale"]
    assert sale["measured"] == tested["incremental_actions"].sum()
    assert sale["attributed"] == tested["actions"].sum()
    assert sale["expected_to_measured"]["value"] == pytest.approx(
        tested["expected_incremental_actions"].sum() / tested["incremental_actions"].sum()
    )
    assert sale["interval_coverage"] > 0.8
    assert traffic == {
        "goal": "traffic",
        "rows": 0,
        "campaigns": 0,
        "said": "incremental actions are not known: no campaign for traffic has incremental_actions, which a holdout "
        "measures",
    }
    assert found.predictions.loc[found.predictions["goal"] == "traffic", "incremental_high"].isna().all()
    page = render(found.metrics)
    assert "Tested activations with a holdout" in page
    assert "no campaign for traffic has incremental_actions" in page
    assert "Tested activations with a holdout" not in render(plain.metrics)
