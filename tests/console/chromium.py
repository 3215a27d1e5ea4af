"""Debian's Chromium for the tests of the console."""

from __future__ import annotations

import shutil

from tests import debian


def program() -> str | None:
    """Return the browser's program; as root it is installed where it is missing."""
    if shutil.which("chromium") is None:
        debian.install("chromium")
    return shutil.which("chromium")
