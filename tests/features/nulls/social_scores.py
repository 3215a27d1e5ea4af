"""When features of the family social scores are null: by case of `tests.features.worlds`."""

from __future__ import annotations

NULL = {
    "no reading": "klout_reach",
    "no interaction": "klout_network",
    "interactions long ago": "klout_network",
    "only interactions with oneself": "klout_network",
    "followers of fans unknown": "klout_network",
    "nothing known when the scores were published": """
        klout_reach klout_amplification klout_network klout_score kred_influence kred_outreach
        peerindex_authority peerindex
    """,
    "nothing known at all": """
        klout_reach klout_amplification klout_network klout_score kred_influence kred_outreach
        peerindex_authority peerindex
    """,
}
