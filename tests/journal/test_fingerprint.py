"""Fingerprints: the same input is recognised, a changed one is not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.journal.fingerprint import change, fingerprint, stdin_fingerprint
from kvsctl.records.sources import Arguments, File

_BIG = b"x" * 300_000


def _touch(path: Path) -> None:
    os.utime(path, ns=(1, 1_700_000_000_000_000_000))


def _rewrite(new: bytes) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        moment = path.stat().st_mtime_ns
        path.write_bytes(new)
        os.utime(path, ns=(moment, moment))

    return rewrite


@pytest.mark.parametrize(
    ("alter", "difference"),
    [
        (_rewrite(_BIG + b"y"), "a different size: 300,000 before, 300,001 now"),
        (_rewrite(b"y" + _BIG[1:]), "different content"),
        (_rewrite(_BIG[1:] + b"y"), "different content"),
        (_touch, "been modified: 20"),
    ],
)
def test_a_changed_file_is_found(
    tmp_path: Path, alter: Callable[[Path], None], difference: str
) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BIG)
    before = fingerprint([File(path)])
    assert change(before, fingerprint([File(path)])) is None
    alter(path)
    changed = change(before, fingerprint([File(path)]))
    assert changed is not None
    assert changed.startswith(f"{path} has {difference}")


def test_a_file_may_move(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a\n")
    before = fingerprint([File(one)])
    one.rename(other)
    assert change(before, fingerprint([File(other)])) is None


def test_a_stream_is_known_only_to_be_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    streams = [File(None), File(tmp_path / "pipe")]
    assert [one["kind"] for one in fingerprint(streams)] == ["stdin", "stream"]
    assert change(fingerprint(streams), fingerprint(streams)) is None


def test_other_sources_are_found(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.touch()
    words = fingerprint([Arguments(["a", "b"])])
    assert change(words, fingerprint([Arguments(["a", "b"])])) is None
    for other in (["a", "c"], ["a"], ["a\0b"]):
        assert change(words, fingerprint([Arguments(other)])) is not None
    assert change(words, fingerprint([File(path)])) == f"{path} is read in place of arguments"
    assert change(words, []) == "the number of inputs is 0, it was 1"


def test_a_missing_file_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(UsageError, match="cannot read"):
        fingerprint([File(tmp_path / "none")])


def test_a_file_on_stdin_is_recognised(tmp_path: Path) -> None:
    fingerprints = []
    for name, text in (("one", _BIG), ("two", _BIG + b"y")):
        (tmp_path / name).write_bytes(text)
        for skipped in (0, 10):
            with (tmp_path / name).open("rb", buffering=0) as file:
                file.seek(skipped)
                fingerprints.append(stdin_fingerprint(file.fileno()))
                assert file.tell() == skipped
    first, later, other, _ = fingerprints
    assert change([first], [first]) is None
    assert change([first], [later]) == "stdin is read from a different offset"
    assert change([first], [other]) == "stdin has a different size: 300,000 before, 300,001 now"
    assert change([first], [{"kind": "stdin"}]) == "stdin has a different size"


def test_a_python_that_has_blake2_elsewhere_finds_the_same_input(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BIG)
    program = (
        "import hashlib, json, pathlib, sys\n"
        "sys.modules['_blake2'] = None\n"
        "from kvsctl.journal.fingerprint import fingerprint\n"
        "from kvsctl.records.sources import File\n"
        "print(json.dumps(fingerprint([File(pathlib.Path(sys.argv[1]))])))"
    )
    words = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(words, capture_output=True, check=True)
    assert json.loads(done.stdout) == fingerprint([File(path)])
