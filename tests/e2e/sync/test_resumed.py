"""Syncs that are killed or stopped, and resumed from their journal by the same command."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.app import Emulator
from kvsctl.journal.file import JournalFile
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.journals import records_settled
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

Words: TypeAlias = tuple[str | Path, ...]
_COUNT = 2000
_PLAIN = 1500
_SLOW = read_faults("seed=2,latency-ms=20..60,503=0.02")
_NOTES_OFTEN = "import kvsctl.journal.writer as writer; writer.GROUP_SECONDS = 0.1"
_BOTH = ("--entity", "city", "--plain")
_Stored: TypeAlias = dict[tuple[str | None, str], tuple[Any, str | None]]


@pytest.fixture(name="emulator")
def _emulator(tmp_path: Path) -> Emulator:
    """What serves the source."""
    return embedded(tmp_path / "source.db")


@pytest.fixture(name="source")
def _source(kvsctl: Command, tmp_path: Path, emulator: Emulator) -> Iterator[str]:
    """The URL of a slow source: plain records, some with a ttl, and records of an entity."""
    records = [
        {"key": f"k:{number:04}", "value": {"n": number}}
        | ({"entityName": "city"} if number % 4 == 1 else {})
        | ({"ttl": "1h"} if number % 10 == 0 else {})
        for number in range(_COUNT)
    ]
    with served(emulator) as url:
        path = records_file(tmp_path / "records.jsonl", records)
        kvsctl("set", "-f", path, "--url", url, status=0)
        emulator.arm(_SLOW)
        yield url


@pytest.fixture(name="target")
def _target(kvsctl: Command, tmp_path: Path) -> Iterator[Command]:
    """kvsctl with a served target, which holds some records of the source and others."""
    with served(embedded(tmp_path / "target.db")) as url:
        target = kvsctl.having(KVSCTL_URL=url)
        numbers = [number for number in range(0, _COUNT, 7) if number % 4 != 1]
        same = [{"key": f"k:{number:04}", "value": {"n": number}} for number in numbers]
        target("set", "-f", records_file(tmp_path / "same", same), "other=1", "k:gone=1", status=0)
        yield target


def _stored(command: Command, *words: str) -> _Stored:
    lines = command("export", *_BOTH, *words, status=0).lines
    return {
        (line.get("entityName"), line["key"]): (line["value"], line.get("expireTime"))
        for line in lines
    }


def _is_same(one: _Stored, other: _Stored) -> bool:
    """Whether all records of `one` are in `other`, with nearly the same time of expiry."""
    for identity, (value, expires) in one.items():
        stored, other_expires = other.get(identity, (None, None))
        if stored != value or (expires is None) != (other_expires is None):
            return False
        if expires is not None and other_expires is not None:
            times = [datetime.fromisoformat(text) for text in (expires, other_expires)]
            if abs((times[0] - times[1]).total_seconds()) > 3:
                return False
    return True


def _stop(
    target: Command,
    words: Words,
    journal: Path,
    number: signal.Signals,
    *,
    statuses: tuple[int, ...] = (),
) -> None:
    """Stop a sync once its journal holds more than when it began."""

    def has_settled_more_than(count: int) -> bool:
        return records_settled(journal) > count

    settles = partial(has_settled_more_than, records_settled(journal))
    process = target.start(*words, prelude=_NOTES_OFTEN, stdout=-1, stderr=subprocess.PIPE)
    wait_until(settles)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (-number, *statuses), said


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["-c", "3"], signal.SIGKILL),
        (["-c", "1"], signal.SIGKILL),
        (["-c", "3"], signal.SIGINT),
        (["-c", "2", "--consistent"], signal.SIGKILL),
    ],
)
def test_a_stopped_sync_is_resumed(
    target: Command, source: str, tmp_path: Path, words: list[str], number: signal.Signals
) -> None:
    journal = tmp_path / "j"
    command: Words = (
        "sync", "-y", "--from", source, "--all", *_BOTH, *words, "--journal", journal, "--json",
    )  # fmt: skip
    for _ in range(3):
        _stop(target, command, journal, number, statuses=(130,))
    settled = records_settled(journal)
    assert 0 < settled < _COUNT
    ended = target(*command, status=0).report
    assert ended["records"] == _COUNT
    assert ended["succeeded"] + ended["skipped_by"]["unchanged"] == _COUNT
    assert ended["failed"] == ended["unsent"] == ended["unknown"] == 0
    stored = _stored(target)
    assert _is_same(_stored(target, "--url", source), stored)
    assert len(stored) == _COUNT + 2  # nothing was deleted


def test_a_resumed_sync_reads_in_the_target_only_what_is_left(
    target: Command, source: str, tmp_path: Path, emulator: Emulator
) -> None:
    journal = tmp_path / "j"
    command: Words = ("sync", "-y", "--from", source, "--all", "--journal", journal, "-c", "1")
    _stop(target, command, journal, signal.SIGKILL)
    settled = records_settled(journal)
    emulator.arm(None)
    said = target(*command, "-v", status=0).err.decode()
    read = re.findall(r"^get 200, .*, ([0-9]+) records?, ", said, re.MULTILINE)
    plain = [number for number in range(_COUNT) if number % 4 != 1]
    # Records with a ttl are always written, and not read before.
    assert sum(map(int, read)) == sum(number % 10 != 0 for number in plain[settled:])
    assert f"{_PLAIN:,} records" in said


def test_what_changes_between_two_runs(
    target: Command, source: str, tmp_path: Path, emulator: Emulator
) -> None:
    journal = tmp_path / "j"
    command: Words = (
        "sync",
        "-y",
        "--from",
        source,
        "--all",
        "--journal",
        journal,
        "-c",
        "1",
        "--json",
    )
    _stop(target, command, journal, signal.SIGKILL)
    emulator.arm(None)
    changed = ("a:new=1", "k:0000=1", "k:1998=2", "z:new=3")
    target("set", "--url", source, *changed, status=0)
    target("delete", "--url", source, "k:0002", "k:1992", status=0)
    assert target(*command, status=0).report["records"] == _PLAIN  # one more, and one less
    got = _stored(target)
    # What was settled before the kill is not seen again.
    assert (None, "a:new") not in got
    assert got[None, "k:0000"][0] == {"n": 0}
    assert (None, "k:0002") in got
    # What comes after it is as it is now.
    assert (got[None, "k:1998"][0], got[None, "z:new"][0]) == (2, 3)
    assert (None, "k:1992") not in got
    # The journal is complete: the same command starts anew, and sees everything.
    assert target(*command, status=0).report["records"] == _PLAIN
    plain = {key: value for key, value in _stored(target, "--url", source).items() if not key[0]}
    assert _is_same(plain, _stored(target))


def test_a_plan_of_a_resumed_sync_is_whole(target: Command, source: str, tmp_path: Path) -> None:
    journal, plan = tmp_path / "j", tmp_path / "plan"
    command: Words = (
        "sync", "-y", "--from", source, "--all", "--journal", journal, "-c", "2", "--plan", plan,
    )  # fmt: skip
    for _ in range(2):
        _stop(target, command, journal, signal.SIGKILL)
        assert not plan.exists()
    resumed = target(*command, status=0)
    assert b"planned 2 deletions in " in resumed.err
    assert [json.loads(line)["key"] for line in plan.read_bytes().splitlines()] == [
        "k:gone",
        "other",
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_number_of_kills_the_target_is_like_the_source(
    target: Command, source: str, tmp_path: Path, seed: int
) -> None:
    random, seconds, kills = Random(seed), 0.4, 0
    command: Words = (
        "sync", "-y", "--from", source, "--all", *_BOTH, "-c", "3", "--journal", tmp_path / "j",
        "--plan", tmp_path / "plan-{date}", "--report", tmp_path / "report.json",
    )  # fmt: skip
    while True:
        process = target.start(*command, prelude=_NOTES_OFTEN, stdout=-1, stderr=-1)
        try:
            _, said = process.communicate(timeout=random.uniform(0.3, seconds))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills, seconds = kills + 1, seconds * 1.2
            continue
        break
    assert (process.returncode, kills > 2) == (0, True), said
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["records"] == report["succeeded"] + report["skipped"] == _COUNT
    assert _is_same(_stored(target, "--url", source), _stored(target))
    plan = max(path for path in tmp_path.glob("plan-*") if path.suffix != ".part")
    planned = [json.loads(line)["key"] for line in plan.read_bytes().splitlines()]
    assert planned == ["k:gone", "other"]


def test_a_sync_whose_time_is_up_is_resumed(
    target: Command, source: str, tmp_path: Path, emulator: Emulator
) -> None:
    emulator.arm(read_faults("latency-ms=300"))
    command: Words = ("sync", "-y", "--from", source, "--all", "-c", "1")
    journal: Words = ("--journal", tmp_path / "j", "--json")
    ended = target(*command, *journal, "--max-duration", "2s", status=75)
    assert b"Run the same command again to resume it." in ended.err
    assert 0 < ended.report["records"] - ended.report["unsent"] < _PLAIN
    emulator.arm(None)
    assert target(*command, *journal, status=0).report["records"] == _PLAIN
    # Without a journal there is nothing to warn of: the same command does only what is left.
    again = target(*command, "--max-duration", "1m", status=0)
    assert b"without --journal" not in again.err


def test_a_complete_journal_starts_anew(target: Command, source: str, tmp_path: Path) -> None:
    command: Words = ("sync", "-y", "--from", source, "k:", "--journal", tmp_path / "j", "--json")
    assert target(*command, status=0).report["records"] == _PLAIN
    target("set", "--url", source, "k:new=1", status=0)
    again = target(*command, status=0).report
    assert again["records"] == _PLAIN + 1
    assert again["skipped_by"]["unchanged"] > 0


def test_a_journal_belongs_to_one_sync(
    target: Command, source: str, tmp_path: Path, kvsctl: Command
) -> None:
    journal = tmp_path / "j"
    with JournalFile(journal):
        pass
    command: Words = ("sync", "-y", "--from", source, "k:", "--journal", journal)
    _stop(target, command, journal, signal.SIGKILL)
    for words, message in (
        (["--key-template", "x{key}"], b"--key-template is x{key}, but was not given"),
        (["--consistent"], b"--consistent is given, but was not given"),
        (["--shard", "1/2"], b"--shard is 1/2, but was not given"),
        (["--larger-than", "1k"], b"listing has a different selection"),
        (["--from", "local"], b"--from is local"),
    ):
        assert message in target(*command, *words, status=2).err
    assert b"the target is" in kvsctl(*command, "-t", "local", status=2).err
    target(*command, status=0)


def test_failures_of_all_runs_are_kept(target: Command, source: str, tmp_path: Path) -> None:
    journal, failures = tmp_path / "j", tmp_path / "failures.jsonl"
    command: Words = (
        "sync", "-y", "--from", source, "--all", "--key-template", "x" * 495 + "{key}", "-c", "2",
        "--journal", journal, "--failures", failures, "--json",
    )  # fmt: skip
    _stop(target, command, journal, signal.SIGKILL)
    _stop(target, command, journal, signal.SIGINT, statuses=(130,))
    ended = target(*command, status=1).report
    assert ended["records"] == ended["failed"] == _PLAIN
    keys = [json.loads(line)["key"] for line in failures.read_bytes().splitlines()]
    assert len(keys) == len(set(keys)) == _PLAIN
