"""When features of the family social scores are null: by case of `tests.features.worlds`."""

from __future__ import annotations

_ALL = """
    klout_reach klout_amplification klout_network klout_score klout_networks
    kred_influence kred_outreach
    peerindex_authority peerindex_activity peerindex peerindex_topic_authority
"""

NULL = {
    "no reading": "klout_reach",
    "no interaction": "klout_network",
    "interactions long ago": "klout_network",
    "only interactions with oneself": "klout_network",
    "followers of fans unknown": "klout_network",
    "no topic in the brief": "peerindex_topic_authority",
    "no topic in a new vertical": "peerindex_topic_authority",
    "nothing known when the scores were published": _ALL,
    "nothing known at all": _ALL,
}
