"""Reasons in words: a value as people write it, beside what it is compared with."""

from __future__ import annotations

import re
from math import exp, expm1

from features.catalogue import FEATURES
from serving.yardsticks import group_of

_WINDOW = re.compile(r"^(.*?)(?:_(\d+)d|_(newest))?$")
_CALENDAR = re.compile(r"(?:start_)?(season|weekday|hour)_(?:sine|cosine)")
_LARGEST = 700.0  # the exponential of more is beyond float64
_SMALL = 0.1  # steps of followers and the like: what matters stands behind "1.00"
# Logarithms of how many times as much, not of amounts.
_TIMES = frozenset(
    {
        "engagements_log_range_180d",
        "engagements_log_best_180d",
        "comments_log_spread_newest",
        "following_churn_180d",
        "follower_jump_180d",
        "follower_drop_180d",
        "unexplained_jump_180d",
        "likes_spread_180d",
        "past_actions_log_spread_newest",
        "past_performance",
        "past_performance_same_goal",
        "past_performance_same_vertical",
        "past_performance_same_brand",
        "past_performance_recent",
        "influencer_past_performance",
        "fee_against_usual",
        "influencer_rate_log_spread_90d",
        "influencer_past_clicks_for_size",
    }
)


def words(
    feature: str,
    value: float | str | None,
    *,
    usual: float | None,
    typical: float | None,
    goal: str | None,
    platform: str | None,
) -> str:
    """Say a value and what it lies beside: "comments per like, 90 days 0.051, tiktok accounts of this size 0.021, ...".

    Parameters
    ----------
    value : float, str or None
        In the unit of the feature; None is unknown.
    usual, typical : float or None
        As in `Reasons.strongest`.
    goal, platform : str or None
        Of the pair.
    """
    if part_of := _CALENDAR.fullmatch(feature):
        return f"{part_of[1]} of the start"
    label = _label(feature)
    if value is None:
        return f"{label} unknown"
    if isinstance(value, str):
        return f"{label} {value}"
    said = f"{label} {_amount(feature, value)}"
    if usual is not None:
        peers = f"{platform} accounts" if group_of(feature) == "platform" else f"{goal} campaigns with accounts"
        said += f", {peers} of this size {_amount(feature, usual)}"
    return said if typical is None else f"{said}, all hired for {goal} {_amount(feature, typical)}"


def _label(feature: str) -> str:
    plain, days, newest = _WINDOW.findall(feature)[0]
    label = " ".join(word for word in plain.split("_") if word != "log")
    return f"{label}, {days} days" if days else f"{label}, {newest}" if newest else label


def _amount(feature: str, value: float) -> str:
    """Write a value as people do: no logarithms, shares in per cent."""
    unit = FEATURES[feature].unit if feature in FEATURES else ""
    if unit in {"log", "log1p"}:
        logarithm = min(value, _LARGEST)
        if feature in _TIMES:
            times = exp(logarithm)
            return f"{times:.4g} times" if abs(logarithm) < _SMALL else f"{_number(times)} times"
        return _number(exp(logarithm) if unit == "log" else expm1(logarithm))
    return f"{_number(100 * value)} %" if unit == "share" else _number(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e15 else f"{value:.3g}"
