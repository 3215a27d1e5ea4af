"""Labels of fake followers in the user's data, all the way to answers: training and serving see the same features."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from features import EventStore, build, open_tables
from features.catalogue import FEATURES
from features.follower_classifier import default_classifier
from serving.answers import Answers
from serving.predictor import Predictor
from serving.schemas import requests
from tests.command import done
from tests.features.compare import different
from training.backtest import first_decision
from training.follower_labels import fit_followers
from training.ranking import rank
from training.train import FOLDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from training.fold import FloatArray


class World(NamedTuple):
    """A marketplace whose followers nobody has labelled, the same with labels, and settings that take little time."""

    plain: Path
    labelled: Path
    settings: Path
    predictor: Predictor
    said: str


def opened(data: Path) -> EventStore:
    with open_tables(data) as tables:
        return EventStore.prepare(tables)


def with_labels(plain: Path, folder: Path) -> Path:
    """Copy a marketplace; 600 followers are labelled by a rule that the classifier of Impel does not follow.

    All labels are of after the first decision that the walk-forward figures and a backtest of two folds test.
    """
    shutil.copytree(plain, folder)
    activations = opened(plain).activations()
    tested = [first_decision(activations, folds=folds) for folds in (FOLDS, 2)]
    followers = pd.read_parquet(folder / "followers.parquet")
    late = followers["observed_at"].dt.tz_localize(None) > max(moment for moment in tested if moment is not None)
    chosen = followers[late].sample(600, random_state=0)
    followers["fake"] = pd.Series(pd.NA, index=followers.index, dtype="boolean")
    followers.loc[chosen.index, "fake"] = chosen["posts"] < chosen["posts"].median()
    followers.to_parquet(folder / "followers.parquet")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMPEL_HOME", str(home))
        patch.delenv("IMPEL_TRACKING_URI", raising=False)
        done("simulate", home / "plain", "--influencers", 80, "--campaigns", 30, "--seed", 3)
        labelled = with_labels(home / "plain", home / "labelled")
        settings = home / "settings.json"
        settings.write_text('{"rounds": 20, "folds": 2}')
        said = done("train", labelled, "--settings", settings)
        yield World(home / "plain", labelled, settings, Predictor.load("models:/impel@champion"), said)


def rows(X: pd.DataFrame) -> set[bytes]:
    return {row.tobytes() for row in X[list(FEATURES)].to_numpy(np.float64)}


def test_training_says_what_it_learnt_from(world: World) -> None:
    store = opened(world.labelled)
    classifier, bundle = fit_followers(store), world.predictor.bundle
    assert classifier is not None
    assert bundle.follower_classifier.to_json() == classifier.to_json()
    real, fake = bundle.metadata.follower_labels or (0, 0)
    assert min(real, fake) > 50
    assert f"follower classifier: learnt from {real} real and {fake} fake labelled followers\n" in world.said


def test_features_in_serving_are_those_in_training(world: World) -> None:
    """The bundle keeps rows that it was trained on."""
    store = opened(world.labelled)
    pairs, examples = store.activations(), world.predictor.bundle.examples
    default = build(store, pairs)
    served = world.predictor.features(store, pairs)
    assert "fake_share" in different(default, served)
    assert rows(examples) <= rows(served)
    assert not rows(examples) <= rows(default)


def test_all_who_answer_give_the_same_answers(world: World, tmp_path: Path) -> None:
    store = opened(world.labelled)
    campaign = store.campaigns.iloc[-1]
    accounts = list(store.accounts["account_id"])
    pairs = pd.DataFrame({"campaign_id": campaign["campaign_id"], "account_id": accounts, "decided_at": store.newest})
    pairs.to_parquet(tmp_path / "pairs.parquet")
    done("predict", world.labelled, "--pairs", tmp_path / "pairs.parquet", "--out", tmp_path / "answers.parquet")
    predicted = pd.read_parquet(tmp_path / "answers.parquet").set_index("account_id")
    ranked = rank(world.predictor, opened(world.labelled), campaign=campaign["campaign_id"]).set_index("account_id")
    answers = Answers(world.predictor, opened(world.labelled))
    request = {"brief": brief(store, campaign), "candidates": [{"account_id": account} for account in accounts]}
    served = answers.predict(requests.PredictRequest.model_validate_json(json.dumps(request)))
    for name in ("likelihood", "expected_actions"):
        expected = predicted[name].to_numpy()
        assert same_bits(ranked.loc[accounts, name].to_numpy(), expected), name
        assert same_bits(np.array([getattr(each, name) for each in served.predictions]), expected), name


def test_figures_know_only_labels_of_before_the_first_decision_tested(world: World, tmp_path: Path) -> None:
    """All labels are later here: they serve the model, and no figure knows of them."""
    found = done("train", world.plain, "--settings", world.settings, "--name", "plain")
    assert "follower classifier" not in found
    assert Predictor.load("models:/plain@champion").bundle.follower_classifier is default_classifier()
    figures = [[line for line in said.splitlines() if "walk-forward" in line] for said in (found, world.said)]
    assert len(figures[0]) == 4
    assert figures[0] == figures[1]
    for data in (world.plain, world.labelled):
        done("backtest", data, "--out", tmp_path / data.name, "--folds", 2)
    first, second = (
        json.loads((tmp_path / data.name / "metrics.json").read_text()) for data in (world.plain, world.labelled)
    )
    assert first.pop("metadata") != second.pop("metadata"), "of other data"
    assert first == second


def brief(store: EventStore, campaign: pd.Series) -> dict[str, Any]:
    """Return a campaign of the store as a request states it."""
    wanted = store.campaign_audience[store.campaign_audience["campaign_id"] == campaign["campaign_id"]]
    given = {name: campaign[name] for name in ("goal", "vertical", "brand_id", "brief")}
    for name in ("value_per_action", "budget", "attribution_days"):
        given[name] = None if pd.isna(campaign[name]) else campaign[name].item()
    for name in ("starts_at", "ends_at"):
        given[name] = None if pd.isna(campaign[name]) else f"{campaign[name].isoformat()}Z"
    audience = {
        dimension: dict(zip(slices["bucket"], slices["share"], strict=True))
        for dimension, slices in wanted.groupby("dimension")
    }
    return given | {"topics": list(campaign["topics"]), "audience": audience}


def same_bits(one: FloatArray, two: FloatArray) -> bool:
    return one.astype(np.float64).tobytes() == two.astype(np.float64).tobytes()
