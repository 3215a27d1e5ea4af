"""When features of the family offer are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": "fee_per_engagement_log fee_per_view_log",
    "no post in 90 days": "fee_per_engagement_log fee_per_view_log",
    "posts of the last three days": "fee_per_engagement_log fee_per_view_log",
    "likes and comments hidden": "fee_per_engagement_log",
    "views hidden": "fee_per_view_log",
    "no view": "fee_per_view_log",
    "no engagement": "fee_per_engagement_log",
    "no reading": "fee_per_1000_followers_log",
    "no follower": "fee_per_1000_followers_log",
    "never hired": "fee_against_usual",
    "hired, still open": "fee_against_usual",
    "fees of the past unknown": "fee_against_usual",
    "value unknown": "log_break_even value_per_action_log",
    "worth nothing": "log_break_even value_per_action_log",
    "fee unknown": """
        fee_log fee_per_1000_followers_log fee_per_engagement_log fee_per_view_log fee_against_usual
        log_break_even
    """,
    "for free": "fee_per_1000_followers_log fee_per_engagement_log fee_per_view_log",
    "budget unknown": "budget_log",
    "age unknown": "account_age_days",
    "age of an account to come": "account_age_days",
    "nothing known at all": "fee_per_1000_followers_log fee_per_engagement_log fee_per_view_log fee_against_usual",
}
