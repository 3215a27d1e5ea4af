"""How fast and how lean the features are, beside the same features by hand in pandas, DuckDB SQL and Polars."""

AGREE = 1e-8
"""Largest relative difference with which two engines agree: their sums run in different orders."""
