"""Authenticity: signs that followers or reactions were bought or traded, and which share of the followers is fake."""

from __future__ import annotations

from features.authenticity.findings import Evidence, Signal, evidence, usual_signs
from features.authenticity.signs import features, measures
from features.follower_classifier import FollowerClassifier

__all__ = ["Evidence", "FollowerClassifier", "Signal", "evidence", "features", "measures", "usual_signs"]
