"""The demo marketplace against the published figures it is generated from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from features.tables import GOALS
from training.marketplace import briefs, readings, response

if TYPE_CHECKING:
    from tests.theory.conftest import Market


def test_three_quarters_are_nano(market: Market) -> None:
    # HypeAuditor 2025: 75.9 % of Instagram's influencers.
    main = pd.Series(market.hidden.followers).groupby(market.hidden.owner).first()
    assert (main < 10_000).mean() == pytest.approx(0.759, abs=0.03)


def test_fake_share_is_bimodal_and_has_nothing_to_do_with_size(market: Market) -> None:
    # SRF Data 2017, 115 influencers: mean .264 to .315, median .143 to .196, one cluster below .25, one up to .75.
    shares, owner = market.hidden.fake_share, market.hidden.owner
    assert 0.24 <= shares.mean() <= 0.315
    assert 0.143 <= np.median(shares) <= 0.196
    assert (shares > 0.5).mean() == pytest.approx(30 / 115, abs=0.08)
    density, _ = np.histogram(shares, bins=np.arange(0, 0.86, 0.05))
    valley = density[5:9].min()
    assert density[:5].max() > 2 * valley
    assert density[9:15].max() > 1.2 * valley
    # Of an influencer's accounts one, because they share the inclination to buy.
    first = np.unique(owner, return_index=True)[1]
    slope = stats.linregress(np.log(market.hidden.followers[first]), shares[first])
    assert slope.pvalue > 0.01


def test_profiles_of_real_and_fake_followers_are_as_labelled_by_hand(market: Market) -> None:
    # SRF Data 2017, 98 fake and 877 real followers.
    found = market(f"""
        SELECT follower_id < 'f{readings.BOUGHT_POOL:07d}' AS fake,
               median(posts) AS posts, median(following) AS following, median(followers) AS followers,
               1 - avg(has_picture::INT) AS no_picture, avg(is_private::INT) AS private
        FROM followers GROUP BY 1""").set_index("fake")
    published = pd.DataFrame(
        {
            "posts": [1, 74],
            "following": [2107, 604],
            "followers": [121, 421],
            "no_picture": [0.07, 0.006],
            "private": [0.31, 0.21],
        },
        index=[True, False],
    )
    assert np.log((found / published).loc[[True, False]].to_numpy(float)) == pytest.approx(0, abs=0.15)


def test_first_digits_of_followings_give_the_fakes_away(market: Market) -> None:
    # SRF Data 2017: mean absolute deviation from Benford's law .015 for real and .052 for fake followers.
    digits = market(f"""
        SELECT follower_id < 'f{readings.BOUGHT_POOL:07d}' AS fake, left(following::VARCHAR, 1)::INT
               AS digit, count(*) AS n
        FROM followers WHERE following > 0 GROUP BY ALL""").pivot_table(index="digit", columns="fake", values="n")
    deviation = (digits / digits.sum()).sub(np.log10(1 + 1 / np.arange(1, 10)), axis=0).abs().mean()
    assert deviation[False] < 0.02
    assert deviation[True] > 0.04


@pytest.mark.parametrize(
    ("platform", "elasticity", "nano", "mid"),
    # Vendors' tables of 2025: percent of followers for nano and mid accounts, and the elasticity derived from them.
    [("instagram", -0.20, 4.8, 1.8), ("tiktok", -0.11, 10.3, 6.3), ("youtube", -0.18, 3.2, 1.5)],
)
def test_engagement_rate_falls_with_size_as_published(
    market: Market, platform: str, elasticity: float, nano: float, mid: float
) -> None:
    rates = market(f"""
        SELECT followers,
               100 * median(likes + comments + coalesce(shares, 0) + coalesce(saves, 0)) / followers AS rate
        FROM posts JOIN accounts USING (account_id) JOIN size USING (account_id)
        WHERE platform = '{platform}' AND likes IS NOT NULL AND year(published_at) = 2025 AND followers >= 1000
        GROUP BY account_id, followers HAVING rate > 0""")
    found = stats.linregress(np.log(rates.followers), np.log(rates.rate))
    assert found.slope == pytest.approx(elasticity, abs=3 * found.stderr + 0.02)
    # Published averages lie between the median and the mean of skewed rates.
    for published, members in (
        (nano, rates[rates.followers < 10_000]),
        (mid, rates[rates.followers.between(5e4, 5e5)]),
    ):
        assert members.rate.median() * 0.8 <= published <= members.rate.mean() * 1.4


def test_reach_falls_by_twelve_percent_a_year(market: Market) -> None:
    # Outfame 2025; the account's own growth is taken out with the elasticity of -.12 (Minter.io 2019).
    views = market("""
        SELECT p.account_id, year(p.published_at) + (dayofyear(p.published_at) - 1) / 365.0 AS year,
               avg(ln(views + 0.5) - 0.88 * ln(s.followers)) AS reach
        FROM (SELECT * FROM posts WHERE views IS NOT NULL AND sponsor_id IS NULL) p
        ASOF JOIN account_stats s ON p.account_id = s.account_id AND p.published_at >= s.observed_at
        WHERE s.followers > 2000 GROUP BY 1, 2""")
    # Fake followers are bought as time goes by and dilute reach: accounts without them show the trend itself.
    views = views[market.of_account("fake_share", views.account_id) < 0.05]
    within = views[["year", "reach"]] - views.groupby("account_id")[["year", "reach"]].transform("mean")
    slope = (within.year * within.reach).sum() / (within.year**2).sum()
    assert slope == pytest.approx(np.log(0.88), abs=0.02)


def test_sales_rise_around_black_friday_and_clicks_fall_at_the_end_of_december(market: Market) -> None:
    # Orders per click 1.5 to 2 fold (assumption of the generator), clicks -20 % (one practitioner, 2024).
    drawn = briefs.draw(100, np.random.default_rng(1))

    def actions(day: str, goal: str) -> np.ndarray:
        starts = np.full(len(drawn), np.datetime64(day, "s").astype(int))
        same_day = replace(drawn, starts=starts, goal=np.full(len(drawn), GOALS.index(goal)))
        return response.respond(market.hidden, same_day, slice(0, 2)).actions

    reach = (1 - 0.12) ** ((np.datetime64("2025-11-28") - np.datetime64("2025-06-15")).astype(int) / 365.25)
    friday = actions("2025-11-28", "sale") / actions("2025-06-15", "sale") / reach
    assert ((friday > 1.5) & (friday < 2)).all()
    assert actions("2025-11-28", "signup") / actions("2025-06-15", "signup") == pytest.approx(reach, rel=1e-3)
    assert actions("2025-12-27", "traffic") / actions("2025-12-17", "traffic") == pytest.approx(0.8, rel=0.01)


def test_one_in_five_never_posts_and_some_do_so_again(outcomes: pd.DataFrame) -> None:
    # Later 2025: 80 % of what is paid for is completed.
    absent = outcomes.posted_at.isna().astype(float)
    assert absent.mean() == pytest.approx(0.20, abs=0.025)
    by_time = outcomes.assign(absent=absent).sort_values("decided_at")
    before = by_time.groupby("influencer_id").absent.transform(lambda a: a.expanding().mean().shift())
    known = before.notna()
    assert stats.pearsonr(before[known], by_time.absent[known]).statistic > 0.15


def test_revenue_per_follower_falls_with_size(market: Market) -> None:
    # Beichert et al., JM 2024: nano .265, macro .049 euro per follower, that is -.41 per log follower.
    per_follower = market("""
        SELECT ln(followers) AS size, avg(ln(mean_actions * value_per_action / followers)) AS revenue FROM pairs
        WHERE goal = 'sale' GROUP BY account_id, followers""")
    found = stats.linregress(per_follower["size"], per_follower.revenue)
    assert found.slope == pytest.approx(-0.41, abs=3 * found.stderr + 0.02)


@pytest.mark.parametrize(
    ("smallest", "largest", "low", "high"),
    # Vendors 2025: nano, micro, mid, macro.
    [(1e3, 1e4, 10, 150), (1e4, 5e4, 100, 500), (5e4, 5e5, 160, 5_000), (5e5, 1e6, 5_000, 10_000)],
)
def test_fees_are_those_of_the_tier(market: Market, smallest: float, largest: float, low: float, high: float) -> None:
    fee = market(f"SELECT fee FROM pairs WHERE followers BETWEEN {smallest} AND {largest}").fee
    # Published ranges do not say how much they cover.
    assert low <= fee.median() * 1.1 <= high
    assert fee.between(low / 2, 2 * high).mean() > 0.9


def test_actions_are_cheapest_in_the_middle(market: Market) -> None:
    # Bakshy et al., WSDM 2011; Tian, Dew and Iyengar, JMR 2024: about 7,500 to 10,000 followers on TikTok.
    by_size = market("""SELECT floor(2 * log10(followers)) / 2 AS size, sum(value) / sum(fee) AS value FROM pairs
                        WHERE goal = 'sale' GROUP BY 1""")
    value = by_size.set_index("size").value
    assert value.idxmax() in {3.0, 3.5}
    assert value[2.5] < 0.85 * value.max()
    assert value[5.0] < 0.7 * value.max()


def test_the_top_fifth_makes_four_fifths_of_the_revenue(market: Market, outcomes: pd.DataFrame) -> None:
    # 10 to 20 % of creators make 80 % of the revenue, sometimes 90/10 (vendors 2025).
    expected = market("SELECT sum(value) AS v FROM pairs WHERE goal = 'sale' GROUP BY influencer_id").v.sort_values()
    assert 0.70 <= expected.tail(len(expected) // 5).sum() / expected.sum() <= 0.90
    # What the hired really brought is more unequal still: the popular are hired more often, and luck counts.
    sales = outcomes[outcomes.goal == "sale"]
    made = (sales.actions * sales.value_per_action).groupby(sales.influencer_id).sum().sort_values()
    assert 0.80 <= made.tail(len(made) // 5).sum() / made.sum() <= 0.97


def test_trust_goes_with_orders_as_credibility_with_intention(market: Market) -> None:
    # Pan et al., JAMS 2025, 86 studies: r = .51 [.47, .56].
    truth = market("""SELECT account_id, avg(ln(mean_actions)) AS rate, any_value(followers) AS followers FROM pairs
        WHERE goal = 'sale' GROUP BY account_id""")
    size = np.log(truth.followers)
    rate = truth.rate - np.polyval(np.polyfit(size, truth.rate, 1), size)
    trust = market.of_account("trust", truth.account_id)
    assert 0.45 <= stats.pearsonr(trust, rate).statistic <= 0.65
