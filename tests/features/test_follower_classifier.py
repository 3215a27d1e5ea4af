"""Fake followers and their share: unbiased at every base rate, with intervals that hold it, whatever is known."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from features import authenticity
from features.errors import ImpelError
from features.follower_classifier import COLUMNS, FollowerClassifier, default_classifier

BASE_RATES = (0.05, 0.2, 0.4, 0.6)


def drawn(rng: np.random.Generator, fakes: int, real: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw profiles that overlap about as those of real followers do."""
    fake = np.repeat([1, 0], [fakes, real])
    medians = np.where(fake[:, None], np.log([60, 2000, 3]), np.log([400, 600, 70]))
    active = rng.standard_normal((len(fake), 1))
    counts = np.round(np.exp(medians + [2, 1.4, 2] * (0.7 * active + 0.7 * rng.standard_normal((len(fake), 3)))))
    profiles = pd.DataFrame(counts, columns=list(COLUMNS[:3]))
    return profiles.assign(
        has_picture=rng.random(len(fake)) > np.where(fake, 0.2, 0.02),
        is_private=rng.random(len(fake)) < np.where(fake, 0.4, 0.2),
    ), fake


def sums(classifier: FollowerClassifier, profiles: pd.DataFrame, size: int) -> tuple[np.ndarray, ...]:
    """Return number, sum and sum of squares of the scores of each sample, one after the other in the table."""
    scores = classifier.scores(**{name: profiles[name].to_numpy(np.float64) for name in profiles})
    scores = scores.reshape(-1, size)
    known = ~np.isnan(scores)
    return known.sum(axis=1), np.nansum(scores, axis=1), np.nansum(scores**2, axis=1)


@cache
def classifiers(fakes: int, real: int) -> list[FollowerClassifier]:
    """Fit many classifiers, each on labelled followers of its own."""
    rng = np.random.default_rng(5)
    return [FollowerClassifier().fit(*drawn(rng, fakes, real)) for _ in range(60)]


def estimated(size: int, *, fakes: int = 80, real: int = 400, hidden: tuple[str, ...] = ()) -> pd.DataFrame:
    """Estimate the shares of fakes in many samples, each with one of many classifiers."""
    rng = np.random.default_rng(6)
    rows = []
    for classifier in classifiers(fakes, real):
        for rate in BASE_RATES:
            profiles, fake = drawn(rng, 20 * size, 20 * size)
            wanted = rng.random(20 * size) < rate
            chosen = np.where(wanted, np.flatnonzero(fake == 1), np.flatnonzero(fake == 0))
            found = classifier.share_from_sums(*sums(classifier, profiles.iloc[chosen].drop(columns=[*hidden]), size))
            rows.append(pd.DataFrame({"rate": rate, **found._asdict()}))
    table = pd.concat(rows)
    table["covered"] = (table["low"] <= table["rate"]) & (table["rate"] <= table["high"])
    return table.groupby("rate").mean()


@pytest.fixture(scope="module")
def fitted() -> FollowerClassifier:
    return FollowerClassifier().fit(*drawn(np.random.default_rng(1), 200, 800))


@pytest.mark.parametrize(
    ("size", "labelled", "hidden"),
    [
        (400, (80, 400), ()),  # what the labels leave open outweighs the sample
        (100, (25, 150), ()),
        (60, (400, 80), ()),
        (60, (80, 400), ("has_picture", "is_private")),
        (100, (80, 400), ("followers", "is_private")),
        (100, (80, 400), ("posts",)),
    ],
)
def test_shares_are_unbiased_and_intervals_hold_them_whatever_the_labels_and_columns(
    size: int, labelled: tuple[int, int], hidden: tuple[str, ...]
) -> None:
    found = estimated(size, fakes=labelled[0], real=labelled[1], hidden=hidden)
    # Half a point is the error of these means; near 0 some samples would lie below it, which lifts their mean.
    assert (found["share"] - found.index).abs().max() < (0.02 if not hidden else 0.03)
    assert found["covered"].between(0.86, 0.98).all()


@pytest.mark.parametrize("size", [1, 3, 8])
def test_few_followers_say_little_and_the_interval_says_so(size: int) -> None:
    found = estimated(size)
    assert (found["covered"] > 0.87).all()
    assert ((found["high"] - found["low"]) > (0.6, 0.45, 0.3)[(1, 3, 8).index(size)]).all()


def test_scores_average_0_over_real_and_1_over_fake_followers(fitted: FollowerClassifier) -> None:
    profiles, fake = drawn(np.random.default_rng(2), 20_000, 20_000)
    for hidden in ([], ["posts"], ["following"], ["followers", "has_picture"]):
        shown = profiles.drop(columns=hidden)
        scores = fitted.scores(**{name: shown[name].to_numpy(np.float64) for name in shown})
        # The means are those of 200 fake and 800 real labelled followers.
        assert scores[fake == 0].mean() == pytest.approx(0, abs=0.05)
        assert scores[fake == 1].mean() == pytest.approx(1, abs=0.12)


def test_probabilities_are_calibrated_at_the_base_rate() -> None:
    rng = np.random.default_rng(3)
    classifier = FollowerClassifier(base_rate=0.5).fit(*drawn(rng, 500, 3000))
    profiles, fake = drawn(rng, 20_000, 20_000)
    probability = classifier.predict_proba(profiles)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    order = np.argsort(probability[:, 1]).reshape(10, -1)
    np.testing.assert_allclose(probability[:, 1][order].mean(axis=1), fake[order].mean(axis=1), atol=0.06)


def test_a_score_depends_on_nothing_but_its_own_follower(fitted: FollowerClassifier) -> None:
    profiles, _ = drawn(np.random.default_rng(4), 20, 20)
    arrays = {name: profiles[name].to_numpy(np.float64) for name in COLUMNS}
    together = fitted.scores(**arrays)
    alone = [fitted.scores(**{name: values[[row]] for name, values in arrays.items()})[0] for row in range(40)]
    np.testing.assert_array_equal(together, alone)


def test_nothing_is_said_where_too_little_is_known(fitted: FollowerClassifier) -> None:
    none, some = np.full(2, np.nan), np.array([3.0, 3000.0])
    assert np.isnan(fitted.scores(has_picture=np.zeros(2), is_private=np.ones(2))).all()
    assert np.isnan(fitted.scores(followers=none, following=none, posts=none)).all()
    assert np.isnan(fitted.scores(has_picture=np.ones(2))).all()
    assert not np.isnan(fitted.scores(followers=some, following=some)).any()
    unknown = pd.DataFrame({"followers": none})
    assert np.isnan(fitted.share(unknown)).all()
    np.testing.assert_array_equal(fitted.predict_proba(unknown)[:, 1], fitted.base_rate)
    assert np.isnan(fitted.share_from_sums([0, 0], [0, 0], [0, 0])).all()


@pytest.mark.parametrize("value", [0.0, 1e9, 1e300, np.inf, -np.inf, -5.0, np.nan])
def test_extreme_counts_are_scored_or_taken_as_unknown(fitted: FollowerClassifier, value: float) -> None:
    strange, plain = np.array([value]), np.array([100.0])
    score = fitted.scores(followers=strange, following=plain, posts=plain)
    assert np.isfinite(score).all()
    if not 0 <= value < np.inf:
        np.testing.assert_array_equal(score, fitted.scores(following=plain, posts=plain))


def test_any_kind_of_column_is_read_and_others_are_left_alone(fitted: FollowerClassifier) -> None:
    profiles, _ = drawn(np.random.default_rng(6), 5, 5)
    expected = fitted.predict_proba(profiles)
    changed = profiles.astype({"followers": "Int64", "following": "float32", "has_picture": "boolean"})
    changed = changed.astype({"is_private": object}).assign(name="somebody")[[*reversed(COLUMNS), "name"]]
    np.testing.assert_array_equal(fitted.predict_proba(changed), expected)
    hidden = changed.assign(posts=pd.array([None] * 10, dtype="Int64"), is_private=[None] * 10)
    np.testing.assert_array_equal(
        fitted.predict_proba(hidden), fitted.predict_proba(profiles.drop(columns=["posts", "is_private"]))
    )


def test_what_no_label_came_with_is_not_used() -> None:
    profiles, fake = drawn(np.random.default_rng(7), 60, 300)
    classifier = FollowerClassifier().fit(profiles[["followers", "following"]], fake)
    without = profiles[["followers", "following"]]
    np.testing.assert_allclose(classifier.predict_proba(profiles), classifier.predict_proba(without), rtol=1e-9)
    np.testing.assert_allclose(classifier.share(profiles), classifier.share(without), rtol=1e-9)


def test_share_of_a_table_is_that_of_its_sums(fitted: FollowerClassifier) -> None:
    profiles, _ = drawn(np.random.default_rng(8), 30, 50)
    of_sums = fitted.share_from_sums(*sums(fitted, profiles, 80))
    np.testing.assert_allclose(fitted.share(profiles), np.ravel(of_sums), rtol=1e-12)
    assert 0 <= of_sums.low[0] < of_sums.share[0] < of_sums.high[0] <= 1


@pytest.mark.parametrize(("count", "mean"), [(1, -3), (2, 3), (50, -0.5), (10_000, 5), (10**6, 0.5)])
def test_interval_holds_the_share_and_both_lie_between_0_and_1(
    fitted: FollowerClassifier, count: float, mean: float
) -> None:
    found = fitted.share_from_sums(count, count * mean, count * (mean**2 + 0.1))
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low < found.high


def test_json_keeps_every_bit(fitted: FollowerClassifier) -> None:
    profiles, _ = drawn(np.random.default_rng(9), 50, 50)
    again = FollowerClassifier.from_json(fitted.to_json())
    np.testing.assert_array_equal(again.predict_proba(profiles), fitted.predict_proba(profiles))
    assert again.share(profiles) == fitted.share(profiles)
    assert again.to_json() == fitted.to_json()


def test_it_works_with_scikit_learn() -> None:
    profiles, fake = drawn(np.random.default_rng(10), 100, 300)
    areas = cross_val_score(clone(FollowerClassifier(base_rate=0.3)), profiles, fake, scoring="roc_auc", cv=3)
    assert areas.min() > 0.85
    assert clone(FollowerClassifier(base_rate=0.3)).set_params(base_rate=0.4).get_params() == {"base_rate": 0.4}


def test_it_belongs_to_the_family_authenticity() -> None:
    assert authenticity.FollowerClassifier is FollowerClassifier


def test_the_default_knows_a_bought_follower_from_a_friend() -> None:
    typical = pd.DataFrame({"followers": [12, 421], "following": [5400, 604], "posts": [0, 74]})
    fake, real = default_classifier().predict_proba(typical)[:, 1]
    assert fake > 0.95
    assert real < 0.05


PROFILES, FAKE = drawn(np.random.default_rng(11), 20, 20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.fit(PROFILES, FAKE[:5]), "There are 5 labels for 40 followers; one each is needed."),
        (lambda c: c.fit(PROFILES, FAKE + 1), "A label is 2; 1 or True is fake, 0 or False is real"),
        (lambda c: c.fit(PROFILES, np.where(FAKE, np.nan, 0)), "A label is nan; 1 or True is fake"),
        (lambda c: c.fit(PROFILES, ["fake"] * 40), "fake cannot be read as numbers"),
        (lambda c: c.fit(PROFILES[15:], FAKE[15:]), "5 fake and 20 real labelled followers have a count; at least 10"),
        (lambda c: c.fit(PROFILES.to_numpy(), FAKE), "followers is a ndarray; a DataFrame with followers, following"),
        (lambda c: c.fit(PROFILES[["has_picture"]], FAKE), "none of the columns followers, following, posts; it has"),
        (lambda c: c.share(pd.DataFrame({"Follower": [1]})), "it has Follower. Did you mean 'Follower'?"),
        (lambda c: c.share(PROFILES), "learnt nothing yet; call fit, or take default_classifier()."),
        (lambda c: c.set_params(base_rate=26).fit(PROFILES, FAKE), "base_rate is 26; it is a share of fakes"),
        (lambda c: c.from_json("{"), "This is no follower classifier as to_json writes it"),
        (lambda c: c.from_json("[]"), "This is no follower classifier as to_json writes it"),
        (lambda c: c.from_json('{"format": 99}'), "The follower classifier has format 99; this version reads 1."),
        (lambda c: c.from_json(json.dumps(_damaged(weights=[1, 2]))), "This is no follower classifier"),
        (lambda c: c.from_json(json.dumps(_damaged(labels=[1, None]))), "This is no follower classifier"),
    ],
)
def test_bad_input_is_said_in_one_line(call: Any, message: str) -> None:
    with pytest.raises(ImpelError) as raised:
        call(FollowerClassifier())
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def _damaged(**changes: Any) -> dict[str, Any]:
    return json.loads(default_classifier().to_json()) | changes
