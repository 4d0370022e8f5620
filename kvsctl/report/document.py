"""The report for programs: one JSON object, schema 1."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from kvsctl.bulk.outcomes.tally import FailureNote, Tally
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.raw import is_regular, open_emptied, write_all
from kvsctl.records.sources import Source
from kvsctl.report.escape import visible
from kvsctl.report.schema import REPORT_SCHEMA

InputRead: TypeAlias = dict[str, str | None]
"""One file that was read: `source`, `format` and `compression`."""


@dataclass(slots=True, frozen=True)
class About:
    """What a report is about. `target` is what a person calls it; it holds no secret.

    `local_path` is set when the target is the embedded emulator: where its database lies.
    `token_source` says where the token came from (`KVSCTL_TOKEN`, `token file PATH`), never what.
    """

    command: str
    target: str
    version: str
    started_at: datetime
    local_path: str | None = None
    token_source: str | None = None


def report_document(
    tally: Tally,
    about: About,
    exit_status: ExitStatus,
    elapsed_seconds: float,
    *,
    interrupted: bool = False,
) -> dict[str, Any]:
    """The members that the contract names, in its order, all of them always there."""
    return {
        "schema": REPORT_SCHEMA,
        "version": about.version,
        "command": about.command,
        "target": about.target,
        "exit_code": int(exit_status),
        "started_at": _utc(about.started_at),
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
        "failures": [_failure(note) for note in tally.failures],
        "failures_truncated": tally.failures_truncated,
    }


def require_writable(path: Path) -> None:
    """Raises UsageError where a report cannot go, before there is one; touches nothing."""
    if path.is_dir():
        raise UsageError(f"cannot write to {path}: Is a directory")
    if not path.parent.is_dir():
        raise UsageError(f"cannot write to {path}: No such file or directory")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"cannot write to {path}: Permission denied")


class ReportFile:
    """The file that keeps the report's line: opened, and emptied, before anything is sent.

    So a run that is killed leaves no earlier run's report behind. Raises UsageError if it cannot
    be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = open_emptied(path)

    def save(self, line: bytes) -> None:
        """Makes the line the whole file. Raises StreamError if it cannot be written."""
        try:
            if descriptor(self._path) is None and is_regular(self._fd):
                os.lseek(self._fd, 0, os.SEEK_SET)
                os.ftruncate(self._fd, 0)
            write_all(self._fd, line)
        except OSError as error:
            raise StreamError(
                f"cannot write the report to {self._path}: {error.strerror}"
            ) from error

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._fd)


def _failure(note: FailureNote) -> dict[str, Any]:
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
    return members


def _utc(moment: datetime) -> str:
    stamp = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return stamp.removesuffix("+00:00") + "Z"


def inputs_read(sources: Sequence[Source]) -> list[InputRead]:
    """One for each file: its name, the form and the compression that were found of it.

    They are None for what was not looked into, and for what is not compressed.
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
    """Return the same in words, for `-v`."""
    return [
        f"input {visible(str(one['source']))}: "
        + ", ".join(str(one[name]) for name in ("format", "compression") if one[name])
        for one in inputs
        if one["format"]
    ]
