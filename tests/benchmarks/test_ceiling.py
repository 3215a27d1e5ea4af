"""A booster that is taught the truth, on a marketplace where one feature shows half of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.ceiling import Lesson, as_taught, as_true, figures, teach
from benchmarks.rosters import lines
from serving.encoding import Encoding
from training.policies import SIMPLE

ENCODING = Encoding(features=("shown", "goal"), categories={"goal": ("sale", "traffic")})
SIZE = 3000


def drawn(seed: int) -> tuple[Lesson, np.ndarray]:
    """Return candidates whose log actions are half shown and half hidden, and what is hidden."""
    random = np.random.default_rng(seed)
    shown, hidden = random.normal(scale=0.6, size=(2, SIZE))
    goal = random.integers(0, 2, SIZE).astype(float)
    actions = np.exp(3 + goal + shown + hidden)
    likelihood = 1 / (1 + np.exp(-(shown + hidden)))
    return Lesson(np.column_stack([shown, goal, np.zeros(SIZE)]), actions, likelihood), hidden


def test_what_is_hidden_stays_hidden() -> None:
    asked, hidden = drawn(3)
    taught = teach([drawn(1)[0], drawn(2)[0]], ENCODING)
    random = np.random.default_rng(4)
    columns = {
        "campaign_id": np.repeat([f"c{number}" for number in range(30)], SIZE // 30),
        "account_id": [f"a{number}" for number in range(SIZE)],
        "goal": np.where(asked.matrix[:, 1] == 0, "sale", "traffic"),
        "actions": asked.actions,
        "value": 2.0 * asked.actions,
        "fee": np.exp(random.normal(3, 1, SIZE)),
        "outcome": asked.likelihood,
    }
    everyone = pd.DataFrame(columns)
    everyone["score_oracle"] = everyone["value"] - everyone["fee"]
    everyone["score_oracle_per_fee"] = everyone["value"] / everyone["fee"]
    for rule in SIMPLE:
        everyone[f"score_{rule.name}"] = random.random(SIZE)
    said = as_taught(everyone, asked.matrix, taught, ENCODING)
    found = figures(said, everyone.groupby("campaign_id").head(5))
    assert found["variance of the log value's error"] == pytest.approx(hidden.var(), rel=0.15)
    assert said["expected_value"].sum() == pytest.approx(everyone["value"].sum(), rel=0.1)  # no level is lost in logs
    assert 0.3 < found["twenty places: after fees"] < 0.95
    true = figures(as_true(everyone), everyone.groupby("campaign_id").head(5))
    assert true["twenty places: after fees"] == pytest.approx(1.0)
    assert true["log loss"] < found["log loss"]
    assert "| taught | " in "\n".join(lines(pd.DataFrame.from_dict({"taught": found}, orient="index"), of=""))
