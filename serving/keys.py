"""API keys: who may ask for what; hashed at rest, read again whenever their file changes."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from features.errors import SettingError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

Scope = Literal["predict", "outcomes", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_ID = r"[a-z0-9][a-z0-9-]{0,39}"
# Told apart from other secrets by whoever finds one where it should not be.
_PREFIX = "impel"
# Compared with where no key has the id, so that both take the same time.
_NOBODY = "0" * 64


class Key(BaseModel):
    """What is kept of a key: everything but the key.

    The hash is SHA-256: a key holds 256 random bits, which nobody finds by trying, so a slow hash such as scrypt would
    only make every request slow.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=f"^{_ID}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def expired(self) -> bool:
        """Say whether the key's time is over, by the clock on the wall."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


def _unique(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("an id is listed twice")
    return keys


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    keys: Annotated[tuple[Key, ...], AfterValidator(_unique)]


class Keys:
    """The keys of a file, as they are now.

    Where the file is gone or damaged the keys of before hold, and the log says so: a slip of the hand neither locks
    everybody out nor lets anybody in.

    Parameters
    ----------
    file : Path

    Raises
    ------
    SettingError
        Where the file cannot be used to begin with.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _state(file)
        self._keys: Mapping[str, Key] = read(file)

    def find(self, token: str) -> Key | None:
        """Return the key that a caller holds, be it expired; None where there is none. Takes the same time for all."""
        self._refresh()
        key = self._keys.get(_id(token))
        same = hmac.compare_digest(_hash(token), _NOBODY if key is None else key.sha256)
        return key if same else None

    def _refresh(self) -> None:
        state = _state(self._file)
        if state == self._seen:
            return
        self._seen = state
        try:
            self._keys = read(self._file)
        except SettingError as error:
            logger.error("the keys of before stay in force: %s", error)  # noqa: TRY400 - its message says it all
        else:
            logger.warning("keys read again: %d", len(self._keys))


def read(file: Path) -> dict[str, Key]:
    """Return the keys of a file by id.

    Raises
    ------
    SettingError
        Where there is no such file, or it is none of keys.
    """
    try:
        content = _Content.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SettingError(
            f"The keys {file} cannot be read ({error.strerror}); make one with: impel keys create ID --keys {file}"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingError(f"{file} is no file of keys: {place or 'it'}: {first['msg']}.") from None
    return {key.id: key for key in content.keys}


def create(file: Path, name: str, *, scopes: tuple[Scope, ...], expires: datetime | None = None) -> str:
    """Add a key to a file, which need not exist, and return it: this is the only time that it can be seen.

    Raises
    ------
    SettingError
        Where there is a key of this id, the id cannot be used, or the file cannot be.
    """
    keys = read(file) if file.exists() else {}
    if name in keys:
        raise SettingError(f"There is a key {name!r} already; choose another id, then revoke the old one.")
    if expires is not None and expires <= datetime.now(UTC):
        raise SettingError(f"A key that expires {expires:%Y-%m-%dT%H:%M:%SZ} is of no use: that is over.")
    token = f"{_PREFIX}_{name}_{secrets.token_urlsafe(32)}"
    try:
        key = Key(id=name, sha256=_hash(token), scopes=scopes, created=datetime.now(UTC), expires=expires)
    except ValidationError:
        raise SettingError(f"{name!r} is no id; take up to 40 small letters, digits and hyphens.") from None
    _write(file, {**keys, name: key})
    return token


def revoke(file: Path, name: str) -> None:
    """Take a key out of a file; SettingError where there is none of this id."""
    keys = read(file)
    if name not in keys:
        raise SettingError(f"There is no key {name!r} in {file}.{nearest(name, keys)}")
    _write(file, {each: key for each, key in keys.items() if each != name})


def _write(file: Path, keys: Mapping[str, Key]) -> None:
    """Put keys in place of those of a file in one step: a service that reads meanwhile finds all old or all new.

    Owner and mode stay, since the service that reads them may be another user.
    """
    content = json.dumps(_Content(keys=tuple(keys.values())).model_dump(mode="json"), indent=1) + "\n"
    try:
        before = file.stat() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f".{file.name}-", delete=False) as draft:
            try:
                draft.write(content)
                draft.flush()
                os.fsync(draft.fileno())
                if before is not None:
                    os.chown(draft.fileno(), before.st_uid, before.st_gid)
                    Path(draft.name).chmod(before.st_mode & 0o777)
                Path(draft.name).replace(file)
            except BaseException:
                Path(draft.name).unlink()
                raise
    except OSError as error:
        raise SettingError(f"The keys {file} cannot be written ({error.strerror}).") from None


def _state(file: Path) -> tuple[int, ...]:
    """Return what changes with a file; a file that is gone is a state of its own."""
    try:
        found = file.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _id(token: str) -> str:
    parts = token.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else ""


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
