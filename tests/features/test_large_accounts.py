"""The largest accounts that there are: a million reactions, a hundred thousand posts, all in the windows of a pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features import build
from features.authenticity import evidence
from features.catalogue import FEATURES
from features.tables import INTERACTIONS
from tests.features.compare import prepared
from tests.random_tables import CAPTIONS, TEXTS, WORDS, random_pairs, random_tables

STAR = "a000"
NOW = pd.Timestamp("2024-07-18")
REACTIONS, POSTS = 1_000_000, 100_000
MILLION_PEOPLE = 10**6


def _moments(rng: np.random.Generator, size: int, *, days: int, before: int) -> pa.Array:
    """Draw moments of some days, whose last lies so many days before now."""
    end = NOW.value // 1_000 - before * 86_400_000_000
    return pa.array(end - rng.integers(0, days * 86_400_000_000, size), pa.timestamp("us"))


def _words(rng: np.random.Generator, words: Any, size: int) -> pa.Array:
    return pa.array(list(words)).take(pa.array(rng.integers(0, len(words), size)))


def _reactions(rng: np.random.Generator, posts: pd.Series, accounts: pd.Series) -> pa.Table:
    fans = pa.array(rng.integers(0, MILLION_PEOPLE, REACTIONS)).cast(pa.string())
    # Some of the people have accounts; every third text is one that nobody else wrote.
    actor = pc.if_else(pa.array(rng.random(REACTIONS) < 0.05), _words(rng, accounts, REACTIONS), fans)
    own = pc.binary_join_element_wise("look at this", pa.array(np.arange(REACTIONS)).cast(pa.string()), " ")
    return pa.table(
        {
            "actor_id": actor,
            "account_id": pa.repeat(STAR, REACTIONS),
            "post_id": _words(rng, posts, REACTIONS),
            "kind": _words(rng, INTERACTIONS, REACTIONS),
            "at": _moments(rng, REACTIONS, days=80, before=0),
            "actor_followers": pa.array(rng.integers(0, 10**9, REACTIONS)),
            "text": pc.if_else(pa.array(rng.random(REACTIONS) < 1 / 3), own, _words(rng, TEXTS, REACTIONS)),
        }
    )


def _posts(rng: np.random.Generator) -> pa.Table:
    counts = ("views", "likes", "comments", "shares", "saves", "clicks")
    published = _moments(rng, POSTS, days=170, before=5)
    topics = pa.ListArray.from_arrays(np.arange(0, 3 * POSTS + 1, 3, dtype=np.int32), _words(rng, WORDS, 3 * POSTS))
    return pa.table(
        {
            "post_id": pa.array(np.arange(POSTS)).cast(pa.string()),
            "account_id": pa.repeat(STAR, POSTS),
            "published_at": published,
            "observed_at": pc.add(published, pa.scalar(86_400_000_000, pa.duration("us"))),
            "sponsor_id": _words(rng, ["b0", "b1", None], POSTS),
            "topics": topics,
            "caption": _words(rng, CAPTIONS, POSTS),
            **{name: pa.array(rng.integers(0, 10**12, POSTS)) for name in counts},
        }
    )


@pytest.mark.parametrize("table", ["interactions", "posts"])
def test_every_feature_of_a_giant_is_finite_or_null(table: str) -> None:
    rng = np.random.default_rng(31)
    frames: dict[str, Any] = random_tables(
        rng, influencers=6, accounts=12, campaigns=15, days=200, posts=150, outcomes=60
    )
    others = frames[table][frames[table]["account_id"] != STAR]
    giant = (
        _posts(rng)
        if table == "posts"
        else _reactions(rng, frames["posts"]["post_id"], frames["accounts"]["account_id"])
    )
    schema = giant.schema
    frames[table] = pa.concat_tables([giant, pa.Table.from_pandas(others, schema, preserve_index=False)])
    pairs = random_pairs(rng, frames, 40, days=200)
    pairs = pd.concat([pairs, pairs[:5].assign(account_id=STAR, decided_at=NOW)], ignore_index=True)
    store = prepared(frames)
    X = build(store, pairs)
    assert not np.isinf(X[list(FEATURES)].to_numpy()).any()
    of_giant = X.iloc[-1]
    if table == "posts":
        at = giant["published_at"].to_numpy()
        assert of_giant["posts_90d"] == (at > (NOW - pd.Timedelta(days=90)).to_datetime64()).sum()
    else:
        mine = np.asarray(giant["actor_id"]) != STAR
        mine &= np.asarray(giant["kind"]) != "follow"
        assert of_giant["reactions_log_90d"] == np.log1p(mine.sum())
    found = evidence(store, STAR, as_of=NOW)
    assert all(np.isfinite(signal.value) for signal in found.signals)
