"""sync on several installations: one source, which is read once, is written to each."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.emulator import embedded
from kvsctl.emulator.web.app import Emulator
from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served
from tests.support.examples import examples
from tests.support.jsontexts import LEGAL_KEYS, VALUES
from tests.support.waiting import wait_until

_NAMES = ("i1", "i2", "i3")
_GOLDEN = {"a:1": 1, "a:2": {"x": [1]}, "b:1": "text"}


@pytest.fixture(name="emulator")
def _emulator(tmp_path: Path) -> Emulator:
    """What serves the source."""
    return embedded(tmp_path / "golden.db")


@pytest.fixture(name="golden")
def _golden(kvsctl: Command, emulator: Emulator, tmp_path: Path) -> Iterator[str]:
    """The URL of the source."""
    records = [{"key": key, "value": value} for key, value in _GOLDEN.items()]
    with served(emulator) as url:
        kvsctl("set", "--url", url, "-f", records_file(tmp_path / "in.jsonl", records), status=0)
        emulator.statuses.clear()
        yield url


def _on(name: str) -> tuple[str, ...]:
    return "-t", "container", "--installation", name


@pytest.fixture
def inside(kvsctl: Command, golden: str, tmp_path: Path) -> Iterator[Command]:
    """The command in an app: the first store has all, the second other records, the third none."""
    del golden
    with container(kvsctl.having(NO_COLOR="1"), _NAMES) as command:
        command("set", *_on("i1"), "-f", tmp_path / "in.jsonl", status=0)
        command("set", *_on("i2"), "a:1=1.0", "a:2=2", "extra=4", status=0)
        yield command


def _stores(inside: Command) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in inside("export", *ALL, "-q").lines:
        found.setdefault(line["installation"], {})[line["key"]] = line["value"]
    return found


def test_each_gets_what_it_lacks(inside: Command, golden: str, emulator: Emulator) -> None:
    words = ("sync", "--from", golden, *ALL, "--all", "--yes", "--json")
    report = inside(*words, status=0).report
    assert emulator.statuses == {200: 1}, "the source is read once"
    lines = lines_by_name(report)
    written = {name: (line["succeeded"], line["skipped"]) for name, line in lines.items()}
    assert written == {"i1": (0, 3), "i2": (2, 1), "i3": (3, 0)}
    assert (report["records"], report["skipped_by"]) == (9, {"unchanged": 4})
    assert (report["source"]["records"], report["source"]["target"]) == (3, golden)
    whole = dict(_GOLDEN)
    assert _stores(inside) == {"i1": whole, "i2": {**whole, "extra": 4}, "i3": whole}
    again = inside(*words, status=0).report
    assert (again["succeeded"], again["units"]["write"]) == (0, 0)


_RECORD = st.tuples(VALUES, st.sampled_from(["", ',"ttl":"1h"']))


@given(
    st.lists(st.dictionaries(LEGAL_KEYS, _RECORD, max_size=8), min_size=3, max_size=3),
    st.booleans(),
)
@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_a_sync_of_each_alone_does(
    kvsctl: Command,
    tmp_path_factory: pytest.TempPathFactory,
    stores: list[dict[str, tuple[str, str]]],
    renames: bool,
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    extra = ("--key-template", "copy:{key}") if renames else ()
    with served(embedded(folder / "g.db")) as url, container(kvsctl, ("i1", "i2")) as inside:
        for names, store in zip([("--url", url), _on("i1"), _on("i2")], stores, strict=True):
            text = [f'{{"key":{json.dumps(k)},"value":{v}{ttl}}}' for k, (v, ttl) in store.items()]
            inside("set", *names, stdin="\n".join(text).replace("\r", " ").encode())
        before = folder / "before-{installation}.jsonl"
        inside("export", *ALL, "-o", before, status=0)
        sync = ("sync", "--from", url, "--all", "--yes", "--json", *extra)
        alone = {name: inside(*sync, *_on(name)) for name in ("i1", "i2")}
        by_itself = _stores(inside)
        inside("delete", *ALL, "--all", "--yes", "-q", status=0)
        inside("set", *ALL, "-f", before, status=0)
        together = inside(*sync, *ALL)
        lines = lines_by_name(together.report)
        counts = ("records", "succeeded", "failed", "skipped")
        for name, one in alone.items():
            assert [lines[name][count] for count in counts] == [one.report[n] for n in counts]
        assert _stores(inside) == by_itself


def test_one_question_has_the_totals_and_the_largest(
    inside: Command, golden: str, emulator: Emulator
) -> None:
    words = ("sync", "--from", golden, *ALL, "--all")
    before = _stores(inside)
    refused = in_terminal(inside, *words, typed=b"n\n", columns=200)
    assert _stores(inside) == before
    assert emulator.statuses == {200: 1}
    text = refused.text.replace("\r", "")
    assert "About to write 5 records (" in text
    assert ", of 3 installations\n  i3  3 records (" in text
    assert "\n  i2  2 records (" in text
    assert f"The source is {golden}: plain keys.\n" in text
    assert "Only records that differ are written, and nothing is deleted.\n" in text
    assert "not confirmed: nothing was written" in text
    assert refused.status == 2
    consented = in_terminal(inside, *words, typed=b"y\n", columns=200)
    assert consented.status == 0
    assert consented.text.count("Write? [y/N]") == 1
    assert "9 records · 5 succeeded · 4 skipped" in consented.text
    assert _stores(inside)["i3"] == _GOLDEN
    silent = in_terminal(inside, *words, columns=200)
    assert "About to write" not in silent.text, "nothing differs"
    assert silent.status == 0


def test_nobody_is_asked_without_a_terminal(
    inside: Command, golden: str, emulator: Emulator
) -> None:
    ended = inside("sync", "--from", golden, *ALL, "--all", status=2)
    assert b"cannot ask, because this is not a terminal: nothing was written" in ended.err
    assert emulator.statuses == {}


def test_a_dry_run_reads_the_source_alone(inside: Command, golden: str) -> None:
    before = _stores(inside)
    report = inside("sync", "--from", golden, *ALL, "--all", "-n", "--json", status=0).report
    assert (report["dry_run"], report["records"], report["source"]["records"]) == (True, 9, 3)
    assert _stores(inside) == before


def test_each_has_its_own_failures_and_one_that_is_refused_stops_no_other(
    kvsctl: Command, golden: str, tmp_path: Path
) -> None:
    faults = ("--faults", "refuse-installation=i2:403,refuse=b:ODD")
    failures = tmp_path / "failed-{installation}.jsonl"
    with container(kvsctl, _NAMES, *faults) as inside:
        words = ("sync", "--from", golden, *ALL, "--all", "--yes", "--failures", failures)
        report = inside(*words, "--json", status=1).report
    assert exit_codes(report) == {"i1": 1, "i2": 3, "i3": 1}
    for name in ("i1", "i3"):
        [line] = (tmp_path / f"failed-{name}.jsonl").read_text().splitlines()
        assert json.loads(line)["key"] == "b:1"
    assert sorted(one["installation"] for one in report["failures"]) == ["i1", "i3"]


def test_a_canary_that_fails_is_the_last(kvsctl: Command, golden: str) -> None:
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i1:403") as inside:
        words = ("sync", "--from", golden, *ALL, "--all", "--yes", "--canary", "1", "--json")
        assert exit_codes(inside(*words, status=4).report) == {"i1": 3, "i2": None, "i3": None}


def test_a_plan_of_each_deletes_what_the_source_lacks(
    inside: Command, golden: str, tmp_path: Path
) -> None:
    sync = ("sync", "--from", golden, *ALL, "--all", "--yes")
    one = inside(*sync, "--plan", tmp_path / "plan.jsonl", status=2)
    assert b"several installations cannot write to one file" in one.err
    plans = tmp_path / "plan-{installation}.jsonl"
    inside(*sync, "--plan", plans, status=0)
    sizes = [(tmp_path / f"plan-{name}.jsonl").read_bytes().count(b"\n") for name in _NAMES]
    assert sizes == [0, 1, 0]
    inside("apply", *ALL, plans, "--yes", status=0)
    assert _stores(inside) == dict.fromkeys(_NAMES, _GOLDEN)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_journals_and_a_ledger_resume_it(
    kvsctl: Command, golden: str, tmp_path: Path, number: signal.Signals
) -> None:
    more = {f"k{n:03}": n for n in range(60)}
    text = "\n".join(json.dumps({"key": key, "value": value}) for key, value in more.items())
    kvsctl("set", "--url", golden, stdin=text.encode(), status=0)
    sync = ("sync", "--from", golden, *ALL, "--all", "--yes", "--json", "--at-once", "1")
    files = ("--journal", tmp_path / "j-{installation}", "--ledger", tmp_path / "ledger")
    words = (*sync, *files, "-c", "1", "--batch-size", "3")
    slow = (*words, "--rps", "5")
    with container(kvsctl, _NAMES) as inside:
        with inside.start(*slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            second = tmp_path / "j-i2"
            wait_until(lambda: second.exists() and second.read_bytes().count(b"\n") > 1)
            process.send_signal(number)
            process.communicate(timeout=60)
        written = {name: len(store) for name, store in _stores(inside).items()}
        assert written["i1"] == 63
        assert 0 < written["i2"] < 63
        ended = inside(*words, status=0)
        report = ended.report
        assert b"1 installation was finished by an earlier run" in ended.err
        assert report["records"] == 63 * 3
        lines = lines_by_name(report)
        assert [lines[name]["records"] for name in _NAMES] == [63, 63, 63]
        assert lines["i2"]["succeeded"] >= 63 - 3, "what was settled is not read again"
        assert _stores(inside) == {name: {**_GOLDEN, **more} for name in _NAMES}
        other = inside(*words[:1], "--from", "local", *words[3:], status=2)
    assert b"--from is local (" in other.err
    assert b"when the ledger was begun" in other.err


def test_a_shard_is_some_of_the_installations_with_all_keys(inside: Command, golden: str) -> None:
    sync = ("sync", "--from", golden, *ALL, "--all", "--yes", "--json")
    for part in (1, 2):
        report = inside(*sync, "--shard", f"{part}/2").report
        assert {line["records"] for line in lines_by_name(report).values()} <= {3}
    assert _stores(inside)["i3"] == _GOLDEN


def test_one_that_cannot_be_compared_is_left_as_it_is(kvsctl: Command, golden: str) -> None:
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i2:403") as inside:
        screen = in_terminal(
            inside, "sync", "--from", golden, *ALL, "--all", typed=b"y\n", columns=200
        )
        assert "1 installation could not be read and will be left as they are." in screen.text
        assert "About to write 6 records" in screen.text
        assert screen.status == 1
        assert set(_stores(inside)) == {"i1", "i3"}


def test_a_record_with_a_ttl_is_always_written(inside: Command, golden: str) -> None:
    inside("set", "--url", golden, "--ttl", "1h", "a:1=1", status=0)
    screen = in_terminal(inside, "sync", "--from", golden, *ALL, "a:1", typed=b"y\n", columns=200)
    assert "About to write 3 records (3 bytes)" in screen.text
    assert "3 records · 3 succeeded" in screen.text
