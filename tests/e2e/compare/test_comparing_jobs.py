"""diff and verify as cron runs them: locked, watched and logged like the other commands."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvsctl.files.claims import claim
from tests.backups.exports import write_export
from tests.support.commands.command import Command
from tests.support.commands.pinged import Pinged
from tests.support.commands.server import served

_LINES = [b'{"key":"k%d","value":%d}\n' % (n, n) for n in range(30)]


@pytest.fixture
def app() -> Pinged:
    return Pinged()


@pytest.fixture
def url(app: Pinged) -> Iterator[str]:
    with served(app) as base:
        yield f"{base}/uuid"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return write_export(tmp_path / "all.jsonl", _LINES)


@pytest.fixture
def local(kvsctl: Command, export: Path) -> Command:
    """The command with a local store that holds the export."""
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-q", "-f", export, status=0)
    return local


def _events(err: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("diff", "-f", "all.jsonl"), 0, "kvsctl diff local: exit code 0; 30 records, 30 succ"),
        (("diff", "-f", "all.jsonl", "--all"), 0, "kvsctl diff local: exit code 0; 30 records,"),
        (("diff", "-f", "all.jsonl", "--with", "all.jsonl"), 0, "kvsctl diff: exit code 0; 30 rec"),
        (("diff", "-f", "none.jsonl"), 2, "kvsctl diff: exit code 2; cannot read none.jsonl"),
        (("verify", "all.jsonl"), 0, "kvsctl verify: exit code 0"),
        (("verify", "all.jsonl", "--against", "local"), 0, "kvsctl verify local: exit code 0; 30"),
        (("verify", "none.jsonl"), 2, "kvsctl verify: exit code 2; cannot read none.jsonl"),
    ],
)
def test_every_end_is_signalled_and_measured(
    local: Command, app: Pinged, url: str, tmp_path: Path, words: tuple[str, ...], status: int,
    said: str,
) -> None:  # fmt: skip
    metrics = tmp_path / "job.prom"
    watching = ("--ping-url", url, "--metrics-file", metrics)
    local(*words, *watching, folder=tmp_path, status=status)
    assert app.paths == ["/uuid/start", f"/uuid/{status}"]
    assert app.signals[-1][1].startswith(said)
    assert f'command="{words[0]}"' in metrics.read_text()
    assert f"}} {status}\n" in metrics.read_text().split("TYPE")[1]


def test_a_difference_and_damage_are_signalled(
    local: Command, app: Pinged, url: str, export: Path
) -> None:
    local("set", "-q", "k7=changed", status=0)
    local("diff", "-f", export, "--ping-url", url, status=1)
    local("verify", export, "--against", "local", "--ping-url", url, status=1)
    export.write_bytes(export.read_bytes()[:-20])
    local("verify", export, "--ping-url", url, status=1)
    last = [text for path, text in app.signals if path == "/uuid/1"]
    assert last[-1].startswith("kvsctl verify: exit code 1; it has 29 of 30 records")
    assert len(last) == 3
    assert all("changed" not in text for text in last)


def test_both_stores_of_a_comparison_are_labels(
    local: Command, tmp_path: Path, kvsctl: Command
) -> None:
    metrics = tmp_path / "job.prom"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("diff", "--from", f"http://127.0.0.1:{port}", "--retries", "0")
    local(*words, "--metrics-file", metrics, status=4)
    assert 'command="diff",target="local",source="' in metrics.read_text()


@pytest.mark.parametrize("command", ["diff", "verify"])
class TestEither:
    def test_does_not_work_beside_another_that_holds_the_lock(
        self, local: Command, export: Path, tmp_path: Path, command: str
    ) -> None:
        lock = tmp_path / "lock"
        words = _words(command, export)
        local(*words, "--lock", lock, status=0)
        assert lock.read_bytes() == b""
        held = claim(lock, "the lock", needs_lock=True)
        with open(held, "wb"):
            refused = local(*words, "--lock", lock, status=75)
        assert refused.out == b""
        assert b"is held by another process" in refused.err
        assert b"--lock-wait needs a lock" in local(*words, "--lock-wait", "1s", status=2).err

    def test_logs_json_objects_only(self, local: Command, export: Path, command: str) -> None:
        ended = local(*_words(command, export), "--log-format", "json", "-v", status=0)
        first, *requests, last = _events(ended.err)
        assert {event["command"] for event in (first, *requests, last)} == {command}
        assert (first["event"], last["event"]) == ("started", "ended")
        assert {request["event"] for request in requests} == {"request"}
        assert (last["level"], last["report"]["exit_code"]) == ("info", 0)
        local("set", "-q", "k7=0", status=0)
        differing = local(*_words(command, export), "--log-format", "json", status=1)
        last = _events(differing.err)[-1]
        assert (last["event"], last["level"]) == ("ended", "error")
        assert last["report"]["exit_code"] == 1

    def test_logs_errors_as_well(self, kvsctl: Command, tmp_path: Path, command: str) -> None:
        words = _words(command, tmp_path / "none")
        refused = kvsctl(*words, "--log-format", "json", status=2)
        (event,) = _events(refused.err)
        assert (event["event"], event["exit_code"]) == ("error", 2)

    def test_shows_requests_and_headers(self, local: Command, export: Path, command: str) -> None:
        plain = local(*_words(command, export), "-v", status=0).err
        assert plain.count(b"get 200, ") == 2
        verbose = local(*_words(command, export), "-vv", status=0).err
        assert len(verbose.splitlines()) > len(plain.splitlines())

    def test_writes_its_report_to_a_file(
        self, local: Command, export: Path, tmp_path: Path, command: str
    ) -> None:
        report = tmp_path / "report.json"
        for _ in range(2):  # the second replaces the first
            local(*_words(command, export), "--report", report, status=0)
        document = json.loads(report.read_bytes())
        assert (document["command"], document["exit_code"]) == (command, 0)
        report.write_text("mine")
        refused = local(*_words(command, export), "--report", report, status=2)
        assert b"would replace" in refused.err
        assert report.read_text() == "mine"

    @pytest.mark.parametrize("flag", ["--lock", "--metrics-file", "--report"])
    def test_refuses_a_file_in_two_roles(
        self, local: Command, export: Path, command: str, flag: str
    ) -> None:
        before = export.read_bytes()
        assert b"at once" in local(*_words(command, export), flag, export, status=2).err
        assert export.read_bytes() == before
        assert b"not a file name" in local(*_words(command, export), flag, "-", status=2).err


def _words(command: str, export: Path) -> tuple[str | Path, ...]:
    if command == "diff":
        return ("diff", "-f", export)
    return ("verify", export, "--against", "local")


def test_quiet_verification_prints_only_what_is_wrong(local: Command, export: Path) -> None:
    good = local("verify", "-q", export, "--against", "local", status=0)
    assert (good.out, good.err) == (b"", b"")
    local("set", "-q", "k7=0", status=0)
    assert b"changed   k7" in local("verify", "-q", export, "--against", "local", status=1).out
    export.write_bytes(b"")
    assert b"does not match" in local("verify", "-q", export, status=1).err
