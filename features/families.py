"""The families of features in two steps: what the account and the moment alone decide, and what the brief adds to it.

The first step can be worked out for all accounts before anybody asks (`features.materialize`); the second is what a
request costs. Both are the same functions wherever features are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from features import audience_fit, authenticity, cross_platform, engagement, offer, track_record

if TYPE_CHECKING:
    from features.events import Features
    from features.known import Known, KnownAccount

FAMILIES = (engagement, authenticity, audience_fit, track_record, offer, cross_platform)


def account_features(known: KnownAccount) -> Features:
    """Compute the features of n accounts that no brief changes, and the figures that offers are compared with."""
    found: Features = {}
    for family in FAMILIES:
        found |= family.features(known)
    return found


def pair_features(known: Known, account: Features) -> Features:
    """Compute the features of n pairs that depend on the brief, from what `account_features` says of their accounts."""
    return {
        **audience_fit.pair_features(known, account),
        **track_record.pair_features(known),
        **offer.pair_features(known, account),
    }
