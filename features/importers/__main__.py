"""Print the page of all fields: `python -m features.importers > docs/import-fields.md`."""

from __future__ import annotations

from features.importers.describe import page

if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
