"""The figures the demo marketplace is generated from, each with its source.

Where only a vendor has published, the vendor is named; what nobody has published is called an assumption. Years are
years of publication. `elasticity` means the exponent b in quantity ~ followers ** b.
"""

from __future__ import annotations

import numpy as np

# --- who is on the market ---------------------------------------------------------------------------------------------

# Tiers by followers of the main account. 75.9 % of Instagram's influencers are nano (HypeAuditor 2025, edges as used by
# Hootsuite 2025). How the rest divides is an assumption: each tier about a third to a half of the one below.
TIER_EDGES = (1e3, 1e4, 5e4, 5e5, 1e6, 4e6)
TIER_SHARES = (0.759, 0.145, 0.075, 0.012, 0.009)

# Monthly growth: nano 0 to 3 %, mega -2 to 1 % (vendor ranges, 2025): the middle of each, linear in log followers.
GROWTH_NANO, GROWTH_MEGA = 0.015, -0.005

# Share of fake followers: bimodal, mean .264 to .315, median .143 to .196, about a quarter of accounts above one half,
# and no relation to size (SRF Data 2017: 115 Swiss influencers, 7.0 million followers). Mixture fitted to those figures.
FAKE_PRONE = 0.32
FAKE_CLEAN = (2.0, 13.0)
FAKE_BOUGHT = (6.0, 4.5)

# Profiles of followers, medians and standard deviations of the logarithm, real and fake (SRF Data 2017: 877 real and 98
# fake followers labelled by hand). A third of the fakes sits just below the limit of 7,500 followings, which is what
# bends the first digits away from Benford's law.
REAL_FOLLOWER = {"posts": (74, 1.87), "following": (604, 1.37), "followers": (421, 1.92)}
FAKE_FOLLOWER = {"posts": (1, 1.75), "following": (1150, 1.0), "followers": (121, 2.19)}
FAKE_AT_LIMIT, FOLLOWING_LIMIT = 0.33, (4800, 7500)
NO_PICTURE = {"real": 0.006, "fake": 0.07}
PRIVATE = {"real": 0.21, "fake": 0.31}

# Engagement pods: over 400 pods, 111,000 accounts, and only 4 % of them ask for a minimum size (Weerasinghe et al., WWW
# 2020). The share of members among influencers, and by how much they lift each other, are assumptions.
POD_SHARE, POD_SIZE = 0.15, 10
POD_LIKES, POD_COMMENTS = 1.5, 2.5

# --- how far a post reaches and what it gets back ---------------------------------------------------------------------

# Share of followers that one feed post reached in 2019: 37.7 % below 20,000 followers, 22.9 % to a million, 19.1 % above
# (Minter.io 2019, 3 to 4 million posts): .377 * (followers / 8,000) ** -.12. Since then falling 12 % a year (Outfame 2025).
REACH_LEVEL, REACH_FOLLOWERS, REACH_ELASTICITY, REACH_YEAR = 0.377, 8e3, -0.12, 2019.5
REACH_DRIFT = float(np.log1p(-0.12))
REACH_SPREAD = 0.5  # standard deviation of log reach from post to post; small accounts go from 10 to 90 %

# Engagement by followers: instagram 4.8/2.4/1.8/1.5/1.2 %, tiktok 10.3/8.1/6.3/5.5/4.9 %, youtube 3.2/2.1/1.5/1.2/.9 %
# from nano to mega (vendor tables, 2025). (level at 10,000 followers, elasticity). The other platforms are assumptions.
ENGAGEMENT = {
    "instagram": (0.031, -0.20),
    "tiktok": (0.086, -0.11),
    "youtube": (0.023, -0.18),
    "x": (0.012, -0.18),
    "facebook": (0.014, -0.20),
    "pinterest": (0.010, -0.15),
    "blog": (0.008, -0.10),
}
ENGAGEMENT_YEAR = 2025.5
ENGAGEMENT_BY_TRUST = 0.5  # log engagement per standard deviation of trust: the mechanism of Beichert et al., JM 2024
SPONSORED = 0.7  # sponsored posts engage less (Waltenrath 2024; one account's median .377); level assumed
DECAY_DAYS = 1.0  # a post has 63 % of its engagement after one day and 86 % after two (80 % in 24 to 48 h, vendors)

# --- from reach to action ---------------------------------------------------------------------------------------------

# Clicks per impression: story sticker 2 to 5 %, feed .5 to 1.5 %, link in the profile 1 to 3 %, sponsored YouTube videos
# .3 to 2.8 % (vendor ranges, 2024 and 2025); blog, pinterest, facebook and x are assumptions.
CLICK_RATE = {
    "instagram": 0.026,
    "tiktok": 0.018,
    "youtube": 0.020,
    "x": 0.012,
    "facebook": 0.018,
    "pinterest": 0.020,
    "blog": 0.045,
}
# Orders per click: 2.41/2.18/1.42/.91 % from nano to mega (vendor, 2025) gives 2.3 % at 10,000 followers and -.15;
# by vertical fashion 1 to 3, beauty 2 to 4, electronics .5 to 1.5, home 1 to 2 %. Sign-ups per click: 2 to 8 %.
ORDER_RATE, ORDER_ELASTICITY = 0.023, -0.15
SIGNUP_RATE = 0.05
# Revenue per follower falls from .265 to .049 euro from nano to macro (Beichert et al., JM 2024, 1.88 million purchases):
# -.41 in all, of which reach takes -.12 and orders per click -.15; what is left falls to the clicks.
CLICK_ELASTICITY = -0.14
# Trust: credibility and purchase intention correlate at .51 (Pan et al., JAMS 2025, 86 studies): loadings chosen so that
# trust and the log rate of orders do, too.
CLICKS_BY_TRUST, RESPONSE_BY_TRUST = 0.5, 0.3
# Engagement alone does not go with sales (Yang, Zhang and Zhang, Marketing Science 2025): how entertaining an account is
# moves its engagement and nothing after it.
ENTERTAINMENT_SPREAD = 0.5
# Many paid posts dull each of them (inverted U of activity: Leung et al., JM 2022); slope assumed.
RESPONSE_BY_SPONSORED_SHARE = -2.0
SKILL_SPREAD = 0.5  # what only an influencer's own past outcomes show; with trust it makes the intraclass correlation

# Reported conversions double in the week of Black Friday (assumption: 1.5 to 2); clicks fall 20 % in late December (one
# practitioner, 2024).
SEASON_SALE, SEASON_DAYS = 1.75, 8.0
LATE_DECEMBER_CLICKS = 0.8

NO_SHOW = (0.8, 3.2)  # mean .20: 80 % of what is paid for is delivered (Later 2025); spread between influencers assumed

# Fees per post: nano 10 to 150, micro 100 to 500, mid 160 to 5,000, macro 5,000 to 10,000, mega above (vendors, 2025): a
# fixed part and one that grows with followers, which puts the cheapest actions in the middle (Bakshy et al., WSDM 2011;
# Tian, Dew and Iyengar, JMR 2024: about 7,500 to 10,000 followers).
FEE_FIXED, FEE_LEVEL, FEE_FOLLOWERS, FEE_ELASTICITY = 30.0, 51.0, 5e3, 0.95
FEE_SPREAD = 0.35

# Value of one action, and the spread of its logarithm between campaigns: CPM 10 to 25 for micro and 25 to 50 for macro,
# business leads 20 to 100 (vendors, 2025); the others are assumptions.
VALUE = {
    "awareness": (0.020, 0.20),
    "engagement": (0.25, 0.35),
    "traffic": (1.1, 0.30),
    "signup": (22.0, 0.35),
    "sale": (52.0, 0.35),
}
# Size of the negative binomial: one nano's orders are best described by .5 (derived from the funnel), one post's reach
# by a lognormal of .5, which is about 3.5; the goals between them stand between.
DISPERSION = {"awareness": 3.5, "engagement": 1.6, "traffic": 1.8, "signup": 1.2, "sale": 1.0}
# Share of reported actions that would not have happened anyway: experiments against what observation says, lift 29, 18
# and 5 % against 83, 58 and 24 % from the upper to the lower funnel (Gordon, Moakler and Zettelmeyer 2023).
INCREMENTAL = {"awareness": 29 / 83, "engagement": 29 / 83, "traffic": 18 / 58, "signup": 18 / 58, "sale": 5 / 24}
