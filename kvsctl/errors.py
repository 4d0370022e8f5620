"""The errors that end a command, and the exit code of each.

The tree:

    KvsctlError
    ├── UsageError          2   command line, settings or unreadable input; nothing was sent
    ├── CredentialsError    3   the target refused the credentials, or there are none
    ├── TargetError         4   the target could not be reached
    │   └── FailedInstallations   too many installations failed, and others were not begun
    ├── StreamError         5   input or output failed part-way
    ├── WorkLeft            75  work is left: run the same command again
    ├── Interrupted     130/143  a signal ended the command before it changed anything
    └── Defect              70  a bug in kvsctl

A failed record is not an exception: it is an outcome (`model.Outcome`).
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

RUN_AGAIN: Final = "Run the same command again."
"""The hint of errors that may not occur in the next run, and that have left nothing half done."""


class ExitStatus(IntEnum):
    """All exit codes (README: "Exit codes")."""

    OK = 0
    FAILURES = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    STREAM = 5
    DEFECT = 70
    WORK_LEFT = 75
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class KvsctlError(Exception):
    """An error that ends the command and is shown in a few lines.

    `message` says what happened and where; `hint`, if any, says what to do. Neither contains a
    token or a record's value. `excerpt`, if any, is a text of the command line and the index at
    which it is wrong. `others` are errors that were found at the same time, in the same file for
    example, and are shown with this one. `result`, if an error ended a call of a client early, is
    the `Result` of what was done until then.
    """

    status: ExitStatus = ExitStatus.DEFECT
    excerpt: tuple[str, int] | None = None
    others: "Sequence[KvsctlError]" = ()
    result: Any = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """The name of its kind for programs: `error.code` of a JSON report."""
        return self.status.name


class UsageError(KvsctlError):
    """The command line, the settings or the input cannot be used. Nothing was sent."""

    status = ExitStatus.USAGE


class CredentialsError(KvsctlError):
    """The target refused the credentials, or there are none."""

    status = ExitStatus.REFUSED


class TargetError(KvsctlError):
    """The target could not be reached."""

    status = ExitStatus.UNREACHABLE


class FailedInstallations(TargetError):
    """A canary or too many installations failed, for any reason, and others were not begun."""

    @property
    def code(self) -> str:
        """See KvsctlError."""
        return "FAILED_INSTALLATIONS"


class StreamError(KvsctlError):
    """Reading input or writing output failed part-way."""

    status = ExitStatus.STREAM


def stdout_failed(broken: OSError) -> StreamError:
    """Return the error of an output that could not be written to stdout."""
    return StreamError(f"cannot write to stdout: {broken.strerror}")


def not_permitted(refused: PermissionError, kind: type[KvsctlError] = UsageError) -> KvsctlError:
    """Return the error of a file that the user may not use, or even look up in its folder."""
    return kind(
        f"cannot use {refused.filename}: {refused.strerror}",
        "Give another file, or change the permissions of its folder.",
    )


class WorkLeft(KvsctlError):
    """The time was up, or another run held the lock. Run the same command later to do the rest."""

    status = ExitStatus.WORK_LEFT


class Interrupted(KvsctlError):
    """A signal or a time limit ended the command before it did what the message names.

    `status` is that of the signal, or WORK_LEFT.
    """

    def __init__(self, message: str, status: ExitStatus, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.status = status


class Defect(KvsctlError):
    """A bug in kvsctl, for example a report that does not add up."""

    status = ExitStatus.DEFECT

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Please report it on kvsctl's issue tracker, with the command you ran."
        )
