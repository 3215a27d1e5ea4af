"""The checks of a log: each finds its threshold crossed, or not, or does not apply; codes are never given again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from scipy.stats import chi2

from training.checks.check import Coded, named
from training.checks.drift import MOVING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.checks.check import Finding
    from training.monitor.thresholds import Thresholds

_FEWEST = 150  # predictions of as many accounts, below which a distribution says little
_FEWEST_BRIEFS = 10  # what depends on the brief differs from one to the next
_SURE = 0.999  # a shift that chance reaches once in a thousand features is none
_NO_REFERENCE = "The model says nothing of what it was trained on; train it anew with this version."


class LogCheck(Coded, ABC):
    """One question about a log."""

    @abstractmethod
    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Answer it from the figures of `monitor`."""


class Dropped(LogCheck):
    """What is not logged is not monitored."""

    code = "IMP101"
    title = "The log is complete"
    severity = "medium"
    to_do = "See why in the service's log: the disk of the log may be full or too slow."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Look at the share of predictions that their writers dropped."""
        logged, dropped = figures["log"]["logged"], figures["log"]["dropped"]
        said = f"{logged:,} predictions were logged, {dropped:,} dropped."
        return self.issue(said) if dropped > limits.dropped * (logged + dropped) else self.passed(said)


class FeatureShift(LogCheck):
    """A model is asked about accounts and briefs unlike those that it learnt from."""

    code = "IMP102"
    title = "Drift of features"
    severity = "medium"
    to_do = (
        "See whether the named features are measured as before (a platform may have changed what it reports). If other "
        "accounts are asked about than were hired, look at the support; if the market moved, train with new outcomes."
    )

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Compare with what was before by the population stability index, beyond chance."""
        log, before = figures["log"], figures["log"]["against"]
        if not figures["features"]:
            return self.not_applicable(_NO_REFERENCE)
        if log["accounts"] < _FEWEST:
            return self.not_applicable(f"{log['accounts']} accounts are too few to compare; {_FEWEST} are needed.")
        left = {*MOVING, *(() if log["briefs"] >= _FEWEST_BRIEFS else ("audience fit",))}
        compared = [one for one in figures["features"] if one["family"] not in left]
        moved = [one for one in compared if one["stability"] > max(limits.drift, _chance(one, log["accounts"]))]
        if moved:
            worst = f"population stability index of {moved[0]['feature']}: {moved[0]['stability']:.2f}"
            names = named([one["feature"] for one in moved])
            return self.issue(f"Of {len(compared)} features {len(moved)} shifted against {before}: {names} ({worst}).")
        return self.passed(
            f"Of {len(compared)} features none shifted against {before}: no population stability index is above "
            f"{limits.drift:g} and chance."
        )


class Missing(LogCheck):
    """A feed that stops makes features unknown."""

    code = "IMP103"
    title = "Unknown values"
    severity = "high"
    to_do = "See whether the tables that these features need still arrive (impel features --describe names them)."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Compare the share of unknown values of each feature with what was before."""
        log, before = figures["log"], figures["log"]["against"]
        if not figures["features"]:
            return self.not_applicable(_NO_REFERENCE)
        if log["accounts"] < _FEWEST:
            return self.not_applicable(f"{log['accounts']} accounts are too few to compare; {_FEWEST} are needed.")
        left = () if log["briefs"] >= _FEWEST_BRIEFS else ("audience fit", "offer")
        compared = [one for one in figures["features"] if one["family"] not in left]
        risen = [one for one in compared if one["missing"] - one["missing_before"] > limits.missing]
        risen.sort(key=lambda one: one["missing_before"] - one["missing"])
        if risen:
            one = risen[0]
            share = f"{one['feature']} from {one['missing_before']:.0%} to {one['missing']:.0%}"
            names = named([each["feature"] for each in risen])
            return self.issue(f"More often unknown than in {before}: {names} ({share}).")
        return self.passed(f"None of {len(compared)} features is unknown much more often than in {before}.")


class Unknown(LogCheck):
    """What the model did not learn of counts as unknown."""

    code = "IMP104"
    title = "Unknown goals, platforms and verticals"
    severity = "medium"
    to_do = "Look for other spellings; if they are new in fact, train again once outcomes of them have come in."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Look at the share of predictions with such a text."""
        if not figures["categories"]:
            return self.not_applicable(_NO_REFERENCE)
        found = {name: one for name, one in figures["categories"].items() if one["unknown"] > limits.unknown}
        if found:
            told = [f"{name} of {one['unknown']:.0%} ({named(list(one['values']))})" for name, one in found.items()]
            return self.issue(f"Not in {figures['log']['against']}: the {', the '.join(told)} of the predictions.")
        most = max(one["unknown"] for one in figures["categories"].values())
        return self.passed(
            f"At most {most:.1%} of the predictions have a goal, platform or vertical that was not there before."
        )


class Outside(LogCheck):
    """Far from what was ever hired a model guesses."""

    code = "IMP105"
    title = "Support"
    severity = "medium"
    to_do = "Take these predictions as rough (their support says so), and hire some such accounts to learn of them."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Look at the share of predictions outside what the model learnt from."""
        share = figures["support"]["outside"]
        said = f"{share:.1%} of the predictions lie outside what the model learnt from."
        return self.issue(said) if share > limits.outside else self.passed(said)


class LikelihoodShift(LogCheck):
    """Other likelihoods than before come from other accounts, briefs and fees, or from something broken."""

    code = "IMP106"
    title = "Drift of likelihoods"
    severity = "low"
    to_do = (
        "See what has shifted: features, the briefs, fees that are no longer given (then at least one action is asked)."
    )

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Compare with what was before by the population stability index."""
        found, log = figures["likelihoods"], figures["log"]
        if "stability" not in found:
            return self.not_applicable(_NO_REFERENCE)
        if log["accounts"] < _FEWEST or log["briefs"] < _FEWEST_BRIEFS:
            return self.not_applicable(
                f"{log['accounts']} accounts and {log['briefs']} briefs are too few to compare; "
                f"{_FEWEST} and {_FEWEST_BRIEFS} are needed."
            )
        said = f"Population stability index of the likelihoods against {log['against']}: {found['stability']:.2f}."
        return self.issue(said) if found["stability"] > limits.drift else self.passed(said)


class Calibration(LogCheck):
    """Likelihoods are worth what they are kept."""

    code = "IMP107"
    title = "Calibration"
    severity = "high"
    to_do = "Read likelihoods as too high or too low by so much, and train again with the newest outcomes."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Compare the mean likelihood with the share that reached it, and group by group beyond chance."""
        found = figures["calibration"]
        if "why_not" in found:
            return self.not_applicable(found["why_not"] + ".")
        gap = found["gap"]
        said = (
            f"{found['said']:.1%} were said to reach what was asked for and {found['reached']:.1%} did (difference "
            f"{gap['value']:+.1%}, 95 % interval {gap['low']:+.1%} to {gap['high']:+.1%}); the calibration error is "
            f"{found['error']:.3f}, of perfect likelihoods rarely above {found['error_by_chance_high']:.3f}."
        )
        level = abs(gap["value"]) > limits.calibration and (gap["low"] > 0 or gap["high"] < 0)
        shape = found["error"] > found["error_by_chance_high"] + limits.calibration
        return self.issue(said) if level or shape else self.passed(said)


class Intervals(LogCheck):
    """A 90 % interval holds nine in ten."""

    code = "IMP108"
    title = "Intervals of actions"
    severity = "medium"
    to_do = "Read intervals as too narrow, and train again with the newest outcomes."

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Look at the share of outcomes within their 90 % interval."""
        found = figures["calibration"]
        if "why_not" in found:
            return self.not_applicable(found["why_not"] + ".")
        held = found["interval_coverage"]
        said = f"{held['value']:.1%} of the outcomes lie within their 90 % interval."
        return self.issue(said) if held["high"] < 0.9 - limits.calibration else self.passed(said)


class Age(LogCheck):
    """What is known of an account grows old."""

    code = "IMP109"
    title = "Age of the data"
    severity = "medium"
    to_do = (
        "Append new rows (impel append), which the service takes up, make its snapshot anew, or see why none arrive."
    )

    def run(self, figures: Mapping[str, Any], limits: Thresholds) -> Finding:
        """Look at the median time between what the features know of and the answer."""
        age = figures["log"]["features_age_days"]
        if age is None:
            return self.not_applicable("No prediction was answered by the service.")
        said = f"Predictions were made from data that were {age:.1f} days old."
        return self.issue(said) if age > limits.days else self.passed(said)


ALL: tuple[LogCheck, ...] = (
    Dropped(),
    FeatureShift(),
    Missing(),
    Unknown(),
    Outside(),
    LikelihoodShift(),
    Calibration(),
    Intervals(),
    Age(),
)


def _chance(feature: Mapping[str, Any], accounts: int) -> float:
    """Return the index that chance seldom exceeds where nothing moved: chi-square over the rows (Yurdakul 2018)."""
    return float(chi2.ppf(_SURE, feature["bins"] - 1) * (1 / accounts + 1 / feature["rows_before"]))
