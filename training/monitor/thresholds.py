"""What may be before somebody should look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """Each is crossed by more.

    Attributes
    ----------
    drift
        Population stability index of a feature, or of the likelihoods, against training.
    missing
        Rise of the share of a feature's unknown values over training.
    unknown
        Share of predictions about a goal, platform or vertical that training did not have.
    outside
        Share of predictions outside what the model learnt from.
    calibration
        Distance between the mean likelihood and the share that reached it, where it is more than chance.
    dropped
        Share of predictions that could not be logged.
    days
        Age of the data that a prediction of the service was made from.
    """

    drift: float = 0.25
    missing: float = 0.1
    unknown: float = 0.05
    outside: float = 0.2
    calibration: float = 0.05
    dropped: float = 0.01
    days: float = 7.0
