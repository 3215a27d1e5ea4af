"""From a bundle to an answer."""
