"""The commands of `impel`, by subject; `training.cli` puts them together."""
