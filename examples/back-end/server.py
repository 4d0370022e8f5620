"""A back end that keeps the customers of an app in its key-value store.

    python server.py TARGET [PORT]

    PUT  /customers      a JSON Lines body, {"id": …, "name": …} per line: write them
    GET  /customers/ID   one customer
    GET  /customers      all customers, as JSON Lines
    GET  /backup         all customers as kvsctl exports them: `kvsctl set -f` writes them again

One client serves all requests. Its target, token and settings come from kvsctl's configuration.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any
from urllib.parse import unquote, urlsplit

from kvsctl import Client, FailedRecord, StoredRecord
from kvsctl.errors import KvsctlError

_PREFIX = "customer:"
_CUSTOMERS = "/customers"
_STATUSES = {"KEY_NOT_FOUND": 404, "INVALID_KEY": 400}
"""The statuses of errors, by code. All other codes mean that the store did not answer: 502."""


class Server(ThreadingHTTPServer):
    """Answers each request in a thread of its own. They share the client."""

    def __init__(self, client: Client, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.client = client


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Write the customers of the body, and answer which of them failed."""
        length = self.headers.get("content-length", "")
        if self.path != _CUSTOMERS or not length.isdecimal():
            status, why = (404, "no such path") if self.path != _CUSTOMERS else (411, "no length")
            self._answer(status, [{"error": why}])
            return
        lines: list[int] = []
        try:
            result = self.server.client.set_many(self._customers(int(length), lines))
        except KvsctlError as error:
            written = 0 if error.result is None else error.result.succeeded
            self._answer(502, [{"error": error.message, "written": written}])
            return
        failures = [{"line": lines[one.position], "code": one.code} for one in result]
        self._answer(200, [{"written": result.succeeded, "failures": failures}])

    def do_GET(self) -> None:
        """Answer one customer or all of them, or a backup."""
        path = urlsplit(self.path).path
        name = unquote(path.removeprefix(f"{_CUSTOMERS}/"))
        client = self.server.client
        if path == "/backup":
            self._answer_backup()
        elif path == _CUSTOMERS:
            self._answer_records(client.scan(_PREFIX))
        elif path.startswith(f"{_CUSTOMERS}/") and name:
            self._answer_records(client.get_many([_PREFIX + name]))
        else:
            self._answer(404, [{"error": "no such path"}])

    def _customers(self, left: int, lines: list[int]) -> Iterator[Any]:
        """Yield a record for each line of the body, and add the line's number to `lines`.

        A line that is not a customer is yielded, too: it fails without affecting other lines.
        """
        number = 0
        while left > 0 and (line := self.rfile.readline(left)):
            left -= len(line)
            number += 1
            if not line.isspace():
                lines.append(number)
                yield _record(line)

    def _answer_records(self, records: Iterator[StoredRecord | FailedRecord]) -> None:
        """Answer the values of all records, or of none if one could not be read."""
        values = []
        try:
            for one in records:
                if isinstance(one, FailedRecord):
                    self._answer(_STATUSES.get(one.code, 502), [{"error": one.code}])
                    return
                values.append(one.value)
        except KvsctlError as error:
            self._answer(502, [{"error": error.message}])
            return
        self._answer(200, values)

    def _answer_backup(self) -> None:
        """Answer lines as they arrive. After an error, the connection ends without a last chunk."""
        lines = self.server.client.export_lines(_PREFIX)
        try:
            first = [line for line in [next(lines, None)] if line is not None]
        except KvsctlError as error:
            self._answer(502, [{"error": error.message}])
            return
        self.send_response(200)
        self.send_header("content-type", "application/jsonl")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for line in chain(first, lines):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        except KvsctlError:
            return
        self.wfile.write(b"0\r\n\r\n")

    def _answer(self, status: int, lines: list[Any]) -> None:
        body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        self.send_response(status)
        self.send_header("content-type", "application/jsonl")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _record(line: bytes) -> Any:
    """Return the record of a customer, or for any other line one that fails."""
    try:
        customer = json.loads(line)
        return {"key": f"{_PREFIX}{customer['id']}", "value": customer}
    except (ValueError, KeyError, TypeError):
        return {"value": None}


def main() -> None:
    """Serve until Ctrl-C. Exit with an error message if that fails."""
    parser = argparse.ArgumentParser(description="A back end that keeps customers.")
    parser.add_argument("target")
    parser.add_argument("port", type=int, nargs="?", default=8080)
    words = parser.parse_args()
    try:
        with Client.from_target(words.target) as client, Server(client, words.port) as server:
            sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
            sys.stdout.flush()
            server.serve_forever()
    except KeyboardInterrupt:
        return
    except KvsctlError as error:
        sys.exit(f"{error.message}\n{error.hint or ''}".strip())
    except (OSError, OverflowError) as error:
        sys.exit(f"cannot listen on port {words.port}: {error}")


if __name__ == "__main__":
    main()
