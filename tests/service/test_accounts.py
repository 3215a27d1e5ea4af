"""Accounts one by one: what is known of them without a brief, and influencers whom the data do not know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from features.authenticity import evidence
from features.catalogue import FEATURES
from features.errors import DataError
from features.materialize import materialize, materialize_beside
from features.snapshot import Snapshot
from serving import raw
from serving.answers import Answers
from serving.pairs import Accounts, Pairs
from serving.predictor import Predictor
from serving.schemas import requests, responses
from serving.unknown import prepared
from tests.models import made_bundle
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from pathlib import Path

STARTS_AT = "2025-03-01T00:00:00Z"
BRIEF = {"goal": "sale", "vertical": "food", "starts_at": STARTS_AT, "topics": ["food"], "brief": "Try jelly"}
# What looks across accounts, and what nobody who is not known can have.
OF_KNOWN = {
    *("klout_reach", "klout_amplification", "klout_network", "klout_score", "klout_networks"),
    *("kred_influence", "kred_outreach", "peerindex_authority", "peerindex_activity", "peerindex"),
    "peerindex_topic_authority",
    *("generic_comment_share_90d", "reciprocal_reaction_share_90d", "pod_reaction_share_90d", "answers_share_90d"),
    # Generic comments are among the signs that foretell it.
    *("fake_share", "fake_share_low", "fake_share_high"),
    # Words weigh what the captions of known accounts make of them.
    *("brief_similarity_mean_newest", "brief_similarity_best_newest"),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return random_tables(np.random.default_rng(3), influencers=14, accounts=24, posts=500, interactions=600)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_bundle(tmp_path_factory.mktemp("bundle") / "made")


def rows_of(rows: pd.DataFrame, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return rows as JSON has them: no null columns, moments as texts."""
    kept = []
    for row in rows.drop(columns=list(without)).to_dict("records"):
        found = {}
        for name, value in row.items():
            if isinstance(value, list | np.ndarray):
                found[name] = [word for word in value if word is not None]
            elif value is None or pd.isna(value):
                continue
            elif isinstance(value, pd.Timestamp):
                found[name] = value.isoformat()
            else:
                whole = isinstance(value, float | np.floating) and name != "share"
                found[name] = int(value) if whole else value.item() if isinstance(value, np.generic) else value
        kept.append(found)
    return kept


def test_an_influencer_who_was_taken_out_is_scored_as_if_known(
    tables: dict[str, pd.DataFrame], bundle: Path, tmp_path: Path
) -> None:
    accounts = tables["accounts"]
    influencer = accounts["influencer_id"].iloc[0]
    own = accounts[accounts["influencer_id"] == influencer]
    mine = {
        name: rows[rows["account_id"].isin(own["account_id"])] for name, rows in tables.items() if "account_id" in rows
    }
    with open_tables({**tables, "outcomes": tables["outcomes"].drop(mine["outcomes"].index)}) as opened:
        whole = EventStore.prepare(opened)
    others = {name: rows.drop(mine[name].index) if name in mine else rows for name, rows in tables.items()}
    with open_tables(others) as opened:
        rest = EventStore.prepare(opened)
    as_of = mine["posts"]["published_at"].max().tz_localize(None) - pd.Timedelta(days=20)
    known = materialize(rest, tmp_path / "snapshot", as_of=as_of)
    body = {
        "accounts": rows_of(own, without=("influencer_id",)),
        **{name: rows_of(mine[name], without=("fake",) if "fake" in mine[name] else ()) for name in raw.TABLES},
    }
    store = prepared(raw.Influencer.model_validate_json(json.dumps(body)), missing=rest.missing)
    store.published_peers = whole.published_peers
    from features import peers

    peers.publish(whole, np.array([known.contents.as_of]))
    unknown = materialize_beside(known, store)
    brief = requests.Brief.model_validate_json(json.dumps(BRIEF))
    from serving.answers import _briefs

    rows = np.array([unknown.row_of[account] for account in own["account_id"]])
    predictor = Predictor.load(bundle)
    found = Pairs(Accounts(unknown, predictor.bundle), _briefs(brief), rows, np.full(len(rows), 50.0)).frame()
    campaign = pd.DataFrame(
        {
            **{name: [BRIEF[name]] for name in ("goal", "vertical", "topics", "brief")},
            "campaign_id": ["x"],
            "brand_id": [""],
            "starts_at": [pd.Timestamp("2025-03-01")],
            "attribution_days": [30.0],
        }
    )
    pairs = pd.DataFrame({"campaign_id": "x", "account_id": own["account_id"], "decided_at": as_of, "fee": 50.0})
    expected = build(whole, pairs, campaigns=campaign)
    differing = {
        name for name in FEATURES if not np.array_equal(found[name], expected[name].to_numpy(), equal_nan=True)
    }
    assert differing <= OF_KNOWN
    assert found["log_followers"].notna().any()
    assert found["posts_90d"].max() > 0
    assert found["klout_score"].isna().all()


@pytest.fixture(scope="module")
def answers(tables: dict[str, pd.DataFrame], bundle: Path) -> Answers:
    with open_tables(tables) as opened:
        store = EventStore.prepare(opened)
    return Answers(Predictor.load(bundle), store)


def score(answers: Answers, **changes: Any) -> responses.ScoreResponse:
    body = {"brief": BRIEF, "influencer": {"accounts": [{"account_id": "new", "platform": "instagram"}]}} | changes
    return answers.score(raw.ScoreRequest.model_validate_json(json.dumps(body)))


def test_an_influencer_of_whom_next_to_nothing_is_known_gets_an_answer(answers: Answers) -> None:
    (found,) = score(answers).predictions
    assert found.account_id == "new"
    assert 0 <= found.likelihood <= 1
    assert found.baselines.followers is None
    stats = [{"account_id": "new", "observed_at": answers.as_of.isoformat(), "followers": 5000}]
    more = {"accounts": [{"account_id": "new", "platform": "instagram"}], "account_stats": stats}
    (told,) = score(answers, influencer=more, reasons=True).predictions
    assert told.baselines.followers == 5000
    assert told.reasons


def test_offers_decide_which_accounts_are_scored_and_in_which_order(answers: Answers) -> None:
    influencer = {"accounts": [{"account_id": name, "platform": "tiktok"} for name in "abc"]}
    offers = [{"account_id": "c", "at_least": 3}, {"account_id": "a"}]
    found = score(answers, influencer=influencer, candidates=offers).predictions
    assert [(each.account_id, each.at_least) for each in found] == [("c", 3), ("a", 1)]
    assert [each.account_id for each in score(answers, influencer=influencer).predictions] == ["a", "b", "c"]


def test_what_is_later_is_not_looked_at(answers: Answers) -> None:
    later = (answers.as_of + pd.Timedelta(days=1)).isoformat()
    one = {"accounts": [{"account_id": "new", "platform": "instagram"}], "account_stats": []}
    stats = [{"account_id": "new", "observed_at": later, "followers": 5000}]
    assert score(answers, influencer=one) == score(answers, influencer={**one, "account_stats": stats})


def test_the_card_of_an_account_says_what_the_store_says(answers: Answers) -> None:
    for account in answers.store.accounts["account_id"]:
        found = answers.account(account)
        known = evidence(answers.store, account, answers.as_of)
        assert (found.authenticity.fake_share, found.authenticity.summary) == (known.fake_share, known.summary)
        assert [signal.sentence for signal in found.authenticity.signals] == [one.sentence for one in known.signals]
        row = answers.snapshot.row_of[account]
        klout = answers.snapshot.features[row, answers.snapshot.column_of["klout_score"]]
        assert found.klout.score == (None if np.isnan(klout) else klout)
    with pytest.raises(DataError, match="Unknown account"):
        answers.account("nobody")


def test_a_snapshot_of_other_data_or_another_moment_is_refused(
    answers: Answers, bundle: Path, tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    materialize(answers.store, tmp_path / "snapshot")
    snapshot = Snapshot.open(tmp_path / "snapshot")
    predictor = Predictor.load(bundle)
    assert Answers(predictor, answers.store, snapshot=snapshot, as_of=answers.as_of).as_of == answers.as_of
    with pytest.raises(DataError, match="holds what was known at"):
        Answers(predictor, answers.store, snapshot=snapshot, as_of=answers.as_of - pd.Timedelta(days=1))
    with open_tables({**tables, "posts": tables["posts"].iloc[1:]}) as opened:
        other = EventStore.prepare(opened)
    with pytest.raises(DataError, match="was made of other data"):
        Answers(predictor, other, snapshot=snapshot)
