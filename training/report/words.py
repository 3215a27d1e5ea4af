"""What the figures say, in sentences: every one is made from the figures, whether they flatter the model or not."""

from __future__ import annotations

from typing import Any

from training.checks.learnt import NothingLearnt
from training.evaluate import ALL
from training.off_policy import DOUBLY_ROBUST
from training.policies import MODEL, ORACLE, POLICIES, RANDOM
from training.report.numbers import count, figure, percent, share, short, times, within

Metrics = dict[str, Any]

_THOSE = {
    "followers": "with the most followers",
    "engagement_rate": "with the highest engagement rate",
    "klout": "with the highest Klout-like score",
    "kred": "with the highest Kred-like influence",
    "peerindex": "with the highest PeerIndex-like score",
    "past_outcomes": "with the best past outcomes",
    RANDOM: "picked by chance",
}


def reached(m: Metrics) -> str:
    """Return what an activation did that brought what was asked for: "paid for itself"."""
    asked, data = m["settings"]["at_least"], m["data"]
    if asked is not None:
        return "brought at least one action" if asked == 1 else f"brought at least {asked:,} actions"
    if min(data["fee_known_share"], data["value_known_share"]) == 1:
        return "paid for itself"
    if min(data["fee_known_share"], data["value_known_share"]) == 0:
        return "brought at least one action"
    return "paid for itself (or, where fee or value is unknown, brought at least one action)"


def title(m: Metrics) -> str:
    """Return the finding in one plain sentence."""
    head = m["headline"]
    if _nothing_learnt(m):
        return "Nothing was learnt that can be told from chance"
    if head["of"] == "likelihood":
        return _foresight(m)
    low, high = _bounds(entry(m)["model_against"][head["against"]][f"{head['measure']}_difference"])
    those = f"hiring those {_THOSE[head['against']]}"
    paid = "paid more" if head["measure"] == "net_value" else "brought more"
    if low > 0:
        return f"Hiring by Impel's ranking would have {paid} than {those}"
    if high < 0:
        return f"{those.capitalize()} would have {paid} than Impel's ranking"
    return f"The data cannot tell whether Impel's ranking beats {those}"


def lead(m: Metrics) -> list[str]:
    """Return the finding and what it rests on."""
    said = [] if m["headline"]["of"] == "likelihood" else [_against(m), _best_rule(m)]
    if _nothing_learnt(m):
        said.insert(
            0,
            "Impel's likelihoods are no better than the share of past activations with the goal that brought as many: "
            "what its ranking gains below, it gains by lower fees or by luck, not by telling accounts apart.",
        )
    return [*filter(None, said), _pairs(m)]


def entry(m: Metrics) -> dict[str, Any]:
    """Return the ranking figures that the headline is about."""
    head = m["headline"]
    entries = m["truth"]["ranking"] if head["of"] == "candidates" else m["ranking"]
    return next(one for one in entries if one["k"] == head["k"])


def about_reliability(m: Metrics) -> str:
    """Say whether the likelihoods were kept."""
    bins, error = m["reliability"][MODEL], m["likelihood"][MODEL]["calibration_error"]
    off = f"On average Impel's likelihoods were off by {_points(error['value'])}"
    chance = f"perfect ones would be off by {_points(error['by_chance'])} by chance on as many activations"
    if error["value"] <= error["by_chance_high"]:
        judged = f"{off}; {chance}, so nothing speaks against taking them at their word."
    else:
        said = sum(one["likelihood"] * one["rows"] for one in bins) / sum(one["rows"] for one in bins)
        came = sum(one["observed"] * one["rows"] for one in bins) / sum(one["rows"] for one in bins)
        way = "too high" if said > came else "too low"
        overall = (
            "Overall they were neither too high nor too low, but in places they were"
            if abs(said - came) < error["by_chance_high"] / 2
            else f"Overall they were {way}: {share(said)} said, {share(came)} came"
        )
        judged = (
            f"{off}, and {chance} (rarely more than {_points(error['by_chance_high'])}): more than chance. {overall}."
        )
    worst = max(bins, key=lambda one: abs(one["likelihood"] - one["observed"]))
    return (
        f"{judged} The widest gap: of {count(worst['rows'])} activations with about {share(worst['likelihood'])}, "
        f"{share(worst['observed'])} {reached(m)}."
    )


def about_distribution(m: Metrics) -> str:
    """Say whether all likelihoods of an activation, not only the one asked for, were kept."""
    tenths, fair = m["pit"], 1 / len(m["pit"])
    values = [one["value"] for one in tenths]
    said = (
        f"Where forecasts are right, each tenth of them holds {share(fair)} of the outcomes; here a tenth held between "
        f"{percent(min(values))} and {percent(max(values))}"
    )
    if any(one["low"] is None for one in tenths):
        said += ", with too few campaigns to say how far that may be off."
    else:
        off = sum(not one["low"] <= fair <= one["high"] for one in tenths)
        said += f", and {off or 'none'} of the {len(tenths)} {'is' if off == 1 else 'are'} off beyond doubt."
    errors, chance = (
        " and ".join(
            figure(100 * one["calibration_error"][name], digits=1) for one in (m["thresholds"][0], m["thresholds"][-1])
        )
        for name in ("value", "by_chance")
    )
    easy, hard = (share(m["thresholds"][place]["share"]) for place in (0, -1))
    return (
        f"{said} Asked for as many actions as {easy} and as {hard} of the goal's past activations had reached, Impel's "
        f"likelihoods were off by {errors} percentage points; perfect ones would be off by {chance} by chance."
    )


def about_gains(m: Metrics, which: str) -> str:
    """Say what a part of the hires or of the fees buys."""
    curves = m["gains"][which]["policies"]
    at = m["gains"]["share"].index(0.25)
    rules = {name: curve[at] for name, curve in curves.items() if name in POLICIES and name not in {MODEL, ORACLE}}
    best = max(
        (name for name in rules if name in _THOSE and name != RANDOM), key=lambda name: rules[name], default=None
    )
    part = "A quarter of the fees" if which == "by_fees" else "A quarter of the hires"
    said = (
        f"{part}, spent in Impel's order, brings {share(curves[MODEL][at])} "
        f"of a campaign's actions; by chance {share(curves[RANDOM][at])}"
    )
    if which == "by_hires":
        said = said.replace("spent", "taken")
    if best is None:
        return said + "."
    if rules[best] > curves[MODEL][at]:
        return f"{said}. The {POLICIES[best].label} rule brings more: {share(rules[best])}."
    return f"{said}, by the best simple rule ({POLICIES[best].label}) {share(rules[best])}."


def about_value(m: Metrics) -> str:
    """Say how the model stands among the policies."""
    head, found = m["headline"], entry(m)
    figures = {name: one[head["measure"]]["value"] for name, one in found["policies"].items() if name != ORACLE}
    figures = {name: value for name, value in figures.items() if value is not None}
    place = sorted(figures, key=lambda name: -figures[name]).index(MODEL) + 1
    said = f"Impel comes {_ordinal(place)} of {len(figures)}."
    if ORACLE in found["policies"]:
        regret = found["policies"][MODEL].get("regret_share", {}).get("value")
        if regret is not None:
            said += f" It falls {share(regret)} short of the best that anybody could have done, knowing the truth."
    unclear = [
        POLICIES[name].label
        for name, one in found["model_against"].items()
        if name != ORACLE and _unclear(one[f"{head['measure']}_difference"])
    ]
    if unclear:
        said += f" The data cannot tell it from: {', '.join(unclear)}."
    return said


def about_spend(m: Metrics) -> str:
    """Say what half of the money buys among those hired, against what it bought in fact."""
    found = m["spend"]
    if not found["campaigns"]:
        return ""
    mine, gap = found["policies"][MODEL]["value"], found["hired"]["model_ahead"]
    rules = {name: one["model_ahead"] for name, one in found["policies"].items() if name in _THOSE}
    unclear = [POLICIES[name].label for name, lead in rules.items() if _unclear(lead)]
    behind = [POLICIES[name].label for name, lead in rules.items() if _bounds(lead)[1] < 0]
    said = (
        f"Had each of {count(found['campaigns'])} campaigns spent {share(found['share'])} of its fees on those hired "
        f"first by Impel, they would have brought {short(mine['value'])}; as much of the money did bring "
        f"{short(found['hired']['value']['value'])}: a difference of {short(gap['value'])}{_interval(gap, short)}. "
        f"{_verdict(gap)}"
    ).strip()
    if behind:
        said += f" For the same money more is brought by: {', '.join(behind)}."
    if unclear:
        said += f" The data cannot tell Impel from: {', '.join(unclear)}."
    return said


def about_selection(m: Metrics) -> str:
    """Say how selective past campaigns were."""
    found = m["selection"]
    said = (
        f"{count(found['campaigns'])} campaigns hired {count(found['hired'])} of their {count(found['candidates'])} "
        "candidates. "
        f"Of one who was hired and one who was not, what could be seen beforehand points to the hired one in "
        f"{figure(100 * found['auc'], digits=0)} of 100 cases (50 would be hiring blindly), and "
        f"{share(found['top_tenth_share'])} of the hires went to the likeliest tenth of the candidates."
    )
    if found["followers_hired"] is not None:
        said += (
            f" The median account hired had {short(found['followers_hired'])} followers, the median candidate "
            f"{short(found['followers_candidates'])}."
        )
    logged = found["logged_share"]
    source = {0.0: "were estimated", 1.0: "were logged"}.get(logged, f"were logged of {share(logged)}, else estimated")
    return (
        f"{said} Propensities {source}; as a sample of all candidates, those hired are worth "
        f"{count(found['effective'])} drawn at random."
    )


def about_earned(m: Metrics) -> str:
    """Say what the model's roster would have earned with the same money, or why that cannot be told."""
    found = m["off_policy"]
    if found["why_not"]:
        return f"What accounts that were not hired would have earned is not told: {found['why_not']}."
    hired, mine = found["hired"], found["policies"][MODEL]
    what = f"{short(found['budget'])} of fees" if found["spend"] == "fees" else f"{count(found['budget'])} hires"
    after = " after fees" if found["spend"] == "fees" else ""
    said = (
        f"With {what} in {count(found['campaigns'])} campaigns, those who were hired brought {short(hired['value'])}"
        + (f", {short(hired['net_value'])} after fees. " if after else ". ")
    )
    if mine["why_not"]:
        return f"{said}What Impel's roster would have earned cannot be told: {mine['why_not']}."
    one = mine[DOUBLY_ROBUST]
    gap = one["against_hired"]
    said += (
        f"Impel's roster would have brought {short(one['net_value']['value'])}{after}"
        f"{_interval(one['net_value'], short)}: a difference of {short(gap['value'])}{_interval(gap, short)}. "
        f"{_verdict(gap)}"
    )
    ahead = {
        name: figures[DOUBLY_ROBUST]["model_ahead"]
        for name, figures in found["policies"].items()
        if name in _THOSE and not figures["why_not"]
    }
    sure = [POLICIES[name].label for name, lead in ahead.items() if _bounds(lead)[0] > 0]
    behind = [POLICIES[name].label for name, lead in ahead.items() if _bounds(lead)[1] < 0]
    if sure:
        said += f" It is ahead beyond doubt of: {', '.join(sure)}."
    if behind:
        said += f" Beyond doubt more would have been earned by: {', '.join(behind)}."
    return said.strip()


def about_slices(m: Metrics) -> str:
    """Say where the model can be trusted less."""
    parts = [one for one in m["slices"] if one["by"] != ALL]
    judged = [one for one in parts if "score_auc" in one]
    if not judged:
        return "No part of the data differs from the whole and has enough outcomes to be judged by itself."
    sure = [one for one in judged if (one["score_auc"][MODEL]["low"] or 0) > 0.5]
    worst = min(judged, key=lambda one: one["score_auc"][MODEL]["value"])
    said = (
        f"Impel is better than chance beyond doubt in {len(sure)} of {len(judged)} parts. It does worst in "
        f"{worst['by']}: {worst['slice']} ({figure(worst['score_auc'][MODEL]['value'], digits=2)}, "
        f"{count(worst['rows'])} activations)."
    )
    rule = m["headline"]["best_score"]
    behind = [
        f"{one['by']}: {one['slice']}"
        for one in judged
        if rule in one["score_auc"] and one["score_auc"][rule]["value"] > one["score_auc"][MODEL]["value"]
    ]
    if behind:
        said += f" The {POLICIES[rule].label} rule orders better in {', '.join(behind)}."
    left_out = len(parts) - len(judged)
    if left_out:
        have = "One part has" if left_out == 1 else f"{left_out} parts have"
        said += f" {have} too few outcomes to be drawn; the table lists them."
    return said


def _nothing_learnt(m: Metrics) -> bool:
    return any(one["code"] == NothingLearnt.code and one["outcome"] == "issue" for one in m["checks"])


def _against(m: Metrics) -> str:
    head, found = m["headline"], entry(m)
    compared, k = found["model_against"][head["against"]], head["k"]
    first, the = ("the first", "the one") if k == 1 else (f"the first {k}", f"the {k}")
    those = f"{the} {_THOSE[head['against']]}"
    if head["of"] == "candidates":
        start = f"Had you hired by Impel's ranking, {first} of every campaign would have"
    else:
        start = f"Among those who were hired, {first} of every campaign by Impel's ranking"
    if head["measure"] == "actions_share":
        mine, other = (found["policies"][name]["actions_share"]["value"] for name in (MODEL, head["against"]))
        of_all = f"of the actions of {'its candidates' if head['of'] == 'candidates' else 'its hires'}"
        gap = compared["actions_share_difference"]
        return (
            f"{start} brought {share(mine)} {of_all}, {those} {share(other)}: "
            f"a difference of {_points(gap['value'])}{_interval(gap, _points)}. {_verdict(gap)}"
        ).replace(" .", ".")
    value = compared["value_ratio"]
    said = f"{start} brought {times(value['value'])} the value of {those}{_interval(value, _plain)}"
    if head["measure"] == "value":
        return f"{said}. {_verdict(compared['value_difference'])}".strip()
    mine, other = (found["policies"][name]["net_value"]["value"] for name in (MODEL, head["against"]))
    gap = compared["net_value_difference"]
    return (
        f"{said}, for {times(compared['fees_ratio']['value'])} the fees. After fees that is {short(mine)} "
        f"against {short(other)}: a difference of {short(gap['value'])}{_interval(gap, short)}. {_verdict(gap)}"
    ).strip()


def _best_rule(m: Metrics) -> str:
    head, found = m["headline"], entry(m)
    rule, measure = head["best_rule"], head["measure"]
    if rule is None:
        return "No simple rule can be followed with these data, so chance is all there is to compare with."
    how = share if measure == "actions_share" else short
    gap = found["model_against"][rule][f"{measure}_difference"]
    what = {"net_value": " after fees", "value": " of value", "actions_share": " of the actions"}[measure]
    side = "ahead of" if gap["value"] >= 0 else "behind"
    size = _points(abs(gap["value"])) if measure == "actions_share" else short(abs(gap["value"]))
    bounds = (
        gap if gap["value"] >= 0 else {"value": -gap["value"], "low": _minus(gap["high"]), "high": _minus(gap["low"])}
    )
    return (
        f"The simple rule that does best here is {POLICIES[rule].label}, with "
        f"{how(found['policies'][rule][measure]['value'])}{what}; Impel is {side} it by {size}"
        f"{_interval(bounds, _points if measure == 'actions_share' else short)}. {_verdict(gap)}"
    ).strip()


def _foresight(m: Metrics) -> str:
    auc, rule = m["likelihood"][MODEL]["score_auc"], m["headline"]["best_score"]
    if (auc["low"] or 0.0) <= 0.5:
        return f"The data cannot tell whether Impel foresees which activation {_will(m)}"
    if rule is not None:
        low, high = _bounds(m["likelihood"][rule]["score_auc_model_ahead"])
        if high < 0:
            return f"A simple rule, {POLICIES[rule].label}, foresees better than Impel which activation {_will(m)}"
        if low <= 0:
            return (
                f"Impel foresees which activation {_will(m)}, "
                f"but the data cannot tell it from a simple rule, {POLICIES[rule].label}"
            )
    return f"Impel foresees which activation {_will(m)}: right in {100 * auc['value']:.0f} of 100 pairs"


def _pairs(m: Metrics) -> str:
    figures = m["likelihood"]
    auc = figures[MODEL]["score_auc"]
    if auc["value"] is None:
        return f"All tested activations ended alike: how well Impel tells which {_will(m)} cannot be judged."
    said = (
        f"Of two activations, one that {reached(m)} and one that did not, Impel gave the higher likelihood to the "
        f"right one in {100 * auc['value']:.0f} of 100 cases{_interval(auc, _hundred)}; a coin is right in 50"
    )
    best = m["headline"]["best_score"]
    if best is not None:
        right = 100 * figures[best]["score_auc"]["value"]
        said += f", the best simple score for this ({POLICIES[best].label}) in {right:.0f}"
    return said + "."


def _will(m: Metrics) -> str:
    asked = m["settings"]["at_least"]
    if asked is not None and asked > 1:
        return f"brings at least {asked:,} actions"
    return "pays for itself" if reached(m).startswith("paid") else "brings any action"


def _verdict(gap: dict[str, float | None]) -> str:
    if gap["low"] is None:
        return "There are too few campaigns to say how far that may be off."
    return "The interval contains 0: the data cannot tell which is better." if _unclear(gap) else ""


def _unclear(gap: dict[str, float | None]) -> bool:
    low, high = _bounds(gap)
    return low <= 0 <= high


def _bounds(gap: dict[str, float | None]) -> tuple[float, float]:
    """Return the interval; where there is none, everything is possible."""
    low, high = gap["low"], gap["high"]
    return (float("-inf"), float("inf")) if low is None or high is None else (low, high)


def _interval(estimate: dict[str, Any], how: Any) -> str:
    interval = within(estimate, how)
    return f" (95\N{NO-BREAK SPACE}% interval {interval})" if interval else ""


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _points(value: float) -> str:
    return f"{figure(100 * value, digits=1)}\N{NO-BREAK SPACE}percentage points"


def _plain(value: float) -> str:
    return figure(value, digits=2)


def _hundred(value: float) -> str:
    return f"{100 * value:.0f}"


def _ordinal(place: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return words[place - 1]
