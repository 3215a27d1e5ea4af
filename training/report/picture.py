"""A picture: on a page in the page's colours, for a wide and for a narrow screen, and as files of its own."""

from __future__ import annotations

import hashlib
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from typing import TYPE_CHECKING

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.colors import get_named_colors_mapping
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WIDE, NARROW = 7.4, 3.9  # inches
_DOTS = 200  # of a PNG, per inch
_VARIABLES = (
    "--ink",
    "--muted",
    "--rule",
    "--accent",
    "--band",
    "--card",
    "--c1",
    "--c2",
    "--c3",
    "--c4",
    "--c5",
    "--c6",
)
# What is drawn in these colours becomes variables of the page, so that one picture serves light, dark and print.
_OF_THE_PAGE = {name: f"#0a0b{number:02x}" for number, name in enumerate(_VARIABLES, start=1)}
COLOURS = {name: f"impel {name}" for name in _VARIABLES}
"""The colour to draw with for each variable of the page."""
_RC = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "text.color": COLOURS["--ink"],
    "axes.edgecolor": COLOURS["--rule"],
    "axes.labelcolor": COLOURS["--muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": COLOURS["--muted"],
    "ytick.color": COLOURS["--muted"],
    "grid.color": COLOURS["--rule"],
    "grid.linewidth": 0.6,
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Picture:
    """How a picture is drawn.

    Parameters
    ----------
    name : str
        Of its own; files are called so.
    draw : callable
        Draws on a figure; told whether the screen is narrow.
    height, narrow_height : float
        In inches.
    alt : str
        What the picture shows, in words; up to the first colon or full stop it is the title.
    """

    name: str
    draw: Callable[..., None]
    height: float
    narrow_height: float
    alt: str

    def __html__(self) -> Markup:
        """Return both drawings as one piece of HTML; the page shows the one that fits."""
        parts = []
        for name, width, height in (("wide", WIDE, self.height), ("narrow", NARROW, self.narrow_height)):
            with _painted(_OF_THE_PAGE, salt=f"{self.name}-{name}"):
                svg = _svg(self._figure(width, height, narrow=name == "narrow"))
            parts.append(_themed(svg, f"{self.name}-{name}", self.alt))
        return Markup('<div class="plot wide">{}</div><div class="plot narrow">{}</div>').format(*parts)

    def save(self, folder: Path) -> None:
        """Write NAME.svg and NAME.png into a folder, in the colours of the page by day."""
        with _painted(_by_day(), salt=self.name):
            figure = self._figure(WIDE, self.height, narrow=False)
            figure.set_facecolor(COLOURS["--card"])
            title = re.split(r"[.:]", self.alt, maxsplit=1)[0]
            told = f"<title>{escape(title)}</title><desc>{escape(self.alt)}</desc>"
            svg = re.sub(r"(<svg [^>]*>)", lambda found: found[1] + told, _svg(figure), count=1)
            (folder / f"{self.name}.svg").write_text(svg, encoding="utf-8")
            figure.savefig(folder / f"{self.name}.png", dpi=_DOTS, metadata={"Title": title, "Description": self.alt})

    def _figure(self, width: float, height: float, *, narrow: bool) -> Figure:
        figure = Figure(figsize=(width, height), layout="constrained")
        self.draw(figure, narrow=narrow)
        return figure


@contextmanager
def _painted(palette: Mapping[str, str], *, salt: str) -> Iterator[None]:
    """Draw in a palette, and with ids that go by the salt."""
    for name, colour in palette.items():  # one by one: each lets go of what was looked up before
        get_named_colors_mapping()[COLOURS[name]] = colour
    with mpl.rc_context(_RC | {"svg.hashsalt": salt}), warnings.catch_warnings():
        # Text stays text: the reader's browser has fonts for names that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _by_day() -> dict[str, str]:
    """Return the colours of the page where it is not dark: those that its style sheet names first."""
    style = (resources.files("training.report") / "style.css").read_text(encoding="utf-8")
    return {name: re.findall(rf"{name}: (#[0-9a-f]{{6}})", style)[0] for name in _VARIABLES}


def _svg(figure: Figure) -> str:
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", out.getvalue(), flags=re.DOTALL)
    return re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)


def _themed(svg: str, name: str, alt: str) -> Markup:
    """Return matplotlib's SVG as an element of a page: no prolog, ids of its own, the page's colours and font."""
    opening = re.search(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', svg)
    if opening is None:
        raise RuntimeError("matplotlib wrote an SVG without a viewBox")
    svg = f'<svg viewBox="{opening[1]}" role="img" aria-label="{escape(alt)}">{svg[opening.end() :]}'
    prefix = "p" + hashlib.sha256(name.encode()).hexdigest()[:6]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    svg = svg.replace("xlink:href", "href")
    for variable, colour in _OF_THE_PAGE.items():
        svg = svg.replace(colour, f"var({variable})")
    return Markup(svg.strip())  # noqa: S704 - matplotlib escapes texts in its SVG
