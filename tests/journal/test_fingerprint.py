"""Fingerprints: the same input is known again, a changed one is not."""

import os
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
    ("alter", "said"),
    [
        (_rewrite(_BIG + b"y"), "another size: 300,000 before, 300,001 now"),
        (_rewrite(b"y" + _BIG[1:]), "other content"),
        (_rewrite(_BIG[1:] + b"y"), "other content"),
        (_touch, "been modified: 20"),
    ],
)
def test_a_changed_file_is_found(tmp_path: Path, alter: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(_BIG)
    before = fingerprint([File(path)])
    assert change(before, fingerprint([File(path)])) is None
    alter(path)
    changed = change(before, fingerprint([File(path)]))
    assert changed is not None
    assert changed.startswith(f"{path} has {said}")


def test_a_file_may_move(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a\n")
    before = fingerprint([File(one)])
    one.rename(other)
    assert change(before, fingerprint([File(other)])) is None


def test_of_a_stream_all_that_is_known_is_that_it_is_one(tmp_path: Path) -> None:
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
    assert change(words, fingerprint([File(path)])) == f"{path} was arguments"
    assert change(words, []) == "the journal's input has 1 parts, this one 0"


def test_a_file_that_is_gone_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(UsageError, match="cannot be read"):
        fingerprint([File(tmp_path / "none")])


def test_stdin_that_is_a_file_is_known_again(tmp_path: Path) -> None:
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
    assert change([first], [later]) == "stdin has another place where reading begins"
    assert change([first], [other]) == "stdin has another size: 300,000 before, 300,001 now"
    assert change([first], [{"kind": "stdin"}]) == "stdin has another size"
