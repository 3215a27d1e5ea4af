"""Hidden traits leave honest, noisy traces in the tables of the demo marketplace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

if TYPE_CHECKING:
    import pandas as pd

    from tests.theory.conftest import Market


@pytest.fixture(scope="session")
def traces(market: Market) -> pd.DataFrame:
    """What a careful reader of the tables may count per account."""
    return market("""
        WITH of_posts AS (
            SELECT account_id, sum(comments) / sum(likes) AS comments, sum(saves) / sum(likes) AS saves,
                   sum(shares) / sum(likes) AS shares, avg((sponsor_id IS NOT NULL)::INT) AS sponsored,
                   median(likes + comments) AS engagement
            FROM posts GROUP BY 1),
        of_people AS (
            SELECT account_id, count(*) AS n, count(DISTINCT actor_id) / count(*) AS distinct_share,
                   avg((kind = 'reply')::INT) AS replies, avg((length(text) < 20)::INT) AS generic,
                   avg((actor_id LIKE 'a%')::INT) AS peers
            FROM interactions GROUP BY 1),
        of_followers AS (
            SELECT account_id, avg((posts <= 3 AND following > 1000)::INT) AS suspicious FROM followers GROUP BY 1),
        steps AS (
            SELECT account_id, followers / lag(followers) OVER (PARTITION BY account_id ORDER BY observed_at) AS step
            FROM account_stats),
        jumps AS (SELECT account_id, max(step) AS jump FROM steps GROUP BY 1)
        SELECT * FROM accounts JOIN size USING (account_id) LEFT JOIN of_posts USING (account_id)
        LEFT JOIN of_people USING (account_id) LEFT JOIN of_followers USING (account_id)
        LEFT JOIN jumps USING (account_id)
        ORDER BY account_id""")


def rank_correlation(trace: pd.Series, trait: np.ndarray, where: np.ndarray | None = None) -> float:
    known = trace.notna().to_numpy() & (True if where is None else where)
    return float(stats.spearmanr(trace[known], trait[known]).statistic)


def test_trust_shows_in_comments_saves_shares_replies_and_those_who_return(
    market: Market, traces: pd.DataFrame
) -> None:
    trust, in_pod = market.hidden.of_owner("trust"), market.hidden.pod >= 0
    busy = (traces.n > 30).to_numpy()
    shows = {name: rank_correlation(traces[name], trust, ~in_pod) for name in ("comments", "saves", "shares")}
    shows |= {
        name: rank_correlation(traces[name], trust, ~in_pod & busy) for name in ("replies", "distinct_share", "generic")
    }
    assert {name for name, found in shows.items() if found > 0.25} == {"comments", "saves", "shares", "replies"}
    assert shows["distinct_share"] < -0.25
    assert shows["generic"] < -0.1
    # None of them is the trait itself.
    assert max(abs(found) for found in shows.values()) < 0.85


def test_fake_followers_show_in_samples_jumps_and_thin_engagement(market: Market, traces: pd.DataFrame) -> None:
    fake = market.hidden.fake_share
    assert rank_correlation(traces.suspicious, fake) > 0.7
    assert rank_correlation(traces.jump, fake) > 0.25
    honest = ~market.hidden.buys_likes
    assert rank_correlation(traces.engagement / traces.followers, fake, honest) < -0.1
    many_likes = market.hidden.buys_likes.astype(float)
    assert rank_correlation(traces.comments, many_likes, market.hidden.pod < 0) < -0.1
    assert traces.generic[market.hidden.buys_likes].mean() > 1.5 * traces.generic[honest].mean()


def test_pods_show_in_who_comments_and_bring_comments_but_no_clicks(market: Market, traces: pd.DataFrame) -> None:
    in_pod = market.hidden.pod >= 0
    assert traces.peers[in_pod].mean() > 3 * traces.peers[~in_pod].mean()
    assert traces.comments[in_pod].median() > 1.3 * traces.comments[~in_pod].median()
    clicks = market(
        "SELECT account_id, avg(ln(mean_actions)) AS rate FROM pairs WHERE goal = 'traffic' GROUP BY 1 ORDER BY 1"
    ).rate.to_numpy()
    design = np.column_stack(
        [np.ones(len(clicks)), np.log(market.hidden.followers), market.hidden.of_owner("trust"), in_pod]
    )
    solution, residual, *_ = np.linalg.lstsq(design, clicks)
    error = np.sqrt(residual[0] / len(clicks) * np.linalg.inv(design.T @ design)[3, 3])
    assert abs(solution[3]) < 3.5 * error


def test_density_of_sponsored_posts_shows(market: Market, traces: pd.DataFrame) -> None:
    assert rank_correlation(traces.sponsored, market.hidden.of_owner("sponsored_share")) > 0.7
