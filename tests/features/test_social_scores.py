"""The rebuilt social scores against what their makers published, and against theory."""

from __future__ import annotations

import tracemalloc
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import EventStore, build, open_tables
from features.columns import Columns
from features.errors import SettingError
from features.social_scores import (
    GENERAL,
    PERIOD,
    SCORES,
    activity_by_topic,
    authority_by_topic,
    klout_networks,
    klout_strength,
    klout_trio,
    kred_influence,
    kred_outreach,
    page_rank,
    peerindex,
    percentile,
    scores_at,
    standing_at,
    standings,
    statement,
)
from features.social_scores.lookup import RANKS
from tests.features.compare import Frames, prepared
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

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


def test_strength_adds_up_the_ranks_of_each_kind_within_the_network() -> None:
    strength = klout_strength(
        reactions={"reshare": np.array([0, 3, 9, 9, 50.0]), "like": np.array([7, 0, nan, 1, 2.0])},
        network=np.array(["x", "x", "x", "x", "blog"]),
    )
    # Ranks among the four of x are 1/8, 3/8, 5/8, 7/8, ties halved; nothing received adds nothing.
    likes = [0.10 * 5 / 6, 0, 0, 0.10 * 3 / 6, 0.10 / 2]
    np.testing.assert_allclose(strength, np.array([0, 0.3 * 3 / 8, 0.3 * 3 / 4, 0.3 * 3 / 4, 0.3 / 2]) + likes)


@many
@given(seeds)
def test_more_reactions_never_lower_strength(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = {kind: rng.integers(0, 5, 12).astype(np.float64) for kind in ("comment", "mention")}
    network = rng.integers(0, 3, 12)
    after = {kind: received.copy() for kind, received in before.items()}
    after["mention"][4] += rng.integers(1, 5)
    low, high = (klout_strength(reactions=reactions, network=network)[4] for reactions in (before, after))
    assert high >= low


def test_the_score_of_2015_by_hand() -> None:
    score = klout_networks(strength=np.array([0.5, 0.5, 1, 0, nan]), person=np.array(["a", "a", "b", "b", "c"]))
    np.testing.assert_allclose(score, [100 * (1 - 0.55**2)] * 2 + [90, 90, 0])


@many
@given(seeds, st.floats(0, 1))
def test_adding_a_network_never_lowers_the_score(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    known, person = rng.random(9), rng.integers(0, 4, 9)
    before = klout_networks(strength=known, person=person)
    after = klout_networks(strength=np.append(known, strength), person=np.append(person, person[0]))[:-1]
    assert (after >= before).all()
    np.testing.assert_array_equal(after[person != person[0]], before[person != person[0]])


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


def test_a_percentile_within_communities() -> None:
    rank = percentile(np.array([3, 1, 9, 9, nan, 5.0]), np.array([0, 0, 0, 1, 1, 1]))
    np.testing.assert_allclose(rank, [3 / 6, 1 / 6, 5 / 6, 3 / 4, nan, 1 / 4])


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


@many
@given(seeds)
def test_graphs_solved_together_are_those_solved_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 9, 3)
    graph = rng.permutation(np.repeat(np.arange(3), sizes))
    edges = [
        (a, b) for a in range(len(graph)) for b in range(len(graph)) if graph[a] == graph[b] and rng.random() < 0.3
    ]
    endorser, endorsed = np.array(edges, np.int64).reshape(-1, 2).T
    weight = rng.integers(1, 5, len(edges)).astype(np.float64)
    together = page_rank(endorser, endorsed, weight, nodes=len(graph), graph=graph)
    for number in range(3):
        nodes, mine = np.flatnonzero(graph == number), graph[endorser] == number
        alone = page_rank(
            np.searchsorted(nodes, endorser[mine]),
            np.searchsorted(nodes, endorsed[mine]),
            weight[mine],
            nodes=len(nodes),
        )
        np.testing.assert_allclose(together[nodes], alone, rtol=1e-12)
        assert together[nodes].sum() == pytest.approx(1)


# By topic

PEOPLE = np.arange(100, 107)
FOOD, CARS = 11, 12


def endorsed(*rows: tuple[int, int, int, int]) -> dict[str, Any]:
    endorser, account, topic, day = np.array(rows, np.int64).reshape(-1, 4).T
    return authority_by_topic(endorser=endorser, endorsed=account, topic=topic, day=day, people=PEOPLE)._asdict()


def test_who_is_endorsed_by_more_stands_higher_among_those_of_the_topic() -> None:
    # Account i has i + 1 fans on food; two more accounts, on cars, are too few for a community of their own.
    found = endorsed(
        *[(1_000 * account + fan, account, FOOD, 5) for account in range(5) for fan in range(account + 1)],
        (7, 5, CARS, 5),
        (8, 5, CARS, 5),
        (9, 6, CARS, 5),
    )
    assert list(zip(found["account"], found["topic"], found["amount"], strict=True)) == [
        (5, GENERAL, 2),
        (6, GENERAL, 1),
        *[(account, FOOD, account + 1) for account in range(5)],
    ]
    np.testing.assert_allclose(found["rank"], [75, 25, 10, 30, 50, 70, 90])


def test_an_endorser_counts_once_a_day() -> None:
    found = endorsed((1, 0, FOOD, 5), (1, 0, FOOD, 5), (1, 0, FOOD, 6), (2, 0, FOOD, 5), (1, 1, FOOD, 5))
    assert list(found["amount"]) == [3, 1]


def test_the_endorsement_of_an_authority_is_worth_more() -> None:
    # Accounts 1 and 2 are endorsed once each: 1 by account 0, who has many fans, 2 by somebody unknown.
    fans = [(fan, 0, FOOD, 5) for fan in range(20)]
    found = endorsed(*fans, (PEOPLE[0], 1, FOOD, 5), (50, 2, FOOD, 5), (51, 3, FOOD, 5), (52, 4, FOOD, 5))
    assert found["rank"][1] > found["rank"][2] == found["rank"][3]


def many_endorsements(rows: int, *, accounts: int = 500) -> dict[str, Any]:
    rng = np.random.default_rng(8)
    return {
        "endorser": rng.integers(0, rows, rows),
        "endorsed": rng.integers(0, accounts, rows),
        "topic": rng.integers(0, 40, rows),
        "day": rng.integers(0, 120, rows),
        "people": np.arange(accounts),
    }


def test_topics_are_ranked_in_turns_as_they_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_endorsements(3_000)
    at_once = authority_by_topic(**rows)
    monkeypatch.setattr(import_module("features.social_scores.peerindex"), "ROWS_AT_ONCE", 1)
    for whole, part in zip(at_once, authority_by_topic(**rows), strict=True):
        np.testing.assert_array_equal(part, whole)


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that Python and numpy held at most while something was worked out, beside what they held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_authority_takes_is_bounded_by_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = many_endorsements(200_000)
    monkeypatch.setattr(import_module("features.social_scores.peerindex"), "ROWS_AT_ONCE", 10_000)
    # Five columns of all endorsements; in one turn it would be 26.
    assert peak_of(lambda: authority_by_topic(**rows)) < 8 * rows["topic"].nbytes


def test_columns_on_disk_are_in_memory_once(tmp_path: Path) -> None:
    columns, number = Columns(tmp_path), np.arange(300_000)
    for part in (number[:7], number[7:7], number[7:]):
        columns.add({"number": part, "half": part[::-1] / 2, "odd": part % 2 == 1})
    assert list(columns) == ["number", "half", "odd"]
    np.testing.assert_array_equal(columns["number"], number)
    np.testing.assert_array_equal(columns["half"], np.concatenate([number[6::-1], number[:6:-1]]) / 2)
    np.testing.assert_array_equal(columns["odd"], number % 2 == 1)
    assert peak_of(lambda: columns["number"]) < 1.5 * number.nbytes
    with pytest.raises(TypeError, match="safe"):
        columns.add({"number": number / 2})


def test_activity_is_a_rank_among_those_who_post_on_the_topic() -> None:
    found = activity_by_topic(
        account=np.array([0, 1, 2, 3, 4, 0, 1]),
        topic=np.array([FOOD] * 5 + [CARS, GENERAL]),
        posts=np.array([1, 2, 3, 4, 4, 9, 1.0]),
    )
    by_row = dict(zip(zip(found.account, found.topic, strict=True), found.rank, strict=True))
    assert by_row == pytest.approx(
        {(0, FOOD): 10, (1, FOOD): 30, (2, FOOD): 50, (3, FOOD): 80, (4, FOOD): 80, (0, GENERAL): 75, (1, GENERAL): 25}
    )


# Input that makes no score


def test_of_nobody_nothing_is_said() -> None:
    nobody, codes = np.array([]), np.array([], np.int64)
    assert len(klout(nobody, nobody, nobody)) == 0
    assert len(klout_strength(reactions={"like": nobody}, network=codes)) == 0
    assert len(klout_networks(strength=nobody, person=codes)) == 0
    assert len(kred_influence(points=nobody, community=codes)) == 0
    assert len(peerindex(authority=nobody, audience=nobody, activity=nobody)) == 0
    assert len(page_rank(codes, codes, nobody, nodes=0)) == 0
    assert len(endorsed()["rank"]) == 0
    assert len(activity_by_topic(account=codes, topic=codes, posts=nobody).rank) == 0


def test_of_what_is_unknown_nothing_is_known() -> None:
    unknown = np.full(3, nan)
    for score in (
        klout(unknown, unknown, unknown),
        kred_influence(points=unknown, community=np.zeros(3)),
        kred_outreach(points=unknown),
        peerindex(authority=unknown, audience=unknown, activity=unknown),
        percentile(unknown),
    ):
        np.testing.assert_array_equal(score, unknown)


TWO, THREE = np.ones(2), np.ones(3)
BAD: list[tuple[Callable[..., FloatArray], dict[str, Any], str]] = [
    (klout_trio, {"reach": TWO, "amplification": THREE, "network": TWO}, "amplification has shape (3,)"),
    (
        klout_trio,
        {"reach": TWO, "amplification": TWO, "network": ["many", "few"]},
        "network holds something that is no",
    ),
    (klout_trio, {"reach": np.array([1, np.inf]), "amplification": TWO, "network": TWO}, "reach is infinite"),
    (klout_strength, {"reactions": {"likes": TWO}, "network": [1, 1]}, "Unknown kind 'likes'; it is one of reshare"),
    (klout_strength, {"reactions": {"like": TWO}, "network": [1, 1, 2]}, "like has shape (2,)"),
    (klout_networks, {"strength": TWO, "person": ["a"]}, "person has shape (1,)"),
    (kred_influence, {"points": TWO, "community": ["a", "b", "c"]}, "points has shape (2,), community has shape (3,)"),
    (kred_outreach, {"points": np.ones((2, 2))}, "points has shape (2, 2)"),
    (peerindex, {"authority": TWO, "audience": TWO, "activity": THREE}, "Each account needs one entry of each part"),
    (klout_strength, {"reactions": {"like": -TWO}, "network": [1, 1]}, "like is -1 somewhere; give 0 or more, or NaN"),
    (klout_networks, {"strength": 2 * TWO, "person": ["a", "b"]}, "strength is 2 somewhere; give 0 to 1, or NaN"),
    (kred_influence, {"points": -TWO, "community": ["a", "a"]}, "points is -1 somewhere; give 0 or more, or NaN"),
    (kred_outreach, {"points": -TWO}, "points is -1 somewhere; give 0 or more, or NaN where it is unknown."),
    (
        peerindex,
        {"authority": 101 * TWO, "audience": TWO, "activity": TWO},
        "authority is 101 somewhere; give 0 to 100",
    ),
]


@pytest.mark.parametrize(("function", "given_parts", "message"), BAD)
def test_bad_input_is_refused_in_words(
    function: Callable[..., FloatArray], given_parts: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as refused:
        function(**given_parts)
    assert message in str(refused.value)


# From tables


@pytest.fixture(scope="module")
def frames() -> Frames:
    return random_tables(np.random.default_rng(4), influencers=6, accounts=12, campaigns=9, days=200, outcomes=40)


MOMENTS = [pd.Timestamp("2024-01-20"), pd.Timestamp("2024-04-01 06:00:00"), pd.Timestamp("2024-09-30 23:59:59.999999")]


def microseconds(moment: pd.Timestamp) -> int:
    return int(moment.as_unit("us").to_numpy().astype(np.int64))


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_statement_adds_up_to_the_points_behind_the_scores(frames: Frames, moment: pd.Timestamp) -> None:
    with open_tables(frames) as tables:
        store = EventStore.prepare(tables, buckets=2)
        accounts = standing_at(store, microseconds(moment)).accounts
        for row, account in enumerate(store.accounts["account_id"]):
            listed = statement(tables, account, as_of=moment)
            points = listed.groupby("score")["points"].sum()
            assert np.nan_to_num(accounts["points"][row]) == points.get("influence", 0)
            assert np.nan_to_num(accounts["given"][row]) == points.get("outreach", 0)
            assert listed["at"].is_monotonic_decreasing
            assert (listed["at"] <= moment).all()
            assert (listed["account_id"] == account).equals(listed["score"] == "influence")
            assert (listed["actor_id"] == account).equals(listed["score"] == "outreach")


def test_the_statement_names_each_action() -> None:
    day = pd.Timestamp("2024-05-01")
    rows = [
        ("fan", "a", "p1", "reply", 0, 10_000),
        ("star", "a", "p1", "reshare", 1, 10_001),
        ("fan", "a", None, "mention", 2, None),
        ("fan", "a", "p1", "comment", 3, 5),  # brings no points
        ("fan", "a", "p1", "follow", 3, 5),
        ("a", "a", "p1", "reply", 3, 5),  # by oneself
        ("fan", "a", "p1", "reply", 90, 5),  # 90 days ago is too long ago
        ("a", "b", "p9", "comment", 400, 5),  # outreach never forgets
        ("fan", "a", "p1", "reply", -1, 5),  # still to come
    ]
    columns = ["actor_id", "account_id", "post_id", "kind", "at", "actor_followers"]
    interactions = pd.DataFrame(rows, columns=columns)
    interactions["at"] = day - pd.to_timedelta(interactions["at"], unit="D")
    whole = random_tables(np.random.default_rng(0))
    with open_tables({**whole, "interactions": interactions}) as tables:
        listed = statement(tables, "a", as_of=day)
    assert listed.drop(columns=["at", "account_id"]).astype(object).replace({nan: None}).to_numpy().tolist() == [
        ["influence", "reply", "fan", "p1", 10],
        ["influence", "reshare", "star", "p1", 50],
        ["influence", "mention", "fan", None, 10],
        ["outreach", "comment", "a", "p9", 10],
    ]


@pytest.mark.parametrize("kind", ["mention", "reshare", "reply", "comment"])
def test_more_reactions_never_lower_what_counts_them(frames: Frames, kind: str) -> None:
    moment = MOMENTS[1]
    more = pd.DataFrame({"actor_id": "somebody new", "account_id": "a003", "kind": kind, "at": [moment] * 5})
    worlds = (frames, {**frames, "interactions": pd.concat([frames["interactions"], more])})
    # Not strength: it depends on the strength of others, which rises with that of who reacts to them.
    names = ["klout_amplification", "kred_influence", "points"]
    before, after = (standing_at(prepared(world), microseconds(moment)).accounts[names].iloc[3] for world in worlds)
    assert (after >= before).all()
    assert list(prepared(frames).accounts["account_id"]).index("a003") == 3


def test_a_reaction_of_the_strong_counts_for_more(frames: Frames) -> None:
    moment = MOMENTS[1]
    accounts = frames["accounts"].assign(platform="x")
    scores = standing_at(prepared({**frames, "accounts": accounts}), microseconds(moment)).accounts
    ids = prepared({**frames, "accounts": accounts}).accounts["account_id"]
    by_score = ids[np.argsort(scores["klout_networks"].fillna(-1).to_numpy())]
    received = []
    # The last account has nothing of its own: it is endorsed once, by the strongest or by the weakest; another new
    # account is endorsed by somebody without an account.
    for actor in (by_score.iloc[-1], "nobody known"):
        pair = accounts.iloc[[-1]].assign(account_id="rival", influencer_id="rival")
        reactions = pd.DataFrame(
            {"actor_id": [actor, "nobody known"], "account_id": [accounts["account_id"].iloc[-1], "rival"]}
        ).assign(kind="mention", at=moment)
        world = {
            **frames,
            "accounts": pd.concat([accounts, pair]),
            "interactions": pd.concat([frames["interactions"], reactions]),
        }
        store = prepared(world)
        strength = standing_at(store, microseconds(moment)).accounts["klout_strength"]
        received.append(dict(zip(store.accounts["account_id"], strength, strict=True)))
    own = accounts["account_id"].iloc[-1]
    assert received[0][own] > received[0]["rival"]
    assert received[1][own] == received[1]["rival"]


def test_publications_do_not_depend_on_the_order_in_which_they_are_asked_for(frames: Frames) -> None:
    moments = [PERIOD * number for number in (662, 660, 659)]
    three, one = prepared(frames, buckets=3), prepared(frames)
    together = dict(standings(three, moments))
    rows = [one.row_of[account] for account in three.accounts["account_id"]]
    for moment in moments:
        np.testing.assert_array_equal(together[moment].accounts[list(SCORES)], scores_at(one, moment)[rows])


# The publication


def test_a_rank_among_fewer_than_ten_accounts_is_null() -> None:
    frames = random_tables(np.random.default_rng(3), influencers=6, accounts=14, campaigns=9, days=150, outcomes=40)
    pairs = pd.DataFrame(
        {"campaign_id": "c000", "account_id": frames["accounts"]["account_id"][:5], "decided_at": MOMENTS[1]}
    )
    few = {
        name: rows[rows["account_id"].isin(frames["accounts"]["account_id"][:9])] if "account_id" in rows else rows
        for name, rows in frames.items()
    }
    among_many, among_few = (build(prepared(tables), pairs) for tables in (frames, few))
    ranks = [*RANKS, "peerindex_topic_authority"]
    assert among_many[list(RANKS)].notna().all(axis=None)
    assert among_few[ranks].isna().all(axis=None)
    assert among_few["kred_influence"].notna().all()


def test_a_pair_reads_the_last_publication_before_it() -> None:
    frames = random_tables(np.random.default_rng(3), influencers=6, accounts=14, campaigns=9, days=150, outcomes=40)
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
    kept = (store.publications_of_classifier / "scores").rglob("*.npz")
    assert sorted(int(path.stem) // 86_400_000_000 // 30 for path in kept) == [659, 660, 661]
