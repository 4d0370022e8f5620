"""kvsctl takes its token from the relay, whose process gets it from signed invocations."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvsctl.config.file import read_config
from tests.relay.invoking import APP, FOLDER, INSTALLATION, KEY, Vendor
from tests.support.commands.command import Command
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program
from tests.support.simulated.tokens import token_until
from tests.support.waiting import wait_until

_WAIT_SECONDS = 30
_SET = {"RELAY_APP_ID": APP, "RELAY_KEY": KEY}
pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "signals of POSIX")]


@contextmanager
def _relay(vendor: Vendor) -> Iterator[str]:
    """Run the receiver as a process; yield its URL."""
    with vendor.serving() as keys:
        environ = {"RELAY_APP_ID": APP, "RELAY_KEY": KEY, "RELAY_JWKS_URL": keys, "RELAY_PORT": "0"}
        process = subprocess.Popen(
            [sys.executable, FOLDER / "receiver.py"],
            env=environ | {"PATH": os.environ["PATH"]},
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            first = process.stderr.readline().decode()
            yield first.rpartition("listening on ")[2].strip()
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=_WAIT_SECONDS)
        assert process.returncode == 0, log
        assert b"Traceback" not in log
        assert KEY.encode() not in log


def _invoke(url: str, vendor: Vendor, token: str) -> None:
    headers = {"authorization": f"Bearer {vendor.signed()}", "x-forge-oauth-system": token}
    request = urllib.request.Request(f"{url}/forge/token", b"{}", headers)
    with urllib.request.urlopen(request, timeout=_WAIT_SECONDS) as answer:
        assert answer.status == 200


def _command(url: str, folder: Path) -> str:
    """Return the token command of the example, for this relay."""
    program("curl")
    header = folder / "relay.header"
    header.write_text(f"Authorization: Bearer {KEY}\n")
    example = read_config({"KVSCTL_CONFIG": str(FOLDER / "config.toml")})
    command = str(example.sections["example"]["token_command"])
    assert "https://relay.example.org" in command
    command = command.replace("https://relay.example.org", url)
    return command.replace("/home/me/.config/kvsctl/relay.header", str(header))


def test_kvsctl_works_with_the_token_of_the_hour(kvsctl: Command, tmp_path: Path) -> None:
    vendor = Vendor()
    old, new = (token_until(int(time.time()) + hours * 3600, str(hours)) for hours in (2, 3))
    with _relay(vendor) as relay:
        command = _command(relay, tmp_path)
        done = kvsctl("ping", "--url", relay, "--token-command", command, status=3)
        assert b"token command ended with exit code" in done.err
        _invoke(relay, vendor, old)
        with serving(kvsctl, "--token", f"{INSTALLATION}={old}") as url:
            kvsctl("set", "a=1", "--url", url, "--token-command", command, status=0)
            found = kvsctl("ping", "--json", "--url", url, "--token-command", command, status=0)
            assert 7000 < json.loads(found.out)["token"]["ends_in_s"] <= 7200
        _invoke(relay, vendor, new)
        with serving(kvsctl, "--token", f"{INSTALLATION}={new}") as url:
            kvsctl("set", "b=2", "--url", url, "--token-command", command, status=0)
            done = kvsctl("get", "b", "--url", url, "--token-command", command, status=0)
    assert done.lines == [{"key": "b", "value": 2}]
    for token in (old, new):
        assert token.split(".")[1].encode() not in done.out + done.err


def test_the_next_token_is_fetched_in_a_run_before_the_old_one_ends(
    kvsctl: Command, tmp_path: Path
) -> None:
    """The first token ends in eight seconds, so the next is due after four: no 401 is needed."""
    vendor = Vendor()
    first = token_until(int(time.time()) + 8, "first")
    second = token_until(int(time.time()) + 7200, "second")
    log, held = tmp_path / "asked", tmp_path / "held"
    held.write_text(second)
    with _relay(vendor) as relay:
        _invoke(relay, vendor, first)
        script = tmp_path / "command.sh"
        script.write_text(f"echo asked >> {log}\n{_command(relay, tmp_path)}\n")
        with serving(kvsctl, "--token", f"i={first}", "--token", f"i={second}") as url:
            words = ["set", "--url", url, "--token-command", f"sh {script}", "--json"]
            process = kvsctl.start(
                *words, "--rps", "2", "--batch-size", "1", "-f", "-",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            assert process.stdin is not None
            process.stdin.write(b'{"key":"first","value":1}\n')
            process.stdin.flush()
            wait_until(log.exists)
            wait_until(lambda: b"first" in kvsctl("list", "--url", url, "--token-file", held).out)
            _invoke(relay, vendor, second)
            lines = b"".join(b'{"key":"k%d","value":1}\n' % number for number in range(13))
            out, _ = process.communicate(lines, timeout=_WAIT_SECONDS)
    report = json.loads(out)
    assert (process.returncode, report["succeeded"], report["retries"]) == (0, 14, 0)
    assert log.read_text() == "asked\n" * 2


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, b"RELAY_APP_ID is not set"),
        ({"RELAY_APP_ID": APP}, b"RELAY_KEY is not set"),
        ({"RELAY_APP_ID": APP, "RELAY_KEY": "short"}, b"at least 32 characters"),
        (_SET | {"RELAY_PORT": "abc"}, b"RELAY_PORT: expected a number from 0 to 65535, not 'abc'"),
        (_SET | {"RELAY_PORT": "65536"}, b"RELAY_PORT: expected a number"),
        (_SET | {"RELAY_HOST": "no.invalid"}, b"cannot listen on no.invalid:8790: "),
    ],
)
def test_it_does_not_start_without_what_it_needs(environ: dict[str, str], said: bytes) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "receiver.py"], env=environ, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, FOLDER / "receiver.py"],
            env=_SET | {"RELAY_PORT": str(port)},
            capture_output=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"receiver.py: cannot listen on 127.0.0.1:{port}: ".encode() in done.stderr
    assert b"Traceback" not in done.stderr
