"""Authenticity: what was bought or traded shows, what was earned does not, and the share of fakes is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from features import EventStore, build
from features.authenticity import Evidence, evidence
from features.authenticity.fake_audience import default_outlook, fake_audience
from features.authenticity.kernels import labelled
from features.errors import DataError
from features.follower_classifier import FakeShare
from features.peers import KNOTS, NEIGHBOURS, NORMAL_OF_MAD, curves
from tests.features.compare import prepared
from training.fake_audience import SEEDS, coverage, look

NOW = pd.Timestamp("2025-06-01")
UNSEEN = 77
NO_SAMPLE = FakeShare(*np.full((3, 1), np.nan))


def days_ago(days: Any) -> Any:
    return NOW - pd.to_timedelta(days, unit="D")


def account(name: str, counts: list[int], *, engagements: list[int], **tables: pd.DataFrame) -> dict[str, Any]:
    """Return the tables of an account that is read every ten days, and posts five days before each reading."""
    read = days_ago(np.arange(len(counts))[::-1] * 10 + 4)
    posted = days_ago(np.arange(len(engagements))[::-1] * 10 + 9)
    return {
        "accounts": pd.DataFrame({"account_id": [name], "influencer_id": name, "platform": "instagram"}),
        "account_stats": pd.DataFrame({"account_id": name, "observed_at": read, "followers": counts}),
        "posts": pd.DataFrame(
            {
                "post_id": [f"{name} {number}" for number in range(len(engagements))],
                "account_id": name,
                "published_at": posted,
                "likes": engagements,
                "comments": np.array(engagements) // 30,
            }
        ),
        **{table: rows.assign(account_id=name) for table, rows in tables.items()},
    }


def store_of(*accounts: dict[str, pd.DataFrame]) -> EventStore:
    names = {table for one in accounts for table in one}
    frames = {table: pd.concat([one[table] for one in accounts if table in one]) for table in names}
    frames["campaigns"] = pd.DataFrame(
        {
            "campaign_id": ["c"],
            "brand_id": "b",
            "vertical": "food",
            "goal": "sale",
            "starts_at": NOW,
            "attribution_days": 7,
        }
    )
    none = {"campaign_id": [], "account_id": [], "decided_at": [], "actions": [], "closed_at": []}
    frames["outcomes"] = pd.DataFrame(none).astype(
        {"campaign_id": str, "account_id": str, "decided_at": "datetime64[us]", "closed_at": "datetime64[us]"}
    )
    return prepared(frames)


def rows_of(*accounts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    names = [one["accounts"]["account_id"][0] for one in accounts]
    pairs = pd.DataFrame({"campaign_id": "c", "account_id": names, "decided_at": NOW})
    return build(store_of(*accounts), pairs).set_axis(names)


STEADY = [1000, 1010, 1020, 1030, 1040, 1050, 1061, 1072, 1083, 1094]
JUMP = [*STEADY[:6], 1500, 1515, 1530, 1545]
PLAIN = [60] * 10


BURST = {
    "no better than usual": 60,
    "five days before the reading that shows it": [60, 60, 60, 60, 60, 60, 600, 60, 60, 60],
    "five days before the reading before it": [60, 60, 60, 60, 60, 600, 60, 60, 60, 60],
    "ten days earlier still": [60, 60, 60, 60, 600, 60, 60, 60, 60, 60],
    "after it": [60, 60, 60, 60, 60, 60, 60, 600, 60, 60],
    "not well enough": [60, 60, 60, 60, 60, 60, 170, 60, 60, 60],
}
EXPLAINS = {"five days before the reading that shows it", "five days before the reading before it"}


@pytest.fixture(scope="module")
def bursts() -> pd.DataFrame:
    steady = account("steady", STEADY, engagements=PLAIN)
    jumping = [account(name, JUMP, engagements=list(np.broadcast_to(likes, 10))) for name, likes in BURST.items()]
    return rows_of(steady, *jumping)


def test_who_grows_steadily_does_not_jump(bursts: pd.DataFrame) -> None:
    row = bursts.loc["steady"]
    assert (row["unexplained_jumps_180d"], row["unexplained_growth_share_180d"]) == (0, 0)
    assert row["follower_jump_180d"] < 1e-3


@pytest.mark.parametrize("name", BURST)
def test_a_jump_is_explained_by_a_post_that_did_well_shortly_before(name: str, bursts: pd.DataFrame) -> None:
    row, unexplained = bursts.loc[name], name not in EXPLAINS
    # The usual is growth by one per cent in ten days.
    size = np.log(1500 / 1050) - 0.0098
    assert row["unexplained_jumps_180d"] == unexplained
    assert row["follower_jump_180d"] == pytest.approx(size, abs=1e-3)
    assert row["unexplained_jump_180d"] == pytest.approx(size * unexplained, abs=1e-3)
    # Out of all growth from 1000 to 1545.
    assert row["unexplained_growth_share_180d"] == pytest.approx(size / np.log(1.545) * unexplained, abs=3e-3)


def test_a_purge_is_a_drop_and_no_jump() -> None:
    row = rows_of(account("a", [*JUMP[:8], 1100, 1110], engagements=PLAIN)).loc["a"]
    assert row["follower_drop_180d"] == pytest.approx(np.log(1515 / 1100) + 0.0098, abs=6e-4)
    assert row["unexplained_jumps_180d"] == 1


def test_following_that_is_taken_back_is_churn_without_growth() -> None:
    one = account("a", STEADY, engagements=PLAIN)
    one["account_stats"]["following"] = [100, 900, 100, 900, 100, 900, 100, 900, 100, 100]
    row = rows_of(one).loc["a"]
    assert row["following_churn_180d"] == pytest.approx(8 * np.log(901 / 101))
    # The last reading 30 days ago is that of 34 days ago.


def sample_of(following: np.ndarray, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = len(following)
    return pd.DataFrame(
        {
            "follower_id": [f"f{number}" for number in range(n)],
            "observed_at": days_ago(20),
            "followers": rng.integers(100, 900, n),
            "following": following.astype(np.int64),
            "posts": rng.integers(20, 200, n),
        }
    )


def test_benford_tells_made_up_numbers_from_grown_ones_whatever_the_size_of_the_sample() -> None:
    rng = np.random.default_rng(1)
    drawn = {
        size: (np.floor(10 ** rng.uniform(0, 4, size)), rng.integers(4800, 7500, size)) for size in (40, 400, 4000)
    }
    rows = rows_of(
        *(
            account(f"{kind} {size}", STEADY, engagements=PLAIN, followers=sample_of(following))
            for size, both in drawn.items()
            for kind, following in zip(("grown", "made up"), both, strict=True)
        )
    )["following_benford_excess"]
    for size in drawn:
        assert abs(rows[f"grown {size}"]) < 0.03
        assert rows[f"made up {size}"] > 0.08


def test_peers_are_the_nearest_in_size_on_the_same_platform() -> None:
    rng = np.random.default_rng(3)
    size, rate = rng.normal(9, 2, 400), rng.normal(0, 1, 400)
    rate -= 0.3 * size
    platform = rng.integers(0, 2, 400)
    rate[platform == 1] += 5
    rate[rng.random(400) < 0.1] = np.nan
    published = curves(platform, size, {"rate": rate})
    for one in (0, 1):
        mine = np.flatnonzero((platform == one) & ~np.isnan(rate))
        ordered = mine[np.argsort(size[mine])]
        for place in (0, 10, len(ordered) // 2, len(ordered) - 1):
            near = rate[ordered[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS + 1]]
            found = published.at("rate", np.array([one]), size[ordered[[place]]])
            assert found.level[0] == pytest.approx(np.median(near))
            assert found.spread[0] == pytest.approx(NORMAL_OF_MAD * np.median(np.abs(near - np.median(near))))
    middle = published.at("rate", np.array([0, 1]), np.array([9.0, 9.0])).level
    np.testing.assert_allclose(middle, [-2.7, 2.3], atol=0.5)
    assert np.isnan(published.at("rate", np.array([2]), np.array([9.0])).level[0])


def test_of_many_accounts_some_tell_what_is_usual() -> None:
    size = np.linspace(6, 16, 3 * KNOTS)
    published = curves(np.zeros(len(size), int), size, {"rate": -0.3 * size})
    assert len(published.size) == KNOTS
    assert (published.size[0], published.size[-1]) == (size[0], size[-1])
    found = published.at("rate", np.zeros(len(size), int), size).level
    np.testing.assert_allclose(found[NEIGHBOURS:-NEIGHBOURS], -0.3 * size[NEIGHBOURS:-NEIGHBOURS], atol=0.01)


def test_accounts_on_a_platform_of_four_have_no_peers() -> None:
    assert len(curves(np.zeros(4, int), np.arange(4.0), {"rate": np.arange(4.0)}).spans) == 0


def test_a_sample_counts_as_many_labelled_followers_as_leave_its_interval() -> None:
    z, n = 1.6448536269514722, 40.0
    for share in (0.0, 0.1, 0.5, 0.8, 1.0):
        middle, half = share + z**2 / n / 2, z * np.sqrt(share * (1 - share) / n + z**2 / n**2 / 4)
        low, high = ((middle + side * half) / (1 + z**2 / n) for side in (-1, 1))
        sample = FakeShare(*(np.array([value]) for value in (share, low, high)))
        assert labelled(share, low, high, z) == pytest.approx(n)
        # Nothing else known, it comes back as it is.
        np.testing.assert_allclose(
            np.ravel(fake_audience(sample, np.array([np.nan]), 3.0)), [share, low, high], atol=1e-9
        )
        # A foretold share pulls by its own weight.
        assert fake_audience(sample, np.array([0.4]), 10.0).share[0] == pytest.approx((40 * share + 4) / 50)


def test_without_anything_known_there_is_no_share() -> None:
    assert np.isnan(np.ravel(fake_audience(NO_SAMPLE, np.array([np.nan]), 3.0))).all()


@pytest.fixture(scope="module")
def looks() -> pd.DataFrame:
    assert UNSEEN not in SEEDS
    return look(UNSEEN, influencers=400, months=(12, 18, 26))


def test_the_share_of_fakes_is_calibrated_on_a_market_that_was_not_fitted(looks: pd.DataFrame) -> None:
    sampled = looks["suspicious_follower_share"].notna()
    off = (looks["fake_share"] - looks["true"]).abs()
    inside = looks["true"].between(looks["fake_share_low"], looks["fake_share_high"])
    assert sampled.mean() > 0.8
    assert off[sampled].mean() < 0.07
    assert off[sampled].mean() < (looks["suspicious_follower_share"] - looks["true"]).abs()[sampled].mean()
    assert 0.85 <= inside[sampled].mean() <= 0.95
    # What the signs alone say of every account.
    outlook = default_outlook()
    assert 0.85 <= coverage(outlook, looks, outlook.followers) <= 0.95


def test_accounts_with_many_fakes_are_told_from_others(looks: pd.DataFrame) -> None:
    many = looks["true"] > 0.25
    assert roc_auc_score(many, looks["fake_share"]) > 0.92
    assert roc_auc_score(many, default_outlook().share(looks)) > 0.68


def test_pods_are_recognised(looks: pd.DataFrame) -> None:
    for name, least in {"pod_reaction_share_90d": 0.65, "prompt_comment_share_90d": 0.7}.items():
        known = looks[name].notna()
        assert roc_auc_score(looks["in_pod"][known], looks[name][known]) > least, name


SHORT = {
    "so good": 1,
    " so\tgood\n": 1,
    "what a jelly": 0,
    "\ud55c\uad6d\uc5b4 \ub108\ubb34": 1,  # Korean parts its words
    "\ud55c\uad6d\uc5b4 \ub108\ubb34 \uc88b\uc544\uc694": 0,
    "\u592a\u7f8e\u4e86\u592a\u7f8e": 1,  # five characters of Chinese
    "\u592a\u7f8e\u4e86\u592a\u7f8e\u4e86": 0,
    "\u592a\u7f8e \u4e86\u592a\u7f8e!!": 1,
    "wow\u592a\u7f8e\u4e86\uff0c\u592a\u7f8e\u4e86": 0,
    "\u3059\u3054\u30fc\u3044!": 1,  # four of Japanese
    "\u30b3\u30fc\u30d2\u30fc\u5927\u597d\u304d": 0,
    "\u0e2a\u0e27\u0e22\u0e21\u0e32\u0e01": 1,  # six of Thai
    "\u0e2a\u0e27\u0e22\u0e21\u0e32\u0e01\u0e2a\u0e27\u0e22\u0e21\u0e32\u0e01": 0,
    "\u0eaa\u0ea7\u0e8d\u0e87\u0eb2\u0ea1\u0eab\u0ebc\u0eb2\u0e8d\u0ec1\u0e97": 0,  # twelve of Lao
    "\u17a2\u179f\u17d2\u1785\u17b6\u179a\u17d2\u1799": 1,  # eight of Khmer
    "\u1021\u101b\u1019\u103a\u1038\u101c\u103e\u1010\u101a\u103a": 1,  # ten of Burmese
    "\U0001f600" * 20: 1,
    "": 1,
}


def test_a_short_comment_is_generic_in_every_script() -> None:
    names = [f"account {number}" for number in range(len(SHORT))]
    comments = [
        pd.DataFrame({"actor_id": ["fan"], "kind": "comment", "at": days_ago(9), "text": text}) for text in SHORT
    ]
    store = store_of(
        *(account(name, STEADY, engagements=[60], interactions=one) for name, one in zip(names, comments, strict=True))
    )
    X = build(store, pd.DataFrame({"campaign_id": "c", "account_id": names, "decided_at": NOW}))
    assert dict(zip(SHORT, X["generic_comment_share_90d"], strict=True)) == SHORT


CROWD = [account(f"peer {number}", STEADY, engagements=[55 + number] * 10) for number in range(12)]


def told(one: dict[str, pd.DataFrame]) -> Evidence:
    return evidence(store_of(*CROWD, one), one["accounts"]["account_id"][0], NOW)


def test_evidence_says_what_stands_out_and_what_is_usual() -> None:
    found = told(account("a", JUMP, engagements=[40] * 10, followers=sample_of(np.full(60, 7000))))
    assert found.fake_share is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low < found.fake_share < found.high <= 1
    sentences = {signal.name: signal.sentence for signal in found.signals}
    assert sentences["unexplained_jump_180d"].startswith(
        "followers jumped by 41 % by 2025-04-28 and no post explains it"
    )
    assert sentences["mass_following_share"] == "100 % of the sampled followers follow more than 1,500 accounts"
    assert [signal.weight for signal in found.signals] == sorted(
        (signal.weight for signal in found.signals), reverse=True
    )
    jump = next(signal for signal in found.signals if signal.name == "unexplained_jump_180d")
    assert jump.usual == pytest.approx(0, abs=1e-3)
    assert jump.value == pytest.approx(np.log(1500 / 1050), abs=0.02)


def test_evidence_says_so_where_nothing_stands_out() -> None:
    found = told(account("a", STEADY, engagements=PLAIN))
    assert found.signals == ()
    assert found.summary.endswith("Nothing stands out.")


def test_evidence_says_so_where_nothing_is_known() -> None:
    nothing = {
        name: rows if name == "accounts" else rows[:0] for name, rows in account("a", STEADY, engagements=PLAIN).items()
    }
    found = told(nothing)
    assert (found.fake_share, found.low, found.high, found.signals) == (None, None, None, ())
    assert found.summary == "Nothing is known of this account's followers and reactions."


def test_evidence_knows_nothing_later() -> None:
    one = account("a", JUMP, engagements=PLAIN)
    store = store_of(*CROWD, one)
    before = evidence(store, "a", NOW - pd.Timedelta(days=50))
    assert "unexplained_jump_180d" not in {signal.name for signal in before.signals}


@pytest.mark.parametrize(
    ("name", "as_of", "message"),
    [
        ("peer", "2025-06-01", "Unknown account 'peer'. Did you mean 'peer"),
        ("peer 1", "soon", "as_of holds 'soon', which is no moment; write times as 2026-01-31T18:30:00Z."),
    ],
)
def test_what_cannot_be_asked(name: str, as_of: str, message: str) -> None:
    with pytest.raises(DataError) as refusal:
        evidence(store_of(*CROWD), name, as_of)
    assert message in str(refusal.value)
