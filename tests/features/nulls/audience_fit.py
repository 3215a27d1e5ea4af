"""When features of the family audience fit are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": "topic_share_180d topic_engagement_ratio_180d",
    "posts of the last three days": "topic_share_180d topic_engagement_ratio_180d",
    "likes and comments hidden": "topic_engagement_ratio_180d",
    "no engagement": "topic_engagement_ratio_180d",
    "topics unknown": "topic_share_180d topic_engagement_ratio_180d",
    "other topics": "topic_engagement_ratio_180d",
    "no topic in the brief": "topic_share_180d topic_engagement_ratio_180d",
    "no reading": "effective_audience_log",
    "no audience report": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_fit_joint audience_divergence effective_audience_log
    """,
    "no target": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_fit_joint audience_divergence effective_audience_log
        own_language_share
    """,
    "no country in the report": "audience_overlap_country",
    "no language in the brief": "audience_overlap_language own_language_share",
    "report and brief on other dimensions": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_fit_joint audience_divergence effective_audience_log
    """,
    "language of the account unknown": "own_language_share",
    "nothing known at all": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_fit_joint audience_divergence effective_audience_log topic_share_180d
        topic_engagement_ratio_180d
    """,
}
