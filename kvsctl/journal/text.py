"""A journal as text. Pure: no file is touched here.

A journal is lines. The first names the format's version and holds the header; each other is a
group: what settled since the group before, and the totals and marks of that moment. Every line
carries a checksum that goes on from the line before, so nothing is taken for a group that is not
one, whole and in its place. A last line that is torn or corrupt was never synced: it counts as
not written. A bad line with others after it is damage, and refused.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import UsageError
from kvsctl.journal.state import FailuresMark, Group, Header, JournalState, Stage, Totals

FORMAT: Final = 1
_MAGIC: Final = b"kvsctl-journal"
_MISFITS: Final = (AttributeError, KeyError, TypeError, ValueError)
_BEGIN_AGAIN: Final = "Remove it, or name another, to begin again from the first record."


class Journal(NamedTuple):
    """A journal as it was read. `checksum` is its last line's; the rest of it was torn."""

    header: Header | None
    state: JournalState
    valid_bytes: int
    checksum: int


def encode_header(header: Header) -> tuple[bytes, int]:
    """The first line, and its checksum."""
    line, checksum = _sealed(asdict(header), 0)
    return b"%b %d %b" % (_MAGIC, FORMAT, line), checksum


def encode_group(group: Group, checksum: int) -> tuple[bytes, int]:
    """A group's line, given the checksum of the line before, and its own."""
    return _sealed(_members_of(group), checksum)


def decode(lines: Iterable[bytes]) -> Journal:
    """Reads a journal from its lines, ends included.

    Raises UsageError for what is no journal, one of a newer format or with members that are not
    known, and one that is damaged before its last line.
    """
    rest = iter(lines)
    first = next(rest, b"")
    header, checksum = _decode_header(first, rest)
    if header is None:
        return Journal(None, JournalState(), 0, 0)
    state = JournalState(failures_path=header.failures_path)
    valid_bytes = len(first)
    for line in rest:
        opened = _opened(line, checksum)
        if opened is None:
            if next(rest, None) is not None:
                raise UsageError(
                    f"the journal is damaged after {valid_bytes:,} bytes", _BEGIN_AGAIN
                )
            break
        members, checksum = opened
        try:
            state.apply(_group_of(members))
        except _MISFITS:
            raise _foreign() from None
        valid_bytes += len(line)
    return Journal(header, state, valid_bytes, checksum)


def _decode_header(line: bytes, rest: Iterator[bytes]) -> tuple[Header | None, int]:
    magic, _, after = line.partition(b" ")
    if _MAGIC[: len(line)] != magic:
        raise UsageError("the file is no journal", "Give --journal a file of its own.")
    version, _, sealed = after.partition(b" ")
    if version.isdigit() and sealed and int(version) > FORMAT:
        raise UsageError(
            f"the journal has format {int(version)}, this kvsctl knows {FORMAT}",
            "Use the version of kvsctl that wrote it, or a newer one.",
        )
    opened = _opened(sealed, 0)
    if opened is None:
        # Nothing is sent before the header is on disk, so nothing is lost with a torn one.
        if next(rest, None) is not None:
            raise UsageError("the journal is damaged in its first line", _BEGIN_AGAIN)
        return None, 0
    members, checksum = opened
    try:
        return Header(**members), checksum
    except _MISFITS:
        raise _foreign() from None


def _foreign() -> UsageError:
    return UsageError(
        "the journal says what this kvsctl does not know",
        "Use the version of kvsctl that wrote it, or a newer one.",
    )


def _sealed(members: dict[str, Any], before: int) -> tuple[bytes, int]:
    text = json.dumps(members, separators=(",", ":")).encode()
    checksum = zlib.crc32(text, before)
    return b"%08x %b\n" % (checksum, text), checksum


def _opened(line: bytes, before: int) -> tuple[dict[str, Any], int] | None:
    mark, _, text = line.partition(b" ")
    if not text.endswith(b"\n"):
        return None
    checksum = zlib.crc32(text[:-1], before)
    if mark != b"%08x" % checksum:
        return None
    members: dict[str, Any] = json.loads(text)
    return members, checksum


def _members_of(group: Group) -> dict[str, Any]:
    totals = group.totals
    members = {
        "settled": list(group.settled),
        "failed": {code: list(ranges) for code, ranges in group.failed.items()},
        "replaced": list(group.replaced),
        "ambiguous": list(group.ambiguous),
        # Latin-1, as the bytes of a line may be no UTF-8 one day, and must come back as they are.
        "held": [[at, line.decode("latin-1")] for at, line in group.held.items()],
        "counts": totals.counts,
        "skipped_by": totals.skipped_by,
        "codes": totals.codes,
        "examples": totals.examples,
        "notes": list(totals.notes.values()),
        "failures": list(group.failures),
        "output_bytes": group.output_bytes,
        "elapsed_seconds": round(group.elapsed_seconds, 3),
        "stage": group.stage.value,
        "retries_failed": group.retries_failed,
        "failures_path": group.failures_path,
    }
    return {name: value for name, value in members.items() if value or name == "stage"}


def _group_of(members: dict[str, Any]) -> Group:
    return Group(
        SettledRanges(members.get("settled", ())),
        {code: SettledRanges(ranges) for code, ranges in members.get("failed", {}).items()},
        SettledRanges(members.get("replaced", ())),
        SettledRanges(members.get("ambiguous", ())),
        {at: line.encode("latin-1") for at, line in members.get("held", ())},
        Totals(
            members.get("counts", {}),
            members.get("skipped_by", {}),
            members.get("codes", {}),
            members.get("examples", {}),
            {note["position"]: note for note in members.get("notes", ())},
        ),
        FailuresMark(*members.get("failures", (0, 0))),
        members.get("output_bytes", 0),
        members.get("elapsed_seconds", 0.0),
        Stage(members["stage"]),
        members.get("retries_failed", False),
        members.get("failures_path"),
    )
