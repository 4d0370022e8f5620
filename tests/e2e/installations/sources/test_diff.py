"""diff --from on several installations: the source is read once, and each is compared with it."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.emulator import embedded
from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command, records_file
from tests.support.commands.raw_server import raw_server
from tests.support.commands.server import served
from tests.support.examples import examples
from tests.support.jsontexts import LEGAL_KEYS, VALUES
from tests.support.waiting import wait_until

_NAMES = ("i1", "i2", "i3")
_COUNTS = ("equal", "added", "changed", "missing")


@pytest.fixture(name="golden")
def _golden(tmp_path: Path) -> Iterator[str]:
    with served(embedded(tmp_path / "golden.db")) as url:
        yield url


@pytest.fixture
def inside(kvsctl: Command, golden: str, tmp_path: Path) -> Iterator[Command]:
    """Yield the command in an app with three stores: one differs, one lacks and has a record."""
    records = [{"key": key, "value": {"n": 1}} for key in ("a:1", "a:2", "b:1")]
    file = records_file(tmp_path / "in.jsonl", records)
    with container(kvsctl, _NAMES) as command:
        command("set", *ALL, "-f", file, status=0)
        command("set", "--url", golden, "-f", file, status=0)
        command("set", "-t", "container", "--installation", "i2", "a:1=2", status=0)
        command("delete", "-t", "container", "--installation", "i3", "b:1", "--yes", status=0)
        command("set", "-t", "container", "--installation", "i3", "c=3", status=0)
        yield command


def _found(lines: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((one["installation"], one["change"], one["key"]) for one in lines)


def test_each_is_compared_with_the_source(inside: Command, golden: str) -> None:
    ended = inside("diff", "--from", golden, *ALL, "--json", status=1)
    added, missing = ("i3", "added", "c"), ("i3", "missing", "b:1")
    assert _found(ended.lines) == [("i2", "changed", "a:1"), added, missing]
    report = json.loads(ended.err.splitlines()[-1])
    assert exit_codes(report) == {"i1": 0, "i2": 1, "i3": 1}
    lines = lines_by_name(report)
    assert [[lines[name][count] for count in _COUNTS] for name in _NAMES] == [
        [3, 0, 0, 0],
        [2, 0, 1, 0],
        [2, 1, 0, 1],
    ]
    assert [report[count] for count in _COUNTS] == [7, 1, 1, 1]
    source = report["source"]
    assert (source["target"], source["records"], source["requests"]) == (golden, 3, 1)
    assert lines["i1"]["requests"] == 1


def test_the_report_for_people_names_the_source(inside: Command, golden: str) -> None:
    ended = inside("diff", "--from", golden, *ALL, "a:", "--only", "changed", status=1)
    said = ended.err.decode()
    assert f"source {golden} · 2 records · " in said
    assert "  i1  2 records, 2 equal\n" in said
    assert [one["key"] for one in ended.lines] == ["a:1"]


@given(
    st.lists(st.dictionaries(LEGAL_KEYS, VALUES, max_size=8), min_size=3, max_size=3),
    st.booleans(),
)
@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_diff_finds_in_each(
    kvsctl: Command,
    tmp_path_factory: pytest.TempPathFactory,
    stores: list[dict[str, str]],
    consistent: bool,
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    extra = ("--consistent",) if consistent else ()
    with served(embedded(folder / "g.db")) as url, container(kvsctl, ("i1", "i2")) as inside:
        places = [("--url", url), *(("-t", "container", "--installation", n) for n in ("i1", "i2"))]
        for place, store in zip(places, stores, strict=True):
            text = [f'{{"key":{json.dumps(key)},"value":{one}}}' for key, one in store.items()]
            inside("set", *place, stdin="\n".join(text).replace("\r", " ").encode())
        together = inside("diff", "--from", url, *ALL, *extra, "--json")
        report = json.loads(together.err.splitlines()[-1])
        assert report["source"]["requests"] >= 1
        by_name = lines_by_name(report)
        for name, place in zip(("i1", "i2"), places[1:], strict=True):
            alone = inside("diff", "--from", url, *place, *extra, "--as", "jsonl", "--json")
            assert _of(together.out, name) == alone.out
            counts = json.loads(alone.err.splitlines()[-1])
            assert [by_name[name][one] for one in _COUNTS] == [counts[one] for one in _COUNTS]
            assert by_name[name]["exit_code"] == alone.status


def _of(out: bytes, name: str) -> bytes:
    """Return the lines of an installation, as they are without its name."""
    member = b'"installation":"%b",' % name.encode()
    lines = [line for line in out.splitlines(keepends=True) if member in line]
    return b"".join(line.replace(member, b"", 1) for line in lines)


def test_one_that_is_refused_stops_no_other(kvsctl: Command, golden: str) -> None:
    kvsctl("set", "--url", golden, "a=1", status=0)
    with container(kvsctl, _NAMES, "--faults", "refuse-installation=i2:403") as inside:
        ended = inside("diff", "--from", golden, *ALL, "--json", status=1)
    report = json.loads(ended.err.splitlines()[-1])
    assert exit_codes(report) == {"i1": 1, "i2": 3, "i3": 1}


def test_a_source_that_cannot_be_read_ends_it_before_any_is_begun(
    inside: Command, kvsctl: Command
) -> None:
    ended = inside("diff", "--from", "http://127.0.0.1:9", "--retries", "0", *ALL, "--json")
    report = json.loads(ended.err.splitlines()[-1])
    assert ended.status == 4
    assert set(exit_codes(report).values()) == {None}
    assert report["requests"] == 0
    assert "reading from http://127.0.0.1:9" in report["error"]["message"]


def test_a_folder_without_room_is_exit_code_5(
    inside: Command, golden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    ended = inside("diff", "--from", golden, *ALL, status=5)
    assert b"cannot keep the records of the source in " in ended.err
    assert b"Set TMPDIR to a folder with more space." in ended.err


@pytest.mark.parametrize(
    ("number", "status", "why"),
    [
        (signal.SIGINT, 130, b"interrupted before the source was read: nothing was compared"),
        (None, 75, b"was up before the source was read: nothing was compared"),
    ],
)
def test_an_interrupt_while_the_source_is_read_leaves_all_as_they_were(
    kvsctl: Command, tmp_path: Path, number: signal.Signals | None, status: int, why: bytes
) -> None:
    is_over = threading.Event()

    def answer(_head: bytes, _body: bytes) -> bytes:
        is_over.wait(30)
        return b""

    report = tmp_path / "report.json"
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with (
        container(kvsctl.having(TMPDIR=str(temporary)), _NAMES) as inside,
        raw_server(answer) as raw,
    ):
        words = ("--from", f"http://127.0.0.1:{raw.port}", *ALL, "--report", report)
        limit = ("--max-duration", "1") if number is None else ()
        process = inside.start(
            "diff", *words, *limit, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            wait_until(lambda: bool(raw.requests))
            if number is not None:
                process.send_signal(number)
            _, said = process.communicate(timeout=60)
        is_over.set()
    assert process.returncode == status
    assert why in said
    assert set(exit_codes(json.loads(report.read_bytes())).values()) == {None}
    assert list(temporary.iterdir()) == []


def test_the_source_itself_is_left_out(inside: Command) -> None:
    config = Path(inside.home, ".config/kvsctl/config.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[targets.container]\ninstallation = "i1"\n')
    ended = inside("diff", "--from", "container", *ALL, "--json", status=1)
    assert b"i1 is the source, and is left out" in ended.err
    assert exit_codes(json.loads(ended.err.splitlines()[-1])) == {"i2": 1, "i3": 1}
    only = ("-t", "container", "--installation", "i1", "--installation", "i2")
    assert inside("diff", "--from", "container", *only, status=1).lines[0]["installation"] == "i2"
    file = config.parent / "one.jsonl"
    file.write_text('{"installation":"ari:cloud:ecosystem::installation/i1"}\n')
    alone = ("-t", "container", "--installations-file", file)
    refused = inside("diff", "--from", "container", *alone, status=2)
    assert b"--from and the target are the same store" in refused.err
