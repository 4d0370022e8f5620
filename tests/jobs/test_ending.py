"""Which exit status wins when several apply."""

import pytest

from kvsctl.errors import (
    CredentialsError,
    Defect,
    ExitStatus,
    KvsctlError,
    StreamError,
    TargetError,
    UsageError,
    WorkLeft,
)
from kvsctl.jobs.ending import End, exit_status

_INTERRUPTED, _TERMINATED = ExitStatus.INTERRUPTED, ExitStatus.TERMINATED


@pytest.mark.parametrize(
    ("error", "interrupted", "is_unread", "has_failures", "status"),
    [
        (None, None, False, False, 0),
        (None, None, False, True, 1),
        (UsageError("x"), None, False, True, 2),
        (CredentialsError("x"), None, False, True, 3),
        (TargetError("x"), None, False, True, 4),
        (WorkLeft("x"), None, False, True, 75),
        (WorkLeft("x"), _INTERRUPTED, False, True, 130),
        (None, None, True, True, 141),
        (TargetError("x"), _INTERRUPTED, False, True, 130),
        (CredentialsError("x"), _TERMINATED, True, True, 143),
        (StreamError("x"), None, False, True, 5),
        (StreamError("x"), _INTERRUPTED, False, True, 5),
        (StreamError("x"), _TERMINATED, True, True, 5),
        (Defect("x"), _INTERRUPTED, True, True, 70),
    ],
)
def test_the_gravest_end_decides(
    error: KvsctlError | None,
    interrupted: ExitStatus | None,
    is_unread: bool,
    has_failures: bool,
    status: int,
) -> None:
    end = End(error, interrupted, 1.0, is_unread)
    assert exit_status(end, has_failures=has_failures) == status
