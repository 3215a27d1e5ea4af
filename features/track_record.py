"""Track record: what the account's own closed activations brought, against what was to be expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import pair_kernels, peers
from features.events import DAY, Features, FloatArray, divide

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.events import Events, Window
    from features.known import Known, KnownAccount

PRIOR_ACTIVATIONS = 3.0
"""How many activations of average result an account's own record is weighed against (empirical Bayes: within-account
variance over between-account variance, 2 to 3 at an intraclass correlation of 0.25 to 0.33)."""
PRIOR_NO_SHOWS = 0.20
"""Share of paid activations that are never posted (Later, help centre)."""
PRIOR_CLICKED = 1.0
"""The same for clicks per impression, which hang on size and offer far less than actions do: an influencer's own differ
from activation to activation about as much as influencers do (assumption)."""
NEWEST_OUTCOMES = 20
HALF_LIFE = 180.0
"""Days after which an outcome counts half in the recent record."""
_SAME = ("goal", "vertical", "brand")


def results(bucket: Bucket) -> Measures:
    """Work out what single outcomes brought, as it is and against what was usual."""
    return {"log actions": np.log1p(bucket.outcomes.numbers("actions")), "surprise": _surprise(bucket.outcomes)}


def measures(bucket: Bucket) -> Measures:
    """Work out all other values of single outcomes."""
    outcomes = bucket.outcomes
    actions, fee = outcomes.numbers("actions"), outcomes.numbers("fee")
    clicks, impressions = outcomes.numbers("clicks"), outcomes.numbers("impressions")
    worth = actions * outcomes.numbers("value_per_action") - fee
    surprise = bucket.measured(results)["surprise"]
    return {
        "surprise": surprise,
        "influencer surprise": _surprise(bucket.influencer_outcomes),
        "surprises": np.where(np.isnan(surprise), np.nan, 1.0),
        "never posted": ~outcomes.flags("posted"),
        "days to post": (outcomes.numbers("posted_at") - outcomes.codes("decided_at")) / DAY,
        "log return": np.log1p(divide(actions * outcomes.numbers("value_per_action"), fee)),
        "clicks seen": np.where(np.isnan(impressions), np.nan, clicks),
        "impressions clicked": np.where(np.isnan(clicks), np.nan, impressions),
        "paid off": np.where(np.isnan(worth), np.nan, worth >= 0),
    }


def features(known: KnownAccount) -> Features:
    """Compute what of the family depends on the account alone; each feature is described in the catalogue."""
    of, own = known.measured(measures), known.outcomes
    recent = own.decayed(of["surprises"], HALF_LIFE)
    count = own.count()
    return {
        "past_activations": count,
        "past_performance": _shrunk(own, of["surprise"]),
        "past_performance_recent": divide(own.decayed(of["surprise"], HALF_LIFE), recent + PRIOR_ACTIVATIONS),
        "past_performance_weight": count / (count + PRIOR_ACTIVATIONS),
        "influencer_past_performance": _shrunk(known.influencer_outcomes, of["influencer surprise"]),
        "past_no_show_share": divide(
            own.count(of["never posted"]) + PRIOR_NO_SHOWS * PRIOR_ACTIVATIONS,
            np.where(count > 0, count + PRIOR_ACTIVATIONS, np.nan),
        ),
        "past_days_to_post_median": own.median(of["days to post"]),
        "past_break_even_share": own.mean(of["paid off"]),
        "past_return_log_mean": own.mean(of["log return"]),
        "past_clicks_per_impression": divide(own.sum(of["clicks seen"]), own.sum(of["impressions clicked"])),
        "influencer_past_clicks_for_size": _clicked(known),
        "days_since_last_outcome": own.days_since_last(),
    }


def pair_features(known: Known) -> Features:
    """Compute what of the family depends on the brief: its goal, its vertical, its brand."""
    of, own, briefs = known.measured(results), known.outcomes, known.briefs
    same_goal, surprises = pair_kernels.records(
        *(own.row, own.start, own.stop),
        *(getattr(briefs, f"{name}_code")[known.campaign] for name in _SAME),
        *(own.codes(name) for name in _SAME),
        *(own.numbers("actions"), of["log actions"], of["surprise"], NEWEST_OUTCOMES),
    )
    count, mean, newest_mean, newest_spread, last = same_goal
    total, number = surprises.swapaxes(0, 1)
    shrunk = divide(total, number + PRIOR_ACTIVATIONS)
    return {
        "past_activations_same_goal": count,
        "past_actions_mean": mean,
        "past_actions_log_mean_newest": newest_mean,
        "past_actions_log_spread_newest": newest_spread,
        "past_actions_log_last": last,
        **{f"past_performance_same_{name}": values for name, values in zip(_SAME, shrunk, strict=True)},
    }


def _clicked(known: KnownAccount) -> FloatArray:
    """Average log clicks per impression against peers over all accounts of the influencer, shrunk towards 0."""
    everywhere, siblings = known.everywhere, known.siblings
    (own,) = peers.signals(everywhere, ("paid clicks",)).values()
    (usual,) = peers.usual(everywhere, known.bucket.peers, ("paid clicks",)).values()
    surpasses = own - usual.level
    number = everywhere.outcomes.measured(known.measured(peers.measures)["log clicked"])
    counted = siblings.sum(np.where(np.isnan(surpasses), np.nan, number))
    return divide(siblings.sum(surpasses * number), counted + PRIOR_CLICKED)


def _surprise(outcomes: Events) -> FloatArray:
    """Return by how much the log actions of posted activations surpass what was usual for the goal."""
    surprise = np.log1p(outcomes.numbers("actions")) - outcomes.numbers("expected_log")
    return np.where(outcomes.flags("posted"), surprise, np.nan)


def _shrunk(outcomes: Window, surprise: FloatArray) -> FloatArray:
    """Average against expectation, shrunk towards 0 as an average account; null without a posted outcome."""
    return divide(outcomes.sum(surprise), outcomes.measured(surprise) + PRIOR_ACTIVATIONS)
