"""Offer: what is asked of whom for how much, and when."""

from __future__ import annotations

from features.catalogue.entry import NEVER, Entries

_NO_BRIEF = "not in the brief"

ENTRIES: Entries = (
    ("fee_log", "log1p", "the fee", "no fee given", "free", ("outcomes",)),
    ("fee_per_1000_followers_log", "log", "fee per 1,000 followers", "no fee or followers known, or 0", "free",
     ("account_stats", "outcomes")),
    ("fee_per_engagement_log", "log", "fee per median engagements of a post, 90 days",
     "no fee or engagements known, or 0", "free", ("posts", "outcomes")),
    ("fee_per_view_log", "log", "fee per median views of a post, 90 days", "no fee or views known, or 0", "free",
     ("posts", "outcomes")),
    ("fee_against_usual", "log", "logarithm of the fee less the mean logarithm of those of closed activations",
     "no fee given, or none known of closed activations", "free", ("outcomes",)),
    ("log_break_even", "log", "number of actions that pay for the fee: rounded up, at least 1",
     "no fee or value per action, or a value of 0", "free", ("outcomes", "campaigns")),
    ("value_per_action_log", "log", "value of one action", "not in the brief, or 0", "free", ("campaigns",)),
    ("budget_log", "log1p", "the campaign's budget", _NO_BRIEF, "free", ("campaigns",)),
    ("attribution_days", "days", "days within which actions count", _NO_BRIEF, "free", ("campaigns",)),
    ("days_to_start", "days", "days from the decision to the start of the campaign", NEVER, "free",
     ("campaigns",)),
    ("season_sine", "sine", "day of the year of the start, of 365.25", NEVER, "free", ("campaigns",)),
    ("season_cosine", "cosine", "day of the year of the start, of 365.25", NEVER, "free", ("campaigns",)),
    ("start_weekday_sine", "sine", "day of the week of the start, UTC, from Monday as 0", NEVER, "free",
     ("campaigns",)),
    ("start_weekday_cosine", "cosine", "day of the week of the start, UTC, from Monday as 0", NEVER, "free",
     ("campaigns",)),
    ("start_hour_sine", "sine", "hour and minute of the start, UTC", NEVER, "free", ("campaigns",)),
    ("start_hour_cosine", "cosine", "hour and minute of the start, UTC", NEVER, "free", ("campaigns",)),
    ("account_age_days", "days", "age of the account", "no date given, or a later one", "free", ("accounts",)),
)  # fmt: skip
