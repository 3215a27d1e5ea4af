"""Every feature: its family, unit, meaning, when it is null, and the direction that theory demands.

The order here is the order of the feature matrix. What the texts below take as said:

- A window of n days holds what is younger than n days: decided_at - n days < time <= decided_at.
- A post is known from three days after it was published and for 180 days, as its last reading by decided_at tells it;
  a reading without a time counts as read after three days, and gives way to one with that time.
- Engagements are likes plus comments, as far as they were measured. "Rate" is engagements per follower at the time of
  the post: by the last reading up to then, or else the first after it that is known.
- Means, medians and standard deviations (of the population) leave nulls out; what would divide by 0 is null. Quartiles
  are interpolated linearly. Logarithms are natural; log1p(x) is log(1 + x). Where only the newest are taken, those of
  one moment stand in the order of the hash of their id.
- Interactions are what others did (what an account does to itself is left out); reactions are those but follows.
- An account's own reaction to another account is an answer where that had reacted to it within the 90 days before.
- Concentration is how probably two out of those counted are of one kind, or person: with counts n of each and N of all,
  the sum of n(n - 1) over N(N - 1) (Simpson 1949), which does not depend on the size of a sample.
- A community has n m / r people where n reacted in the 60 days that end 30 days ago, m in the 30 days since, and r in
  both (capture and recapture); where r is 0 it is endless, and reactions per person are 0.
- A follower counts as often as sampled. The share of fakes among all followers is the mean score of the sampled ones by
  the follower classifier, within 0 and 1, with a 90 % interval; a follower is scored where a count of the profile is
  known.
- Seven signs foretell that share without a sample: the largest unexplained jump and their number, rate and depth
  against peers, and the shares of generic comments, of prompt ones and of actors without followers. What they say
  counts as much as 2.5 followers of whom it is known, the sample as much as those that would leave an interval as wide.
- A step of log followers lies between two readings of different moments, the later at least three and under 180 days
  old. What it exceeds is the median growth per day of all those steps times its days. It is judged where it began at
  most 173 days ago, and explained by a post with at least three times the engagements of the median post of 180 days
  (and at least 1) that was published during it or in the seven days before; no step is judged where posts are known and
  the engagements of none.
- Peers are the accounts of the platform in the order of log followers, 25 to either side; fewer than five have no
  usual. Usual is the median of log figures, spread 1.4826 times the median absolute deviation, at least 0.1; both are
  published like social scores, for 2,000 accounts of a platform at most, and read straight between those next in size.
- A reaction returns where the same person had reacted to the same account in the 365 days before it.
- Depth in a kind of reaction is the log of so many of it (and a half) per like (and one) on the posts of 90 days with
  both, less the usual of peers, over the spread of peers. It is not known without such a post, followers above 0 and
  peers.
- How well posted activations were clicked is the log of clicks (and a half) per impression (and one), of those with
  clicks known and impressions above 0; against peers it is an account's mean less the usual of peers, and not known
  without followers above 0 and peers.
- A reaction of somebody who has an account has a link for each third account that reacted to both in the 90 days
  before.
- A comment, or reply, with text is generic where it has under three words, or a text that anybody wrote anywhere before
  (case and outer white space aside). Where no spaces part them, six characters of Chinese or Japanese, or twelve of
  Thai, Lao, Khmer or Burmese, stand for three words.
- The overlap of two audiences is the sum of the smaller shares; the report of each dimension is its newest.
- Rivals of a brand are the other brands with a campaign in the same vertical that started by decided_at; topics of a
  vertical are those that such campaigns asked for.
- A word of a text is two or more letters, digits or underscores of any script, in lower case; of a caption the first
  hundred are read. A text names a brand with the one word that the brand's id holds; an id of no or several words is no
  name.
- The similarity of a caption and a brief is the cosine between their words, each counted as often as it stands there
  times ln((1 + n) / (1 + m)) + 1: n captions of known posts, m of them with the word, at the last publication before
  decided_at, every ninety days since 1970. Only the 50,000 most frequent words are published; others have m = 0, and a
  text without words has similarity 0.
- An activation is known when it has closed and was decided before. Usual for a goal is the mean logarithm of the
  actions of all posted activations with that goal that closed before; "shrunk" is sum / (n + 3), here of log1p actions
  less what was usual.
- Social scores are published every thirty days since 1970; a pair reads the last publication. Only accounts of which
  something is known by then take part: a reading, a post in 180 days, an interaction received or given. A rank is the
  share of those below, ties (to nine decimals) halved; among fewer than ten accounts it is null.
- Klout is the rank of the sum of the z-scores of its three parts, null as average: ten points for each halving of those
  above. In its form of 2015 each reaction of 90 days counts 2^(-age in days / 30) * (1 + score of the influencer who
  reacts / 100), that score being the same worked out with all reactions alike; likes of posts count as reactions of
  nobody. Per platform and kind accounts are ranked, 0 without a reaction; strength is the sum of the ranks weighted
  0.30 (reshare), 0.25 (mention), 0.20 (comment), 0.15 (reply) and 0.10 (like); the influencer has
  100 * (1 - product over the accounts of (1 - 0.9 * strength)).
- Kred's points are 10, and 50 by an actor with over 10,000 followers; influence is log1p of the points against the most
  points of the same platform and language.
- PeerIndex is 0.6 authority, 0.2 rank by the followers less the suspicious share or, where it is larger, the share of
  the sample without a post, and 0.2 activity; the weight of a null part goes to the others. Authority is a rank among
  those endorsed on a topic, by PageRank (damping 0.85) of who endorses whom there, activity one among those who post on
  it in 90 days; over topics both are the mean weighted by endorsements or posts, 0 without one. An endorsement has the
  topics of the known post that it is to; else the topic on which the account posted most in 90 days; else, or where two
  are level, the general one. Topics of fewer than five accounts are general too.

A feature is null everywhere where the first of its tables is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from features.catalogue import (
    audience_fit,
    authenticity,
    cross_platform,
    engagement,
    offer,
    social_scores,
    track_record,
)
from features.catalogue.entry import Feature

if TYPE_CHECKING:
    from collections.abc import Collection

    from features.catalogue.entry import Entries, Family

CATEGORIES = ("goal", "platform", "vertical")
"""Texts that stand behind the features in the matrix."""

_FAMILIES: dict[Family, Entries] = {
    "engagement": engagement.ENTRIES,
    "authenticity": authenticity.ENTRIES,
    "audience fit": audience_fit.ENTRIES,
    "track record": track_record.ENTRIES,
    "offer": offer.ENTRIES,
    "cross-platform": cross_platform.ENTRIES,
    "social scores": social_scores.ENTRIES,
}

FEATURES: dict[str, Feature] = {
    entry[0]: Feature(entry[0], family, *entry[1:]) for family, entries in _FAMILIES.items() for entry in entries
}
"""All features by name, in the order of the matrix."""


VERSION = 2
"""Raise it when the numbers of a feature change under its name: models then ask to be trained anew."""
_SHIPPED = tuple(
    Path(__file__).parents[1] / name for name in ("follower_default.json", "authenticity/fake_audience.json")
)
"""What Impel comes with and features compute with: the follower classifier and the outlook of `fake_share`."""


def digest() -> str:
    """Return a hash of all that the numbers of features depend on: a model fits only those that it was trained on.

    Which features there are, in which order, and when a table is missing; their version; the fitted numbers that Impel
    comes with. Words of the catalogue may change.
    """
    features = [(feature.name, feature.tables[0]) for feature in FEATURES.values()]
    fitted = [json.loads(path.read_text(encoding="utf-8")) for path in _SHIPPED]
    text = json.dumps([VERSION, features, CATEGORIES, fitted], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def without(missing: Collection[str]) -> dict[Family, tuple[str, ...]]:
    """Return the features that are null without the missing tables, by family; families that lose none are left out."""
    lost: dict[Family, list[str]] = {}
    for feature in FEATURES.values():
        if feature.tables[0] in missing:
            lost.setdefault(feature.family, []).append(feature.name)
    return {family: tuple(names) for family, names in lost.items()}


def lost_families(missing: Collection[str]) -> list[str]:
    """Say in words which families lose how many of their features without the missing tables."""
    sizes = Counter(feature.family for feature in FEATURES.values())
    return [f"{family} ({len(names)} of {sizes[family]})" for family, names in without(missing).items()]


def page() -> str:
    """Return the catalogue as a page in Markdown."""
    definitions = (__doc__ or "").partition("What the texts below take as said:")[2]
    sizes = Counter(feature.family for feature in FEATURES.values())
    lines = [
        "# Features",
        "",
        "<!-- Made by `make docs` from features/catalogue; do not edit. -->",
        "",
        f"{len(FEATURES)} features in {len(sizes)} families, and {len(CATEGORIES)} texts that a model takes as",
        f"categories: {', '.join(CATEGORIES)}. Each is computed for a pair of campaign and account from what was known",
        "when the decision was made, and for nothing else. `impel features --describe` prints this list.",
        "",
        "What the meanings below take as said:",
        "",
        definitions.strip(),
        "",
        "Direction is what theory demands of the likelihood as the feature grows: up, down, or free where it may go",
        "either way. A model keeps to these directions: more fake followers never help, whatever the past says.",
    ]
    for family in sizes:
        lines += ["", f"## {family[0].upper()}{family[1:]} ({sizes[family]})", ""]
        lines += ["| feature | unit | meaning | null where | direction | tables |", "|---|---|---|---|---|---|"]
        lines += [
            f"| `{one.name}` | {one.unit} | {one.meaning} | {one.null} | {one.direction} | {', '.join(one.tables)} |"
            for one in FEATURES.values()
            if one.family == family
        ]
    return "\n".join(lines) + "\n"
