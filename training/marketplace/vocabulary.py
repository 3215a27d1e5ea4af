"""The words of the demo marketplace: platforms, verticals, topics, places, captions and comments."""

from __future__ import annotations

# What a platform shows of a post; a kind that is not listed is null there, never 0.
SHOWN = {
    "instagram": ("views", "likes", "comments", "saves"),
    "tiktok": ("views", "likes", "comments", "shares", "saves"),
    "youtube": ("views", "likes", "comments"),
    "x": ("views", "likes", "comments", "shares"),
    "facebook": ("likes", "comments", "shares"),
    "pinterest": ("views", "likes", "comments", "saves", "clicks"),
    "blog": ("views", "comments", "shares", "clicks"),
}
PLATFORMS = tuple(SHOWN)
PLATFORM_SHARES = (0.40, 0.25, 0.13, 0.08, 0.06, 0.04, 0.04)
# What follows is assumed, platform by platform in the order above.
POSTS_PER_WEEK = (1.2, 1.4, 0.5, 2.0, 1.0, 1.2, 0.4)
VIEWS = (1.0, 1.5, 1.1, 0.7, 0.7, 0.8, 0.6)  # reach against instagram's feed
PRICE = (1.0, 0.9, 1.5, 0.6, 0.8, 0.7, 0.9)  # fee against instagram's

TOPICS_OF = {
    "fashion": ("streetwear", "vintage", "shoes", "jewellery"),
    "beauty": ("skincare", "makeup", "hair", "fragrance"),
    "food": ("recipes", "restaurants", "baking", "vegan"),
    "travel": ("city trips", "hiking", "camping", "hotels"),
    "fitness": ("running", "yoga", "strength", "nutrition"),
    "home": ("interiors", "garden", "diy", "cleaning"),
    "electronics": ("phones", "audio", "cameras", "smart home"),
    "gaming": ("consoles", "esports", "board games", "streaming"),
}
VERTICALS = tuple(TOPICS_OF)
TOPICS = tuple(topic for topics in TOPICS_OF.values() for topic in topics)
TOPIC_VERTICAL = tuple(i for i, topics in enumerate(TOPICS_OF.values()) for _ in topics)
FEMALE = (0.68, 0.80, 0.62, 0.55, 0.52, 0.64, 0.28, 0.24)
YOUNG = (0.7, 0.6, 0.35, 0.4, 0.5, 0.15, 0.45, 0.85)
# Orders per click, relative to the mean: fashion 1 to 3, beauty 2 to 4, electronics .5 to 1.5, home 1 to 2 % (vendors).
ORDERS = (0.95, 1.30, 1.20, 0.75, 1.05, 0.75, 0.55, 0.85)
# Engagement by vertical: travel 2.4, beauty 1.95, sport 1.6, fashion 1.53 % (Statista 2023), relative to 1.7 %.
ENGAGES = (0.90, 1.15, 1.05, 1.40, 0.95, 0.95, 0.80, 0.95)

COUNTRIES = ("US", "GB", "DE", "FR", "ES", "IT", "CA", "AU", "BR", "IN", "ID", "TR", "EG")
COUNTRY_SHARES = (0.34, 0.14, 0.12, 0.09, 0.07, 0.07, 0.06, 0.04, 0.03, 0.02, 0.01, 0.005, 0.005)
FAKE_COUNTRIES = (0.06, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.00, 0.21, 0.24, 0.18, 0.14, 0.11)
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "hi", "id", "tr", "ar")
LANGUAGE_OF = (0, 0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 9)
AGES = ("13-17", "18-24", "25-34", "35-44", "45-54", "55+")
GENDERS = ("female", "male")
BUCKETS = {"country": COUNTRIES, "age": AGES, "gender": GENDERS, "language": LANGUAGES, "interest": TOPICS}

CAPTION_OPENERS = (
    "New week, new", "My honest thoughts on", "Everything I learned about", "A quiet morning with", "Three ideas for",
    "Can we talk about", "Still not over this", "What nobody tells you about", "Saving this for later:",
    "Sunday is for", "Back to basics:", "You asked for more",
)  # fmt: skip
CAPTION_CLOSERS = (
    "tell me what you think.", "link below.", "part two tomorrow.", "what would you change?", "save it for Sunday.",
    "more in the next one.", "no filter.", "thank you for being here.", "which one is yours?", "full story soon.",
    "I mean it.", "swipe to the end.",
)  # fmt: skip
BRIEF_OPENERS = (
    "Launch of a new line for",
    "Bring back former customers of",
    "Make people try our",
    "A gift for fans of",
)
BRIEF_CLOSERS = (
    "with a personal story.",
    "shown in daily life.",
    "with a code for followers.",
    "honest and unscripted.",
)

GENERIC_COMMENTS = (
    "nice pic", "nice", "wow", "great", "love it", "cool", "amazing", "so good", "awesome post", "great content",
    "\U0001f525\U0001f525", "\u2764\ufe0f", "\U0001f60d\U0001f60d\U0001f60d", "\U0001f44f",
)  # fmt: skip
COMMENT_OPENERS = (
    "I tried this with", "my sister swears by", "where did you find the", "how long did it take to get into",
    "never thought about", "finally someone explains", "I disagree a little on", "would this work for beginners in",
    "we do the same every weekend with", "you convinced me to start with", "what is your budget for",
    "do you have a list for", "since your last video I kept thinking about", "my neighbour asked me about",
    "not sure I would spend that much on", "you answered my question about", "ordered it because of your take on",
    "this is the reason I follow you for", "my kids now want to talk about", "could you compare two kinds of",
)  # fmt: skip
COMMENT_MIDDLES = (
    "last winter", "on a rainy day", "after work", "with a small flat", "at my age", "for two people", "on holiday",
    "in our town", "for the first time", "after your tip", "with my mother", "on a tight budget", "since spring",
    "without a car", "before breakfast", "for my birthday", "after a long break", "every other day", "in the office",
    "with three friends", "for a whole month", "as a student", "near the sea", "in the mountains", "by accident",
)  # fmt: skip
COMMENT_CLOSERS = (
    "and it held up.", "and I am glad I did.", "what do you think?", "thanks for the details!", "still not sure.",
    "any advice?", "worked better than expected.", "how about you?", "please more of this.", "it changed my mind.",
    "would do it again.", "took me three tries.", "not for everyone though.", "can you link it?", "see you next week.",
    "I saved this one.", "so true.", "my partner laughed.", "the second tip is gold.", "colour matters more.",
)  # fmt: skip
