"""A mapping: which columns or JSON paths of an export become which columns of which tables, as data in TOML."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from features.errors import SettingError, nearest
from features.importers.staging import STAGED
from features.tables import CONTRACT

if TYPE_CHECKING:
    from pathlib import Path


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Spec(_Model):
    """How one column is filled: from the first of the named source columns that has a value, or from a constant.

    Attributes
    ----------
    source
        Written `from`: columns of a CSV file, or JSON paths such as `statistics.viewCount`, `insights.data[name=views]
        .values[0].value`, or `../username` for the record around the row. More than one are alternatives, in order.
    value
        A constant.
    ask
        What no such file says, so that whoever imports must: the moment of the export, or whose account it is of.
    join
        The named source columns are joined by `/`, not alternatives.
    prefix
        What stands before an id and a colon, as in `instagram:anna`: a text, or a Spec that says which.
    values
        An enumeration: what each value means, whatever its case. Others are refused.
    scale
        What numbers are divided by: 100 where shares are written as 0 to 100.
    decimal
        The decimal mark; the other of `.` and `,` groups thousands.
    time
        `iso`, `seconds` or `milliseconds` since 1970, or formats as of strptime; of several the first that fits.
    zone
        The zone of times that name none; without it whoever imports must give one.
    until
        What was counted to the end of the `day` or `month` that the time names: that end is the moment.
    pattern
        A regular expression whose first group is the value.
    case, replace
        Whether the value is put into capital or small letters, and which are then written otherwise.
    given
        Source columns to what the value is wherever they have one, before all else.
    note
        What a reader should know.
    """

    source: Names = Field(default=(), alias="from")
    value: str | None = None
    ask: Literal["exported-at", "account"] | None = None
    join: bool = False
    prefix: str | Spec | None = None
    values: dict[str, str] | None = None
    scale: float = Field(default=1, gt=0)
    decimal: Literal[".", ","] = "."
    time: Names = ("iso",)
    zone: str | None = None
    until: Literal["day", "month"] | None = None
    pattern: str | None = None
    case: Literal["upper", "lower"] | None = None
    replace: dict[str, str] = {}
    given: dict[str, str] = {}
    note: str = ""

    @model_validator(mode="after")
    def _has_one_origin(self) -> Self:
        if (len(self.source) > 0) + (self.value is not None) + (self.ask is not None) != 1:
            raise ValueError("give exactly one of from, value and ask")
        return self


class Rows(_Model):
    """One table that an export fills.

    `rows` are JSON paths to arrays, one within the other, whose elements are the rows. Rows without a value in a source
    column of `filled` are no rows of the table; `only` and `without` keep and drop rows by values of source columns.
    """

    table: str
    rows: Names = ()
    filled: Names = ()
    only: dict[str, Names] = {}
    without: dict[str, Names] = {}
    columns: dict[str, Spec]

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.table not in STAGED:
            raise ValueError(f"there is no table {self.table!r}.{nearest(self.table, STAGED)}")
        known = [column.name for column in STAGED[self.table].columns]
        for name in self.columns:
            if name not in known:
                raise ValueError(f"the table {self.table} has no column {name!r}.{nearest(name, known)}")
        lacking = [c.name for c in STAGED[self.table].columns if not c.nullable and c.name not in self.columns]
        if lacking:
            raise ValueError(f"the table {self.table} needs {', '.join(lacking)}")
        return self

    @property
    def sources(self) -> list[str]:
        """The source columns that are read, alternatives and filters included."""
        specs = [*self.columns.values(), *(s.prefix for s in self.columns.values() if isinstance(s.prefix, Spec))]
        named = [name for spec in specs for name in (*spec.source, *spec.given)]
        return list(dict.fromkeys([*named, *self.filled, *self.only, *self.without]))

    @property
    def needs(self) -> list[Names]:
        """The source columns without which no row can be made, each as its alternatives."""
        required = [c.name for c in STAGED[self.table].columns if not c.nullable and c.name in self.columns]
        return [self.columns[name].source for name in required if self.columns[name].source]


class Shape(_Model):
    """One kind of file that a provider exports.

    Attributes
    ----------
    format
        CSV, JSON or both, with the same names; `rows` and paths mean JSON only.
    export
        Where to get it, in words.
    needs
        Source columns that must be there besides those of required columns.
    ignored
        Source columns that are left out, and why.
    """

    name: str
    format: Annotated[tuple[Literal["csv", "json"], ...], BeforeValidator(_listed)]
    export: str
    needs: Names = ()
    ignored: dict[str, str] = {}
    tables: tuple[Rows, ...] = Field(alias="table", min_length=1)


class Mapping(_Model):
    """A provider's files and what becomes of them.

    Attributes
    ----------
    documentation
        Where the provider describes its fields, and when that was read.
    enumerations
        Values that several columns share, by a name that stands for them in `values`.
    """

    name: str
    title: str
    version: int
    documentation: Names = ()
    enumerations: dict[str, dict[str, str]] = {}
    shapes: tuple[Shape, ...] = Field(alias="file", min_length=1)


_FOLDER = resources.files("features.importers") / "providers"
OWN = "tables"
"""The provider of files that have the columns of the tables already."""


def providers() -> list[str]:
    """Return the names of the providers that Impel knows."""
    names = [path.name.removesuffix(".toml") for path in _FOLDER.iterdir() if path.name.endswith(".toml")]
    return sorted([*names, OWN])


def load(provider: str, file: Path | None = None) -> Mapping:
    """Return the mapping of a provider, or the one in a TOML file of the user's own.

    Raises
    ------
    SettingError
        There is no such provider or file, or the mapping has a mistake.
    """
    if file is None:
        if provider == OWN:
            return _own()
        if provider not in providers():
            raise SettingError(
                f"There is no provider {provider!r}; there are {', '.join(providers())}, or write a mapping of your "
                f"own (--mapping FILE.toml).{nearest(provider, providers())}"
            )
        text = (_FOLDER / f"{provider}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"The mapping {file} cannot be read: {error}.") from None
    mapping = _parsed(text, file.name if file else provider)
    if mapping.name != provider:
        raise SettingError(f"The mapping {file} is called {mapping.name!r}; import with `impel import {mapping.name}`.")
    return mapping


def _parsed(text: str, name: str) -> Mapping:
    try:
        written = tomllib.loads(text)
        return Mapping.model_validate(_with_enumerations(written, written.get("enumerations", {})))
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{name} is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        more = f" (And {error.error_count() - 1} more.)" if error.error_count() > 1 else ""
        raise SettingError(f"{name}: {place}: {message}.{more}") from None


def _with_enumerations(written: Any, named: dict[str, Any]) -> Any:
    """Return what was written, with enumerations in place of their names."""
    if isinstance(written, list):
        return [_with_enumerations(item, named) for item in written]
    if not isinstance(written, dict):
        return written
    return {
        key: named.get(value, value) if key == "values" and isinstance(value, str) else _with_enumerations(value, named)
        for key, value in written.items()
    }


def _own() -> Mapping:
    """Return the mapping of files whose columns are those of the tables: every column from its own name."""
    shapes = []
    for table in STAGED.values():
        # The data contract takes times without a zone as UTC.
        columns = {column.name: {"from": column.name, "zone": "UTC"} for column in table.columns}
        where = "the data contract" if table.name in CONTRACT else "the importers"
        shapes.append(
            {
                "name": table.name,
                "format": "csv",
                "export": f"a table of {where}, written by you: {table.meaning}",
                "table": [{"table": table.name, "columns": columns}],
            }
        )
    return Mapping.model_validate(
        {"name": OWN, "title": "Your own tables, with the columns of the data contract", "version": 1, "file": shapes}
    )
