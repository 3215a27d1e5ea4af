"""The service keeps to its OpenAPI document: schemathesis asks what the document allows, and what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from features import EventStore, open_tables
from serving.launch import running
from tests.models import made_bundle
from tests.random_tables import random_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a schema cannot say is answered with 400 too: shares that add up to more than 1, an end before the start; and an
# outcome that contradicts one of before with 409.
CONFIG = {
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409"]}},
}
SETTINGS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("service")
    with open_tables(random_tables(np.random.default_rng(5), accounts=12, influencers=8, posts=150)) as tables:
        EventStore.prepare(tables, folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(folder / "bentoml"))
        with running(data=folder / "store", model=made_bundle(folder / "bundle"), log=folder / "log") as url:
            config = schemathesis.Config.from_dict(CONFIG)
            yield schemathesis.openapi.from_url(f"{url}/docs.json", config=config)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_answer_breaks_the_document(document: Any, mode: schemathesis.GenerationMode) -> None:
    asked = 0
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path == "/metrics" or (mode.is_negative and operation.method == "get" and not operation.query):
            continue  # nothing there can be asked wrongly

        @SETTINGS
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            nonlocal asked
            case.call_and_validate()
            asked += 1

        ask()
    assert asked > 20
