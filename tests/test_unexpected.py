"""What an exception means that nothing has foreseen."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import unexpected
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.unexpected import explained, is_shortage, job_at_work
from tests.support.commands.command import Command
from tests.support.needs import IS_LINUX, only_on

_KINDS = (AttributeError, KeyError, RuntimeError, SystemError, ValueError)
_LIMITS = b"""\
Limit                     Soft Limit           Hard Limit           Units
Max data size             %s unlimited            bytes
Max stack size            8388608              unlimited            bytes
Max address space         %s unlimited            bytes
"""
_STATUS = b"""\
Name:\tkvsctl
VmPeak:\t   30000 kB
VmSize:\t   20000 kB
VmData:\t   10000 kB
Threads:\t1
"""


@given(
    st.lists(st.tuples(st.sampled_from(_KINDS), st.sampled_from(["cause", "context", "group"]))),
    st.sampled_from([MemoryError(), OSError(errno.ENOMEM, ""), OSError(errno.EMFILE, "")]),
)
def test_a_shortage_is_one_whatever_it_led_to(
    steps: list[tuple[type[Exception], str]], first: Exception
) -> None:
    error = first
    for kind, link in steps:
        if link == "group":
            error = ExceptionGroup("some failed", [kind(), error])
            continue
        later = kind()
        setattr(later, f"__{link}__", error)
        error = later
    assert is_shortage(error)
    assert explained(error).status is ExitStatus.STREAM


@pytest.mark.parametrize("kind", _KINDS)
def test_without_a_limit_on_memory_an_exception_is_a_defect(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected, "spare_memory_bytes", lambda: None)
    error = kind("secret")
    error.__context__ = error  # no loop follows it for ever
    explanation = explained(error)
    assert explanation.status is ExitStatus.DEFECT
    assert explanation.message == f"kvsctl has a defect: {kind.__name__}"


def test_an_error_of_our_own_needs_no_explanation() -> None:
    error = UsageError("no input")
    assert explained(error) is error


@pytest.mark.parametrize(
    ("spare_bytes", "status"),
    [(-1, ExitStatus.STREAM), (1 << 20, ExitStatus.STREAM), (1 << 30, ExitStatus.DEFECT)],
)
def test_next_to_the_limit_no_exception_is_a_defect(
    spare_bytes: int, status: ExitStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected, "spare_memory_bytes", lambda: spare_bytes)
    assert explained(SystemError("error return without exception set")).status is status


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("secret"), ""),
        (MemoryError(), ""),
        (RuntimeError("can't start new thread"), ": can't start new thread"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ": [Errno 12] Cannot allocate memory"),
    ],
)
def test_a_shortage_gives_the_reason_of_the_system_and_no_other_text(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unexpected, "spare_memory_bytes", lambda: 0)
    assert explained(error).message == f"out of memory, threads or open files{reason}"


@pytest.mark.parametrize(
    ("data", "space", "spare_bytes"),
    [
        (b"unlimited", b"unlimited", None),
        (b"unlimited", b"40960000", 40_960_000 - 30_720_000),
        (b"10240001", b"unlimited", 1),
        (b"10240001", b"40960000", 1),
        (b"40960000", b"30720000", 0),
    ],
)
def test_what_is_spare_is_the_least_of_what_each_limit_leaves(
    data: bytes, space: bytes, spare_bytes: int | None
) -> None:
    assert unexpected._spare_bytes(_LIMITS % (data, space), _STATUS) == spare_bytes


@only_on(IS_LINUX, "only Linux has /proc")
def test_the_process_knows_its_own_limit() -> None:
    program = (
        "import resource; from kvsctl.unexpected import spare_memory_bytes as spare\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 40,) * 2)\n"
        "assert 0 < spare() < 1 << 40\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_an_end_without_any_memory_still_says_so(kvsctl: Command) -> None:
    prelude = (
        "import kvsctl.entry\n"
        "def no_memory(*_): raise MemoryError\n"
        "kvsctl.entry._run = kvsctl.entry.explained = no_memory"
    )
    process = kvsctl.start("get", "k", prelude=prelude, stderr=subprocess.PIPE)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == ExitStatus.STREAM
    assert complaint.splitlines() == [
        b"kvsctl: out of memory",
        b"Raise the limits of the process (ulimit -a).",
    ]


def test_a_broken_import_is_told_apart_before_and_during_a_job() -> None:
    assert explained(ImportError("no such name")).message == "cannot start: no such name"
    with pytest.raises(ImportError) as caught, job_at_work():
        raise ImportError("no such name")
    assert explained(caught.value).message == "cannot continue: no such name"
    assert explained(caught.value).status is ExitStatus.STREAM


def test_a_name_that_is_too_long_is_no_defect() -> None:
    with pytest.raises(OSError, match="too long") as raised:
        Path("a" * 300).stat()
    explanation = explained(raised.value)
    assert explanation.status is ExitStatus.USAGE
    assert explanation.message == "a" * 300 + ": the name is too long"


def test_a_file_that_may_not_be_used_is_no_defect() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", "closed/file")
    explanation = explained(refused)
    assert explanation.status is ExitStatus.USAGE
    assert explanation.message == "cannot use closed/file: Permission denied"
    with pytest.raises(PermissionError) as caught, job_at_work():
        raise refused
    assert explained(caught.value).status is ExitStatus.STREAM
    assert explained(PermissionError(errno.EACCES, "Permission denied")).status is ExitStatus.DEFECT
