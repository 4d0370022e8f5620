"""A back end that keeps the customers of an app in its key-value store.

    python server.py TARGET [PORT]

    PUT  /customers      a JSON Lines body, {"id": …, "name": …} per line: write them all
    GET  /customers/ID   one customer
    GET  /customers      all customers, as JSON Lines
    GET  /backup         all customers as kvsctl exports them: `kvsctl set -f` writes them again

One client serves all requests. Its target, token and settings are those of kvsctl's configuration.
"""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kvsctl import Client, FailedRecord, StoredRecord
from kvsctl.errors import KvsctlError

_PREFIX = "customer:"


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
        try:
            result = self.server.client.set_many(self._customers())
        except KvsctlError as error:
            self._answer(502, [{"error": error.message}])
        except (ValueError, KeyError, TypeError):
            self._answer(400, [{"error": "expected a line of JSON with an id for each customer"}])
        else:
            failures = [{"line": one.position + 1, "code": one.code} for one in result]
            self._answer(200, [{"written": result.succeeded, "failures": failures}])

    def do_GET(self) -> None:
        """Answer one customer or all of them, or a backup."""
        if self.path == "/backup":
            self._answer_backup()
            return
        name = self.path.removeprefix("/customers").removeprefix("/")
        client = self.server.client
        try:
            records = [*(client.get_many([_PREFIX + name]) if name else client.scan(_PREFIX))]
        except KvsctlError as error:
            self._answer(502, [{"error": error.message}])
            return
        if name and isinstance(records[0], FailedRecord):
            self._answer(404, [{"error": records[0].code}])
            return
        self._answer(200, [one.value for one in records if isinstance(one, StoredRecord)])

    def _customers(self) -> Iterator[dict[str, Any]]:
        left = int(self.headers["content-length"])
        while left > 0:
            line = self.rfile.readline(left)
            left -= len(line)
            customer = json.loads(line)
            yield {"key": f"{_PREFIX}{customer['id']}", "value": customer}

    def _answer_backup(self) -> None:
        """Answer lines as they arrive. After an error the connection ends without an end."""
        self.send_response(200)
        self.send_header("content-type", "application/jsonl")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for line in self.server.client.export_lines(_PREFIX):
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


if __name__ == "__main__":
    with Client.from_target(sys.argv[1]) as client:
        server = Server(client, int(sys.argv[2]) if len(sys.argv) > 2 else 8080)
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
