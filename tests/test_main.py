"""What `kvsctl.__main__` prepares in the process before anything else is imported."""

import signal
import sys
from collections.abc import Iterator

import pytest

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
