"""Track record: what the account's own closed activations brought, against what was to be expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, FloatArray, divide

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import Events, Window
    from features.known import Known

PRIOR_ACTIVATIONS = 3.0
"""How many activations of average result an account's own record is weighed against (empirical Bayes: within-account
variance over between-account variance, 2 to 3 at an intraclass correlation of 0.25 to 0.33)."""
PRIOR_NO_SHOWS = 0.20
"""Share of paid activations that are never posted (Later, help centre)."""
NEWEST_OUTCOMES = 20


def measures(bucket: Bucket) -> Measures:
    """Work out the values of single outcomes."""
    outcomes = bucket.outcomes
    worth = outcomes.numbers("actions") * outcomes.numbers("value_per_action") - outcomes.numbers("fee")
    return {
        "log actions": np.log1p(outcomes.numbers("actions")),
        "surprise": _surprise(outcomes),
        "influencer surprise": _surprise(bucket.influencer_outcomes),
        "never posted": ~outcomes.flags("posted"),
        "paid off": np.where(np.isnan(worth), np.nan, worth >= 0),
    }


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    of, own, briefs = known.measured(measures), known.outcomes, known.briefs
    same_goal = own.matching(own.codes("goal"), briefs.goal_code[known.campaign])
    same_vertical = own.matching(own.codes("vertical"), briefs.vertical_code[known.campaign])
    newest = same_goal.newest(NEWEST_OUTCOMES)
    count = own.count()
    return {
        "past_activations": count,
        "past_activations_same_goal": same_goal.count(),
        "past_actions_mean": same_goal.mean(own.numbers("actions")),
        "past_actions_log_mean_newest": newest.mean(of["log actions"]),
        "past_actions_log_spread_newest": newest.deviation(of["log actions"]),
        "past_actions_log_last": same_goal.last(of["log actions"]),
        "past_performance": _shrunk(own, of["surprise"]),
        "past_performance_same_goal": _shrunk(same_goal, of["surprise"]),
        "past_performance_same_vertical": _shrunk(same_vertical, of["surprise"]),
        "past_performance_weight": count / (count + PRIOR_ACTIVATIONS),
        "influencer_past_performance": _shrunk(known.influencer_outcomes, of["influencer surprise"]),
        "past_no_show_share": divide(
            own.count(of["never posted"]) + PRIOR_NO_SHOWS * PRIOR_ACTIVATIONS,
            np.where(count > 0, count + PRIOR_ACTIVATIONS, np.nan),
        ),
        "past_break_even_share": own.mean(of["paid off"]),
        "days_since_last_outcome": own.days_since_last(),
    }


def _surprise(outcomes: Events) -> FloatArray:
    """Return by how much the log actions of posted activations surpass what was usual for the goal."""
    surprise = np.log1p(outcomes.numbers("actions")) - outcomes.numbers("expected_log")
    return np.where(outcomes.flags("posted"), surprise, np.nan)


def _shrunk(outcomes: Window, surprise: FloatArray) -> FloatArray:
    """Average against expectation, shrunk towards 0 as an average account; null without a posted outcome."""
    return divide(outcomes.sum(surprise), outcomes.measured(surprise) + PRIOR_ACTIVATIONS)
