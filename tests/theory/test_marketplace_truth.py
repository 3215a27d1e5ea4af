"""The demo marketplace against its own truth: who is hired, what comes of it, and how much of that is luck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from features.tables import GOALS
from training.marketplace import activations

if TYPE_CHECKING:
    from tests.theory.conftest import Market


def test_outcomes_are_draws_from_the_truth(outcomes: pd.DataFrame) -> None:
    """The randomised probability integral transform is uniform, for all and for each goal."""
    rng = np.random.default_rng(0)
    share = outcomes.dispersion / (outcomes.dispersion + outcomes.mean_actions)

    def below(count: pd.Series) -> pd.Series:
        counted = stats.nbinom.cdf(count, outcomes.dispersion, share)
        return np.where(count < 0, 0, 1 - outcomes.posted_probability + outcomes.posted_probability * counted)

    low, high = below(outcomes.actions - 1), below(outcomes.actions)
    transform = pd.Series(low + rng.random(len(outcomes)) * (high - low))
    assert stats.kstest(transform, "uniform").pvalue > 0.01
    for _, of_goal in transform.groupby(outcomes.goal):
        assert stats.kstest(of_goal, "uniform").pvalue > 0.002


def test_the_likelihood_of_the_truth_is_that_of_its_distribution(outcomes: pd.DataFrame) -> None:
    share = outcomes.dispersion / (outcomes.dispersion + outcomes.mean_actions)
    exact = outcomes.posted_probability * stats.nbinom.sf(outcomes.at_least - 1, outcomes.dispersion, share)
    assert outcomes.likelihood.to_numpy() == pytest.approx(exact.to_numpy(), abs=1e-9)
    assert (outcomes.at_least == np.maximum(1, np.ceil(outcomes.fee / outcomes.value_per_action))).all()


def test_counts_are_more_dispersed_than_poisson(outcomes: pd.DataFrame) -> None:
    posted = outcomes[outcomes.posted_at.notna()]
    squared = (posted.actions - posted.mean_actions) ** 2
    assert (squared / posted.mean_actions).median() > 2
    scaled = squared / (posted.mean_actions + posted.mean_actions**2 / posted.dispersion)
    assert scaled.mean() == pytest.approx(1, abs=0.2)


def test_truth_has_every_campaign_with_every_account_once(market: Market) -> None:
    rows, pairs = market("SELECT count(*) AS n, count(DISTINCT (campaign_id, account_id)) AS pairs FROM truth").iloc[0]
    assert rows == pairs == 300 * len(market.hidden.owner)


def test_past_outcomes_inform_but_single_ones_stay_uncertain(market: Market) -> None:
    """Intraclass correlation .3 to .5 of an influencer's log rate, size taken out, luck included."""
    rates = market("""SELECT campaign_id, influencer_id, goal, ln(mean_actions) AS rate, ln(followers) AS size,
                             dispersion FROM pairs WHERE hash(campaign_id, account_id) % 8 = 0""")
    found = {}
    for goal, of_goal in rates.groupby("goal"):
        within = of_goal[["rate", "size"]] - of_goal.groupby("campaign_id")[["rate", "size"]].transform("mean")
        rest = within.rate - within["size"] * np.polyfit(within["size"], within.rate, 1)[0]
        groups = rest.groupby(of_goal.influencer_id)
        n, mean = groups.size(), groups.mean()
        mean_square = ((rest - groups.transform("mean")) ** 2).sum() / (len(rest) - len(n))
        typical = (len(rest) - (n**2).sum() / len(rest)) / (len(n) - 1)
        between = ((n * mean**2).sum() / (len(n) - 1) - mean_square) / typical
        luck = stats.loggamma(of_goal.dispersion).var().mean()  # the gamma variable behind the negative binomial
        found[goal] = between / (between + mean_square + luck)
    assert set(found) == set(GOALS)
    assert min(found.values()) >= 0.28
    assert max(found.values()) <= 0.5


def test_hiring_looks_at_followers_engagement_and_price_but_not_at_trust(
    market: Market, outcomes: pd.DataFrame
) -> None:
    pairs = market("""SELECT campaign_id, account_id, fee FROM truth
                      WHERE hash(campaign_id, account_id) % 20 = 0 AND propensity > 0""")
    hired = outcomes[["campaign_id", "account_id", "fee"]]
    chosen = pd.concat([pairs, hired], ignore_index=True)
    size = np.log(market.of_account("followers", chosen.account_id))
    account = chosen.account_id.str[1:].astype(int)
    X = np.column_stack(
        [
            size,
            activations.shown_engagement_rate(market.hidden)[account],
            np.log(chosen.fee) - 0.95 * size,
            market.of_account("trust", chosen.account_id),
        ]
    )
    y = np.r_[np.zeros(len(pairs)), np.ones(len(hired))]
    model = LogisticRegression(C=np.inf).fit(X, y)
    p = model.predict_proba(X)[:, 1]
    design = np.column_stack([np.ones(len(X)), X])
    z = model.coef_[0] / np.sqrt(np.diag(np.linalg.inv((design * (p * (1 - p))[:, None]).T @ design)))[1:]
    assert z[0] > 10
    assert z[1] > 10
    assert z[2] < -5
    assert abs(z[3]) < 3


def test_propensities_are_those_of_the_draw(market: Market, outcomes: pd.DataFrame) -> None:
    """Inverse propensity weights recover the number of candidates; who asks for too much is none."""
    campaigns = outcomes.campaign_id.nunique()
    candidates = market("SELECT count(*) AS n FROM truth WHERE propensity > 0").n[0]
    assert 0.8 * campaigns * len(market.hidden.owner) < candidates < campaigns * len(market.hidden.owner)
    assert 21 <= len(outcomes) / campaigns <= 24
    weights = 1 / outcomes.propensity
    assert weights.sum() == pytest.approx(candidates, rel=4 * weights.std() / np.sqrt(len(weights)) / weights.mean())


def test_a_healthy_mix_breaks_even(outcomes: pd.DataFrame) -> None:
    paid = outcomes.actions >= np.maximum(1, np.ceil(outcomes.fee / outcomes.value_per_action))
    assert 0.25 <= paid.mean() <= 0.55
    assert paid.groupby(outcomes.goal).mean().between(0.15, 0.65).all()


def test_popularity_is_a_mediocre_guide_to_action(market: Market) -> None:
    """Value of the twenty with most followers against the twenty that the truth would take, per campaign."""
    picked = market("""
        WITH ranked AS (
            SELECT *, row_number() OVER (PARTITION BY campaign_id ORDER BY followers DESC) AS by_followers,
                   row_number() OVER (PARTITION BY campaign_id ORDER BY value DESC) AS by_value,
                   row_number() OVER (PARTITION BY campaign_id ORDER BY value - fee DESC) AS by_net FROM pairs)
        SELECT goal, sum(value) FILTER (by_followers <= 20) AS popular, sum(value) FILTER (by_value <= 20) AS best,
               sum(value - fee) FILTER (by_followers <= 20) AS popular_net,
               sum(value - fee) FILTER (by_net <= 20) AS best_net
        FROM ranked GROUP BY goal""").set_index("goal")
    assert (picked.best > picked.popular).all()
    assert picked.best["sale"] > 2 * picked.popular["sale"]
    assert picked.popular_net.sum() < 0
    assert (picked.best_net > 0).all()
