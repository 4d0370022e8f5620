"""Runs that are killed or stopped, and resumed by the same command: nothing lost, nothing twice."""

import gzip
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from kvsctl.journal.file import read_journal
from kvsctl.journal.state import JournalState
from tests.support.commands.command import Command, Ended
from tests.support.commands.serving import serving

Words: TypeAlias = list[str | Path]
_WAIT_SECONDS = 60
_COUNT = 1500
_ANSWERS_SINCE = 5
_BAD_EVERY = 50
_SLOW = ("-c", "4", "--batch-size", "16")
_NOTES_OFTEN = "import kvsctl.journal.writer as writer; writer.GROUP_SECONDS = 0.2"
"""So that a run need not last for seconds to be killed between two groups of its journal."""
_FAULTS = "refuse=bad:INVALID_KEY"


@dataclass
class Bench:
    """A slow service and a quick one, each with a store of its own, and an input for both."""

    kvsctl: Command
    slow: str
    quick: str
    folder: Path
    source: Path
    keys: Path
    output_suffix: str = ""

    def words(self, verb: str, url: str, name: str) -> Words:
        """A run of the input, with all its files named after `name`."""
        source = self.source if verb == "set" else self.keys
        words: Words = [verb, "-f", source, "--url", url, "--json", *_SLOW]
        words += ["--failures", self.folder / f"{name}.failed"]
        if verb == "get":
            words += ["-o", self.folder / f"{name}.out{self.output_suffix}"]
        return words

    def journalled(self, verb: str) -> Words:
        """The run that is killed."""
        return [*self.words(verb, self.slow, "killed"), "--journal", self.journal]

    @property
    def journal(self) -> Path:
        return self.folder / "job.journal"

    @property
    def state(self) -> JournalState:
        return read_journal(self.journal).state

    @property
    def groups(self) -> int:
        """How often something was noted."""
        return self.state.groups if self.journal.exists() else 0

    @contextmanager
    def started(
        self, *words: str | Path, feed: bytes | None = None
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A run that has noted more in its journal, and had some answers since."""
        before = self.groups
        process = self.kvsctl.start(
            *words,
            "-v",
            prelude=_NOTES_OFTEN,
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            if process.stdin is not None and feed is not None:
                process.stdin.write(feed)
            assert process.stderr is not None
            answers_since = 0
            while answers_since < _ANSWERS_SINCE:  # each line is a request that was answered
                assert process.stderr.readline(), "it was over before it could be stopped"
                answers_since += self.groups > before
            try:
                yield process
            finally:
                process.kill()

    def kill(self, *words: str | Path, feed: bytes | None = None) -> int:
        """Kills a run in the midst of its work; returns how much is settled then."""
        with self.started(*words, feed=feed) as process:
            process.kill()
            process.communicate()
        return len(self.state.settled)

    def store(self, url: str) -> bytes:
        """Every record, as it stands in a store."""
        return self.kvsctl("get", "-f", self.keys, "--url", url, "--ignore-missing").out


@pytest.fixture
def bench(kvsctl: Command, tmp_path: Path) -> Iterator[Bench]:
    source, keys = tmp_path / "in.jsonl", tmp_path / "keys"
    lines, names = [], []
    for place in range(_COUNT):
        key = f"k{place % (_COUNT * 2 // 3)}" if place % _BAD_EVERY else f"bad{place}"
        if place % 97 == 5:  # breaks a rule; a later record of its key may replace it
            lines.append(json.dumps({"key": key, "value": 1, "ttl": "soon"}))
        else:
            lines.append(json.dumps({"key": key, "value": {"n": place, "pad": "x" * 50}}))
        names.append(key)
    source.write_text("\n".join(lines) + "\n")
    keys.write_text("\n".join(names) + "\n")
    with ExitStack() as stack:
        slow = stack.enter_context(
            serving(
                kvsctl, "--db", tmp_path / "slow.db", "--faults", f"{_FAULTS},latency-ms=40..120"
            )
        )
        quick = stack.enter_context(
            serving(kvsctl, "--db", tmp_path / "quick.db", "--faults", _FAULTS)
        )
        yield Bench(kvsctl, slow, quick, tmp_path, source, keys)


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _sums(ended: Ended) -> dict[str, Any]:
    """What a report says, without what chance decides: what was replaced before it was sent."""
    report = ended.report
    fixed = ("records", "failed", "skipped", "skipped_by", "unknown", "unsent", "interrupted")
    sums = {name: report[name] for name in fixed}
    sums["done"] = report["succeeded"] + report["duplicates"]
    sums["failures"] = [
        {name: one.get(name) for name in ("key", "source", "code", "message")}
        for one in report["failures"]
    ]
    return sums


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "suffix"), [("set", ""), ("get", ""), ("get", ".gz"), ("delete", "")]
)
def test_a_run_that_is_killed_twice_ends_as_if_it_had_not_been(
    bench: Bench, verb: str, suffix: str
) -> None:
    kvsctl = bench.kvsctl
    bench.output_suffix = suffix
    if verb != "set":
        for url in (bench.slow, bench.quick):
            kvsctl("set", "-f", bench.source, "--url", url, status=1)
    settled = [bench.kill(*bench.journalled(verb)) for _ in range(2)]
    assert 0 < settled[0] < settled[1] < _COUNT
    earlier_seconds = bench.state.elapsed_seconds
    done = kvsctl(*bench.journalled(verb), status=1)
    plain = kvsctl(*bench.words(verb, bench.quick, "plain"), status=1)
    assert _sums(done) == _sums(plain)
    assert done.report["elapsed_s"] > earlier_seconds > 0.2, "the time of all runs"
    assert bench.store(bench.slow) == bench.store(bench.quick)
    output = f"out{suffix}"
    for kind in ("failed", output) if verb == "get" else ("failed",):
        killed, whole = bench.folder / f"killed.{kind}", bench.folder / f"plain.{kind}"
        assert _content(killed) == _content(whole)
        assert killed.stat().st_mode & 0o777 == 0o600
    assert not (bench.folder / f"killed.{output}.part").exists()
    requests = done.report["requests"]
    again = kvsctl(*bench.journalled(verb), status=0)
    assert again.report["records"] == _COUNT
    assert again.report["requests"] == requests, "nothing is sent for a complete journal"
    told = kvsctl(*(word for word in bench.journalled(verb) if word != "--json"), status=0)
    assert b"already complete: 1,500 records" in told.err
    assert b" 0 failed" not in told.err


def test_what_is_settled_is_not_sent_again(bench: Bench) -> None:
    settled = bench.kill(*bench.journalled("delete"))
    kvsctl = bench.kvsctl
    done = kvsctl(*bench.journalled("delete"), "-v", status=1)
    sent = sum(map(int, re.findall(r"(\d+) records?", done.err.decode())))
    assert 0 < sent <= _COUNT - settled


def test_stdin_is_gone_on_with_when_the_same_stream_is_fed_again(bench: Bench) -> None:
    words: Words = ["set", "--url", bench.slow, "--json", *_SLOW, "--journal", bench.journal]
    text = bench.source.read_bytes()
    settled = bench.kill(*words, feed=text)
    assert 0 < settled < _COUNT
    done = bench.kvsctl(*words, stdin=text, status=1)
    plain = bench.kvsctl("set", "--url", bench.quick, "--json", stdin=text, status=1)
    assert _sums(done) == _sums(plain)
    assert bench.store(bench.slow) == bench.store(bench.quick)


def test_ctrl_c_is_gone_on_from(bench: Bench) -> None:
    words = bench.journalled("set")
    with bench.started(*words) as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert process.returncode == 130
    report = json.loads(out)
    assert len(bench.state.settled) == report["records"] - report["unsent"]
    done = bench.kvsctl(*words, status=1)
    plain = bench.kvsctl(*bench.words("set", bench.quick, "plain"), status=1)
    assert _sums(done) == _sums(plain)
    assert (bench.folder / "killed.failed").read_bytes() == (
        bench.folder / "plain.failed"
    ).read_bytes()


def test_a_second_run_on_a_journal_is_refused(bench: Bench) -> None:
    words = bench.journalled("set")
    with bench.started(*words) as process:
        process.send_signal(signal.SIGSTOP)  # so that it is not over before it is looked at
        refused = bench.kvsctl(*words, status=2)
        assert b"is in use by another run" in refused.err
        shown = bench.kvsctl("journal", "show", bench.journal, "--json", status=0)
        assert shown.lines[0]["in_use"] is True
        process.send_signal(signal.SIGCONT)
        out, _ = process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["records"] == _COUNT


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["set", "delete"])
def test_what_was_not_read_back_before_a_kill_is_read_back_after_it(
    bench: Bench, verb: str
) -> None:
    if verb == "delete":
        bench.kvsctl("set", "-f", bench.source, "--url", bench.slow, status=1)
    words: Words = [*bench.journalled(verb), "--verify"]
    settled = bench.kill(*words)
    done = bench.kvsctl(*words, "-v", status=1)
    report = done.report
    codes = {note["code"] for note in report["failures"]}
    assert report["records"] == _COUNT > settled > 0
    assert "VERIFY_FAILED" not in codes
    read_back = sum(map(int, re.findall(r"get +(\d+) records?", done.err.decode())))
    assert read_back <= _COUNT - settled
    plain = bench.kvsctl(*bench.words(verb, bench.quick, "plain"), "--verify", status=1)
    assert _sums(done) == _sums(plain)
    assert bench.store(bench.slow) == bench.store(bench.quick)


def _refused(bench: Bench, *words: str | Path) -> str:
    before = bench.journal.read_bytes()
    ended = bench.kvsctl(*words, status=2)
    assert bench.journal.read_bytes() == before
    return ended.err.decode()


def test_another_job_is_refused(bench: Bench) -> None:
    kvsctl = bench.kvsctl
    words = bench.journalled("set")
    bench.kill(*words)
    failed, other = bench.folder / "killed.failed", bench.folder / "other.failed"
    for changed, said in (
        (["delete", *words[1:]], "the command is delete, but was set when the journal was begun"),
        ([bench.quick if word == bench.slow else word for word in words], "target"),
        ([*words, "--string"], "--string is given, but was not given when the journal was begun"),
        ([*words, "--ttl", "1h"], "--ttl is 1h, but was not given when the journal was begun"),
        ([*words, "k=1"], "the number of inputs is 2, it was 1"),
        (words[:-4] + words[-2:], f"--failures is not given, but was {failed} when"),
        (
            [other if word == failed else word for word in words],
            f"--failures is {other}, but was {failed} when the journal was begun",
        ),
    ):
        assert said in _refused(bench, *changed)
    moment = bench.source.stat().st_mtime
    os.utime(bench.source, (moment, moment + 5))
    assert "in.jsonl has been modified" in _refused(bench, *words)
    with bench.source.open("a") as source:
        source.write('{"key":"one-more","value":1}\n')
    assert "in.jsonl has a different size" in _refused(bench, *words)
    done = kvsctl(*words, "--journal-force", status=1)
    assert done.report["records"] == _COUNT + 1


def test_failures_are_tried_again_only_when_asked(bench: Bench, kvsctl: Command) -> None:
    journal, failed = bench.journal, bench.folder / "failed"
    words: Words = ["set", "bad1=1", "bad2=1", "k=1", "--failures", failed, "--journal", journal]
    first = kvsctl(*words, "--url", bench.quick, "--json", status=1)
    assert first.report["failed"] == 2
    same = kvsctl(*words, "--url", bench.quick, "--json", status=0)
    assert (same.report["failed"], same.report["exit_code"]) == (2, 0)
    told = kvsctl(*words, "--url", bench.quick, status=0)
    assert b"Use --retry-failed to retry the failures." in told.err
    retried = kvsctl(*words, "--url", bench.quick, "--json", "--retry-failed", status=1)
    assert retried.report["failed"] == 2
    assert retried.report["records"] == 3
    assert retried.report["requests"] > first.report["requests"]
    assert len(retried.report["failures"]) == 2
    assert [json.loads(line)["key"] for line in failed.read_text().splitlines()] == ["bad1", "bad2"]
    assert _lines(kvsctl("get", "k", "bad1", "--url", bench.quick, status=1)) == 1


def _lines(ended: Ended) -> int:
    return ended.out.count(b"\n")


def test_a_disk_that_is_full_ends_with_5_and_a_correct_report(bench: Bench) -> None:
    """The journal's own file may not grow past some bytes; the run's other files are small."""
    words: Words = [
        "set", "-f", bench.source, "--url", bench.slow, "--json", *_SLOW,
        "--journal", bench.journal,
    ]  # fmt: skip
    process = bench.kvsctl.start(
        *words,
        prelude=_NOTES_OFTEN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_limit_files,
    )
    with process:
        out, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert b"cannot write the journal" in complaint
    report = json.loads(out)
    assert report["exit_code"] == 5
    assert 0 < report["succeeded"] < _COUNT
    settled_then = len(bench.state.settled)
    assert settled_then <= report["records"] - report["unsent"]
    done = bench.kvsctl(*words, status=1)
    plain = bench.kvsctl("set", "-f", bench.source, "--url", bench.quick, "--json", status=1)
    assert _sums(done) == _sums(plain)
    assert bench.store(bench.slow) == bench.store(bench.quick)


def _limit_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1400, 1400))
