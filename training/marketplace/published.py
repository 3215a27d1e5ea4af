"""The figures the demo marketplace is generated from, each with its source.

Vendors' figures are called so; what nobody has published is called an assumption. Years are those of publication. An
elasticity is the exponent b in quantity ~ followers ** b.

Where the marketplace departs from what is published:
- Revenue per follower falls with size as in Beichert et al. (JM 2024), but from a level about five times lower: clicks
  and orders follow the vendors' funnels, and the two do not agree.
- Accounts have about one tracked post a week; 3 to 5 are usual.
- Reach and engagement differ with followers as accounts of different size differ; that followers cause few views (Tian,
  Dew and Iyengar, JMR 2024: elasticity .10) plays no part, because nothing here changes an account's followers alone.
- Left out: the inverted U of followers and of the fit of follower and brand, new products (Leung et al., JM 2022),
  conversions that codes leak or miss, followers who hear of one brand from several influencers.
"""

from __future__ import annotations

import numpy as np

# --- who is on the market ---------------------------------------------------------------------------------------------

# Tiers by followers of the main account: nano, micro, mid, macro, mega (edges as in Hootsuite 2025). 75.9 % are nano
# (HypeAuditor 2025, Instagram); how the rest divides is an assumption.
TIER_EDGES = (1e3, 1e4, 5e4, 5e5, 1e6, 4e6)
TIER_SHARES = (0.759, 0.160, 0.070, 0.008, 0.003)

# Growth per month: nano 0 to 3 %, mega -2 to 1 % (vendors 2025): the middle of each, linear in log followers.
GROWTH_NANO, GROWTH_MEGA = 0.015, -0.005
GROWTH_FROM, GROWTH_TO = 3e3, 2e6
GROWTH_SPREAD = 0.012  # assumption

# Share of fake followers: bimodal, mean .264 to .315, median .143 to .196, about a quarter of the accounts above one
# half, no relation to size (SRF Data 2017: 115 Swiss influencers, 7.0 million followers). A mixture of two beta
# distributions fitted to those figures.
FAKE_PRONE = 0.32
FAKE_CLEAN = (2.0, 13.0)
FAKE_BOUGHT = (6.0, 4.5)

# Public profiles of followers: medians, and standard deviations of the logarithm (SRF Data 2017: 877 real and 98 fake
# followers of Instagram accounts, labelled by hand). A third of the fakes sits just below the limit of 7,500
# followings; with them the median of the fakes is the published 2,107, and the first digits leave Benford's law.
REAL_FOLLOWER = {"posts": (74, 1.87), "following": (604, 1.37), "followers": (421, 1.92)}
FAKE_FOLLOWER = {"posts": (1, 1.75), "following": (1150, 1.0), "followers": (121, 2.19)}
FAKE_AT_LIMIT, FOLLOWING_LIMIT = 0.33, (4800, 7500)
NO_PICTURE = {"real": 0.006, "fake": 0.07}
PRIVATE = {"real": 0.21, "fake": 0.31}

# Pods: over 400 with 111,000 accounts, only 4 % of them ask for a minimum size (Weerasinghe et al., WWW 2020). Share
# of members among influencers, size and by how much members lift each other are assumptions; so is the lift of bought
# likes.
POD_SHARE, POD_SIZE = 0.15, 10
POD_LIKES, POD_COMMENTS = 1.5, 2.5
BOUGHT_LIKES = 1.8

# --- how far a post reaches and what it gets back ---------------------------------------------------------------------

# Share of the followers that a feed post reached in 2019: 37.7 % below 20,000 followers, 22.9 % up to a million, 19.1
# % above (Minter.io 2019, 3 to 4 million posts), which is .377 * (followers / 8,000) ** -.12. It has since fallen by
# 12 % a year (Outfame 2025).
REACH_LEVEL, REACH_FOLLOWERS, REACH_ELASTICITY, REACH_YEAR = 0.377, 8e3, -0.12, 2019.5
REACH_DRIFT = float(np.log1p(-0.12))
REACH_SPREAD = 0.5  # sd of log reach from post to post: small accounts reach 10 to 90 % (vendor 2025)
ACCOUNT_REACH_SPREAD = 0.35  # the same between accounts of one size, assumption

# Engagement of all followers: instagram 4.8/2.4/1.8/1.5/1.2, tiktok 10.3/8.1/6.3/5.5/4.9, youtube 3.2/2.1/1.5/1.2/.9
# % from nano to mega (vendors 2025), as (level at 10,000 followers, elasticity). The other platforms are assumptions.
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
# Log engagement per standard deviation of trust: replies and closeness are the mechanism (Beichert et al., JM 2024);
# comments, shares and saves gain on likes with it (size and the spread around it are assumptions).
ENGAGEMENT_BY_TRUST = 0.5
PER_LIKE = {"comments": (0.030, 0.45), "shares": (0.025, 0.40), "saves": (0.035, 0.40)}
PER_LIKE_SPREAD = 0.45
# How entertaining an account is moves its engagement and nothing after it: engagement alone does not go with sales
# (Yang, Zhang and Zhang, Marketing Science 2025).
ENTERTAINMENT_SPREAD = 0.5
SPONSORED = (
    0.7  # sponsored posts engage less (Waltenrath 2024; .377 in the one account that was counted), level assumed
)
DECAY_DAYS = 1.0  # 63 % of the engagement after one day, 86 % after two (vendors 2025: over 80 % in 24 to 48 hours)

# --- from reach to action ---------------------------------------------------------------------------------------------

# Clicks per impression: story sticker 2 to 5 %, feed .5 to 1.5 %, link in the profile 1 to 3 %, sponsored videos on
# YouTube .3 to 2.8 % (vendors 2024 and 2025); x, facebook, pinterest and blog are assumptions.
CLICK_RATE = {
    "instagram": 0.026,
    "tiktok": 0.018,
    "youtube": 0.020,
    "x": 0.012,
    "facebook": 0.018,
    "pinterest": 0.020,
    "blog": 0.045,
}
# Orders per click: 2.41/2.18/1.42/.91 % from nano to mega (vendor 2025). Sign-ups per click: 2 to 8 % (vendors 2025).
ORDER_RATE, ORDER_ELASTICITY = 0.023, -0.15
SIGNUP_RATE = 0.05
# Revenue per follower falls from .265 euro for nano to .049 for macro (Beichert et al., JM 2024: 1.88 million
# purchases, 2,808 sponsored posts): -.41, of which reach takes -.12 and orders per click -.15. What is left falls to
# the clicks.
CLICK_ELASTICITY = -0.14
# Log clicks and log response per click, per standard deviation of trust: credibility and purchase intention correlate
# at .51 (Pan et al., JAMS 2025, 86 studies); so do trust and the log rate of orders, between .44 with and .59 without
# luck.
CLICKS_BY_TRUST, RESPONSE_BY_TRUST = 0.5, 0.25
# What shows only in an influencer's own past outcomes; with trust it makes the intraclass correlation .3 to .5.
SKILL_SPREAD = 0.4
# Many paid posts dull each of them (inverted U of activity: Leung et al., JM 2022); slope assumed.
RESPONSE_BY_SPONSORED_SHARE = -2.0
# Orders per click around Black Friday: 1.5 to 2 fold (assumption); clicks in late December: -20 % (a practitioner,
# 2024).
SEASON_SALE, SEASON_DAYS = 1.75, 8.0
LATE_DECEMBER_CLICKS = 0.8

# Paid and never posted: 20 % (Later 2025: 80 % are completed) as a beta distribution over influencers; spread
# assumed.
NO_SHOW = (0.8, 3.2)

# Fees per post: nano 10 to 150, micro 100 to 500, mid 160 to 5,000, macro 5,000 to 10,000, mega above (vendors 2025):
# a fixed part and one that grows with followers, so that actions are cheapest in the middle (Bakshy et al., WSDM
# 2011; Tian, Dew and Iyengar, JMR 2024: about 7,500 to 10,000 followers).
FEE_FIXED, FEE_LEVEL, FEE_FOLLOWERS, FEE_ELASTICITY = 30.0, 51.0, 5e3, 0.95
FEE_SPREAD, QUOTE_SPREAD = 0.45, 0.15  # between accounts and between quotes of one account, assumptions
# What a campaign may spend: median, and standard deviation of the logarithm (assumption; single posts cost from 200 to
# 100,000: Leung et al., JM 2022). It hires about twenty, so nobody who asks for more than a tenth of it (assumption).
BUDGET, BUDGET_SPREAD, DEAREST = 9_000.0, 1.0, 1 / 10

# What one action is worth, and the spread of its logarithm between campaigns: CPM 10 to 50, leads 20 to 100 (vendors
# 2025), a fivefold range, which is a spread of .4 to .5. Margins per order and per trial differ more, from food to
# electronics and from an app to a course (assumption).
VALUE = {
    "awareness": (0.020, 0.40),
    "engagement": (0.25, 0.50),
    "traffic": (1.1, 0.50),
    "signup": (22.0, 0.70),
    "sale": (52.0, 0.70),
}
# Size of the negative binomial: a lognormal spread of .5 in reach is about 3.5; counts further down the funnel are
# more dispersed (negative binomial or Poisson-lognormal throughout the literature), to what degree is an assumption.
DISPERSION = {"awareness": 3.5, "engagement": 1.6, "traffic": 1.8, "signup": 1.4, "sale": 1.3}
# Share of reported actions that would not have happened anyway: experiments find 29, 18 and 5 % of lift from the
# upper to the lower funnel where observation says 83, 58 and 24 % (Gordon, Moakler and Zettelmeyer 2023, 663
# experiments).
INCREMENTAL = {"awareness": 29 / 83, "engagement": 29 / 83, "traffic": 18 / 58, "signup": 18 / 58, "sale": 5 / 24}
