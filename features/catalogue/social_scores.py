"""Social scores: what Klout, Kred and PeerIndex would have said."""

from __future__ import annotations

from features.catalogue.entry import NO_READING, Entries

_NOTHING = "nothing known of the account when the scores were published"

ENTRIES: Entries = (
    ("klout_reach", "log1p", "Klout: followers that are not suspicious (all where unknown)", NO_READING, "free",
     ("account_stats", "followers")),
    ("klout_amplification", "log1p",
     "Klout: shares of posts (where none were measured: reshares) and mentions in 90 days",
     "nothing known of the account, or no interactions table and no shares", "free",
     ("posts", "interactions", "account_stats")),
    ("klout_network", "log1p", "Klout: mean logarithm of the followers of those who interact, 90 days",
     "no interaction in the window by somebody whose followers are known", "free", ("interactions",)),
    ("klout_score", "1 to 100", "Klout, after its first form", "none of its three parts known", "free",
     ("account_stats", "posts", "interactions", "followers")),
    ("kred_influence", "0 to 1,000",
     "Kred influence: points for replies, reshares and mentions in 90 days, by platform and language", _NOTHING,
     "free", ("interactions", "account_stats", "posts")),
    ("kred_outreach", "level", "Kred outreach: level for 10 points per interaction that the account ever gave",
     _NOTHING, "free", ("interactions", "account_stats", "posts")),
    ("peerindex_authority", "0 to 100",
     "PeerIndex authority: rank in the graph of comments, mentions and reshares, each once a day, 120 days",
     _NOTHING, "free", ("interactions", "account_stats", "posts")),
    ("peerindex", "0 to 100", "PeerIndex: authority, audience and activity", _NOTHING, "free",
     ("interactions", "account_stats", "posts", "followers")),
)  # fmt: skip
