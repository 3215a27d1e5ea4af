"""Print the page of all features: `python -m features.catalogue > docs/features.md`."""

from __future__ import annotations

from features.catalogue import page

if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
