"""From past outcomes to a model one may trust."""
