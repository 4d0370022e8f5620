"""Read the lines of a plan."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from kvsctl import codes, jsontext
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Identity, Problem
from kvsctl.outputs.plan_lines import DELETE, EXPIRE, PLAN_VERSION
from kvsctl.records.checks import Breach
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parsed import Parsed, Rejected
from kvsctl.records.parsing.records import key_record
from kvsctl.records.reader import Reader
from kvsctl.records.sources import File
from kvsctl.records.ttl import parse_ttl

ONLY_PLANS: Final = "Give the lines that --plan wrote, all of them or some."
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_OF_WRONG_TYPE: Final = re.compile(r"at `\$\.(\w+)")


class _PlanForms(Forms, frozen=True):
    """Lines, or one array, as jq prints it without -c. The file's name does not matter."""

    def find(self, label: str, head: bytes, *, is_whole: bool) -> Format | None:
        """See Forms."""
        del label
        start = head.lstrip()
        if not (start or is_whole):
            return None
        return Format.JSON if start.startswith(b"[") else Format.JSONL


def plan_file(path: Path | None, descriptor: int = 0) -> File:
    """Return the file of a plan; without a path, stdin or another descriptor."""
    return File(path, descriptor=descriptor, forms=_PlanForms())


class PlanLine(msgspec.Struct, frozen=True, gc=False):
    """The members of a line of a plan: see `outputs.plan_lines`. Others are ignored."""

    plan: int
    action: str
    target: str
    key: str
    hash: str
    installation: str | None = None
    ttl: str | dict[str, Any] | None = None
    entityName: str | None = None  # noqa: N815 - the name of the member
    updatedAt: int | None = None  # noqa: N815


line_of = msgspec.json.Decoder(PlanLine).decode


def parsed(piece: bytes) -> Parsed | Rejected:
    """Parse a line of a plan. The body of the result is the line."""
    try:
        line = line_of(piece)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"not a line of a plan: {_reason(piece, error)}"
        return Rejected(Breach(codes.INVALID_JSON, message), readable=False)
    if (breach := _wrong_action(line)) is not None:
        return Rejected(breach)
    record = key_record(Identity(line.entityName, line.key), DEFAULT_LIMITS, is_plain=True)
    return record if isinstance(record, Rejected) else Parsed(record.identity, piece)


def _wrong_action(line: PlanLine) -> Breach | None:
    if line.plan != PLAN_VERSION or line.action == DELETE:
        return None
    if line.action != EXPIRE:
        known = f"known actions: {DELETE}, {EXPIRE}"
        return Breach(codes.INVALID_JSON, f"unknown action {quoted(line.action)}; {known}")
    ttl = parse_ttl(line.ttl, DEFAULT_LIMITS)
    return ttl if isinstance(ttl, Breach) else None


def _reason(piece: bytes, error: Exception) -> str:
    """Return why a line cannot be read, without any of its values."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, msgspec.ValidationError):
        if missing := _MISSING.search(str(error)):
            return f'it has no "{missing[1]}"'
        if wrong := _OF_WRONG_TYPE.search(str(error)):
            return f'its "{wrong[1]}" has the wrong type'
        return "not a JSON object"
    try:
        jsontext.value(piece)
    except jsontext.JsonTextError as reason:
        return f"not JSON: {reason}"
    return "not JSON"


def plan_lines(path: Path | None) -> Iterator[PlanLine]:
    """Yield the lines of a plan in a file, or on stdin. Raise UsageError for any other line."""
    file = plan_file(path)
    file.require_readable()
    for pieces in Reader([file], lambda _: parsed):
        for piece in pieces:
            if isinstance(piece, Problem):
                raise UsageError(f"{piece.origin}: {piece.message}", ONLY_PLANS)
            yield line_of(piece.body)
