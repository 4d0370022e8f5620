"""The back end in examples/, as its users call it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from kvsctl.emulator.web.serve import ServeOptions, running
from tests.client.clients import environ_of
from tests.support import needs

_SERVER = Path(__file__).parents[2] / "examples/back-end/server.py"


@pytest.fixture
def back_end(tmp_path: Path) -> Iterator[HTTPConnection]:
    """A connection to a back end with an empty store."""
    with _serving(tmp_path, "local") as connection:
        yield connection


@contextmanager
def _serving(home: Path, target: str) -> Iterator[HTTPConnection]:
    with _started(home, target, "0") as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline()
            connection = HTTPConnection(url.strip().removeprefix("http://"), timeout=30)
            yield connection
            connection.close()
        finally:
            process.terminate()


def _started(home: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(_SERVER), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environ_of(home), stdout=pipe, stderr=pipe, text=True)


def _ended(home: Path, *words: str) -> tuple[int, str]:
    """Run a back end that cannot begin; return its status and what it says."""
    with _started(home, *words) as process:
        _, complaint = process.communicate(timeout=60)
    return process.returncode, complaint


def _asked(connection: HTTPConnection, method: str, path: str, body: str = "") -> tuple[int, Any]:
    connection.request(method, path, body.encode())
    answer = connection.getresponse()
    return answer.status, [json.loads(line) for line in answer.read().splitlines()]


def test_it_writes_and_reads_customers(back_end: HTTPConnection) -> None:
    lines = [{"id": f"c{n:03}", "name": "Ada"} for n in range(99)] + [{"id": "?"}]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert _asked(back_end, "GET", "/backup") == (200, [])
    assert _asked(back_end, "PUT", "/customers", body) == (
        200,
        [{"written": 99, "failures": [{"line": 100, "code": "INVALID_KEY"}]}],
    )
    assert _asked(back_end, "GET", "/customers/c042") == (200, [{"id": "c042", "name": "Ada"}])
    assert _asked(back_end, "GET", "/customers/%630%34%32")[0] == 200
    assert _asked(back_end, "GET", "/customers/c099") == (404, [{"error": "KEY_NOT_FOUND"}])
    assert _asked(back_end, "GET", "/customers/%3F") == (400, [{"error": "INVALID_KEY"}])
    assert _asked(back_end, "GET", "/customers") == (200, lines[:99])
    for method, path in [("GET", "/c042"), ("GET", "/customersc042"), ("PUT", "/customer")]:
        assert _asked(back_end, method, path) == (404, [{"error": "no such path"}])
    status, backup = _asked(back_end, "GET", "/backup")
    assert (status, len(backup)) == (200, 99)
    assert {"key": "customer:c042", "value": {"id": "c042", "name": "Ada"}} in backup


def test_a_line_that_is_no_customer_costs_no_other_line_anything(back_end: HTTPConnection) -> None:
    body = '{"id": "77"}\n\nnot JSON\n{"name": "Ada"}\n[]\n{"id": "78"}'
    failures = [{"line": line, "code": "INVALID_JSON"} for line in (3, 4, 5)]
    answer = 200, [{"written": 2, "failures": failures}]
    assert _asked(back_end, "PUT", "/customers", body) == answer
    assert _asked(back_end, "GET", "/customers") == (200, [{"id": "77"}, {"id": "78"}])


def test_a_store_that_does_not_answer_is_no_missing_customer(tmp_path: Path) -> None:
    with running(ServeOptions(port=0)) as served:
        (tmp_path / "kvsctl").mkdir()
        section = f'[targets.em]\nurl = "{served.url}"\nretries = 0\n'
        (tmp_path / "kvsctl/config.toml").write_text(section, "utf-8")
        control = HTTPConnection(served.url.removeprefix("http://"), timeout=30)
        with closing(control), _serving(tmp_path, "em") as back_end:
            assert _asked(back_end, "PUT", "/customers", '{"id": "1"}\n')[0] == 200
            fault = json.dumps({"spec": "503=1"})
            assert _asked(control, "POST", "/_emulator/faults", fault)[0] == 200
            unavailable = 502, [{"error": "SERVICE_UNAVAILABLE"}]
            assert _asked(back_end, "GET", "/customers/1") == unavailable
            for path in ("/customers", "/backup"):
                assert _asked(back_end, "GET", path)[0] == 502
            status, (written,) = _asked(back_end, "PUT", "/customers", '{"id": "2"}\n')
            assert (status, written["written"]) in [(200, 0), (502, 0)]


def test_what_keeps_it_from_its_work_is_said_in_a_line(tmp_path: Path) -> None:
    for words, why in [
        ([], "the following arguments are required: target"),
        (["nowhere"], 'unknown target "nowhere"'),
        (["local", "many"], "invalid int value"),
        (["local", "70000"], "cannot listen on port 70000"),
    ]:
        status, complaint = _ended(tmp_path, *words)
        assert status in (1, 2)
        assert why in complaint
        assert "Traceback" not in complaint


@needs.only_on(needs.IS_POSIX, "Ctrl-C of one process")
def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with _started(tmp_path, "local", "0") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
