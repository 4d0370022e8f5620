"""A journal as text. Nothing here touches a file.

A journal consists of lines. The first line has the format's version and the header. Each other
line is a group: what settled since the previous group, and the totals and marks of that moment.

Why a torn file is read correctly:

- Each line carries a checksum that continues from the checksum of the previous line. So a line
  counts as a group only if it is a group, is whole, and follows the line that it was written after.
- `file` syncs each line before it appends the next, and appends nothing after a failed sync. When
  it opens a journal, it truncates a torn line and syncs the rest before it appends. So a line with
  another line after it was on disk whole.
- Therefore a torn or corrupt last line was never synced, and counts as not written: what it noted
  is not settled, and is sent again.
- Therefore a bad line with other lines after it is damage, and the journal is refused.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from msgspec.structs import asdict

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import UsageError
from kvsctl.journal.state import FailuresMark, Group, Header, JournalState, Stage, Totals

FORMAT: Final = 1
_MAGIC: Final = b"kvsctl-journal"
_MISFITS: Final = (AttributeError, KeyError, TypeError, ValueError)
_BEGIN_AGAIN: Final = "Remove it or name another to start again from the first record."


class Journal(NamedTuple):
    """A journal as it was read. `checksum` is the one of the last whole line.

    What follows the first `valid_bytes` of the file was torn.
    """

    header: Header | None
    state: JournalState
    valid_bytes: int
    checksum: int


def encode_header(header: Header) -> tuple[bytes, int]:
    """Return the first line and its checksum."""
    line, checksum = _sealed(asdict(header), 0)
    return b"%b %d %b" % (_MAGIC, FORMAT, line), checksum


def encode_group(group: Group, checksum: int) -> tuple[bytes, int]:
    """Return a group's line and its checksum, given the checksum of the previous line."""
    return _sealed(_members_of(group), checksum)


def decode(lines: Iterable[bytes]) -> Journal:
    """Read a journal from its lines, which include their line ends.

    Raise UsageError if the lines are not a journal, have a newer format or unknown members, or are
    damaged before the last line.
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
        raise UsageError("the file is not a journal", "Give --journal a file of its own.")
    version, _, sealed = after.partition(b" ")
    if version.isdigit() and sealed and int(version) > FORMAT:
        raise UsageError(
            f"the journal has format {int(version)}, this kvsctl supports {FORMAT}",
            "Use the version of kvsctl that wrote it, or a newer one.",
        )
    opened = _opened(sealed, 0)
    if opened is None:
        # Nothing is sent before the header is on disk, so a torn header loses nothing.
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
        "the journal has content that this kvsctl does not support",
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
        # Latin-1 keeps every byte, even if a line is not UTF-8.
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
        "lists": group.lists,
        "ended": group.ended,
        "begun": group.begun,
        "ages_count_from": group.ages_count_from,
        "keeps_no_undo": group.keeps_no_undo,
    }
    given = {name: value for name, value in members.items() if value or name == "stage"}
    return given if group.undo_path is None else {**given, "undo_path": group.undo_path}


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
        members.get("lists", False),
        [tuple(one) for one in members.get("ended", ())],
        [tuple(one) for one in members.get("begun", ())],
        members.get("ages_count_from"),
        members.get("undo_path"),
        members.get("keeps_no_undo", False),
    )
