"""Checks of whether there is enough to say anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.bootstrap import FEWEST_CAMPAIGNS
from training.checks.check import Check, named
from training.policies import MODEL

if TYPE_CHECKING:
    from training.checks.check import Evidence, Finding

_ROWS, _OUTCOMES, _ACCOUNTS = 500, 50, 30
_OF_GOAL = 100


class FewOutcomes(Check):
    """Figures of few activations are rough."""

    code = "IMP007"
    title = "Number of outcomes"
    severity = "medium"
    to_do = "Look at the intervals, not at the figures; bring more past outcomes."

    def run(self, evidence: Evidence) -> Finding:
        """Count tested activations, those that brought what was asked for, and the others."""
        data = evidence.found["data"]
        tested, reached = data["tested"], round(data["reached_share"] * data["tested"])
        said = f"{tested:,} activations could be tested, of which {reached:,} brought what was asked for."
        few = tested < _ROWS or min(reached, tested - reached) < _OUTCOMES
        return self.issue("Few outcomes: " + said) if few else self.passed(said)


class FewOutcomesOfGoal(Check):
    """What is said of a goal that was seldom pursued rests on the other goals."""

    code = "IMP008"
    title = "Outcomes of every goal"
    severity = "medium"
    to_do = (
        "Take likelihoods for these goals as rough, and look at their row in the table of parts; bring more outcomes."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Count, by goal, the activations that the last fold learnt from."""
        learnt = evidence.rows.iloc[evidence.folds[-1][0]]["goal"].value_counts()
        counts = {goal: int(learnt.get(goal, 0)) for goal in sorted(evidence.predictions["goal"].unique())}
        few = [f"{goal} ({rows:,})" for goal, rows in counts.items() if rows < _OF_GOAL]
        if few:
            return self.issue(f"The last fold learnt from fewer than {_OF_GOAL} activations of {named(few)}.")
        return self.passed(f"The last fold learnt from at least {min(counts.values()):,} activations of every goal.")


class FewAccounts(Check):
    """Outcomes of a few accounts say little about anybody else."""

    code = "IMP009"
    title = "Number of accounts"
    severity = "medium"
    to_do = "Use the likelihoods for these accounts only, or bring outcomes of others."

    def run(self, evidence: Evidence) -> Finding:
        """Count the accounts that were tested."""
        accounts = evidence.found["data"]["accounts"]
        said = f"All outcomes come from {'one account' if accounts == 1 else f'{accounts:,} accounts'}"
        if accounts >= _ACCOUNTS:
            return self.passed(said + ".")
        return self.issue(
            f"{said}: the figures say how well outcomes of these are foreseen, not how well anybody else's would be. "
            "The intervals do not cover that."
        )


class FewCampaigns(Check):
    """Without several campaigns nobody can say how far figures may be off."""

    code = "IMP010"
    title = "Number of campaigns"
    severity = "medium"
    to_do = "Take the figures as they are, without intervals; bring more past campaigns."

    def run(self, evidence: Evidence) -> Finding:
        """Count the campaigns that were tested."""
        campaigns = evidence.found["data"]["campaigns"]
        if campaigns >= FEWEST_CAMPAIGNS:
            return self.passed(f"{campaigns:,} campaigns were tested.")
        return self.issue(f"Only {campaigns} campaigns were tested: too few to say how far the figures may be off.")


class NoChoice(Check):
    """Whom to hire first can be judged where a campaign hired several."""

    code = "IMP011"
    title = "Hires per campaign"
    severity = "low"
    to_do = "Use the likelihoods; whether the order of hiring is good is not known."

    def run(self, evidence: Evidence) -> Finding:
        """Count the tested campaigns that hired more than one account."""
        several = evidence.found["data"]["campaigns_with_several"]
        if several:
            return self.passed(f"{several:,} tested campaigns hired more than one account.")
        return self.issue("No tested campaign hired more than one account: whom to hire first could not be judged.")


class UnknownMoney(Check):
    """What it earned needs the fee and the value of an action."""

    code = "IMP012"
    title = "Fees and values"
    severity = "low"
    to_do = "Fill value_per_action in campaigns and fee in outcomes where you can."

    def run(self, evidence: Evidence) -> Finding:
        """Look at the share of tested activations whose fee and value are known."""
        fees, values = (evidence.found["data"][f"{name}_known_share"] for name in ("fee", "value"))
        if not values:
            return self.issue("The value of an action is not known, so nothing is said in money.")
        if not fees:
            return self.issue("Fees are not known, so nothing is said about net value, and break-even is one action.")
        if min(fees, values) == 1:
            return self.passed("Fee and value of an action are known of every tested activation.")
        return self.issue(
            f"Fees are known of {fees:.0%} of the tested activations and the value of an action of {values:.0%}: money "
            "is summed over the campaigns where both are known."
        )


class MissingTables(Check):
    """What the data lack, features cannot say."""

    code = "IMP013"
    title = "Tables that features need"
    severity = "low"
    to_do = "Bring the tables that these features need; `impel features --describe --json` names them."

    def run(self, evidence: Evidence) -> Finding:
        """Look at which families of features lack a table."""
        metadata = evidence.found["metadata"]
        if "families_without" not in metadata:
            return self.not_applicable("Which tables there are was not said.")
        if without := list(map(str, metadata["families_without"])):
            return self.issue(f"Features that this data could not feed, by family: {', '.join(without)}.")
        return self.passed("No family lacks a table.")


class FewerFolds(Check):
    """Fewer folds than asked for mean that the early ones had nothing to learn from."""

    code = "IMP014"
    title = "Number of folds"
    severity = "low"
    to_do = "Nothing, or ask for fewer folds; the blocks that were tested are listed below."

    def run(self, evidence: Evidence) -> Finding:
        """Compare the folds that were tested with those that were asked for."""
        asked, tested = evidence.found["settings"]["folds"], len(evidence.folds)
        if tested < asked:
            return self.issue(f"{asked} folds were asked for, {tested} had enough outcomes before them.")
        return self.passed(f"{tested} folds were tested.")


class NoOverlap(Check):
    """What a roster would have earned can be said where enough of it was hired in fact."""

    code = "IMP015"
    title = "Overlap with past hires"
    severity = "medium"
    to_do = (
        "Try Impel's choice on a part of the next campaigns and log the propensity of every hire; then its earnings "
        "can be told from outcomes instead of from expectations."
    )

    def run(self, evidence: Evidence) -> Finding:
        """Look at whether the value of the model's roster was refused."""
        found = evidence.found["off_policy"]
        if found["why_not"]:
            return self.not_applicable(f"What other accounts would have earned is not told: {found['why_not']}.")
        mine = found["policies"][MODEL]
        if mine["why_not"]:
            return self.issue(f"What Impel's roster would have earned cannot be told: {mine['why_not']}.")
        effective, matched = mine["overlap"]["effective"], mine["overlap"]["matched"]
        return self.passed(
            f"{matched:,} activations of Impel's roster took place, worth {effective:.0f} equally weighted ones."
        )
