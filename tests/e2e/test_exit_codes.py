"""Each way that a command can end has its exit code, one or two lines, and no traceback."""

import json
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.waiting import wait_until

_WAIT_SECONDS = 30
_SECRET = "sekrit-token-value"

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Answering:
    """An app that answers every request alike, and keeps what it was sent."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.seen: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self.seen.append(dict(scope["headers"]))
        while (await receive()).get("more_body"):
            pass
        headers = [(k.encode(), v.encode()) for k, v in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
def free_port() -> Iterator[int]:
    """A loopback port on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


class TestProcesses:
    """Each exit code once as the system reports it; elsewhere commands run in this process.

    130 and 143 are below, 141 is in `test_broken_streams`.
    """

    @pytest.mark.parametrize(
        ("words", "status"),
        [
            (["set", "k=1", "-t", "local"], 0),
            (["get", "missing", "-t", "local"], 1),
            (["get", "--no-such-option"], 2),
            (["set", "k=1", "-t", "local", "--report", "/dev/full"], 5),
        ],
    )
    def test_0_1_2_and_5(self, kvsctl: Command, words: list[str], status: int) -> None:
        kvsctl.process(*words, status=status)

    def test_3_and_4(self, kvsctl: Command, free_port: int) -> None:
        url = f"http://127.0.0.1:{free_port}"
        kvsctl.process("get", "k", "--url", url, "--token-command", "false", status=3)
        kvsctl.process("get", "k", "--url", url, "--retries", "0", status=4)

    def test_70(self, kvsctl: Command) -> None:
        broken = "import kvsctl.cli.app as app; app.command_line = None"
        process = kvsctl.start("get", "k", prelude=broken, stderr=subprocess.PIPE)
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
        assert process.returncode == 70
        assert complaint.startswith(b"kvsctl: kvsctl has a defect: TypeError\n")


def test_2_for_usage(kvsctl: Command, tmp_path: Path) -> None:
    for words in (
        ["get", "--no-such-option"],
        ["get", "k", "-t", "nowhere"],
        ["get", "k", "-f", str(tmp_path / "missing")],
        ["get", "k", "-f", str(tmp_path)],
        ["get", "k", "--concurrency", "0"],
        ["get", "k", "--metadata=ages"],
        ["set", "k=1", "-t", "local", "--report", str(tmp_path / "missing" / "report")],
        ["get", "k", "--values", "--raw"],
        ["set", "k=1", "--ttl", "soon"],
        ["set", "k=1", "--entity", "x"],
        ["get", "k", "--url", "http://example.com"],
        ["get", "k", "--url", "https://user:pass@example.com"],
        ["get", "k", "--url", "https://example.com"],
        ["get", "k", "--url", "nonsense"],
        ["get", "k", "-t", "container"],
    ):
        ended = kvsctl(*words, status=2)
        assert ended.out == b""
        assert ended.err
    assert not kvsctl.database.exists()


def test_2_for_a_database_below_a_file(kvsctl: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = kvsctl.having(KVSCTL_LOCAL_DB=str(tmp_path / "file" / "local.db"))
    ended = below("set", "k=1", "-t", "local", status=2)
    assert b"file is not a directory" in ended.err.replace(b"\n", b" ")


def test_2_when_settings_seem_lost(kvsctl: Command) -> None:
    for variables in ({"KVSCTL_TOKEN": _SECRET}, {"FORGE_EGRESS_PROXY_URL": "http://localhost:1"}):
        ended = kvsctl.having(**variables)("set", "k=1", status=2)
        assert b"no target is chosen" in ended.err
        assert b"local" in ended.err
        assert _SECRET.encode() not in ended.err
    assert not kvsctl.database.exists()


def test_3_when_the_target_refuses_the_token(kvsctl: Command) -> None:
    body = b'{"code":"UNAUTHORIZED","message":"no such token: %b"}' % _SECRET.encode()
    app = Answering(401, body, {"x-b3-traceid": "abc123"})
    with served(app) as url:
        ended = kvsctl.having(KVSCTL_TOKEN=_SECRET)("set", "k=1", "--url", url, "-vv", status=3)
    assert app.seen[0][b"authorization"] == f"Bearer {_SECRET}".encode()
    assert b"refused the credentials" in ended.err
    assert b"abc123" in ended.err
    assert b"KVSCTL_TOKEN" in ended.err
    assert _SECRET.encode() not in ended.out + ended.err


def test_3_when_a_token_command_fails(kvsctl: Command) -> None:
    with served(Answering(200, b"{}")) as url:
        for command in ("false", "true", "no-such-command-anywhere", "printf 'a\nb'"):
            ended = kvsctl("set", "k=1", "--url", url, "--token-command", command, status=3)
            assert b"token command" in ended.err


def test_2_when_a_token_file_cannot_be_read(kvsctl: Command, tmp_path: Path) -> None:
    app = Answering(200, b"{}")
    with served(app) as url:
        for path in (tmp_path / "none", tmp_path):
            ended = kvsctl("set", "k=1", "--url", url, "--token-file", path, status=2)
            assert f"cannot read token file {path}: ".encode() in ended.err
    assert app.seen == []


def test_a_token_command_that_does_not_exist_is_named(kvsctl: Command) -> None:
    with served(Answering(200, b"{}")) as url:
        command = "no-such-command hidden-word"
        ended = kvsctl("set", "k=1", "--url", url, "--token-command", command, status=3)
    assert b'cannot run token command "no-such-command": No such file' in ended.err
    assert b"hidden-word" not in ended.err


def test_4_when_nothing_listens(kvsctl: Command, free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}"
    ended = kvsctl("set", "k=1", "--url", url, "--retries", "1", "--json", status=4)
    assert b"cannot reach the target" in ended.err
    report = json.loads(ended.out)
    assert (report["exit_code"], report["failed"], report["requests"]) == (4, 1, 2)


def test_4_when_the_service_only_fails(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in", [{"key": f"k{n}", "value": n} for n in range(600)])
    with served(Answering(500, b"<html>broken</html>")) as url:
        ended = kvsctl(
            "set", "-f", source, "--format", "jsonl", "--url", url, "--give-up-after", "3",
            "--batch-size", "1", "--json", status=4,
        )  # fmt: skip
    report = json.loads(ended.out)
    assert b"gave up after" in ended.err
    assert report["unknown"] + report["unsent"] + report["failed"] == report["records"]
    assert report["unknown"] > 0


def test_4_for_a_redirect_which_is_not_followed(kvsctl: Command) -> None:
    elsewhere = Answering(200, b"{}")
    with served(elsewhere) as other:
        app = Answering(302, b"", {"location": other + "/elsewhere"})
        with served(app) as url:
            ended = kvsctl.having(KVSCTL_TOKEN=_SECRET)("get", "k", "--url", url, status=4)
    assert b"redirect" in ended.err
    assert elsewhere.seen == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_with_a_report(kvsctl: Command, number: signal.Signals, status: int) -> None:
    process = kvsctl.start(
        "set", "-t", "local", "--json",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        wait_until(lambda: kvsctl("get", "-t", "local", "before", "-q").status == 0)
        process.send_signal(number)
        report = json.loads(process.stdout.read())
        assert process.wait(_WAIT_SECONDS) == status
    assert report["exit_code"] == status
    assert report["interrupted"] is True
    assert report["succeeded"] == report["records"] == 1


def test_a_served_emulator_takes_tokens_from_files_and_commands(
    kvsctl: Command, tmp_path: Path
) -> None:
    app = Answering(200, b'{"successfulKeys":[{"key":"k"}],"failedKeys":[]}')
    token_file = tmp_path / "token"
    token_file.write_text(_SECRET + "\n")
    with served(app) as url:
        ended = kvsctl("set", "k=1", "--url", url, "--token-file", token_file, status=0)
        kvsctl("set", "k=1", "--url", url, "--token-command", f"echo {_SECRET}", status=0)
    assert [seen[b"authorization"] for seen in app.seen] == [f"Bearer {_SECRET}".encode()] * 2
    assert b"token file" in ended.err
    assert _SECRET.encode() not in ended.err


def test_the_container_target_names_its_installation(kvsctl: Command) -> None:
    app = Answering(200, b'{"successfulKeys":[{"key":"k"}],"failedKeys":[]}')
    with served(app) as url:
        inside = kvsctl.having(FORGE_EGRESS_PROXY_URL=url)
        inside("set", "k=1", "-t", "container", "--installation", "abc-1", status=0)
    assert app.seen[0][b"forge-proxy-authorization"] == b"Forge as=app,installationId=abc-1"
    assert b"authorization" not in app.seen[0]


def test_two_commands_at_once_share_the_local_store(kvsctl: Command) -> None:
    processes = []
    for name in "ab":
        lines = b"".join(
            b'{"key":"%s%d","value":%d}\n' % (name.encode(), n, n) for n in range(3000)
        )
        process = kvsctl.start(
            "set", "-t", "local", "--json", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        processes.append((process, lines))
    for process, lines in processes:
        assert process.stdin is not None
        process.stdin.write(lines)
        process.stdin.close()
        process.stdin = None
    for process, _ in processes:
        out, _ = process.communicate(timeout=_WAIT_SECONDS)
        assert json.loads(out)["succeeded"] == 3000
    assert kvsctl("get", "-t", "local", "a2999", "b2999", "--values").out == b"2999\n2999\n"
    assert kvsctl.database.stat().st_mode & 0o777 == 0o600


def test_a_store_of_a_newer_format_is_refused(kvsctl: Command) -> None:
    import sqlite3

    kvsctl("set", "-t", "local", "k=1", status=0)
    connection = sqlite3.connect(kvsctl.database)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    ended = kvsctl("get", "-t", "local", "k", status=2)
    assert str(kvsctl.database).encode() in ended.err
    assert b"newer" in ended.err


def test_a_served_store_keeps_what_was_set(kvsctl: Command, tmp_path: Path) -> None:
    with served(embedded(tmp_path / "served.db")) as url:
        kvsctl("set", "k=1", "--url", url, status=0)
        kvsctl("set", "k=2", "--url", url + "/forge/storage/kvs", status=0)
        assert kvsctl("get", "k", "--values", "--url", url, status=0).out == b"2\n"


def test_a_target_that_cannot_be_used_leaves_every_file_as_it_was(
    kvsctl: Command, tmp_path: Path
) -> None:
    failures, database = tmp_path / "failures.jsonl", tmp_path / "local.db"
    failures.write_text("of an earlier run\n")
    database.write_text("no database")
    command = kvsctl.having(KVSCTL_TARGET="local", KVSCTL_LOCAL_DB=str(database))
    command("get", "k", "--failures", failures, "-o", tmp_path / "out", status=2)
    assert failures.read_text() == "of an earlier run\n"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "failures.jsonl",
        "local.db",
    ]


_LONG = "a" * 300


@pytest.mark.parametrize(
    "words",
    [
        ("set", "a=1", "--report", _LONG),
        ("set", "a=1", "--failures", _LONG),
        ("get", "a", "-o", _LONG),
        ("export", "-o", _LONG),
        ("export", "-o", "b" * 250),
        ("delete", "--all", "-y", "--undo", _LONG),
        ("delete", "--all", "--plan", _LONG),
        ("delete", "--all", "--plan", ""),
        ("delete", "--all", "-y", "--undo", "."),
        ("expire", "--all", "--ttl", "1d", "--plan", ""),
        ("verify", _LONG),
    ],
)
def test_2_for_a_name_that_no_file_can_have(kvsctl: Command, words: tuple[str, ...]) -> None:
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-q", "kept=1", status=0)
    refused = local(*words, status=2)
    assert b"defect" not in refused.err
    assert local("list", status=0).out == b"kept\n"
