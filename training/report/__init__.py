"""The page that says what a backtest found, for people who buy campaigns."""

from training.report.page import write

__all__ = ["write"]
