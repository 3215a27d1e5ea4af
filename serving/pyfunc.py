"""The bundle as MLflow sees it: the file that `training.registry` logs as a model from code.

Input: the columns of `Predictor.features`, which builds them with the bundle's follower classifier, and optionally
campaign_id, account_id, decided_at, fee, value_per_action and at_least. Output: the columns of `Predictor.predict`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from serving.bundle import Bundle
from serving.predictor import Predictor


class ImpelModel(mlflow.pyfunc.PythonModel):
    """A bundle behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Load the bundle out of the model's artifacts."""
        folder = Path(context.artifacts["bundle"])
        bundle = Bundle.load(folder)
        self.predictor = Predictor(bundle, version=bundle.metadata.name or folder.name)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Score rows of features."""
        rows = model_input.index
        pairs = pd.DataFrame(index=rows)
        for name, kind in (("campaign_id", "str"), ("account_id", "str"), ("decided_at", "datetime64[us]")):
            missing = pd.Series(None, index=rows, dtype=kind)
            pairs[name] = model_input[name].astype(kind) if name in model_input else missing
        for name in ("fee", "at_least"):
            if name in model_input:
                pairs[name] = model_input[name]
        # Here each row brings its own value per action, so each is a campaign of its own; its id is put back below.
        numbered = pairs.assign(campaign_id=range(len(rows)))
        campaigns = pd.DataFrame({"campaign_id": range(len(rows))})
        if "value_per_action" in model_input:
            campaigns["value_per_action"] = model_input["value_per_action"].to_numpy()
        answer = self.predictor.predict(model_input, pairs=numbered, campaigns=campaigns)
        return answer.assign(campaign_id=pairs["campaign_id"])


mlflow.models.set_model(ImpelModel())
