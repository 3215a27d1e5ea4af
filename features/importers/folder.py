"""The folder that imports fill: what was imported is kept, and the tables are made of all of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.errors import DataError
from features.importers.mapping import OWN, load
from features.importers.merging import merge
from features.importers.outcomes import OutcomeReport, make_outcomes
from features.importers.reading import FileReport, read_file
from features.problems import fetch, literal, quoted
from features.progress import quiet
from features.readers import connect
from features.tables import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from features.importers.mapping import Mapping
    from features.importers.options import Options
    from features.progress import Progress

_PROVENANCE = "provenance.json"
_PARTS = "imports"
_READING = 0.8  # of the time that an import takes, about


@dataclass
class ImportReport:
    """What an import did, or would do.

    Attributes
    ----------
    files
        What was understood of each file that was read.
    known
        Files that had been imported before in the same way; they change nothing.
    tables
        Rows of each table of the folder afterwards; none of a dry run.
    outcomes
        What became of the activations.
    """

    files: list[FileReport] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    outcomes: OutcomeReport = field(default_factory=OutcomeReport)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return asdict(self)


def import_files(
    mapping: Mapping,
    files: Iterable[Path],
    out: Path,
    options: Options,
    *,
    accounts: Path | None = None,
    dry_run: bool = False,
    progress: Progress = quiet,
) -> ImportReport:
    """Read exported files by a mapping and make the tables of a folder anew out of all that was imported into it.

    Parameters
    ----------
    out
        The folder; made where there is none. Beside the tables it keeps what each file gave (`imports/`) and where
        everything comes from (`provenance.json`).
    accounts
        A CSV file with other names of accounts: name, account_id and perhaps influencer_id.
    dry_run
        Read only; write nothing.

    Raises
    ------
    DataError
        A file cannot be read or is none of the provider's, or a table of the folder was not made by imports.
    """
    report = ImportReport()
    record = {} if dry_run else _read(out)
    work = [(path, mapping) for path in files]
    if accounts is not None:
        work.append((accounts, _only(load(OWN), "account_names")))
    if not dry_run and not record:
        _refuse_tables_of_others(out)
    with tempfile.TemporaryDirectory(prefix="impel-import-") as scratch, connect() as connection:
        sizes, done = [path.stat().st_size if path.exists() else 0 for path, _ in work], 0
        for (path, how), size in zip(work, sizes, strict=True):
            progress(path.name, _READING * done / max(sum(sizes), 1))
            done += size
            key = _key(path, how, options)
            if key in record:
                report.known.append(path.name)
                continue
            folder = Path(scratch) / key
            folder.mkdir(exist_ok=True)
            found = read_file(path, how, options, folder, connection)
            report.files.append(found)
            record = {
                name: entry
                for name, entry in record.items()
                if entry["sha256"] != _digest(path) or entry["provider"] != how.name
            }
            record[key] = _entry(path, how, options, found)
        if dry_run or not report.files:
            return report
        _one_currency(record)
        places = [Path(scratch) / key if (Path(scratch) / key).exists() else out / _PARTS / key for key in record]
        progress("putting tables together", _READING)
        merge(connection, places)
        report.outcomes = make_outcomes(connection, _covers(record))
        _write(out, Path(scratch), record, report, connection)
    return report


def _read(out: Path) -> dict[str, dict[str, Any]]:
    path = out / _PROVENANCE
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["imports"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read ({error}); without it nobody knows what was imported.") from None


def _refuse_tables_of_others(out: Path) -> None:
    """Refuse to write over tables that were there before the first import."""
    for name in CONTRACT:
        for path in (out / f"{name}.parquet", out / f"{name}.csv", out / name):
            if path.exists():
                raise DataError(
                    f"{path} was not made by impel import, which would replace it; import it as well "
                    f"(impel import {OWN} {path.name}), or give another folder."
                )


def _only(mapping: Mapping, name: str) -> Mapping:
    return mapping.model_copy(update={"shapes": tuple(shape for shape in mapping.shapes if shape.name == name)})


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None


def _key(path: Path, mapping: Mapping, options: Options) -> str:
    """Return the name under which an import is kept: of the file's content, the mapping and the options."""
    meant = f"{_digest(path)}\0{mapping.model_dump_json(by_alias=True)}\0{options!r}"
    return f"{mapping.name}-{hashlib.sha256(meant.encode()).hexdigest()[:16]}"


def _entry(path: Path, mapping: Mapping, options: Options, found: FileReport) -> dict[str, Any]:
    return {
        "file": path.name,
        "sha256": _digest(path),
        "provider": mapping.name,
        "mapping_version": mapping.version,
        "shape": found.shape,
        "imported_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "exported_at": None if options.exported_at is None else options.exported_at.isoformat(),
        "time_zone": options.time_zone,
        "currencies": found.currencies,
        "covers": found.covers,
        "tables": {
            name: {"read": table.read, "kept": table.kept, "repeated": table.repeated, "refused": table.refused}
            for name, table in found.tables.items()
        },
        "ignored": found.ignored,
        "unknown": found.unknown,
    }


def _one_currency(record: dict[str, dict[str, Any]]) -> None:
    found: dict[str, str] = {}
    for entry in record.values():
        for currency in entry["currencies"]:
            found.setdefault(currency, entry["file"])
    if len(found) > 1:
        listed = " and ".join(f"{currency} ({file})" for currency, file in found.items())
        raise DataError(f"Amounts are in {listed}; one folder has one currency. Convert them, or use another folder.")


def _covers(record: dict[str, dict[str, Any]]) -> dict[str, list[tuple[dt.datetime, dt.datetime]]]:
    covers: dict[str, list[tuple[dt.datetime, dt.datetime]]] = {}
    for entry in record.values():
        for kind, (first, last) in entry["covers"].items():
            span = dt.datetime.fromisoformat(first), dt.datetime.fromisoformat(last)
            covers.setdefault(kind, []).append(span)
    return covers


def _write(out: Path, scratch: Path, record: dict[str, Any], report: ImportReport, connection: Any) -> None:
    """Write tables, parts and provenance; the record comes last, so that what it names is there."""
    tables = scratch / "tables"
    tables.mkdir()
    for name, table in CONTRACT.items():
        rows = fetch(connection, f"SELECT count(*) FROM merged.{name}")[0][0]
        if rows:
            report.tables[name] = rows
            order = ", ".join(quoted(column.name) for column in table.columns if column.kind in ("id", "time", "code"))
            copied = f"SELECT * FROM merged.{name} ORDER BY {order}"
            fetch(connection, f"COPY ({copied}) TO {literal(str(tables / f'{name}.parquet'))} (FORMAT parquet)")
    try:
        (out / _PARTS).mkdir(parents=True, exist_ok=True)
        for key in record:
            if (scratch / key).exists():
                shutil.copytree(scratch / key, out / _PARTS / key, dirs_exist_ok=True)
        for name in CONTRACT:
            if name in report.tables:
                shutil.copy(tables / f"{name}.parquet", out / f"{name}.parquet.part")
                os.replace(out / f"{name}.parquet.part", out / f"{name}.parquet")  # noqa: PTH105
            else:
                (out / f"{name}.parquet").unlink(missing_ok=True)
        written = {"imports": record, "tables": report.tables, "outcomes": asdict(report.outcomes)}
        part = out / f"{_PROVENANCE}.part"
        part.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(out / _PROVENANCE)
        for old in (out / _PARTS).iterdir():
            if old.name not in record:
                shutil.rmtree(old)
    except OSError as error:
        raise DataError(f"{out} cannot be written to: {error.strerror}.") from None
