"""The documentation as a site: it is built offline, with every notebook run on the way."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.packaging.documents import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path


def test_the_site_is_built_and_asks_no_other_server(tmp_path: Path) -> None:
    """Notebooks are executed on the way; a warning is an error."""
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-4000:]
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        styles = re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not [*loaded, *styles], page.name


def test_notebooks_are_kept_without_outputs() -> None:
    kept = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(kept) == 6
    for notebook in kept:
        text = notebook.read_text(encoding="utf-8")
        assert '"outputs": []' in text
        assert not re.search(r'"execution_count": \d', text), notebook.name
