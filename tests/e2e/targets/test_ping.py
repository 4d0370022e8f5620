"""`kvsctl ping`: what it finds out, how it ends, and that it neither writes nor shows a token."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command
from tests.support.commands.raw_server import raw_server
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on
from tests.support.simulated.tokens import token_until

posix_only = only_on(IS_POSIX, "commands of POSIX")


def _pinged(kvsctl: Command, *words: str | Path, status: int = 0) -> dict[str, Any]:
    (document,) = kvsctl("ping", "--json", *words, status=status).lines
    assert document["exit_code"] == status
    assert document["command"] == "ping"
    return dict(document)


def test_a_store_that_answers(kvsctl: Command) -> None:
    with serving(kvsctl) as url:
        found = _pinged(kvsctl, "--url", url, "--count", "3")
        assert kvsctl("list", "--url", url, "--count", status=0).out == b"0\n"
    latency = found["latency_ms"]
    assert latency["min"] <= latency["median"] <= latency["max"]
    assert latency["min"] <= latency["first"] <= latency["max"]
    expected = {
        "target": url, "installation": None, "bridge_installation": None, "token": None,
        "answers": True, "requests": 3, "failed": 0, "clock_offset_s": 0.0, "error": None,
    }  # fmt: skip
    assert found | expected == found


def test_lines_for_people(kvsctl: Command) -> None:
    done = kvsctl("ping", "-t", "local", "--count", "1", status=0)
    names = [line.split()[0] for line in done.out.splitlines()]
    assert names == [b"target", b"token", b"store", b"latency", b"clock"]
    assert b"token    none is sent\n" in done.out
    assert done.err == b""


def test_the_end_of_a_token_is_shown_and_the_token_is_not(kvsctl: Command, tmp_path: Path) -> None:
    token = token_until(int(time.time()) + 3 * 3600 + 750)
    path = tmp_path / "token"
    path.write_text(token)
    with serving(kvsctl, "--token", token) as url:
        done = kvsctl("ping", "--url", url, "--token-file", path, status=0)
        found = _pinged(kvsctl, "--url", url, "--token-file", path)
    assert b"it ends in 3 h 12 min, 20" in done.out
    assert 3 * 3600 + 600 < found["token"]["ends_in_s"] <= 3 * 3600 + 750
    assert found["token"]["source"] == f"token file {path}"
    for part in token.split("."):
        assert part.encode() not in done.out + done.err + json.dumps(found).encode()


def test_a_token_that_has_ended_is_named_as_the_reason(kvsctl: Command) -> None:
    ended = kvsctl.having(KVSCTL_TOKEN=token_until(int(time.time()) - 3700))
    with serving(kvsctl, "--token", "another") as url:
        done = ended("ping", "--url", url, status=3)
    assert b"KVSCTL_TOKEN; it ended 1 h 1 min ago, " in done.out
    assert b"the target refused the credentials" in done.err


@posix_only
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--token-command", "false"], b"token command ended with exit code 1"),
        (["--token-command", "echo n0-such-t0ken"], b"the target refused the credentials"),
    ],
)
def test_refused_credentials_are_3(kvsctl: Command, words: list[str], said: bytes) -> None:
    with serving(kvsctl, "--token", "right") as url:
        done = kvsctl("ping", "--url", url, *words, status=3)
    assert said in done.err
    assert b"n0-such-t0ken" not in done.out + done.err


@posix_only
def test_a_new_token_is_asked_for_once(kvsctl: Command, tmp_path: Path) -> None:
    script = tmp_path / "next"
    script.write_text("if [ -e used ]; then echo right; else touch used; echo old; fi\n")
    with serving(kvsctl, "--token", "right") as url:
        command = f"sh -c 'cd {tmp_path}; . ./next'"
        found = _pinged(kvsctl, "--url", url, "--token-command", command)
    assert found["failed"] == 0


def test_a_target_that_answers_but_fails_is_not_unreachable(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "500=1") as url:
        ended = kvsctl("ping", "--url", url, status=4)
    assert b"the target fails: " in ended.err
    assert b"Run the command again later." in ended.err
    assert b"network" not in ended.err


def test_an_unreachable_target_is_4(kvsctl: Command) -> None:
    found = _pinged(kvsctl, "--url", "http://127.0.0.1:1", status=4)
    assert (found["answers"], found["requests"], found["latency_ms"]) == (False, 1, None)
    assert found["error"].startswith("cannot reach the target: UNREACHABLE")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\n<html>hi</html",
        b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
    ],
)
def test_another_server_is_4(kvsctl: Command, answer: bytes) -> None:
    with raw_server(lambda _head, _body: answer) as server:
        done = kvsctl("ping", "--url", f"http://127.0.0.1:{server.port}", status=4)
    assert b"the target does not answer like the service" in done.err


def test_one_answer_is_enough_and_failures_are_counted(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "script=500:ok:429:ok:ok") as url:
        found = _pinged(kvsctl, "--url", url)
        assert (found["answers"], found["requests"], found["failed"]) == (True, 5, 2)
    with serving(kvsctl, "--faults", "429=1") as url:
        done = kvsctl("ping", "--url", url, status=4)
    assert b"answers every request with 429" in done.err


def test_the_distance_of_the_clocks(kvsctl: Command) -> None:
    with serving(kvsctl) as url:
        body = json.dumps({"advance_ms": -95_000}).encode()
        request = urllib.request.Request(f"{url}/_emulator/clock", body, method="POST")
        urllib.request.urlopen(request).close()
        found = _pinged(kvsctl, "--url", url)
        done = kvsctl("ping", "--url", url, status=0)
    assert -97 < found["clock_offset_s"] < -93
    assert b"ahead of the service's" in done.out


def test_a_read_only_target_may_be_asked(kvsctl: Command) -> None:
    kvsctl.having(KVSCTL_READ_ONLY="1")("ping", "-t", "local", status=0)


def test_a_target_that_cannot_be_used_is_2(kvsctl: Command) -> None:
    kvsctl("ping", status=2)
    kvsctl("ping", "-t", "local", "--count", "0", status=2)
    assert b"has no token" in kvsctl("ping", "-t", "forge", status=2).err
