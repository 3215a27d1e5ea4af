"""JSON paths of mappings as SQL: `insights.data[name=views].values[0].value`, `data[*]`."""

from __future__ import annotations

import re

from features.errors import SettingError
from features.problems import literal

_SEGMENT = re.compile(r"(?P<key>[^.\[\]]+)|\[(?P<index>\d+|\*)\]|\[(?P<name>[^=\[\]]+)=(?P<value>[^\[\]]+)\]")


def json_value(record: str, path: str) -> str:
    """Return SQL of the text at a path of a JSON record (a SQL expression); null where there is nothing."""
    steps = _steps(path)
    if any(step == "[*]" for step in steps if isinstance(step, str)):
        raise SettingError(f"The path {path!r} names several values; name one, as in [0] or [name=views].")
    for place, step in enumerate(steps):
        if isinstance(step, tuple):
            name, value = step
            before, after = _joined(steps[:place]), steps[place + 1 :]
            found = f"list_filter(json_extract({record}, '{before}[*]'), lambda e: {_at('e', name)} = {literal(value)})"
            return f"json_extract_string({found}[1], '{_joined(after)}')"
    return f"json_extract_string({record}, '{_joined(steps)}')"


def json_rows(record: str, path: str) -> str:
    """Return SQL of the list of records at a path such as `data[*]`."""
    return f"json_extract({record}, '{_joined(_steps(path))}')"


def first_key(path: str) -> str:
    """Return the first key of a path: what a list of a record's keys shows of it."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _at(record: str, name: str) -> str:
    return f"json_extract_string({record}, '{_joined([name])}')"


def _steps(path: str) -> list[str | tuple[str, str]]:
    steps: list[str | tuple[str, str]] = []
    rest = path
    while rest:
        found = _SEGMENT.match(rest.removeprefix("."))
        if found is None:
            raise SettingError(f"{path!r} is no path; write one such as data[*], statistics.viewCount or a[name=b].")
        if found["key"]:
            steps.append(found["key"])
        elif found["index"]:
            steps.append(f"[{found['index']}]")
        else:
            steps.append((found["name"], found["value"]))
        rest = rest.removeprefix(".")[found.end() :]
    return steps


def _joined(steps: list[str | tuple[str, str]]) -> str:
    """Return the steps as DuckDB writes paths, fit for a SQL literal."""
    keys = [step if step.startswith("[") else f'."{step}"' for step in steps if isinstance(step, str)]
    return ("$" + "".join(keys)).replace("'", "''")
