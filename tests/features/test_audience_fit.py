"""Audience fit: against definitions of others, and what may not be known in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from features import EventStore, build
from features.codes import code, codes
from features.vocabulary import PERIOD, Vocabulary, published
from features.words import words_in
from tests.features.compare import Frames, prepared

if TYPE_CHECKING:
    from pathlib import Path

NOW = pd.Timestamp("1970-01-01") + pd.Timedelta(PERIOD * 220, unit="us")
"""A moment at which words are published, in April 2024."""
CAPTIONS = [
    "Jelly for tea, jelly for two",
    "A quiet day with tea",
    "",
    "Cars! Cars! Cars!",
    "\U0001f600",
    "\u0634\u0643\u0631\u0627 for the jelly",
    "two_words a new JELLY 2024",
]
BRIEFS = [
    "A new jelly, for tea",
    "cars",
    "never seen",
    "\u0634\u0643\u0631\u0627 \u0634\u0643\u0631\u0627 tea",
    "\U0001f600",
]


def ago(days: float) -> pd.Timestamp:
    return NOW - pd.Timedelta(days=days)


def world(captions: list[str | None], briefs: list[str | None], **changes: Any) -> Frames:
    """Return tables of one account whose posts are ten days old, youngest last, and of some campaigns."""
    posts = pd.DataFrame(
        {
            "post_id": [f"p{i:04d}" for i in range(len(captions))],
            "account_id": "a",
            "published_at": [ago(10) + pd.Timedelta(minutes=i) for i in range(len(captions))],
            "caption": captions,
        }
    )
    campaigns = pd.DataFrame(
        {
            "campaign_id": [f"c{i}" for i in range(len(briefs))],
            "brand_id": "b7",
            "vertical": "food",
            "goal": "sale",
            "brief": briefs,
            "starts_at": NOW,
            "attribution_days": 30,
        }
    )
    return {
        "accounts": pd.DataFrame({"account_id": ["a"], "influencer_id": "i", "platform": "x"}),
        "posts": posts.assign(**changes.get("posts", {})),
        "campaigns": campaigns.assign(**changes.get("campaigns", {})),
        "outcomes": pd.DataFrame(
            columns=["campaign_id", "account_id", "decided_at", "posted_at", "actions", "closed_at"]
        ).astype({"decided_at": "datetime64[us]", "posted_at": "datetime64[us]", "closed_at": "datetime64[us]"}),
    }


def pairs_of(frames: Frames, decided_at: pd.Timestamp = NOW) -> pd.DataFrame:
    return pd.DataFrame(
        {"campaign_id": frames["campaigns"]["campaign_id"], "account_id": "a", "decided_at": decided_at}
    )


def features_of(frames: Frames, decided_at: pd.Timestamp = NOW) -> pd.DataFrame:
    return build(prepared(frames), pairs_of(frames, decided_at))


def words_by_pattern(text: str) -> list[str]:
    with duckdb.connect() as database:
        return database.execute(r"SELECT regexp_extract_all(lower(?), '[\p{L}\p{N}_]{2,}')", [text]).fetchall()[0][0]


def similarities(captions: list[str], briefs: list[str], *, of: list[str]) -> np.ndarray:
    """Return scikit-learn's cosines of captions and briefs, with the weights of the words of other captions."""
    tokens = CountVectorizer(tokenizer=words_by_pattern, token_pattern=None, lowercase=False).fit(
        [*captions, *briefs, *of]
    )
    weigh = TfidfTransformer().fit(tokens.transform(of) if of else np.zeros((0, len(tokens.vocabulary_))))
    return (weigh.transform(tokens.transform(captions)) @ weigh.transform(tokens.transform(briefs)).T).toarray()


def test_text_fit_is_the_tf_idf_of_scikit_learn() -> None:
    frames = world([*CAPTIONS, None], BRIEFS)
    expected = similarities(CAPTIONS, BRIEFS, of=CAPTIONS)
    X = features_of(frames)
    has_words = [True, True, True, True, False]
    for name, values in {"mean": expected.mean(axis=0), "best": expected.max(axis=0)}.items():
        found = X[f"brief_similarity_{name}_newest"]
        np.testing.assert_allclose(found, np.where(has_words, values, np.nan), rtol=1e-12, atol=1e-15)


def test_words_that_look_alike_in_their_lower_bits_are_told_apart() -> None:
    words = [f"w{number}" for number in range(600)]
    bits = codes(words) & 4095
    assert len(set(bits.tolist())) < len(words), "or nothing is tested"
    captions = [" ".join(words[number::7]) for number in range(7)]
    briefs = [" ".join(words[::2]), " ".join(words), "w1"]
    X = features_of(world(captions, briefs))
    expected = similarities(captions, briefs, of=captions)
    np.testing.assert_allclose(X["brief_similarity_mean_newest"], expected.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(X["brief_similarity_best_newest"], expected.max(axis=0), rtol=1e-12)


def test_words_count_by_the_last_publication_alone() -> None:
    later = ago(-1)  # known three days after: not when the words of NOW were published
    frames = world([*CAPTIONS, "jelly", "jelly cars"], BRIEFS[:2])
    frames["posts"].loc[len(CAPTIONS) :, "published_at"] = later
    captions = [*CAPTIONS, "jelly", "jelly cars"]
    for days, read in {0: CAPTIONS, 3.9: CAPTIONS, 4: captions, 89: captions}.items():
        X = features_of(frames, ago(-days))
        expected = similarities(read, BRIEFS[:2], of=CAPTIONS)
        np.testing.assert_allclose(X["brief_similarity_mean_newest"], expected.mean(axis=0), rtol=1e-12)
    X = features_of(frames, ago(-90))
    np.testing.assert_allclose(
        X["brief_similarity_mean_newest"], similarities(captions, BRIEFS[:2], of=captions).mean(axis=0), rtol=1e-12
    )


def test_before_any_caption_was_known_all_words_weigh_the_same() -> None:
    frames = world(["tea jelly", "tea"], ["jelly tea tea"])
    X = features_of(frames, ago(0.000001))  # one publication earlier
    expected = np.array([3 / np.sqrt(2 * 5), 2 / np.sqrt(5)])
    np.testing.assert_allclose(X["brief_similarity_mean_newest"], expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(X["brief_similarity_best_newest"], expected.max(), rtol=1e-12)


def test_a_post_has_the_caption_of_its_last_reading() -> None:
    frames = world(["jelly", "tea", None], ["jelly"], posts={"post_id": "one", "published_at": ago(10)})
    for days, expected in {6.5: np.nan, 5: 1.0, 4: 0.0, 1: np.nan}.items():
        frames["posts"]["observed_at"] = [ago(6), ago(4), ago(2)]
        X = features_of(frames, ago(days))
        np.testing.assert_allclose(X["brief_similarity_best_newest"], expected)


def test_only_the_newest_fifty_captions_are_read() -> None:
    X = features_of(world(["jelly b7", *["tea"] * 49], ["jelly b7"]))
    older = features_of(world(["jelly b7", *["tea"] * 50], ["jelly b7"]))
    columns = ["brief_similarity_mean_newest", "brief_similarity_best_newest", "brand_named_share_newest"]
    np.testing.assert_allclose(X[columns], [[1 / 50, 1, 1 / 50]])
    assert (older[columns] == 0).all(axis=None)


@pytest.fixture(scope="module")
def crowd() -> Frames:
    rng = np.random.default_rng(3)
    captions = [" ".join(f"w{word}" for word in rng.zipf(1.3, 8) % 500) for _ in range(300)]
    frames = world(captions, ["w1 w2 w3", "w4 w499"])
    names = [f"a{i}" for i in range(9)]
    frames["accounts"] = pd.DataFrame({"account_id": ["a", *names], "influencer_id": ["a", *names], "platform": "x"})
    frames["posts"]["account_id"] = rng.choice(["a", *names], 300)
    frames["posts"]["published_at"] = [ago(day) for day in rng.integers(3, 400, 300)]
    return frames


MOMENTS = [PERIOD * number for number in (217, 218, 219, 220)]


@pytest.mark.parametrize("largest", [7, 50_000])
def test_a_publication_does_not_depend_on_buckets_or_on_what_else_was_asked(
    largest: int, crowd: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.vocabulary.LARGEST", largest)
    one, four, alone = prepared(crowd), prepared(crowd, buckets=4), prepared(crowd, buckets=2)
    together, spread = published(one, MOMENTS), published(four, MOMENTS)
    for moment in reversed(MOMENTS):
        for other in (spread[moment], published(alone, [moment])[moment]):
            assert together[moment].captions == other.captions > 0
            np.testing.assert_array_equal(together[moment].code, other.code)
            np.testing.assert_array_equal(together[moment].count, other.count)
            assert len(other.code) <= largest


def test_the_most_frequent_words_are_published(crowd: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    store = prepared(crowd)
    whole = published(store, MOMENTS)[MOMENTS[-1]]
    recent = crowd["posts"][crowd["posts"]["published_at"] > ago(180)]
    counted = pd.Series([word for caption in recent["caption"] for word in set(caption.split())]).value_counts()
    assert whole.captions == len(recent)
    counted = counted[counted.index.str.len() > 1]
    _, words = words_in(counted.index.tolist())
    assert dict(zip(whole.code.tolist(), whole.count.tolist(), strict=True)) == dict(
        zip(words.tolist(), counted, strict=True)
    )
    monkeypatch.setattr("features.vocabulary.LARGEST", 5)
    few = published(prepared(crowd), MOMENTS)[MOMENTS[-1]]
    best = sorted(zip(-whole.count, whole.code, strict=True))[:5]
    assert sorted(few.code) == list(few.code) == sorted(word for _, word in best)


def test_a_store_keeps_what_it_published(crowd: Frames, tmp_path: Path) -> None:
    store = prepared(crowd, folder=tmp_path / "store")
    before = build(store, pairs_of(crowd))
    kept = list((store.publications / "vocabulary").iterdir())
    assert [path.name for path in kept] == [f"{MOMENTS[-1]}.npz"]
    again = EventStore(tmp_path / "store")
    pd.testing.assert_frame_equal(build(again, pairs_of(crowd)), before)
    words = again.published_words[MOMENTS[-1]]
    np.testing.assert_array_equal(words.code, published(store, MOMENTS[-1:])[MOMENTS[-1]].code)


def test_a_word_out_of_the_vocabulary_counts_as_never_seen() -> None:
    words = Vocabulary(captions=9, code=codes(["tea"]), count=np.array([4]))
    np.testing.assert_allclose(words.weight, [np.log(10 / 5) + 1, np.log(10) + 1])


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
inhabited = st.text(
    "aA_9 -@\u0130\u1e9e\u03a3\u0634\u0e01\u0e31\u4e2d\u0301\u01c5\u2160\u00bd\U0001f600\U0001d54f", max_size=40
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(texts | inhabited)
def test_words_are_those_that_the_store_reads_in_a_caption(text: str) -> None:
    expected = words_by_pattern(text)
    offsets, _ = words_in([None, text, text], most=3)
    assert offsets.tolist() == np.cumsum([0, 0, *[min(len(expected), 3)] * 2]).tolist()
    _, found = words_in([text])
    assert found.tolist() == [words_in([word])[1].item() for word in expected]
    assert len(set(found.tolist())) == len(set(expected))


def test_codes_of_many_words_are_those_of_each() -> None:
    words = ["food", "", "food", "\u0637\u0639\u0627\u0645", "new word"]
    assert codes(words).tolist() == [code(word) for word in words]
    assert codes([]).tolist() == []


def test_divergence_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    ages = ["13-17", "18-24", "25-34", "35-44"]
    has, wants = rng.dirichlet(np.ones(4), 2)
    frames = world([], ["tea"])
    frames["audiences"] = pd.DataFrame(
        {"account_id": "a", "observed_at": ago(9), "dimension": "age", "bucket": ages, "share": has}
    )
    frames["campaign_audience"] = pd.DataFrame(
        {"campaign_id": "c0", "dimension": "age", "bucket": ages, "share": wants}
    )
    X = features_of(frames).iloc[0]
    np.testing.assert_allclose(X["audience_divergence_age"], jensenshannon(has, wants) ** 2, rtol=1e-9)
    np.testing.assert_allclose(X["audience_overlap_age"], np.minimum(has, wants).sum(), rtol=1e-12)
    np.testing.assert_allclose(X["audience_top_slice_share"], has[wants.argmax()], rtol=1e-12)
    assert X["audience_report_age_days"] == 9


def test_an_audience_in_the_request_counts_where_the_store_has_none() -> None:
    frames = world([], ["tea"])
    frames["accounts"]["language"] = "th"
    store = prepared(frames)
    assert "campaign_audience" in store.missing
    pairs = pairs_of(frames)
    asked = frames["campaigns"].assign(audience=[{"language": {"th": 0.3, "en": 0.7}}])
    assert build(store, pairs, campaigns=asked)["own_language_share"].tolist() == [0.3]
    assert build(store, pairs)["own_language_share"].isna().all()


def test_rivals_are_known_when_their_campaign_has_started() -> None:
    frames = world(["@r8 and #R8", "@b7"], [None] * 4)
    frames["campaigns"] = frames["campaigns"].assign(
        brand_id=["b7", "r8", "r9", "b7"],
        vertical=["food", "food", "cars", "cars"],
        starts_at=[NOW, ago(5), ago(5), NOW],
    )
    frames["posts"]["sponsor_id"] = ["r8", "r9"]
    before, after = features_of(frames, ago(5.01)).iloc[0], features_of(frames, ago(5))
    assert before[["rival_posts_180d", "rival_named_share_newest", "brand_named_share_newest"]].tolist() == [0, 0, 0.5]
    assert after["rival_posts_180d"].tolist() == [1, 0, 0, 1]  # own campaigns of r8 and r9 have no rival yet
    assert after["rival_named_share_newest"].tolist() == [0.5, 0, 0, 0]
    np.testing.assert_allclose(after["days_since_rival_post"], [5, np.nan, np.nan, 5 - 1 / 1440])


def test_a_request_has_the_rivals_of_the_store() -> None:
    frames = world(["@r8"], [None] * 2, posts={"sponsor_id": "r8"})
    frames["campaigns"] = frames["campaigns"].assign(brand_id=["b7", "r8"], starts_at=ago(5))
    store = prepared(frames)
    asked = frames["campaigns"][:1].assign(campaign_id="new", brand_id="new", vertical=["food"])
    unheard = asked.assign(vertical="unheard of")
    for campaigns, expected in ((asked, [1, 1]), (unheard, [0, 0])):
        X = build(store, pairs_of({"campaigns": campaigns}), campaigns=campaigns).iloc[0]
        assert X[["rival_posts_180d", "rival_named_share_newest"]].tolist() == expected
