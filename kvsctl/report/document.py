"""The report for programs: one JSON object, schema 1."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from kvsctl.bulk.outcomes.tally import FailureNote, InstallationFailure, Tally
from kvsctl.errors import ExitStatus, KvsctlError, StreamError
from kvsctl.files.claims import leads_to
from kvsctl.files.descriptors import descriptor
from kvsctl.files.raw import is_regular, open_emptied, write_all
from kvsctl.records.sources import Source
from kvsctl.report.escape import visible
from kvsctl.report.schema import REPORT_SCHEMA
from kvsctl.texts import utc_text

_WHAT: Final = "the report"
_BEGINNING: Final = re.compile(
    rb'\{"schema":[0-9]+,"version":"[^"]*","command":"[^"]*","(?:target|exit_code)":'
)
_BEGINNING_BYTES: Final = 1000

InputRead: TypeAlias = dict[str, str | None]
"""One file that was read: `source`, `format` and `compression`."""


class About(msgspec.Struct, frozen=True):
    """The run that a report describes. `target` is the name that users know; it holds no secret.

    `local_path`: the path of the embedded emulator's database, if that is the target.
    `token_source`: where the token was read from (`KVSCTL_TOKEN`, `token file PATH`), never the
    token. `covers`: the part of a store that a listing covers. `shard`: which part of the keys the
    run works on (`2/8`); None: all of them.
    """

    command: str
    target: str
    version: str
    started_at: datetime
    local_path: str | None = None
    token_source: str | None = None
    covers: str | None = None
    shard: str | None = None


def report_document(
    tally: Tally,
    about: About,
    exit_status: ExitStatus,
    elapsed_seconds: float,
    *,
    interrupted: bool = False,
) -> dict[str, Any]:
    """Return every member that the contract names, in the order of the contract.

    `shard` follows them if the run works on one part of the keys only.
    """
    document = {
        "schema": REPORT_SCHEMA,
        "version": about.version,
        "command": about.command,
        "target": about.target,
        "exit_code": int(exit_status),
        "started_at": utc_text(about.started_at),
        "elapsed_s": round(elapsed_seconds, 3),
        "records": tally.records,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "skipped_by": dict(sorted(tally.skipped_by.items())),
        "duplicates": tally.duplicates,
        "unknown": tally.unknown,
        "unsent": tally.unsent,
        "ambiguous": tally.ambiguous,
        "requests": tally.requests,
        "retries": tally.retries,
        "throttled": tally.throttled,
        "units": {"read": tally.units_read, "write": tally.units_write},
        "bytes_sent": tally.bytes_sent,
        "bytes_received": tally.bytes_received,
        "interrupted": interrupted,
        "failures": [failure_members(note) for note in tally.failures],
        "failures_truncated": tally.failures_truncated,
    }
    return document if about.shard is None else document | {"shard": about.shard}


def holds_report(path: Path) -> bool:
    """Return whether a file is empty or holds a report and nothing else. Raise OSError.

    A report that was torn while it was written counts too.
    """
    with path.open("rb") as file:
        line = file.readline()
        is_alone = not file.read(1)
    return is_alone and (not line or _BEGINNING.match(line[:_BEGINNING_BYTES]) is not None)


class ReportFile:
    """The file that holds the report's line. It is opened and emptied before anything is sent.

    So a run that is killed does not leave the report of an earlier run behind. Raise UsageError if
    the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = open_emptied(path, _WHAT)
        self._is_file = descriptor(path) is None and is_regular(self._fd)

    def save(self, line: bytes) -> None:
        """Replace the file's content by the line. Raise StreamError if it cannot be written.

        Then no part of the line stays in the file.
        """
        try:
            if self._is_file:
                self._require_in_place()
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.ftruncate(self._fd, 0)
            write_all(self._fd, line)
        except OSError as error:
            if self._is_file:
                with suppress(OSError):
                    os.ftruncate(self._fd, 0)
            raise StreamError(
                f"cannot write the report to {self._path}: {error.strerror}"
            ) from error

    def _require_in_place(self) -> None:
        if not leads_to(self._path, self._fd):
            raise StreamError(f"the report {self._path} was removed or replaced during the run")

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def error_members(error: KvsctlError) -> dict[str, str | None]:
    """Return an error that ended a command as the member `error` of a JSON document."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def failure_members(note: FailureNote) -> dict[str, Any]:
    """Return one failure as a member of a JSON report."""
    members: dict[str, Any] = {"key": note.key}
    if note.entity is not None:
        members["entityName"] = note.entity
    members |= {
        "source": note.source,
        "code": note.code,
        "message": note.message,
        "attempts": note.attempts,
    }
    if note.trace_id is not None:
        members["trace_id"] = note.trace_id
    if isinstance(note, InstallationFailure):
        members["installation"] = note.installation
    return members


def inputs_read(sources: Sequence[Source]) -> list[InputRead]:
    """Return each input file's name, and the format and compression that were detected.

    Both are None for a file that was not read; the compression is None if there is none.
    """
    return [
        {
            "source": source.label,
            "format": None if source.format is None else source.format.value,
            "compression": None if source.compression is None else source.compression.value,
        }
        for source in sources
        if source.place is not None
    ]


def input_lines(inputs: Sequence[InputRead]) -> list[str]:
    """Return a line for each input file that was read, for `-v`."""
    return [
        f"input {visible(str(one['source']))}: "
        + ", ".join(str(one[name]) for name in ("format", "compression") if one[name])
        for one in inputs
        if one["format"]
    ]
