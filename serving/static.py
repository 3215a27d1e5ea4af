"""The console's files, read once: what the folder `console` holds can be asked for, and nothing else.

They hold no data: the page asks for these itself, with the key of whoever uses it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request

CONSOLE = "/console"
"""The console's address; its files lie below."""
_FOLDER = Path(__file__).parent / "console"
# Not the machine's own list, which may lack one or name it otherwise.
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class File:
    """One file, with the type and the tag that go with it."""

    content: bytes
    media_type: str
    etag: str


@cache
def files() -> dict[str, File]:
    """Return the files by their address; files of other kinds are not handed out."""
    found = {
        f"{CONSOLE}/{path.relative_to(_FOLDER).as_posix()}": _read(path, _MEDIA_TYPES[path.suffix])
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _MEDIA_TYPES and path.is_file()
    }
    return {f"{CONSOLE}/": found[f"{CONSOLE}/index.html"], **found}


async def redirect(_: Request) -> Response:
    """Lead to the page, beside which its files lie; relative, so that it works behind a proxy's path, too."""
    return Response(status_code=307, headers={"location": f"{CONSOLE.removeprefix('/')}/"})


async def answer(request: Request) -> Response:
    """Answer a file, or that it is still the one that the browser has."""
    file = files()[request.scope["path"]]
    # Asked for every time, so that page and service are always of one version.
    headers = {"etag": file.etag, "cache-control": "no-cache"}
    # What a proxy has compressed comes back with a weak tag.
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _read(path: Path, media_type: str) -> File:
    content = path.read_bytes()
    return File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
