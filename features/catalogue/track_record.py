"""Track record: what closed activations of the account brought, against what was to be expected of them."""

from __future__ import annotations

from features.catalogue.entry import NEVER, Entries

_NO_OUTCOME = "no closed activation of that kind"
_NO_SURPRISE = "no posted activation of that kind with something to compare with"

ENTRIES: Entries = (
    ("past_activations", "activations", "closed activations of the account", NEVER, "free", ("outcomes",)),
    ("past_activations_same_goal", "activations", "closed activations with the same goal", NEVER, "free",
     ("outcomes",)),
    ("past_actions_mean", "actions", "mean actions of closed activations with the same goal", _NO_OUTCOME, "free",
     ("outcomes",)),
    ("past_actions_log_mean_newest", "log1p", "mean logarithm of actions, newest 20 with the same goal",
     _NO_OUTCOME, "free", ("outcomes",)),
    ("past_actions_log_spread_newest", "log1p", "standard deviation of the logarithm of actions, the same 20",
     "fewer than two closed activations with the same goal", "free", ("outcomes",)),
    ("past_actions_log_last", "log1p", "actions of the activation with the same goal that closed last",
     _NO_OUTCOME, "free", ("outcomes",)),
    ("past_performance", "log", "log actions of posted activations against what was usual for the goal, shrunk",
     _NO_SURPRISE, "free", ("outcomes",)),
    ("past_performance_same_goal", "log", "past performance in activations with the same goal", _NO_SURPRISE,
     "free", ("outcomes",)),
    ("past_performance_same_vertical", "log", "past performance in the same vertical", _NO_SURPRISE, "free",
     ("outcomes",)),
    ("past_performance_same_brand", "log", "past performance for the same brand", _NO_SURPRISE, "free",
     ("outcomes",)),
    ("past_performance_recent", "log",
     "past performance in which each activation, also in the n, counts half for every 180 days since it closed",
     _NO_SURPRISE, "free", ("outcomes",)),
    ("past_performance_weight", "share", "weight of the own record against the average of all: n / (n + 3)",
     NEVER, "free", ("outcomes",)),
    ("influencer_past_performance", "log", "past performance over all accounts of the influencer", _NO_SURPRISE,
     "free", ("outcomes",)),
    ("past_no_show_share", "share",
     "share of activations that were never posted, shrunk towards 20 % as by three more",
     "no closed activation", "free", ("outcomes",)),
    ("past_days_to_post_median", "days", "median days from decision to post", "no posted activation", "free",
     ("outcomes",)),
    ("past_break_even_share", "share", "share of closed activations whose actions were worth the fee",
     "no closed activation with fee and value", "free", ("outcomes",)),
    ("past_return_log_mean", "log1p", "mean logarithm of the value of the actions per fee",
     "no closed activation with value and a fee above 0", "free", ("outcomes",)),
    ("past_clicks_per_impression", "ratio", "all clicks per all impressions of activations with both",
     "no closed activation with both, or no impressions in all", "free", ("outcomes",)),
    ("influencer_past_clicks_for_size", "log",
     "how well n posted activations of all accounts of the influencer were clicked, against peers: sum / (n + 1)",
     "no account with activations that are compared", "free", ("outcomes", "account_stats", "accounts")),
    ("days_since_last_outcome", "days", "days since an activation of the account closed", "no closed activation",
     "free", ("outcomes",)),
)  # fmt: skip
