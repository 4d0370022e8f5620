"""A process is killed with all that it has started."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from kvsctl.service.auth.process_tree import kill_tree
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import has_ended, wait_until

_POSIX = only_on(IS_POSIX, "the processes are shells")


def _started(script: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE)


@_POSIX
def test_children_and_theirs_are_killed(tmp_path: Path) -> None:
    pids, late = tmp_path / "pids", tmp_path / "late"
    inner = f"sleep 50 & echo $! >>{pids}; echo $$ >>{pids}; wait; touch {late}"
    process = _started(f"sh -c '{inner}' ; touch {late}")
    wait_until(lambda: pids.exists() and len(pids.read_bytes().split()) == 2)
    kill_tree(process)
    assert process.wait() < 0
    assert process.stdout is not None
    assert process.stdout.read() == b""  # nothing holds the pipe any more
    process.stdout.close()
    for pid in pids.read_text("utf-8").split():
        wait_until(partial(has_ended, int(pid)))
    assert not late.exists()


@_POSIX
def test_others_are_left_alone() -> None:
    other, process = _started("exec sleep 50"), _started("exec sleep 50")
    kill_tree(process)
    assert process.wait() < 0
    assert other.poll() is None
    kill_tree(other)
    assert other.wait() < 0
    for one in (other, process):
        assert one.stdout is not None
        one.stdout.close()


@pytest.mark.parametrize("status", [0, 3])
def test_a_process_that_has_ended_is_left_alone(status: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])
    process.wait()
    kill_tree(process)
    assert process.returncode == status


@_POSIX
def test_a_name_that_looks_like_a_state_misleads_nobody(tmp_path: Path) -> None:
    named = tmp_path / f"x) S {os.getpid()} "
    named.symlink_to("/bin/sleep")
    process = _started(f"'{named}' 50; true")
    kill_tree(process)
    assert process.wait() < 0
    assert process.stdout is not None
    assert process.stdout.read() == b""
    process.stdout.close()
