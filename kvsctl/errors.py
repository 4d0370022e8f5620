"""What can end a command, and the exit code that each end has.

The tree:

    KvsctlError
    ├── UsageError          2   command line, settings or unreadable input; nothing was sent
    ├── CredentialsError    3   the target refused the credentials, or none could be had
    ├── TargetError         4   the target could not be reached
    ├── StreamError         5   input or output failed part-way
    └── Defect              70  kvsctl itself is wrong

A record that fails is no exception: it is an outcome (`model.Outcome`).
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The whole exit-code contract."""

    OK = 0
    FAILURES = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    STREAM = 5
    DEFECT = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class KvsctlError(Exception):
    """An end of the command that the user is told of in one or two lines.

    `message` says what happened and where; `hint`, if any, what to do next. Neither holds a
    token or a value.
    """

    status: ExitStatus = ExitStatus.DEFECT

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(KvsctlError):
    """The command line, the settings or an input cannot be used. Nothing was sent."""

    status = ExitStatus.USAGE


class CredentialsError(KvsctlError):
    """The target refused the credentials, or their source gave none."""

    status = ExitStatus.REFUSED


class TargetError(KvsctlError):
    """The target could not be reached."""

    status = ExitStatus.UNREACHABLE


class StreamError(KvsctlError):
    """Reading input or writing output failed part-way."""

    status = ExitStatus.STREAM


class Defect(KvsctlError):
    """kvsctl contradicts itself, for example in a report that does not add up."""

    status = ExitStatus.DEFECT

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Please report it with what you ran: kvsctl's issue tracker wants to know."
        )
