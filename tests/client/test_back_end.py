"""The back end in examples/, as its users call it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.client.clients import environ_of

_SERVER = Path(__file__).parents[2] / "examples/back-end/server.py"


@pytest.fixture
def back_end(tmp_path: Path) -> Iterator[HTTPConnection]:
    """A connection to a back end with an empty store."""
    words = [sys.executable, str(_SERVER), "local", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environ_of(tmp_path), stdout=pipe, stderr=pipe) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().decode()
            connection = HTTPConnection(url.strip().removeprefix("http://"), timeout=30)
            yield connection
            connection.close()
        finally:
            process.terminate()


def _asked(connection: HTTPConnection, method: str, path: str, body: str = "") -> tuple[int, Any]:
    connection.request(method, path, body.encode())
    answer = connection.getresponse()
    return answer.status, [json.loads(line) for line in answer.read().splitlines()]


def test_it_writes_and_reads_customers(back_end: HTTPConnection) -> None:
    lines = [{"id": f"c{n:03}", "name": "Ada"} for n in range(99)] + [{"id": "?"}]
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    assert _asked(back_end, "PUT", "/customers", body) == (
        200,
        [{"written": 99, "failures": [{"line": 100, "code": "INVALID_KEY"}]}],
    )
    assert _asked(back_end, "GET", "/customers/c042") == (200, [{"id": "c042", "name": "Ada"}])
    assert _asked(back_end, "GET", "/customers/c099") == (404, [{"error": "KEY_NOT_FOUND"}])
    assert _asked(back_end, "GET", "/customers") == (200, lines[:99])
    assert _asked(back_end, "PUT", "/customers", "not JSON\n")[0] == 400
    status, backup = _asked(back_end, "GET", "/backup")
    assert (status, len(backup)) == (200, 99)
    assert {"key": "customer:c042", "value": {"id": "c042", "name": "Ada"}} in backup
