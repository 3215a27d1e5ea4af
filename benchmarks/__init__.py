"""How fast and how lean the features are, beside the same features by hand in pandas, DuckDB SQL and Polars."""
