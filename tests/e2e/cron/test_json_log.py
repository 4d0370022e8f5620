"""--log-format json: everything that a command says on stderr is a JSON object per line."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command, Ended, records_file
from tests.support.commands.pseudo_terminal import with_terminal_stderr
from tests.support.waiting import wait_until


def _events(err: bytes) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "event", "command"} <= event.keys() for event in events)
    return events


def _names(ended: Ended) -> list[str]:
    return [event["event"] for event in _events(ended.err)]


def test_a_run_starts_and_ends_with_its_report(kvsctl: Command) -> None:
    ended = kvsctl(
        "set", "-t", "local", "key-1=value-1", "a/b=value-2", "--log-format", "json", status=1
    )
    first, last = _events(ended.err)
    assert (first["event"], first["level"], first["target"][:5]) == ("started", "info", "local")
    assert (last["event"], last["level"]) == ("ended", "error")
    report = last["report"]
    assert (report["exit_code"], report["succeeded"], report["failed"]) == (1, 1, 1)
    assert report["failures"][0]["code"] == "INVALID_KEY"
    assert b"value-" not in ended.err
    assert ended.out == b""


def test_requests_are_shown_with_v(kvsctl: Command) -> None:
    words = ("set", "-t", "local", "a=1", "--log-format", "json")
    assert _names(kvsctl(*words, "-v", status=0)) == ["started", "request", "ended"]
    secret = kvsctl.having(KVSCTL_TOKEN="a-secret-token")
    ended = secret(
        "get", "k", "--url", "http://127.0.0.1:9", "--retries", "1", "-vv", "--log-format", "json",
        status=4,
    )  # fmt: skip
    assert "request" in _names(ended)
    assert b"a-secret-token" not in ended.err


def test_nothing_is_said_of_a_success_with_q(kvsctl: Command) -> None:
    words = ("-t", "local", "-q", "--log-format", "json")
    assert kvsctl("set", "a=1", *words, status=0).err == b""
    ended = kvsctl("get", "missing", *words, status=1)
    assert _names(ended) == ["ended"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("get", "-t", "nowhere", "k"), 2, 'unknown target "nowhere"'),
        (("set", "-t", "local", "-f", "missing.jsonl"), 2, "missing.jsonl"),
        (("set", "-t", "local", "a=1", "--ping-url", "ftp://x"), 2, "--ping-url"),
        (("get", "k", "--url", "http://127.0.0.1:9", "--retries", "0"), 4, "cannot reach"),
    ],
)
def test_an_error_is_an_event_too(
    kvsctl: Command, words: tuple[str, ...], status: int, message: str
) -> None:
    ended = kvsctl(*words, "--log-format", "json", status=status)
    last = _events(ended.err)[-1]
    assert (last["event"], last["level"]) == ("error", "error")
    assert message in last["message"]
    assert last.get("exit_code", status) == status


def test_warnings_and_notes_are_events(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
    words = ("set", "-t", "local", "-f", source, "--log-format", "json")
    limited = kvsctl(*words, "--max-duration", "1h", status=0)
    assert _names(limited) == ["warning", "started", "ended"]
    journal = ("--journal", tmp_path / "journal")
    kvsctl(*words, *journal, status=0)
    complete = kvsctl(*words, *journal, status=0)
    assert _names(complete) == ["ended", "note"]
    empty = kvsctl("set", "-t", "local", "--log-format", "json", stdin=b"", status=0)
    assert _events(empty.err)[-1]["message"] == "the input has no records"


def test_problems_of_a_dry_run_are_events(kvsctl: Command) -> None:
    ended = kvsctl("set", "-n", "-t", "local", "a/b=1", "--log-format", "json", status=1)
    problem, report = _events(ended.err)
    assert (problem["event"], problem["source"]) == ("problem", "arg:1")
    assert problem["code"] == "INVALID_KEY"
    assert report["report"]["dry_run"] is True


def test_a_report_in_json_is_not_repeated(kvsctl: Command) -> None:
    words = ("-t", "local", "--json", "--log-format", "json")
    ended = kvsctl("set", "a=1", *words, status=0)
    assert _names(ended) == ["started"]
    assert ended.report["succeeded"] == 1
    got = kvsctl("get", "a", *words, status=0)
    assert json.loads(got.err.splitlines()[-1])["schema"] == 1


def test_a_terminal_gets_no_progress_bar(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(50)])
    words = ("set", "-t", "local", "-f", source, "--log-format", "json")
    ended = with_terminal_stderr(kvsctl, *words, status=0)
    assert [json.loads(line)["event"] for line in ended.err.splitlines()] == ["started", "ended"]


def test_a_signal_is_a_note(kvsctl: Command) -> None:
    process = kvsctl.start(
        "set", "-t", "local", "--log-format", "json",
        stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        wait_until(lambda: kvsctl("get", "-t", "local", "before", "-q").status == 0)
        process.send_signal(signal.SIGINT)
        events = _events(process.stderr.read())
        assert process.wait(30) == 130
    assert [event["event"] for event in events] == ["started", "note", "ended"]
    assert events[1]["message"] == "stopping: no request is in flight"
