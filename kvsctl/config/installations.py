"""The installations that a command works on: given one by one, or in a file with a line for each.

A line is a JSON object with the installation, the URL of its store and the source of the token:

    {"installation": "ID", "url": "https://…", "token_file": "FILE"}
    {"installation": "ID", "token_command": "get-token ID"}

Without `url`, the URL of the target is used. For a container, a line takes `installation` only.
`kind` may be "bridge" if the target is one. Other members are ignored, so that the output of
`kvsctl installations` is such a file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from kvsctl.config.base_urls import require_base_url
from kvsctl.config.sections import BRIDGE
from kvsctl.config.targets import Target, checked_installation
from kvsctl.config.waiting import require_ready
from kvsctl.errors import UsageError
from kvsctl.jsontext import DuplicateMemberError, JsonTextError, raw_members

_HINT: Final = (
    'Write a JSON object on each line: {"installation": "ID", "url": "…", "token_file": "…"}.'
)


class _Line(msgspec.Struct, frozen=True):
    installation: str
    url: str | None = None
    token_file: str | None = None
    token_command: str | None = None
    kind: str | None = None


_decode: Final = msgspec.json.Decoder(_Line).decode


def short_id(installation: str) -> str:
    """Return the part of an id that names the installation: the last one of an ARI."""
    return installation.rsplit("/", 1)[-1]


def on_installations(target: Target, installations: Sequence[str]) -> list[Target]:
    """Return the target for each installation. Raise UsageError for one that is given twice."""
    seen: set[str] = set()
    for one in installations:
        checked_installation(one, "--installation")
        if short_id(one) in seen:
            raise UsageError(f"--installation {one}: given twice", "Give each installation once.")
        seen.add(short_id(one))
    return [structs.replace(target, installation=one) for one in installations]


def read_installations(path: Path, target: Target) -> list[Target]:
    """Return a target for each line of the file. `target` supplies what the lines leave out.

    Raise UsageError, with its number, for a line that cannot be used. No message shows its content.
    """
    found: list[Target] = []
    places: dict[str, int] = {}
    for number, line in _lines(path):
        where = f"{path}:{number}"
        one = _target(where, line, target)
        assert one.installation is not None  # noqa: S101
        earlier = places.setdefault(short_id(one.installation), number)
        if earlier != number:
            raise UsageError(
                f"{where}: the same installation as line {earlier}", "Name each one once."
            )
        found.append(one)
    if not found:
        raise UsageError(f"{path}: no installations", _HINT)
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        require_ready(path)
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if text.strip():
                    yield number, text
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _target(where: str, text: bytes, target: Target) -> Target:
    try:
        line = _decode(text)
        raw_members(text.strip())  # msgspec keeps the last of several members with one name
    except DuplicateMemberError as error:
        raise UsageError(f"{where}: {error}", "Keep one of them.") from None
    except (msgspec.MsgspecError, JsonTextError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{where}: {error}", _HINT) from None
    for name in ("url", "token_file", "token_command"):
        if getattr(line, name) == "":
            raise UsageError(f"{where}: {name} is empty", _HINT)
    if line.token_file is not None and line.token_command is not None:
        raise UsageError(f"{where}: token_file and token_command exclude each other", "Keep one.")
    checked_installation(line.installation, where)
    if line.kind is not None and not (line.kind == BRIDGE and target.is_bridge):
        raise UsageError(
            f"{where}: target {target.name} is not of the kind that the line names",
            "A file of bridges needs a target that is one: choose it with --target.",
        )
    has_own_way = line.url or line.token_file or line.token_command
    if target.is_proxied and has_own_way:
        raise UsageError(
            f"{where}: target {target.name} needs neither url nor token", "Keep the installation."
        )
    if target.url is None and line.url is None:
        raise UsageError(f"{where}: no url", "Add it, or choose a target that has one.")
    # The token of the target is not sent: it belongs to another store, perhaps on another host.
    return structs.replace(
        target,
        url=target.url if line.url is None else require_base_url(line.url, f"{where}: url"),
        url_by=target.url_by if line.url is None else f"{where}: url",
        token_file=None if line.token_file is None else Path(line.token_file).expanduser(),
        token_command=line.token_command,
        token_file_by=f"{where}: token_file",
        token=None,
        installation=line.installation,
    )
