"""What a manifest says of an export, and its JSON."""

import errno
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from kvsctl import __version__
from kvsctl.backups.digest import Digest
from kvsctl.errors import UsageError
from kvsctl.jsontext import json_line
from kvsctl.texts import utc_text

FORMAT: Final = 1
_FORMAT_NAME: Final = "kvsctl_manifest"
_SUFFIX: Final = ".manifest.json"
_MOST_BYTES: Final = 16 << 20
_EXPORT_AGAIN: Final = "Export again. With --ignore-manifest, set reads the file without a check."


class Facts(msgspec.Struct, frozen=True):
    """Where an export comes from, and what it covers.

    `selection` holds the selectors, by name, as they were given; an empty one is the whole store.
    `entities` are the custom entities that it covers; plain keys too if `has_plain_keys`.
    Everything was read between `read_from` and `read_until`. `is_bridged`: through a bridge, which
    rounds numbers.
    """

    target: str
    installation: str | None
    selection: Mapping[str, Any]
    entities: Sequence[str]
    has_plain_keys: bool
    read_from: datetime
    read_until: datetime
    is_bridged: bool = False


class Manifest(msgspec.Struct, frozen=True):
    """What was exported, and a digest of it. `version`: of the kvsctl that wrote it."""

    digest: Digest
    facts: Facts
    version: str = __version__


def manifest_path(path: Path) -> Path:
    """Return the path of the manifest of an export."""
    return path.with_name(path.name + _SUFFIX)


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as one line of JSON."""
    bridge = {"bridge": True} if manifest.facts.is_bridged else {}
    members = {_FORMAT_NAME: FORMAT, "version": manifest.version, **described(manifest), **bridge}
    return json_line(members) + b"\n"


def described(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest says about its export, as members of JSON."""
    facts, digest = manifest.facts, manifest.digest
    return {
        "records": digest.records,
        "bytes": digest.size_bytes,
        "sha256": digest.sha256,
        "target": facts.target,
        "installation": facts.installation,
        "selection": dict(facts.selection),
        "entities": list(facts.entities),
        "plain_keys": facts.has_plain_keys,
        "read_from": utc_text(facts.read_from),
        "read_until": utc_text(facts.read_until),
    }


def decode(text: bytes, name: str) -> Manifest:
    """Return the manifest in a text. `name` is the name of its file.

    Raise UsageError if it is not one, or has a newer format.
    """
    try:
        members = json.loads(text)
        number = members[_FORMAT_NAME]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unreadable(name, "not a manifest of an export") from None
    if not isinstance(number, int) or number < 1:
        raise _unreadable(name, f"unknown format {number}")
    if number > FORMAT:
        raise UsageError(
            f"{name} has format {number}, but this kvsctl knows formats up to {FORMAT}",
            "Upgrade kvsctl. With --ignore-manifest, set reads the file without a check.",
        )
    try:
        manifest = msgspec.convert(members, _Members).manifest
        encode(manifest)  # so that its times can be shown
    except msgspec.ValidationError as error:
        raise _unreadable(name, str(error)) from None
    except OverflowError:
        raise _unreadable(name, "a time is out of range") from None
    return manifest


def holds_manifest(path: Path) -> bool:
    """Return whether a file is empty, or a manifest of any format. Raise OSError."""
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES)
    try:
        members = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and (not text or _FORMAT_NAME in members)


def read_manifest(path: Path) -> Manifest | None:
    """Return the manifest beside an export; None if there is none.

    Raise UsageError if it cannot be read.
    """
    beside = manifest_path(path)
    try:
        with beside.open("rb") as file:
            text = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # no export can have written such a name
            return None
        raise UsageError(f"cannot read {beside}: {error.strerror}", _EXPORT_AGAIN) from error
    return decode(text, str(beside))


_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class _Members(msgspec.Struct):
    version: str
    records: int
    bytes: int
    sha256: str
    target: str
    installation: str | None
    selection: dict[str, Any]
    entities: list[str]
    plain_keys: bool
    read_from: _Moment
    read_until: _Moment
    bridge: bool = False

    @property
    def manifest(self) -> Manifest:
        facts = Facts(
            self.target,
            self.installation,
            self.selection,
            self.entities,
            self.plain_keys,
            self.read_from,
            self.read_until,
            self.bridge,
        )
        return Manifest(Digest(self.records, self.bytes, self.sha256), facts, self.version)


def _unreadable(name: str, why: str) -> UsageError:
    return UsageError(f"cannot read {name}: {why}", _EXPORT_AGAIN)
