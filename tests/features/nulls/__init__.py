"""When each feature is null, by family and by case of `tests.features.worlds`."""

from __future__ import annotations

from tests.features.nulls import (
    audience_fit,
    authenticity,
    cross_platform,
    engagement,
    offer,
    social_scores,
    track_record,
)

NULL: dict[str, dict[str, str]] = {
    "engagement": engagement.NULL,
    "authenticity": authenticity.NULL,
    "audience fit": audience_fit.NULL,
    "track record": track_record.NULL,
    "offer": offer.NULL,
    "cross-platform": cross_platform.NULL,
    "social scores": social_scores.NULL,
}
