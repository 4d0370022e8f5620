"""The emulator as an HTTP server."""

import concurrent.futures
import logging
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from kvsctl.emulator import EmulatorError, EmulatorOptions
from kvsctl.emulator.operations.seed import load_seed
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.app import shown_path
from kvsctl.emulator.web.guard import is_allowed_host
from kvsctl.emulator.web.serve import ServeOptions, bound, is_loopback, running, serve
from tests.emulator.serving import exchange, server_process
from tests.support.needs import IS_LINUX, only_on

RECORD = {"key": "a", "value": 1}


def test_it_answers_over_http() -> None:
    with running(ServeOptions(port=0)) as server:
        assert httpx.post(f"{server.url}/v1/set", json=RECORD).status_code == 204
        response = httpx.post(f"{server.url}/v1/get", json={"key": "a"})
        assert response.json() == RECORD
        assert set(response.headers) == {"date", "x-b3-traceid", "content-length", "content-type"}


def test_sixteen_callers_at_once(tmp_path: Path) -> None:
    with (
        running(ServeOptions(port=0, db=tmp_path / "kvs.db")) as server,
        concurrent.futures.ThreadPoolExecutor(16) as callers,
    ):

        def write(number: int) -> int:
            batch = [{"key": f"{number}-{n}", "value": n} for n in range(25)]
            answer = httpx.post(f"{server.url}/v1/batch/set", json=batch).json()
            return len(answer["successfulKeys"])

        assert sum(callers.map(write, range(32))) == 800


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("host", "evil.example", 403),
        ("host", "localhost:1", 200),
        ("host", "127.0.0.1", 200),
        ("host", "[::1]:8787", 200),
        ("host", "kvs.test:8787", 200),
    ],
)
def test_unknown_hosts_are_refused(header: Any, value: Any, status: Any) -> None:
    with running(ServeOptions(port=0, host_names=frozenset({"kvs.test"}))) as server:
        response = httpx.post(f"{server.url}/v1/query", json={}, headers={header: value})
        assert response.status_code == status
        assert "x-b3-traceid" in response.headers


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:1", "http://localhost:1", 204),
        ("LOCALHOST:1", "http://localhost:1", 204),
        ("localhost", "http://localhost", 204),
        ("localhost", "http://localhost:80", 204),
        ("[::1]:8787", "http://[::1]:8787", 204),
        ("kvs.test:1", "http://kvs.test:1", 204),
        ("localhost:1", "http://localhost:3000", 403),
        ("localhost:1", "https://localhost:1", 403),
        ("localhost:1", "http://127.0.0.1:1", 403),
        ("127.0.0.1:1", "http://192.0.2.1:1", 403),
        ("127.0.0.1:1", "http://192.0.2.1", 403),
        ("127.0.0.1:1", "https://evil.example", 403),
        ("127.0.0.1:1", "http://127.0.0.1:1/", 403),
        ("evil.example", "http://evil.example", 403),
        ("127.0.0.1:1", "http://127.0.0.1:x", 403),
        ("127.0.0.1:1", "null", 403),
        ("127.0.0.1:1", "", 403),
    ],
)
def test_a_page_of_another_server_is_refused(host: str, origin: str, status: int) -> None:
    with running(ServeOptions(port=0, host_names=frozenset({"kvs.test"}))) as server:
        headers = {"host": host, "origin": origin}
        response = httpx.post(f"{server.url}/v1/set", json=RECORD, headers=headers)
        assert response.status_code == status
        page = httpx.post(f"{server.url}/v1/query", json={}).json()["data"]
        assert page == ([RECORD] if status == 204 else [])


def test_names_of_this_machine_are_allowed_hosts() -> None:
    assert is_allowed_host("app.localhost", frozenset())
    assert not is_allowed_host("localhost.evil.example", frozenset())
    assert not is_allowed_host("", frozenset())
    assert not is_allowed_host("[", frozenset())


def test_off_loopback_a_token_is_required() -> None:
    with pytest.raises(EmulatorError, match="not a loopback address; give a token"):
        bound(ServeOptions(host="0.0.0.0", port=0))
    tokens = (Token("t", "i"),)
    bound(ServeOptions(host="0.0.0.0", port=0, emulator=EmulatorOptions(tokens=tokens))).close()
    assert not is_loopback("example.com")
    assert is_loopback("localhost")
    assert is_loopback("::1")


def test_an_address_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            EmulatorError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"
        ):
            serve(ServeOptions(port=port), print)


def test_nobody_waits_for_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects sooner is refused at once."""
    (tmp_path / "seed.jsonl").write_text('{"key":"a","value":1}\n')
    sockets: list[socket.socket] = []
    refused = []

    def binding(options: ServeOptions) -> socket.socket:
        sockets.append(bound(options))
        return sockets[0]

    def loading(*words: Any) -> int:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(sockets[0].getsockname(), timeout=30)
        refused.append(words)
        return load_seed(*words)

    monkeypatch.setattr("kvsctl.emulator.web.serve.bound", binding)
    monkeypatch.setattr("kvsctl.emulator.web.serve.load_seed", loading)
    with running(ServeOptions(port=0, seed=(tmp_path / "seed.jsonl",))) as server:
        assert httpx.post(f"{server.url}/v1/get", json={"key": "a"}).json()["value"] == 1
    assert len(refused) == 1


@only_on(IS_LINUX, "two sockets may be bound to a port there until one listens")
def test_a_port_that_is_taken_during_the_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seed.jsonl").touch()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        monkeypatch.setattr("kvsctl.emulator.web.serve.load_seed", lambda *_: other.listen())
        with (
            pytest.raises(EmulatorError, match=f"127.0.0.1:{port}: address already in use"),
            running(ServeOptions(port=port, seed=(tmp_path / "seed.jsonl",))),
        ):
            pass


def serving_faults(spec: Any) -> Any:
    options = EmulatorOptions(faults=read_faults(spec))
    return running(ServeOptions(port=0, emulator=options))


@pytest.mark.parametrize(
    ("kind", "error", "written"),
    [
        ("reset-before", httpx.ReadError, False),
        ("reset-after", httpx.ReadError, True),
        ("cut", httpx.RemoteProtocolError, True),
    ],
)
def test_connections_are_lost(
    kind: Any, error: Any, written: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with serving_faults(f"script={kind}") as server, httpx.Client(base_url=server.url) as client:
        with pytest.raises(error):
            client.post("/v1/batch/set", json=[RECORD])
        found = client.post("/v1/batch/get", json=[{"key": "a"}]).json()["successfulKeys"]
        assert bool(found) is written
    assert not caplog.records


def test_the_access_log_has_one_line_per_request(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, logger="kvsctl.emulator.access"),
        running(ServeOptions(port=0, verbose=True)) as server,
    ):
        httpx.post(f"{server.url}/v1/get", json={"key": "a"})
    (record,) = caplog.records
    assert record.getMessage().startswith("POST /v1/get 404 ")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/v1/%0aPOST%20/v1/set%20200%200.1%20ms", "/v1/%0aPOST%20/v1/set%20200%200.1%20ms"),
        (b"/%1b[31m%e2%80%ae", "/%1b[31m%e2%80%ae"),
        (b"/a?key=%0a", "/a"),
    ],
)
def test_the_access_log_escapes_the_path(
    caplog: pytest.LogCaptureFixture, path: bytes, shown: str
) -> None:
    with (
        caplog.at_level(logging.INFO, logger="kvsctl.emulator.access"),
        running(ServeOptions(port=0, verbose=True)) as server,
    ):
        answer = exchange(server.url, b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
    assert answer.startswith(b"HTTP/1.1 403 ")
    (record,) = caplog.records
    assert record.getMessage().startswith(f"GET {shown} 403 ")


def test_a_path_that_was_decoded_is_escaped_for_the_log() -> None:
    assert shown_path({"path": "/\n\x1b\u202e\ud800 x"}) == (
        "/\\x0a\\x1b\\xe2\\x80\\xae\\ud800\\x20x"
    )


def test_seed_records_are_loaded(tmp_path: Path) -> None:
    seed = tmp_path / "seed.jsonl"
    seed.write_text(
        '{"key":"a","value": {"n": 1.0},"createdAt":5,"updatedAt":6}\n\n'
        '{"key":"b","value":{},"entityName":"abc","expireTime":"2099-01-01T00:00:00.000Z"}\n'
        '{"key":"c","value":1,"installation":"other","options":{"ttl":{"value":1,"unit":"DAYS"}}}\n'
        '{"key":"d","value":1,"installation":"other","ttl":"7d"}\n'
    )
    fields = {"metadataFields": ["CREATED_AT", "UPDATED_AT", "EXPIRE_TIME"]}
    with running(ServeOptions(port=0, seed=(seed,))) as server:
        asked = [{"key": "a", "options": fields}, {"key": "b", "entityName": "abc"}, {"key": "c"}]
        answer = httpx.post(f"{server.url}/v1/batch/get", json=asked)
        assert b'{"key":"a","value":{"n": 1.0},"createdAt":5,"updatedAt":6}' in answer.content
        assert len(answer.json()["successfulKeys"]) == 2
        other = {"forge-proxy-authorization": "Forge as=app,installationId=other"}
        asked = [{"key": key, "options": fields} for key in "cd"]
        answer = httpx.post(f"{server.url}/v1/batch/get", json=asked, headers=other)
        assert ["expireTime" in found for found in answer.json()["successfulKeys"]] == [True] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"seed.jsonl:2: INVALID_REQUEST"),
        ('{"key":"a/b","value":1}', r"seed.jsonl:2: INVALID_KEY"),
        ('{"key":"a","value":1,"createdAt":"x"}', "createdAt"),
        ('{"key":"a","value":1,"expireTime":"x"}', "expireTime"),
        ('{"key":"a","value":1,"ttl":"soon"}', "ttl"),
        ('{"key":"a","value":1,"ttl":"0d"}', "INVALID_TTL"),
        ('{"key":"a","value":1,"installation":1}', "installation"),
        ('{"key":"a","value":1,"installation":"\\ud800"}', "installation"),
        ('{"key":"a","value":1,"expireTime":"0001-01-01T00:00:00+14:00"}', "expireTime"),
        ('{"key":"a","value":1,"expireTime":"9999-12-31T23:59:59-14:00"}', "expireTime"),
        ('{"key":"a","value":' + "[" * 100_000, "seed.jsonl:2: "),
        (" " * 4_000_001, "seed.jsonl:2: longer than 4,000,000 bytes"),
    ],
)
def test_errors_in_a_seed_name_the_line(tmp_path: Path, line: Any, message: Any) -> None:
    seed = tmp_path / "seed.jsonl"
    seed.write_text('{"key":"a","value":1}\n' + line)
    with pytest.raises(EmulatorError, match=message), running(ServeOptions(port=0, seed=(seed,))):
        pass
    with (
        pytest.raises(EmulatorError, match=r"cannot read .*: no such file"),
        running(ServeOptions(port=0, seed=(tmp_path / "none",))),
    ):
        pass


def test_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    with server_process(tmp_path / "kvs.db") as (url, process):
        assert httpx.post(f"{url}/v1/set", json=RECORD).status_code == 204
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.read() == "stopped by 15\n"
        assert process.wait(10) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["kvs.db"]


def test_a_killed_server_keeps_every_acknowledged_write(tmp_path: Path) -> None:
    db = tmp_path / "kvs.db"
    acknowledged: list[str] = []
    for attempt in range(3):
        with server_process(db) as (url, process):

            def write(thread: int, url: str = url, attempt: int = attempt) -> None:
                with httpx.Client(base_url=url) as client:
                    for number in range(10_000):
                        stem = f"{attempt}-{thread}-{number}"
                        keys = [f"{stem}-{n}" for n in range(25)]
                        batch = [{"key": key, "value": "x" * 100} for key in keys]
                        try:
                            client.post("/v1/batch/set", json=batch).raise_for_status()
                        except httpx.TransportError:
                            return
                        acknowledged.extend(keys)

            with concurrent.futures.ThreadPoolExecutor(4) as threads:
                running_writes = [threads.submit(write, thread) for thread in range(4)]
                while len(acknowledged) < (attempt + 1) * 1000:
                    concurrent.futures.wait(running_writes, timeout=0.01)
                process.kill()
    assert len(acknowledged) >= 3000
    with server_process(db) as (url, _), httpx.Client(base_url=url) as client:
        for start in range(0, len(acknowledged), 25):
            asked = [{"key": key} for key in acknowledged[start : start + 25]]
            answer = client.post("/v1/batch/get", json=asked).json()
            assert answer["failedKeys"] == []
