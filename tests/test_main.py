"""What `kvsctl.__main__` prepares in the process before anything else is imported."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvsctl
from kvsctl.__main__ import _let_ctrl_c_end_the_process


@pytest.fixture(autouse=True)
def handler_of_python() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("has_private_module", [True, False])
def test_ctrl_c_has_its_default_action(
    monkeypatch: pytest.MonkeyPatch, has_private_module: bool
) -> None:
    if not has_private_module:
        monkeypatch.setitem(sys.modules, "_signal", None)
    _let_ctrl_c_end_the_process()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _let_ctrl_c_end_the_process()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_nothing_else_is_imported_before() -> None:
    """Until then Ctrl-C prints a trace. Without `site`: an editable install imports more there."""
    program = (
        "import sys; before = set(sys.modules); sys.path.insert(0, sys.argv[1])\n"
        "import kvsctl.__main__; print(*sorted(set(sys.modules) - before))"
    )
    folder = Path(kvsctl.__file__).parents[1]
    words = [sys.executable, "-I", "-S", "-c", program, str(folder)]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert set(printed) <= {"kvsctl", "kvsctl.__main__", "os", "os.path", "posixpath", "ntpath"} | {
        "stat", "_stat", "genericpath", "abc", "_abc", "_collections_abc",
    }  # fmt: skip
