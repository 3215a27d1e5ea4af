"""A check of whether anything was learnt at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.checks.check import Check
from training.evaluate import GOAL_RATE
from training.policies import MODEL

if TYPE_CHECKING:
    from training.checks.check import Evidence, Finding


class NothingLearnt(Check):
    """A model that knows no more than the goal says the same of everybody."""

    code = "IMP016"
    title = "Anything learnt"
    severity = "high"
    to_do = (
        "Do not choose by these likelihoods: they tell accounts apart by chance. Bring more outcomes, or the tables "
        "that say who reacts to whom and who the audiences are."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Compare the log loss with that of the share of past activations with the goal that brought as many."""
        figures = evidence.found["likelihood"]
        gap = figures[GOAL_RATE]["model_ahead"]["log_loss"]
        if np.isnan(gap["low"]):
            return self.not_applicable("There are too few campaigns to say.")
        said = (
            f"the log loss is {figures[MODEL]['log_loss']['value']:.4f}; saying of everybody what share of past "
            f"activations with the goal brought as many has {figures[GOAL_RATE]['log_loss']['value']:.4f} (difference "
            f"{gap['value']:.4f}, 95 % interval {gap['low']:.4f} to {gap['high']:.4f})"
        )
        if gap["low"] > 0:
            return self.passed(f"On the tested activations {said}.")
        return self.issue(f"Nothing was learnt that can be told from chance: {said}.")
