"""The demo marketplace as a source of tables: the data contract, the order of time, settings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from features.checks import check
from features.errors import SettingError
from features.sources import open_tables
from features.tables import CONTRACT
from tests.told import Told
from training.marketplace import simulate

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from features.sources import Tables


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = simulate(tmp_path_factory.mktemp("marketplace"), influencers=400, campaigns=60, seed=5, truth=True)
    tables = open_tables(folder)
    tables.connection.execute(f"""CREATE VIEW hired AS
        SELECT o.*, c.goal, t.fee AS quoted, t.decided_at::TIMESTAMP AS briefed_at
        FROM outcomes o JOIN campaigns c USING (campaign_id) JOIN '{folder}/truth.parquet' t
        ON t.campaign_id = o.campaign_id AND t.account_id = o.account_id""")
    return tables


def number(market: Tables, sql: str) -> Any:
    return market.connection.execute(f"SELECT count(*) {sql}").fetchall()[0][0]


def frame(market: Tables, sql: str) -> pd.DataFrame:
    return market.connection.execute(sql).df()


@pytest.mark.parametrize(
    ("influencers", "campaigns", "warned"),
    # The smallest marketplace has too few outcomes to learn from.
    [(50, 5, {"few-outcomes"}), (400, 60, set())],
)
def test_it_keeps_the_data_contract_in_all_tables(
    tmp_path: Path, influencers: int, campaigns: int, warned: set[str]
) -> None:
    report = check(simulate(tmp_path, influencers=influencers, campaigns=campaigns))
    assert report.ok
    assert {problem.rule for problem in report.problems} == warned
    assert set(report.tables) == set(CONTRACT)
    assert min(report.tables.values()) > 0


@pytest.mark.parametrize(
    "impossible",
    [
        # read before it was published
        "FROM posts WHERE observed_at < published_at",
        # decided after the campaign's start
        "FROM outcomes JOIN campaigns USING (campaign_id) WHERE decided_at >= starts_at",
        # posted before it was decided
        "FROM outcomes WHERE posted_at <= decided_at",
        # closed before the attribution window was over
        """FROM outcomes JOIN campaigns USING (campaign_id)
           WHERE closed_at < coalesce(posted_at, starts_at) + to_days(attribution_days::INT)""",
        # a reaction before its post
        """FROM interactions i JOIN (SELECT DISTINCT post_id, published_at FROM posts) USING (post_id)
           WHERE i."at" < published_at""",
        # a reading of an account that did not exist
        "FROM account_stats JOIN accounts USING (account_id) WHERE observed_at < created_at",
        # anything after the export
        """FROM (SELECT max(observed_at) AS t FROM posts UNION ALL SELECT max("at") FROM interactions
                 UNION ALL SELECT max(closed_at) FROM outcomes UNION ALL SELECT max(observed_at) FROM account_stats
                 UNION ALL SELECT max(observed_at) FROM audiences UNION ALL SELECT max(observed_at) FROM followers)
           WHERE t > TIMESTAMP '2026-11-20'""",
        # less than four months of posts before the first decision
        "FROM outcomes WHERE decided_at < (SELECT min(published_at) FROM posts) + INTERVAL 120 DAY",
        # an activation whose post is not among the posts
        """FROM outcomes o JOIN campaigns c USING (campaign_id) WHERE posted_at IS NOT NULL AND NOT EXISTS (
           FROM posts p WHERE p.account_id = o.account_id AND p.published_at = o.posted_at
           AND p.sponsor_id = c.brand_id AND p.topics = c.topics)""",
        # one who never posted and yet brought something
        "FROM outcomes WHERE posted_at IS NULL AND (actions > 0 OR impressions IS NOT NULL OR clicks IS NOT NULL)",
        # counts that contradict each other
        "FROM hired WHERE clicks > impressions OR incremental_actions > actions",
        "FROM hired WHERE goal = 'awareness' AND posted_at IS NOT NULL AND impressions <> actions",
        "FROM hired WHERE goal = 'traffic' AND posted_at IS NOT NULL AND clicks <> actions",
        "FROM hired WHERE goal IN ('signup', 'sale') AND clicks < actions",
        # fee or decision that the truth does not know
        "FROM hired WHERE fee <> quoted OR decided_at <> briefed_at",
        "FROM outcomes WHERE (campaign_id, account_id) NOT IN (SELECT (campaign_id, account_id) FROM hired)",
    ],
)
def test_what_cannot_be_does_not_occur(market: Tables, impossible: str) -> None:
    assert number(market, impossible) == 0


def test_several_readings_of_a_post_only_grow(market: Tables) -> None:
    growth = frame(
        market,
        """SELECT likes - lag(likes) OVER w AS likes, comments - lag(comments) OVER w AS comments
                              FROM posts WINDOW w AS (PARTITION BY post_id ORDER BY observed_at)""",
    )
    assert growth.likes.notna().sum() > 2000
    assert (growth.min() >= 0).all()


def test_a_platform_that_hides_a_count_gives_null(market: Tables) -> None:
    shown = frame(
        market,
        """SELECT platform, count(shares) AS shares, count(saves) AS saves, count(likes) AS likes
                             FROM posts JOIN accounts USING (account_id) GROUP BY platform""",
    ).set_index("platform")
    assert shown.loc["instagram", "shares"] == 0
    assert shown.loc["x", "saves"] == 0
    assert shown.loc["blog", "likes"] == 0
    assert shown.loc["tiktok"].min() > 0


def test_few_campaigns_ran_a_holdout(market: Tables) -> None:
    assert 0 < number(market, "FROM hired WHERE incremental_actions IS NOT NULL") < 0.25 * number(market, "FROM hired")


def digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    said = Told()
    first = digests(simulate(tmp_path / "first", influencers=60, campaigns=8, seed=3, truth=True, progress=said))
    again = digests(simulate(tmp_path / "again", influencers=60, campaigns=8, seed=3))
    other = digests(simulate(tmp_path / "other", influencers=60, campaigns=8, seed=4))
    assert first.pop("truth.parquet")
    assert first == again
    assert set(first) == {f"{name}.parquet" for name in CONTRACT}
    assert not set(first.values()) & set(other.values())
    assert len(said.steps) == len(said.shares) >= 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"influencers": 49}, "influencers must be a whole number of at least 50, not 49"),
        ({"influencers": 60.0}, "influencers must be a whole number of at least 50, not 60.0"),
        ({"campaigns": 4}, "campaigns must be a whole number of at least 5, not 4"),
        ({"campaigns": True}, "campaigns must be a whole number of at least 5, not True"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"seed": "x"}, "seed must be a whole number of at least 0, not 'x'"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        simulate(tmp_path / "market", **wrong)
    assert not (tmp_path / "market").exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingError, match="is not empty; name a new one or empty it first"):
        simulate(tmp_path)
    with pytest.raises(SettingError, match="is a file; name a new or empty folder"):
        simulate(tmp_path / "mine.txt")
    with pytest.raises(SettingError, match=r"cannot be made .*; name another one"):
        simulate(tmp_path / "mine.txt" / "market")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
