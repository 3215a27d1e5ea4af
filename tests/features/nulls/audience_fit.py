"""When features of the family audience fit are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no post": """
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post
        vertical_topic_share_180d brief_similarity_mean_newest
        brief_similarity_best_newest brand_named_share_newest rival_named_share_newest days_since_brand_post
        days_since_rival_post
    """,
    "two posts": "days_since_rival_post",
    "one post": "days_since_brand_post days_since_rival_post",
    "posts of the last three days": """
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post
        vertical_topic_share_180d brief_similarity_mean_newest
        brief_similarity_best_newest brand_named_share_newest rival_named_share_newest days_since_brand_post
        days_since_rival_post
    """,
    "only sponsored posts": "days_since_rival_post",
    "no sponsored post": "days_since_brand_post days_since_rival_post",
    "likes and comments hidden": "topic_engagement_ratio_180d",
    "no engagement": "topic_engagement_ratio_180d",
    "topics unknown": """
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post
        vertical_topic_share_180d
    """,
    "other topics": "topic_engagement_ratio_180d days_since_topic_post",
    "no topic in the brief": """
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post

    """,
    "no topic in a new vertical": """
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post
        vertical_topic_share_180d
    """,
    "captions unknown": """
        brief_similarity_mean_newest brief_similarity_best_newest brand_named_share_newest
        rival_named_share_newest
    """,
    "no word in the brief": "brief_similarity_mean_newest brief_similarity_best_newest",
    "no name of the brand": "days_since_brand_post brand_named_share_newest",
    "no reading": "effective_audience_log",
    "no audience report": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_divergence_country audience_divergence_age audience_divergence_gender
        audience_divergence_language audience_divergence_interest audience_fit_joint audience_divergence
        audience_top_slice_share effective_audience_log audience_country_concentration audience_report_age_days
    """,
    "nobody in the audience report": "audience_country_concentration",
    "no target": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_divergence_country audience_divergence_age audience_divergence_gender
        audience_divergence_language audience_divergence_interest audience_fit_joint audience_divergence
        audience_top_slice_share effective_audience_log own_language_share
    """,
    "no country in the report": "audience_overlap_country audience_divergence_country audience_country_concentration",
    "no language in the brief": "audience_overlap_language audience_divergence_language own_language_share",
    "report and brief on other dimensions": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_divergence_country audience_divergence_age audience_divergence_gender
        audience_divergence_language audience_divergence_interest audience_fit_joint audience_divergence
        audience_top_slice_share effective_audience_log audience_country_concentration
    """,
    "language of the account unknown": "own_language_share",
    "nothing known at all": """
        audience_overlap_country audience_overlap_age audience_overlap_gender audience_overlap_language
        audience_overlap_interest audience_divergence_country audience_divergence_age audience_divergence_gender
        audience_divergence_language audience_divergence_interest audience_fit_joint audience_divergence
        audience_top_slice_share effective_audience_log audience_country_concentration audience_report_age_days
        topic_share_180d topic_cosine_180d topic_engagement_ratio_180d days_since_topic_post
        vertical_topic_share_180d brief_similarity_mean_newest
        brief_similarity_best_newest brand_named_share_newest rival_named_share_newest days_since_brand_post
        days_since_rival_post
    """,
}
