"""Social scores: what Klout, Kred and PeerIndex would have said."""

from __future__ import annotations

from features.catalogue.entry import NO_READING, Entries

_NOTHING = "nothing known of the account when the scores were published"
_NO_RANK = "nothing known of the account when the scores were published, or of fewer than ten accounts"
_KRED = ("interactions", "account_stats", "posts")

ENTRIES: Entries = (
    ("klout_reach", "log1p", "Klout: followers that are not suspicious (all where unknown)", NO_READING, "free",
     ("account_stats", "followers")),
    ("klout_amplification", "log1p",
     "Klout: shares of posts (where none were measured: reshares) and mentions in 90 days",
     "nothing known of the account, or no interactions table and no shares", "free",
     ("posts", "interactions", "account_stats")),
    ("klout_network", "log1p", "Klout: mean logarithm of the followers of those who interact, 90 days",
     "no interaction in the window by somebody whose followers are known", "free", ("interactions",)),
    ("klout_score", "1 to 100", "Klout, after its first form",
     "none of its three parts known, or of fewer than ten accounts", "free",
     ("account_stats", "posts", "interactions", "followers")),
    ("klout_networks", "0 to 100",
     "Klout, after its form of 2015: the influencer over all accounts; a further account never lowers it", _NO_RANK,
     "free", ("posts", "interactions", "account_stats")),
    ("kred_influence", "0 to 1,000",
     "Kred influence: points for replies, reshares and mentions in 90 days, by platform and language", _NOTHING,
     "free", _KRED),
    ("kred_outreach", "level", "Kred outreach: level for 10 points per interaction that the account ever gave",
     _NOTHING, "free", _KRED),
    ("peerindex_authority", "0 to 100",
     "PeerIndex authority: rank in each topic's graph of comments, mentions and reshares, 120 days", _NO_RANK,
     "free", _KRED),
    ("peerindex_activity", "0 to 100", "PeerIndex activity: rank among those who post on the same topics, 90 days",
     _NO_RANK, "free", ("posts", "interactions", "account_stats")),
    ("peerindex", "0 to 100", "PeerIndex: authority, audience and activity", _NO_RANK, "free",
     ("interactions", "account_stats", "posts", "followers")),
    ("peerindex_topic_authority", "0 to 100",
     "PeerIndex authority on the brief's topics: the highest; 0 where nobody endorses the account on any",
     "no authority, or no topic in the brief on which five accounts are endorsed", "free",
     ("interactions", "account_stats", "posts", "campaigns")),
)  # fmt: skip
