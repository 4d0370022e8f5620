"""Servers, edges and proxies that answer oddly: the command against raw sockets on loopback."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.serving import CERTIFICATES
from tests.support.commands.command import Command, records_file
from tests.support.commands.measured import fed
from tests.support.commands.raw_server import raw_server
from tests.support.needs import IS_POSIX, only_on

TOKEN = "s3cret-token"
_WAIT_SECONDS = 30


@pytest.fixture
def with_token(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TOKEN=TOKEN)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(1000)])


def all_done(body: bytes) -> bytes:
    """Return the body of an answer that says that every record of a request succeeded."""
    keys = [{"key": record["key"]} for record in json.loads(body)]
    return json.dumps({"successfulKeys": keys, "failedKeys": []}).encode()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize("header", ["gzip", "GZIP", "Identity", ""])
def test_a_content_encoding_that_was_not_asked_for_is_read(
    kvsctl: Command, records: Path, header: str
) -> None:
    def answering(head: bytes, body: bytes) -> bytes:
        assert b"accept-encoding: identity\r\n" in head.lower()
        done = b"\xef\xbb\xbf" + all_done(body)
        plain = gzip.compress(done) if header.lower() == "gzip" else done
        return answer(plain, f"Content-Encoding: {header}")

    with raw_server(answering) as server:
        url = f"http://127.0.0.1:{server.port}"
        report = kvsctl("set", "-f", records, "--url", url, "--json", status=0).report
    assert (report["succeeded"], report["requests"], report["retries"]) == (1000, 40, 0)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (lambda: answer(b"junk", "content-encoding: br"), b'content-encoding "br"'),
        (
            lambda: answer(gzip.compress(b" " * 65_000_000, 1), "content-encoding: gzip"),
            b"larger than 64,000,000 bytes",
        ),
        (
            lambda: b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
            b"HTTP 101 Switching",
        ),
    ],
    ids=["encoding", "bomb", "protocol"],
)
def test_an_answer_that_no_retry_cures_ends_the_run(
    kvsctl: Command, records: Path, odd: Callable[[], bytes], said: bytes
) -> None:
    given = odd()
    with raw_server(lambda *_: given) as server:
        url = f"http://127.0.0.1:{server.port}"
        ended = kvsctl("set", "-f", records, "--url", url, "--json", "-c", "2", status=4)
    assert said in ended.err
    assert server.connections <= 2
    report = ended.report
    assert report["succeeded"] == 0
    assert report["unknown"] == sum(len(json.loads(body)) for body in server.requests) > 0


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    return context


def test_an_unknown_certificate_is_tried_once(with_token: Command, tls: ssl.SSLContext) -> None:
    with raw_server(lambda _, body: answer(all_done(body)), tls) as server:
        url = f"https://localhost:{server.port}"
        ended = with_token("set", "a=1", "--url", url, "--json", status=4)
        assert (server.connections, server.requests) == (1, [])
        trusting = with_token.having(SSL_CERT_FILE=str(CERTIFICATES / "ca.pem"))
        trusting("set", "a=1", "--url", url, "--json", status=0)
    assert b"the certificate of localhost is not trusted: " in ended.err
    assert b"SSL_CERT_FILE can name the authority to trust" in ended.err
    assert ended.report["unsent"] == 1


def test_many_records_meet_an_unknown_certificate_in_their_first_requests(
    with_token: Command, records: Path, tls: ssl.SSLContext
) -> None:
    with raw_server(lambda _, body: answer(all_done(body)), tls) as server:
        url = f"https://localhost:{server.port}"
        words = ("-f", records, "--url", url, "--json", "-c", "8")
        report = with_token("set", *words, status=4).report
    assert server.connections <= 8
    assert report["unsent"] == report["records"] > 0


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_refusal_by_a_proxy_is_not_one_of_the_service(
    with_token: Command, scheme: str, status: str
) -> None:
    with raw_server(lambda *_: answer(b"<html>no</html>", status=status)) as server:
        proxy = f"127.0.0.1:{server.port}"
        proxied = with_token.having(**{f"{scheme}_proxy": f"http://ann:p4ss@{proxy}"})
        words = ("a=1", "--url", f"{scheme}://kvs.test", "--allow-http", "--json")
        ended = proxied("set", *words, status=4)
    assert server.connections == 1
    assert f"the proxy {proxy} refused".encode() in ended.err
    assert status.encode() in ended.err
    assert b"HTTPS_PROXY" in ended.err
    assert b"credentials" not in ended.err
    assert b"p4ss" not in ended.err


@pytest.mark.parametrize("token", ["Bearer s3cret", '"s3cret"'])
def test_a_token_with_more_around_it_is_refused_with_the_reason(
    kvsctl: Command, token: str
) -> None:
    with raw_server(lambda _, body: answer(all_done(body))) as server:
        url = f"http://127.0.0.1:{server.port}"
        ended = kvsctl.having(KVSCTL_TOKEN=token)("set", "a=1", "--url", url, status=3)
    assert server.requests == []
    assert b"KVSCTL_TOKEN gave a token " in ended.err
    assert b"s3cret" not in ended.err


@pytest.mark.slow
@only_on(IS_POSIX, "needs getrusage")
def test_memory_is_bounded_over_all_large_answers(kvsctl: Command, tmp_path: Path) -> None:
    """Sixteen answers of 20 MB arrive at the same time."""
    keys = [{"key": f"k{n}"} for n in range(400)]
    records = records_file(tmp_path / "in.jsonl", keys)
    padding = b" " * 20_000_000
    all_arrived = threading.Barrier(16)

    def answering(_: bytes, body: bytes) -> bytes:
        all_arrived.wait(_WAIT_SECONDS)
        return answer(all_done(body)[:-1] + padding + b"}")

    with raw_server(answering) as server:
        url = f"http://127.0.0.1:{server.port}"
        words = ("delete", "-f", str(records), "--url", url, "--json", "-c", "16")
        status, printed, _, peak_kb = fed(kvsctl, words)
    assert (status, json.loads(printed)["succeeded"]) == (0, 400)
    assert peak_kb < 250_000
