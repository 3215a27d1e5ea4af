"""When features of the family engagement are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": """
        days_since_last_post posting_irregularity_180d topic_concentration_180d caption_words_mean_180d
        engagement_rate_median_90d engagement_rate_spread_90d
        engagement_rate_trend engagements_log_median_90d engagements_log_range_180d engagements_log_best_180d
        engagements_log_slope_180d likes_log_mean_newest comments_log_mean_newest comments_log_spread_newest
        views_log_median_90d views_per_follower_median_90d views_per_follower_best_180d
        comments_per_like_90d shares_per_like_90d saves_per_like_90d comments_per_follower_90d
        clicks_per_view_90d engagements_per_view_90d
        sponsored_share_30d sponsored_share_90d days_since_last_sponsored sponsored_to_organic_180d
        sponsored_rate_median_180d
    """,
    "no post in 90 days": """
        engagement_rate_median_90d engagement_rate_spread_90d engagement_rate_trend engagements_log_median_90d
        views_log_median_90d views_per_follower_median_90d comments_per_like_90d shares_per_like_90d
        saves_per_like_90d comments_per_follower_90d
        clicks_per_view_90d engagements_per_view_90d sponsored_share_30d sponsored_share_90d
    """,
    "no post in 30 days": "engagement_rate_trend sponsored_share_30d",
    "two posts": "posting_irregularity_180d engagements_log_slope_180d",
    "one post": """
        posting_irregularity_180d topic_concentration_180d engagement_rate_spread_90d
        engagements_log_range_180d engagements_log_slope_180d comments_log_spread_newest
        days_since_last_sponsored sponsored_to_organic_180d sponsored_rate_median_180d

    """,
    "posts of one moment": "posting_irregularity_180d engagements_log_slope_180d",
    "posts of the last three days": """
        days_since_last_post posting_irregularity_180d topic_concentration_180d caption_words_mean_180d
        engagement_rate_median_90d engagement_rate_spread_90d
        engagement_rate_trend engagements_log_median_90d engagements_log_range_180d engagements_log_best_180d
        engagements_log_slope_180d likes_log_mean_newest comments_log_mean_newest comments_log_spread_newest
        views_log_median_90d views_per_follower_median_90d views_per_follower_best_180d
        comments_per_like_90d shares_per_like_90d saves_per_like_90d comments_per_follower_90d
        clicks_per_view_90d engagements_per_view_90d
        sponsored_share_30d sponsored_share_90d days_since_last_sponsored sponsored_to_organic_180d
        sponsored_rate_median_180d
    """,
    "only sponsored posts": "sponsored_to_organic_180d",
    "no sponsored post": """
        days_since_last_sponsored sponsored_to_organic_180d sponsored_rate_median_180d

    """,
    "likes and comments hidden": """
        engagement_rate_median_90d engagement_rate_spread_90d
        engagement_rate_trend engagements_log_median_90d engagements_log_range_180d engagements_log_best_180d
        engagements_log_slope_180d likes_log_mean_newest comments_log_mean_newest comments_log_spread_newest
        comments_per_like_90d shares_per_like_90d saves_per_like_90d comments_per_follower_90d
        engagements_per_view_90d sponsored_to_organic_180d sponsored_rate_median_180d
    """,
    "likes hidden": "likes_log_mean_newest comments_per_like_90d shares_per_like_90d saves_per_like_90d",
    "comments hidden": """
        comments_log_mean_newest comments_log_spread_newest comments_per_like_90d comments_per_follower_90d
    """,
    "views hidden": """
        views_log_median_90d views_per_follower_median_90d views_per_follower_best_180d clicks_per_view_90d
        engagements_per_view_90d
    """,
    "shares hidden": "shares_per_like_90d ",
    "saves hidden": "saves_per_like_90d ",
    "clicks hidden": "clicks_per_view_90d ",
    "no like": "comments_per_like_90d shares_per_like_90d saves_per_like_90d",
    "no view": "clicks_per_view_90d engagements_per_view_90d ",
    "no engagement": """
        engagement_rate_spread_90d engagement_rate_trend comments_per_like_90d shares_per_like_90d
        saves_per_like_90d sponsored_to_organic_180d
    """,
    "captions unknown": "caption_words_mean_180d",
    "topics unknown": "topic_concentration_180d",
    "no reading": """
        log_followers engagement_rate_median_90d engagement_rate_spread_90d
        engagement_rate_trend views_per_follower_median_90d views_per_follower_best_180d
        comments_per_follower_90d sponsored_rate_median_180d
        responders_per_follower_90d
    """,
    "no follower": """
        engagement_rate_median_90d engagement_rate_spread_90d
        engagement_rate_trend views_per_follower_median_90d views_per_follower_best_180d
        comments_per_follower_90d sponsored_rate_median_180d
        responders_per_follower_90d
    """,
    "no interaction": """
        amplifying_share_90d replies_per_comment_90d returning_responder_share_90d
        responder_concentration_90d loyal_comment_share_90d community_reactions_90d
        answers_share_90d
    """,
    "interactions long ago": """
        amplifying_share_90d replies_per_comment_90d returning_responder_share_90d
        responder_concentration_90d loyal_comment_share_90d community_reactions_90d
        answers_share_90d
    """,
    "only interactions with oneself": """
        amplifying_share_90d replies_per_comment_90d returning_responder_share_90d
        responder_concentration_90d loyal_comment_share_90d community_reactions_90d
    """,
    "only follows": """
        amplifying_share_90d replies_per_comment_90d returning_responder_share_90d
        responder_concentration_90d loyal_comment_share_90d community_reactions_90d
        answers_share_90d
    """,
    "no comment": "replies_per_comment_90d",
    "posts reacted to unknown": "loyal_comment_share_90d",
    "nobody reacted before": "community_reactions_90d",
    "nobody reacted of late": """
        responder_concentration_90d community_reactions_90d answers_share_90d
    """,
    "no reaction to others": "answers_share_90d",
    "one account": "answers_share_90d",
    "nothing known when the scores were published": "community_reactions_90d",
    "nothing known at all": """
        log_followers days_since_last_post posting_irregularity_180d topic_concentration_180d
        caption_words_mean_180d engagement_rate_median_90d
        engagement_rate_spread_90d engagement_rate_trend engagements_log_median_90d engagements_log_range_180d
        engagements_log_best_180d engagements_log_slope_180d likes_log_mean_newest comments_log_mean_newest
        comments_log_spread_newest views_log_median_90d views_per_follower_median_90d
        views_per_follower_best_180d comments_per_like_90d shares_per_like_90d
        saves_per_like_90d comments_per_follower_90d
        clicks_per_view_90d engagements_per_view_90d sponsored_share_30d sponsored_share_90d
        days_since_last_sponsored sponsored_to_organic_180d sponsored_rate_median_180d
        amplifying_share_90d replies_per_comment_90d
        responders_per_follower_90d returning_responder_share_90d
        responder_concentration_90d loyal_comment_share_90d community_reactions_90d
        answers_share_90d
    """,
}
