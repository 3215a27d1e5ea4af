"""When features of the family track record are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "never hired": """
        past_actions_mean past_actions_log_mean_newest past_actions_log_spread_newest past_actions_log_last
        past_performance past_performance_same_goal past_performance_same_vertical past_performance_same_brand
        past_performance_recent influencer_past_performance past_no_show_share
        past_days_to_post_median past_break_even_share past_return_log_mean
        past_clicks_per_impression influencer_past_clicks_for_size days_since_last_outcome
    """,
    "hired, still open": """
        past_actions_mean past_actions_log_mean_newest past_actions_log_spread_newest past_actions_log_last
        past_performance past_performance_same_goal past_performance_same_vertical past_performance_same_brand
        past_performance_recent influencer_past_performance past_no_show_share
        past_days_to_post_median past_break_even_share past_return_log_mean
        past_clicks_per_impression influencer_past_clicks_for_size days_since_last_outcome
    """,
    "hired once": "past_actions_log_spread_newest ",
    "never posted": """
        past_performance past_performance_same_goal past_performance_same_vertical past_performance_same_brand
        past_performance_recent influencer_past_performance past_days_to_post_median
        influencer_past_clicks_for_size
    """,
    "hired for another goal": """
        past_actions_mean past_actions_log_mean_newest past_actions_log_spread_newest past_actions_log_last
        past_performance_same_goal
    """,
    "hired for another vertical": "past_performance_same_vertical",
    "nothing to compare with": """
        past_performance past_performance_same_goal past_performance_same_vertical past_performance_same_brand
        past_performance_recent influencer_past_performance
    """,
    "clicks of the past unknown": "past_clicks_per_impression influencer_past_clicks_for_size",
    "impressions of the past unknown": "past_clicks_per_impression influencer_past_clicks_for_size",
    "nothing shown or clicked": "past_clicks_per_impression influencer_past_clicks_for_size",
    "no reading": "influencer_past_clicks_for_size",
    "no follower": "influencer_past_clicks_for_size",
    "hired for free": "past_return_log_mean",
    "fees of the past unknown": "past_break_even_share past_return_log_mean",
    "value unknown": "past_break_even_share past_return_log_mean",
    "nothing known at all": """
        past_actions_mean past_actions_log_mean_newest past_actions_log_spread_newest past_actions_log_last
        past_performance past_performance_same_goal past_performance_same_vertical past_performance_same_brand
        past_performance_recent influencer_past_performance past_no_show_share
        past_days_to_post_median past_break_even_share past_return_log_mean
        past_clicks_per_impression influencer_past_clicks_for_size days_since_last_outcome
    """,
}
