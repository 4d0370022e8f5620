"""The lines of a ledger: what the job is, and how each installation ended. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace

from kvsctl.bulk.outcomes.tally import RECORD_COUNTS, REQUEST_COUNTS, Tally
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.jobs.job import JobEnd
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.journal.state import Totals
from kvsctl.journal.totals import restored
from kvsctl.jsontext import json_line
from kvsctl.report.installations.ends import InstallationEnd, counts_of
from kvsctl.report.store.rules import RuleReport

VERSION: Final = 1
_MOST_NOTES: Final = 20
"""The most failures of an installation that are kept. All of them are counted."""
_NOTED: Final = frozenset(
    {
        ExitStatus.OK,
        ExitStatus.FAILURES,
        ExitStatus.USAGE,
        ExitStatus.REFUSED,
        ExitStatus.UNREACHABLE,
    }
)
_FINISHED: Final = frozenset({ExitStatus.OK, ExitStatus.FAILURES})
_CANARIES_START: Final = b'{"canaries":'
_HEADER_START: Final = b'{"ledger":'
COMPLETE: Final = b'{"complete":true}\n'


class Header(msgspec.Struct, frozen=True):
    """What a ledger is for. `form` holds the options that must be the same on a resume."""

    ledger: int
    version: str
    command: str
    target: str
    form: Mapping[str, Any]
    input: Sequence[Fingerprint]


class RuleTotals(msgspec.Struct, frozen=True):
    """A rule of a retention file, and its totals in an installation."""

    name: str | None
    action: str
    ttl: str | None
    kept: int
    totals: Totals


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an installation ended. `input`: the files that it alone has read."""

    installation: str
    exit_code: int
    elapsed_s: float
    error: str | None = None
    hint: str | None = None
    totals: Totals | None = None
    rules: Sequence[RuleTotals] = ()
    input: Sequence[Fingerprint] = ()


class _Canaries(msgspec.Struct, frozen=True):
    canaries: Sequence[str]


_encode: Final = msgspec.json.Encoder().encode
_decode_header: Final = msgspec.json.Decoder(Header).decode
_decode_line: Final = msgspec.json.Decoder(Line).decode
_decode_canaries: Final = msgspec.json.Decoder(_Canaries).decode


class Content(msgspec.Struct):
    """What a ledger holds: the latest line of each installation.

    `canaries`: the installations that come first. `is_complete`: all installations have ended.
    `valid_bytes`: the size of all whole lines.
    """

    header: Header | None = None
    lines: dict[str, Line] = msgspec.field(default_factory=dict)
    canaries: list[str] = msgspec.field(default_factory=list)
    is_complete: bool = False
    valid_bytes: int = 0


def read_content(name: str, text: Iterable[bytes]) -> Content:
    """Return the content of a ledger. Ignore what follows the last whole line.

    Raise UsageError if it is not a ledger, or of a newer version. `name` names it in messages.
    """
    content = Content()
    for number, line in enumerate(text, 1):
        if not line.endswith(b"\n"):
            if content.header is None and not _begins_header(line):
                raise _not_a_ledger(name, number)
            break
        try:
            if content.header is None:
                content.header = _decode_header(line)
                if content.header.ledger > VERSION:
                    raise UsageError(
                        f"{name}: the ledger has format {content.header.ledger}, but this kvsctl "
                        f"supports {VERSION}",
                        "Use the version that wrote it, or another file.",
                    )
            elif line == COMPLETE:
                content.is_complete = True
            elif line.startswith(_CANARIES_START):
                content.canaries += _decode_canaries(line).canaries
            else:
                found = _decode_line(line)
                content.lines[found.installation] = found
                content.is_complete = False
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _not_a_ledger(name, number) from None
        content.valid_bytes += len(line)
    return content


def _begins_header(line: bytes) -> bool:
    """Return whether an unfinished line is of a header, so that the file can be begun anew."""
    size = min(len(line), len(_HEADER_START))
    return line[:size] == _HEADER_START[:size]


def _not_a_ledger(name: str, number: int) -> UsageError:
    return UsageError(f"{name}:{number}: not a line of a ledger", "Give another file name.")


def header_line(header: Header) -> bytes:
    """Return the first line."""
    return json_line(asdict(header)) + b"\n"


def canaries_line(installations: Sequence[str]) -> bytes:
    """Return the line that names canaries."""
    return _encode(_Canaries(installations)) + b"\n"


def line_of(
    end: InstallationEnd, job_end: JobEnd | None, read: Sequence[Fingerprint] = ()
) -> bytes | None:
    """Return the line of an installation; None if its exit code is not one to note.

    `read`: the files that it alone has read.
    """
    if end.exit_code not in _NOTED:
        return None
    tally = None if job_end is None else job_end.tally
    rules = () if job_end is None else job_end.rules
    line = Line(
        end.installation,
        end.exit_code,
        round(end.elapsed_seconds, 3),
        end.error,
        end.hint,
        None if tally is None else _totals_of(tally),
        [
            RuleTotals(rule.name, rule.action, rule.ttl, rule.kept, _totals_of(rule.tally))
            for rule in rules
            if rule.name is not None
        ],
        read,
    )
    return _encode(line) + b"\n"


def is_finished(line: Line | None, *, retries_failed: bool) -> bool:
    """Return whether an installation with this line need not be worked on again."""
    if line is None or line.exit_code not in _FINISHED:
        return False
    return line.exit_code == ExitStatus.OK or not retries_failed


def ends_of(line: Line) -> tuple[InstallationEnd, JobEnd | None]:
    """Return how an installation ended, from its line."""
    end = InstallationEnd(
        line.installation, line.exit_code, line.error, line.elapsed_s, hint=line.hint
    )
    if line.totals is None:
        return end, None
    tally = restored(line.totals)
    rules = [_report_of(rule) for rule in line.rules]
    end = replace(end, counts=counts_of(tally))
    return end, JobEnd(tally, line.elapsed_s, line.error, rules=rules)


def _report_of(rule: RuleTotals) -> RuleReport:
    return RuleReport(rule.name, rule.action, rule.ttl, restored(rule.totals), rule.kept)


def _totals_of(tally: Tally) -> Totals:
    return Totals(
        {name: getattr(tally, name) for name in (*RECORD_COUNTS, *REQUEST_COUNTS)},
        dict(tally.skipped_by),
        {group.code: group.count for group in tally.groups},
        {group.code: asdict(group.example) for group in tally.groups},
        {note.position: asdict(note) for note in islice(tally.failures, _MOST_NOTES)},
    )
