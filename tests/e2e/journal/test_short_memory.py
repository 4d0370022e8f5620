"""A job whose memory ends at any moment loses and repeats nothing: the same command resumes it."""

import gzip
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvsctl.journal import writer
from tests.support.commands.command import Command, records_file

_COUNT = 60
_MOMENTS = [(1, True), (2, False), (5, True)]
"""At which call memory ends, and whether the call has done its work before that."""
_OF_EVERY_JOB = [
    "kvsctl.bulk.outcomes.in_order:Reorder.add",
    "kvsctl.bulk.outcomes.positions:SettledRanges.add",
    "kvsctl.bulk.outcomes.tally:Tally.__call__",
    "kvsctl.journal.file:JournalFile.append",
    "kvsctl.journal.totals:TallyNews.take",
    "kvsctl.journal.writer:JournalWriter._note",
    "kvsctl.journal.writer:JournalWriter._settle",
    "kvsctl.journal.writer:JournalWriter._new_group",
]
_OF_OUTPUT = [
    "kvsctl.files.sinks:PartFile._append",
    "kvsctl.files.sinks:PartFile._write_chunks",
    "kvsctl.files.sinks:PartFile.mark",
    "kvsctl.files.sinks:PartFile.write",
    "kvsctl.files.sinks:write_all",
    "kvsctl.outputs.records:RecordOutput._write",
]
_OF_COMPRESSED_OUTPUT = [
    "kvsctl.files.compressed:CompressedSink._pass_on",
    "kvsctl.files.compressed:_gzip",
]
_OF_FAILURES = [
    "kvsctl.outputs.failures:FailuresFile._append",
    "kvsctl.outputs.failures:FailuresFile._take",
    "kvsctl.outputs.failures:FailuresFile._write",
    "kvsctl.outputs.failures:FailuresFile.take_newly_held",
    "kvsctl.outputs.failures:write_all",
]


@pytest.fixture
def local(kvsctl: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """kvsctl on the embedded target, with a group of the journal as often as possible."""
    monkeypatch.setattr(writer, "_LEAST_GROUP_SECONDS", 0.0)
    monkeypatch.setattr(writer, "_COST_FACTOR", 0.0)
    monkeypatch.setattr(writer, "_SYNC_FACTOR", 0.0)
    return kvsctl.having(KVSCTL_TARGET="local")


def _ending_memory(
    monkeypatch: pytest.MonkeyPatch, name: str, call: int, *, is_done: bool
) -> Callable[[], bool]:
    """Let one call of a function raise MemoryError, before or after it has done its work.

    Return a function that says whether that call was made.
    """
    module, _, path = name.partition(":")
    *owner, attribute = path.split(".")
    holder: Any = importlib.import_module(module)
    for part in owner:
        holder = getattr(holder, part)
    real, calls = getattr(holder, attribute), 0

    def replaced(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != call:
            return real(*given, **named)
        if is_done:
            real(*given, **named)
        raise MemoryError

    monkeypatch.setattr(holder, attribute, replaced)
    return lambda: calls >= call


@pytest.mark.parametrize(("call", "is_done"), _MOMENTS)
@pytest.mark.parametrize(
    ("name", "suffix"),
    [(name, "") for name in [*_OF_EVERY_JOB, *_OF_OUTPUT]]
    + [(name, ".gz") for name in _OF_COMPRESSED_OUTPUT],
)
def test_no_line_of_the_output_is_lost_or_repeated(
    local: Command, tmp_path: Path, name: str, call: int, is_done: bool, suffix: str
) -> None:
    records = [{"key": f"k{n}", "value": n} for n in range(_COUNT)]
    local("set", "-f", records_file(tmp_path / "in.jsonl", records), status=0)
    keys = tmp_path / "keys"
    keys.write_text("".join(f"k{n}\n" for n in range(_COUNT)))
    out = tmp_path / f"out{suffix}"
    words = ("get", "-f", keys, "-o", out, "--journal", tmp_path / "j", "--batch-size", "4", "-q")
    for is_ordered in (True, False):
        (tmp_path / "j").unlink(missing_ok=True)
        out.unlink(missing_ok=True)
        more = () if is_ordered else ("--unordered",)
        with pytest.MonkeyPatch.context() as patching:
            is_reached = _ending_memory(patching, name, call, is_done=is_done)
            status = local(*words, *more).status
            if is_reached():
                assert status == 5
        local(*words, *more, status=0)
        written = gzip.decompress(out.read_bytes()) if suffix else out.read_bytes()
        lines = [json.loads(line) for line in written.splitlines()]
        assert (lines if is_ordered else sorted(lines, key=lambda one: one["value"])) == records


@pytest.mark.parametrize(("call", "is_done"), _MOMENTS)
@pytest.mark.parametrize("name", [*_OF_EVERY_JOB, *_OF_FAILURES])
def test_no_failure_is_lost_or_repeated(
    local: Command, tmp_path: Path, name: str, call: int, is_done: bool
) -> None:
    records = [{"key": f"k{'/' * (n % 3)}{n}", "value": n} for n in range(_COUNT)]
    source = records_file(tmp_path / "in.jsonl", records)
    failures = tmp_path / "failed"
    words = ("set", "-f", source, "--failures", failures, "--journal", tmp_path / "j", "--json")
    with pytest.MonkeyPatch.context() as patching:
        is_reached = _ending_memory(patching, name, call, is_done=is_done)
        status = local(*words, "--batch-size", "4").status
        if is_reached():
            assert status == 5
    ended = local(*words, "--batch-size", "4")
    assert ended.status == (0 if status == 1 else 1)  # 0: it was complete already
    report = ended.report
    failed = [one["value"] for one in map(json.loads, failures.read_text().splitlines())]
    assert failed == [n for n in range(_COUNT) if n % 3]
    assert (report["records"], report["succeeded"]) == (_COUNT, _COUNT // 3)
