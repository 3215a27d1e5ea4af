"""The rebuilt social scores against what their makers published, and against theory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import build
from features.social_scores import (
    SCORES,
    klout_trio,
    kred_influence,
    kred_outreach,
    page_rank,
    peerindex,
    percentile,
    scores_at,
)
from tests.features.compare import prepared
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from features.events import FloatArray

many = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)
nan = np.nan


def parts(rng: np.random.Generator, size: int, *, nulls: float = 0.2) -> list[FloatArray]:
    """Three parts of a score, coarse so that there are ties, some null."""
    made = rng.integers(0, 12, (3, size)) / 2
    made[rng.random(made.shape) < nulls] = nan
    return list(made)


def klout(reach: FloatArray, amplification: FloatArray, network: FloatArray) -> FloatArray:
    return klout_trio(reach=reach, amplification=amplification, network=network)


# Klout


def test_klout_gives_ten_points_for_each_halving_of_those_above() -> None:
    strength = np.arange(8.0)
    nothing = np.full(8, nan)
    # Eight accounts have ranks 1/16, 3/16, ... 15/16; above the strongest is half of an eighth.
    scores = klout(strength, nothing, nothing)
    assert scores[-1] == pytest.approx(1 + 10 * np.log2(16))
    np.testing.assert_allclose(scores, 1 - 10 * np.log2(1 - (2 * np.arange(8) + 1) / 16))
    assert klout(*np.ones((3, 1))) == pytest.approx([11])


@many
@given(seeds)
def test_klout_lies_between_1_and_100_and_is_null_where_all_parts_are(seed: int) -> None:
    given_parts = parts(np.random.default_rng(seed), 30, nulls=0.5)
    scores = klout(*given_parts)
    assert list(np.isnan(scores)) == list(np.isnan(given_parts).all(axis=0))
    assert np.nanmin(scores) >= 1
    assert np.nanmax(scores) <= 100


def test_klout_is_at_most_100() -> None:
    reach = np.zeros(3_000)
    reach[-1] = 1
    scores = klout(reach, np.full(3_000, nan), np.full(3_000, nan))
    assert scores[-1] == 100


@many
@given(seeds)
def test_who_leads_in_every_part_of_klout_does_not_trail(seed: int) -> None:
    given_parts = parts(np.random.default_rng(seed), 12, nulls=0)
    scores = klout(*given_parts)
    leads = np.all([part[:, None] >= part[None, :] for part in given_parts], axis=0)
    assert (scores[:, None] >= scores[None, :])[leads].all()


@many
@given(seeds)
def test_klout_asks_neither_for_units_nor_for_the_order_of_accounts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reach, amplification, network = parts(rng, 20)
    scores = klout(reach, amplification, network)
    np.testing.assert_array_equal(klout(reach * 7 + 3, amplification / 1_000, network - 5), scores)
    order = rng.permutation(20)
    np.testing.assert_array_equal(klout(reach[order], amplification[order], network[order]), scores[order])


@pytest.mark.parametrize("same", [0.0, 0.1, 1 / 3, 1e9])
def test_a_part_that_is_the_same_for_all_says_nothing(same: float) -> None:
    reach, nothing = np.arange(7.0), np.full(7, nan)
    alike = np.full(7, same)
    alike[[0, 6]] = nan  # null counts as average, and average is what all the others are
    np.testing.assert_array_equal(klout(reach, alike, nothing), klout(reach, nothing, nothing))


# Kred


def test_the_strongest_of_each_community_has_1000() -> None:
    influence = kred_influence(
        points=np.array([0, 10, 90, 7, 7, 0, 0, nan]), community=np.array([0, 0, 0, 1, 1, 2, 2, 0])
    )
    np.testing.assert_allclose(influence, [0, 1_000 * np.log(11) / np.log(91), 1_000, 1_000, 1_000, 0, 0, nan])


@many
@given(seeds)
def test_influence_rises_with_points_within_the_community_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, community = rng.integers(0, 9, 30) * 10.0, rng.integers(0, 4, 30)
    influence = kred_influence(points=points, community=community)
    together = community[:, None] == community[None, :]
    more = points[:, None] > points[None, :]
    assert (influence[:, None] > influence[None, :])[together & more].all()
    for number in range(4):
        mine = community == number
        alone = kred_influence(points=points[mine], community=np.zeros(mine.sum(), np.int64))
        np.testing.assert_array_equal(alone, influence[mine])


@pytest.mark.parametrize(("points", "level"), [(0, 0), (99, 0), (100, 1), (269, 1), (270, 2)])
def test_both_published_levels_of_outreach(points: float, level: int) -> None:
    assert kred_outreach(points=np.array([points], np.float64)) == [level]


@pytest.mark.parametrize("level", range(1, 25))
def test_a_level_begins_at_its_points(level: int) -> None:
    needed = 100 * (1.7**level - 1) / 0.7
    assert list(kred_outreach(points=np.array([needed * (1 - 1e-6), needed, needed + 1]))) == [level - 1, level, level]


def test_outreach_never_falls_as_more_is_given() -> None:
    levels = kred_outreach(points=np.arange(0, 1_000_000, 10.0))
    assert set(np.diff(levels)) == {0, 1}


# PeerIndex


def test_the_published_record_of_peerindex() -> None:
    score = peerindex(authority=np.array([35.0]), audience=np.array([31.0]), activity=np.array([34.0]))
    assert score == pytest.approx([34])


def test_the_weight_of_a_null_part_goes_to_the_others() -> None:
    score = peerindex(
        authority=np.array([50, nan, 50, nan, nan]),
        audience=np.array([nan, 10, 10, nan, nan]),
        activity=np.array([10, 30, nan, 99, nan]),
    )
    np.testing.assert_allclose(score, [(30 + 2) / 0.8, 20, (30 + 2) / 0.8, nan, nan])


@many
@given(seeds)
def test_peerindex_rises_with_each_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.uniform(0, 100, (3, 20))
    after = before + rng.uniform(0, 1, (3, 20)) * (100 - before)
    low, high = (peerindex(authority=a, audience=b, activity=c) for a, b, c in (before, after))
    assert (low <= high).all()
    assert (low >= before.min(axis=0) - 1e-9).all()
    assert (low <= before.max(axis=0) + 1e-9).all()


# Ranks and PageRank


def test_a_percentile_is_the_share_below_with_ties_halved() -> None:
    np.testing.assert_allclose(percentile(np.array([3, 1, nan, 1, 2.0])), [0.875, 0.25, nan, 0.25, 0.625])
    np.testing.assert_array_equal(percentile(np.array([0.1 + 0.2, 0.3])), [0.5, 0.5])
    assert len(percentile(np.array([]))) == 0


@many
@given(seeds)
def test_percentiles_know_only_the_order(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 9, 25).astype(np.float64)
    np.testing.assert_array_equal(percentile(np.exp(values)), percentile(values))
    assert percentile(values).mean() == pytest.approx(0.5)


def test_page_rank_of_two_solved_by_hand() -> None:
    # b endorses nobody and passes its share on to both: a = 0.075 + 0.425 b, a + b = 1.
    share = page_rank(np.array([0]), np.array([1]), np.array([1.0]), nodes=2)
    np.testing.assert_allclose(share, [0.5 / 1.425, 0.925 / 1.425], rtol=1e-9)


def test_page_rank_of_a_ring_is_even() -> None:
    ring = np.arange(5)
    np.testing.assert_allclose(page_rank(ring, (ring + 1) % 5, np.ones(5), nodes=5), np.full(5, 0.2))


@many
@given(seeds, st.integers(2, 15))
def test_page_rank_solves_its_equations(seed: int, nodes: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 5, (nodes, nodes)) * (rng.random((nodes, nodes)) < 0.3)
    endorser, endorsed = np.nonzero(weight)
    share = page_rank(endorser, endorsed, weight[endorser, endorsed].astype(np.float64), nodes=nodes)
    # Each passes its share on by weight; who endorses nobody, to all alike.
    given_out = weight.sum(axis=1, keepdims=True)
    passed = np.where(given_out > 0, weight / np.maximum(given_out, 1), 1 / nodes)
    exact = np.linalg.solve(np.eye(nodes) - 0.85 * passed.T, np.full(nodes, 0.15 / nodes))
    assert share.sum() == pytest.approx(1)
    # Fifty steps leave at most 0.85 ** 50 of the first distance, which is at most 2.
    assert np.abs(share - exact).sum() <= 2 * 0.85**50


# The publication


def test_a_pair_reads_the_last_publication_before_it() -> None:
    frames = random_tables(np.random.default_rng(3), influencers=5, accounts=9, campaigns=9, days=150, outcomes=40)
    store = prepared(frames)
    published = pd.Timestamp("1970-01-01") + pd.Timedelta(days=30 * 660)
    moments = [
        published - pd.Timedelta(microseconds=1),
        published,
        published + pd.Timedelta(days=11),
        published + pd.Timedelta(days=30, microseconds=-1),
        published + pd.Timedelta(days=30),
    ]
    pairs = pd.DataFrame({"campaign_id": "c000", "account_id": "a000", "decided_at": moments})
    X = build(store, pairs)[list(SCORES)]
    place = int(np.flatnonzero(store.accounts["account_id"] == "a000")[0])
    days = [659, 660, 660, 660, 661]
    expected = [scores_at(store, 30 * number * 86_400_000_000)[place] for number in days]
    np.testing.assert_array_equal(X, np.array(expected))
    assert not X.iloc[0].equals(X.iloc[1])
    assert sorted(int(path.stem) // 86_400_000_000 // 30 for path in (store.folder / "scores").rglob("*.npz")) == [
        659,
        660,
        661,
    ]
