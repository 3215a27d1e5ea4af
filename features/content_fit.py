"""What an account posts against what a brief is about: its topics, its words, its brand and the rivals of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features import fit_kernels, pair_kernels
from features.events import Features, IntArray, Window, divide
from features.vocabulary import PERIOD

if TYPE_CHECKING:
    from features.known import Known, KnownAccount
    from features.verticals import Verticals

FIGURES = ("labelled posts", "squared topics", "mean engagements")
"""What briefs are compared with: figures of the account that are no features themselves."""
_OF_POSTS = (
    *("topic_share_180d", "topic_cosine_180d", "topic_engagement_ratio_180d", "days_since_topic_post"),
    *("vertical_topic_share_180d", "brand_posts_180d", "days_since_brand_post"),
    *("rival_posts_180d", "days_since_rival_post"),
)


def features(known: KnownAccount) -> Features:
    """Compute `FIGURES`."""
    posts = known.posts
    return {
        "labelled posts": posts.count(posts.flags("topics_known")),
        "squared topics": fit_kernels.list_squares(posts.row, posts.start, posts.stop, *_lists(posts, "topics")),
        "mean engagements": posts.mean(known.bucket.engagements),
    }


def pair_features(known: Known, account: Features) -> Features:
    """Compute the part of the family that is about posts; `account` holds `FIGURES` of the account.

    Each feature is described in the catalogue.
    """
    vertical = known.verticals.number(known.briefs.vertical_code[known.campaign])
    return {**_posts(known, account, vertical), **_texts(known), **_names(known, vertical)}


def _posts(known: Known, account: Features, vertical: IntArray) -> Features:
    posts, briefs, topics, brands = known.posts, known.briefs, known.verticals.topics, known.verticals.brands
    found = pair_kernels.posts(
        *(posts.at, posts.row, posts.start, posts.stop, posts.moment),
        *(known.bucket.engagements, *_lists(posts, "topics"), posts.codes("sponsor"), posts.flags("sponsored")),
        *(account[name] for name in FIGURES),
        *(known.campaign, briefs.topic_offsets, briefs.topic_code, briefs.brand_code[known.campaign]),
        *(vertical, topics.first, topics.offsets, topics.code, topics.since, topics.sieve),
        *(brands.offsets, brands.code, brands.since, brands.sieve),
    )
    return dict(zip(_OF_POSTS, found, strict=True))


def on_vertical(posts: Window, verticals: Verticals, vertical: IntArray) -> Window:
    """Return the posts on a topic that campaigns of each pair's vertical, (n,) numbers, have asked for."""
    listed = verticals.topics
    row, bounds = fit_kernels.keep_listed(
        *(posts.row, posts.start, posts.stop, *_lists(posts, "topics")),
        *(vertical, listed.offsets, listed.code, listed.since, posts.moment),
    )
    return posts.selected(row, bounds)


def _texts(known: Known) -> Features:
    """Compare captions with the brief by TF-IDF (Salton and Buckley 1988, smoothed as in scikit-learn)."""
    briefs = known.briefs
    found = np.full((2, len(known)), np.nan)
    published = known.decided_at // PERIOD * PERIOD
    for moment, vocabulary in known.vocabularies.items():
        read = known.captions.of_pairs(published == moment)
        cosines = fit_kernels.text_cosines(
            *(read.row, read.start, read.stop),
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
        found = np.fmax(found, cosines)  # null for the pairs of another moment
    mean, best = found
    return {"brief_similarity_mean_newest": mean, "brief_similarity_best_newest": best}


def _names(known: Known, vertical: IntArray) -> Features:
    captions, names, name = known.captions, known.verticals.named, known.briefs.brand_word[known.campaign]
    own, rival = pair_kernels.named(
        *(captions.row, captions.start, captions.stop, captions.moment, *_lists(captions, "words"), name),
        *(vertical, names.offsets, names.code, names.since, names.sieve),
    )
    read = captions.count()
    return {
        "brand_named_share_newest": np.where(name != 0, divide(own, read), np.nan),
        "rival_named_share_newest": divide(rival, read),
    }


def _lists(window: Window, name: str) -> tuple[IntArray, IntArray, IntArray]:
    return window.codes(f"{name}_start"), window.codes(f"{name}_size"), window.codes(name)
