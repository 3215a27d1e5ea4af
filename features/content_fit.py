"""What an account posts against what a brief is about: its topics, its words, its brand and the rivals of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import fit_kernels, pair_kernels
from features.events import Features, IntArray, Window, divide
from features.vocabulary import PERIOD

if TYPE_CHECKING:
    from features.bucket import Bucket, Measures
    from features.known import Known
    from features.verticals import Listed, Verticals

CAPTIONS = 50
"""So many captions are read, the newest ones."""


def measures(bucket: Bucket) -> Measures:
    """Write the sponsor of each post as a list of one, or none."""
    posts = bucket.events["posts"]
    return {"sponsor_start": posts.every, "sponsor_size": posts.flags("sponsored").astype(np.int64)}


def pair_features(known: Known) -> Features:
    """Compute the part of the family that is about posts; each feature is described in the catalogue."""
    captions = known.posts.where(known.posts.flags("caption_known")).newest(CAPTIONS)
    vertical = known.verticals.number(known.briefs.vertical_code[known.campaign])
    return {**_topics(known, vertical), **_texts(known, captions), **_brands(known, captions, vertical)}


def _topics(known: Known, vertical: IntArray) -> Features:
    posts, briefs, listed = known.posts, known.briefs, known.verticals.topics
    labelled, of_vertical, on_topic, cosine, engagements_on_topic, engagements, days = pair_kernels.topics(
        *(posts.at, posts.row, posts.start, posts.stop, posts.moment),
        *(posts.flags("topics_known"), known.bucket.engagements, *_lists(posts, "topics")),
        *(known.campaign, briefs.topic_offsets, briefs.topic_code),
        *(vertical, listed.offsets, listed.code, listed.since, listed.sieve),
    )
    since = listed.first[vertical]
    has_topics = briefs.topic_offsets[known.campaign + 1] > briefs.topic_offsets[known.campaign]
    comparable = has_topics & (labelled > 0)
    return {
        "topic_share_180d": np.where(comparable, divide(on_topic, labelled), np.nan),
        "topic_cosine_180d": cosine,
        "topic_engagement_ratio_180d": divide(engagements_on_topic, engagements),
        "days_since_topic_post": days,
        "vertical_topic_share_180d": np.where(since <= known.decided_at, divide(of_vertical, labelled), np.nan),
    }


def on_vertical(posts: Window, verticals: Verticals, vertical: IntArray) -> Window:
    """Return the posts on a topic that campaigns of each pair's vertical, (n,) numbers, have asked for."""
    nothing = np.zeros(len(posts), np.int64)
    return _listed(posts, _lists(posts, "topics"), vertical, verticals.topics, but=nothing)


def _texts(known: Known, captions: Window) -> Features:
    """Compare captions with the brief by TF-IDF (Salton and Buckley 1988, smoothed as in scikit-learn)."""
    briefs = known.briefs
    mean, best = np.full((2, len(known)), np.nan)
    published = known.decided_at // PERIOD * PERIOD
    for moment, vocabulary in known.vocabularies.items():
        mine = published == moment
        read = captions.of_pairs(mine)
        stretches = read.row, read.start, read.stop
        found = fit_kernels.text_cosines(
            *stretches,
            *_lists(read, "words"),
            known.text_lengths(read, vocabulary),
            known.campaign,
            briefs.word_offsets,
            briefs.word_code,
            briefs.word_count,
            vocabulary.places,
            vocabulary.code,
            vocabulary.weight,
        )
        mean, best = np.where(mine, found, (mean, best))
    return {"brief_similarity_mean_newest": mean, "brief_similarity_best_newest": best}


def _brands(known: Known, captions: Window, vertical: IntArray) -> Features:
    posts, listed, names = known.posts, known.verticals.brands, known.verticals.named
    brand, name = known.briefs.brand_code[known.campaign], known.briefs.brand_word[known.campaign]
    of = known.measured(measures)
    own, own_days, rival, rival_days = pair_kernels.brands(
        *(posts.at, posts.row, posts.start, posts.stop, posts.moment),
        *(posts.codes("sponsor"), posts.flags("sponsored"), of["sponsor_start"], of["sponsor_size"], brand),
        *(vertical, listed.offsets, listed.code, listed.since, listed.sieve),
    )
    named, rival_named = pair_kernels.named(
        *(captions.row, captions.start, captions.stop, captions.moment, *_lists(captions, "words"), name),
        *(vertical, names.offsets, names.code, names.since, names.sieve),
    )
    read = captions.count()
    return {
        "brand_posts_180d": own,
        "days_since_brand_post": own_days,
        "brand_named_share_newest": np.where(name != 0, divide(named, read), np.nan),
        "rival_posts_180d": rival,
        "days_since_rival_post": rival_days,
        "rival_named_share_newest": divide(rival_named, read),
    }


def _lists(window: Window, name: str) -> tuple[IntArray, IntArray, IntArray]:
    return window.codes(f"{name}_start"), window.codes(f"{name}_size"), window.codes(name)


def _listed(
    window: Window, lists: tuple[IntArray, IntArray, IntArray], vertical: IntArray, listed: Listed, *, but: IntArray
) -> Window:
    """Return the window of the events with a code that the pair's vertical lists by decided_at, but for that one."""
    row, bounds = fit_kernels.keep_listed(
        window.row,
        window.start,
        window.stop,
        *lists,
        vertical,
        listed.offsets,
        listed.code,
        listed.since,
        listed.sieve,
        but,
        window.moment,
    )
    return window.selected(row, bounds)
