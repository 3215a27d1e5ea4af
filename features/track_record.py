"""Track record: what the account's own closed activations brought, against what was to be expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.events import Features, FloatArray, Window, divide
from features.known import days_since
from features.tables import GOALS

if TYPE_CHECKING:
    from features.known import Known

PRIOR_ACTIVATIONS = 3.0
"""How many activations of average result an account's own record is weighed against (empirical Bayes: within-account
variance over between-account variance, 2 to 3 at an intraclass correlation of 0.25 to 0.33)."""
PRIOR_NO_SHOWS = 0.20
"""Share of paid activations that are never posted (Later, help centre)."""
NEWEST_OUTCOMES = 20


def features(known: Known) -> Features:
    """Compute the family; each feature is described in the catalogue."""
    own = known.outcomes
    actions, posted = own.numbers("actions"), own.flags("posted")
    goals = np.array([GOALS.index(goal) for goal in known.briefs.goal], np.int64)
    same_goal = own.codes("goal") == goals[known.campaign][own.pair]
    same_vertical = own.codes("vertical") == known.briefs.vertical_code[known.campaign][own.pair]
    surprise = np.where(posted, np.log1p(actions) - own.numbers("expected_log"), np.nan)
    influencer = known.influencer_outcomes
    influencer_surprise = np.where(
        influencer.flags("posted"),
        np.log1p(influencer.numbers("actions")) - influencer.numbers("expected_log"),
        np.nan,
    )
    logs = np.log1p(actions)
    newest = own.where(same_goal)
    recent = newest.newest_first() < NEWEST_OUTCOMES
    worth = own.numbers("actions") * own.numbers("value_per_action") - own.numbers("fee")
    count = own.count()
    return {
        "past_activations": count,
        "past_activations_same_goal": own.count(same_goal),
        "past_actions_mean": own.mean(actions, same_goal),
        "past_actions_log_mean_newest": newest.mean(logs[same_goal], recent),
        "past_actions_log_spread_newest": newest.deviation(logs[same_goal], recent),
        "past_actions_log_last": newest.last(logs[same_goal]),
        "past_performance": _shrunk(own, surprise),
        "past_performance_same_goal": _shrunk(own, surprise, same_goal),
        "past_performance_same_vertical": _shrunk(own, surprise, same_vertical),
        "past_performance_weight": count / (count + PRIOR_ACTIVATIONS),
        "influencer_past_performance": _shrunk(influencer, influencer_surprise),
        "past_no_show_share": divide(
            own.count(~posted) + PRIOR_NO_SHOWS * PRIOR_ACTIVATIONS,
            np.where(count > 0, count + PRIOR_ACTIVATIONS, np.nan),
        ),
        "past_break_even_share": own.mean(np.where(np.isnan(worth), np.nan, (worth >= 0).astype(np.float64))),
        "days_since_last_outcome": days_since(known, own.last(own.at.astype(np.float64))),
    }


def _shrunk(
    outcomes: Window, surprise: FloatArray, keep: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
) -> FloatArray:
    """Average against expectation, shrunk towards 0 as an average account; null without a posted outcome."""
    usable = ~np.isnan(surprise) if keep is None else keep & ~np.isnan(surprise)
    return divide(outcomes.sum(surprise, usable), outcomes.count(usable) + PRIOR_ACTIVATIONS)
