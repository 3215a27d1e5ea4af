"""The page about a log, and the same numbers as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import SettingError
from training.monitor import plots
from training.report.page import plain, templates
from training.report.plots import reliability

if TYPE_CHECKING:
    from training.monitor.monitor import Monitored

_DRIFT, _MISSING, _LIKELIHOODS, _CALIBRATION = "IMP102", "IMP103", "IMP106", "IMP107"


def write(found: Monitored, out_dir: str | Path) -> Path:
    """Write monitor.html and monitor.json into a folder, which is made where it is missing; return the page's path.

    Raises
    ------
    SettingError
        Where the folder cannot be written.
    """
    folder = Path(out_dir)
    figures = plain(found.to_dict())
    page = folder / "monitor.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(render(figures), encoding="utf-8")
        text = json.dumps(figures, indent=1, allow_nan=False, ensure_ascii=False)
        (folder / "monitor.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(f"the page cannot be written to {str(folder)!r}: {error.strerror or error}") from None
    return page


def render(m: dict[str, Any]) -> str:
    """Return the page; every figure in it is one of those given."""
    checks = {one["code"]: one for one in m["checks"]}
    issues = [one for one in m["checks"] if one["outcome"] == "issue"]
    template = templates().get_template("monitor.html.j2")
    return template.render(
        m=m,
        title=_title(issues),
        lead=_lead(m, checks),
        issues=issues,
        pictures=_pictures(m),
        drift=checks[_DRIFT],
        missing=checks[_MISSING],
        likelihoods=checks[_LIKELIHOODS],
        calibration=checks[_CALIBRATION],
    )


def _title(issues: list[dict[str, Any]]) -> str:
    if not issues:
        return "Nothing has crossed its threshold"
    first = max(issues, key=lambda one: ("low", "medium", "high").index(one["severity"]))
    more = f" and {len(issues) - 1} more" if len(issues) > 1 else ""
    return f"To look at: {first['title'][0].lower()}{first['title'][1:]}{more}"


def _lead(m: dict[str, Any], checks: dict[str, dict[str, Any]]) -> str:
    counts = {outcome: sum(one["outcome"] == outcome for one in checks.values()) for outcome in ("issue", "passed")}
    left = len(checks) - sum(counts.values())
    return (
        f"Of {len(checks)} checks {counts['issue']} found their threshold crossed, {counts['passed']} did not, and "
        f"{left} cannot be answered yet. Looked at: {m['log']['from'][:10]} to {m['log']['until'][:10]}."
    )


def _pictures(m: dict[str, Any]) -> dict[str, Any]:
    pictures: dict[str, Any] = {}
    if m["features"]:
        pictures["drift"] = plots.drift(m["features"], threshold=m["thresholds"]["drift"])
        pictures["missing"] = plots.missing(m["features"])
    if "before" in m["likelihoods"]:
        pictures["likelihoods"] = plots.likelihoods(m["likelihoods"])
    if "reliability" in m["calibration"]:
        pictures["reliability"] = reliability(m["calibration"]["reliability"], m["calibration"]["spread"])
    return pictures
