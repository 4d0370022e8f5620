"""What a run reports, to scripts and to people."""

import json
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.clock import Clock, wall_ms
from tests.emulator.support import FakeTime
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served

_WAIT_SECONDS = 30
_SECRET = "sekrit-token-value"


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_the_report_is_on_stdout_of_set_and_last_on_stderr_of_get(
    local: Command, tmp_path: Path
) -> None:
    saved = tmp_path / "report.json"
    ended = local("set", "k=1", "--json", "--report", saved, status=0)
    assert ended.err == b""
    assert ended.out == saved.read_bytes()
    report = json.loads(ended.out)
    assert (report["schema"], report["command"], report["exit_code"]) == (1, "set", 0)
    got = local("get", "k", "none", "--json", "--report", saved, status=1)
    assert got.out == b'{"key":"k","value":1}\n'
    assert got.err == saved.read_bytes()
    assert [failure["key"] for failure in got.report["failures"]] == ["none"]


def test_a_command_that_ends_before_its_run_leaves_an_earlier_report_alone(
    local: Command, tmp_path: Path
) -> None:
    saved = tmp_path / "report.json"
    local("set", "k=1", "--report", saved, status=0)
    earlier = saved.read_bytes()
    local("set", "-f", tmp_path / "none.jsonl", "--report", saved, status=2)
    assert saved.read_bytes() == earlier


def test_the_table_names_target_totals_codes_places_and_what_to_do(local: Command) -> None:
    told = local("set", "good=1", "a/b=1", "c/d=1", status=1).err.decode()
    assert told.startswith(f"set  LOCAL EMULATOR {local.database}\n3 records · 1 succeeded · ")
    assert re.search(r"\b2 +INVALID_KEY +a/b +arg:2\n", told)
    assert " ".join(told.split()).count("Change the key.") == 1
    assert not re.search(r"c/d +arg:3\n", told), "the table has one example"
    assert '  c/d (arg:3): the key has "/"' in told


def test_quiet_still_tells_of_failures(local: Command) -> None:
    ended = local("get", "none", "-q", status=1)
    assert ended.err.startswith(f"get  LOCAL EMULATOR {local.database}\n1 record".encode())
    assert b"KEY_NOT_FOUND" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        "set a=2 --max-duration 1m",  # without a journal, it warns
        "set -f empty.jsonl",
        "set a=1 --ping-url http://127.0.0.1:9/x",
        "get a",
        "list",
        "du",
        "export -o out.jsonl",
        "delete --prefix none: --yes",
        "delete --match a --yes --undo undo.jsonl",
        "expire none: --ttl 3d --yes",
        "delete --all -n",
        "diff -f same.jsonl",
    ],
)
def test_quiet_prints_nothing_on_stderr_if_nothing_fails(
    local: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.jsonl").write_text("")
    Path("same.jsonl").write_text('{"key":"a","value":1}\n')
    local("set", "a=1", status=0)
    assert local(*words.split(), status=0).err != b""
    local("set", "-q", "a=1", status=0)
    for path in ("out.jsonl", "undo.jsonl"):
        Path(path).unlink(missing_ok=True)
    assert local(*words.split(), "-q", status=0).err == b""


def test_v_is_a_line_a_request_and_no_values(local: Command) -> None:
    told = local("set", "k=private", "-v", status=0).err
    assert re.match(rb"set 200, \d+ ms, 1 record, 1 unit, trace [0-9a-f]+\n", told)
    assert b"private" not in told
    assert b"> content-type" not in told


def test_vv_shows_headers_with_secrets_hidden(kvsctl: Command, tmp_path: Path) -> None:
    with served(embedded(tmp_path / "served.db")) as url:
        command = kvsctl.having(KVSCTL_TOKEN=_SECRET)
        told = command("set", "k=private", "--url", url, "-vv", status=0).err
    assert b"  > content-type: application/json\n" in told
    assert "  > authorization: …\n".encode() in told
    assert b"  < content-type: application/json" in told
    assert _SECRET.encode() not in told
    assert b"private" not in told


def test_expired_records_are_skipped_where_asked(kvsctl: Command, tmp_path: Path) -> None:
    now = FakeTime(wall_ms())
    with served(embedded(tmp_path / "served.db", clock=Clock(now))) as url:
        kvsctl("set", "k=1", "stays=2", "--url", url, "--ttl", "1h", status=0)
        words = ("get", "k", "stays", "--skip-expired", "--json", "--url", url)
        assert kvsctl(*words, status=0).report["skipped"] == 0
        now.forward(3601)  # both have expired; the service serves them for a while
        kvsctl("set", "stays=2", "--ttl", "1h", "--url", url, status=0)
        report = kvsctl(*words, status=0).report
        assert report["skipped_by"] == {"expired": 1}
        assert report["succeeded"] == 1
        assert kvsctl("get", "k", "--values", "--url", url, status=0).out == b"1\n"


def test_the_sum_holds_for_every_way_a_record_can_end(local: Command, tmp_path: Path) -> None:
    past = "2020-01-01T00:00:00Z"
    source = records_file(
        tmp_path / "in.jsonl",
        [
            {"key": "twice", "value": 1},
            {"key": "twice", "value": 2},
            {"key": "past", "value": 1, "expireTime": past},
            {"key": "bad/key", "value": 1},
        ],
    )
    report = local("set", "-f", source, "--json", status=1).report
    ends = ("succeeded", "failed", "skipped", "duplicates", "unknown", "unsent")
    assert [report[end] for end in ends] == [1, 1, 1, 1, 0, 0]
    assert report["records"] == 4


def test_a_second_signal_stops_at_once(kvsctl: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = kvsctl.start(
            "set", "k=1", "--url", url, "--timeout", "600", "--json",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        silent.settimeout(_WAIT_SECONDS)
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(_WAIT_SECONDS)
            assert connection.recv(1)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            out, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 130, complaint
    report = json.loads(out)
    assert (report["interrupted"], report["unknown"], report["records"]) == (True, 1, 1)


def test_output_that_nobody_takes_can_be_interrupted(local: Command, tmp_path: Path) -> None:
    local("set", "k=" + "x" * 10_000, status=0)
    keys = tmp_path / "keys.txt"
    keys.write_text("k\n" * 1_000)
    process = local.start(
        "get", "-f", keys, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"{"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        complaint = process.stderr.read()
        assert b"Traceback" not in complaint, complaint.decode()
        # A signal too many ends the process itself, which a shell calls 130 as well.
        assert process.returncode in (130, -signal.SIGINT)


def test_an_output_file_that_was_not_completed_stays_a_part(local: Command, tmp_path: Path) -> None:
    local("set", "k=1", status=0)
    output = tmp_path / "out.jsonl"
    output.write_bytes(b"of an earlier run\n")
    process = local.start(
        "get", "-o", output, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    part = tmp_path / "out.jsonl.part"
    with process:
        assert process.stdin is not None
        process.stdin.write(b"k\n")
        process.stdin.flush()
        for _ in range(1000):
            if part.exists() and part.stat().st_size:
                break
            local("--version")
        process.send_signal(signal.SIGINT)
        assert process.wait(_WAIT_SECONDS) == 130
    assert part.read_bytes() == b'{"key":"k","value":1}\n'
    assert output.read_bytes() == b"of an earlier run\n"
