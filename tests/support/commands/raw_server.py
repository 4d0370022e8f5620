"""A server in a thread that answers each request with bytes of the test's choice, for commands."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

Answering: TypeAlias = Callable[[bytes, bytes], bytes]
"""Returns the answer to a request, given its head and body. The connection is then closed."""


@dataclass
class RawServer:
    """A listening server. `requests` holds the bodies of the requests that arrived whole."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def raw_server(answer: Answering, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve until the block ends, each connection in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        server, is_over = RawServer(listener.getsockname()[1]), threading.Event()

        def serve(accepted: socket.socket) -> None:
            with suppress(OSError), accepted:
                accepted.settimeout(30)
                opened = accepted if tls is None else tls.wrap_socket(accepted, server_side=True)
                with opened, opened.makefile("rb") as received:
                    lines = list(iter(received.readline, b"\r\n"))
                    length = sum(int(line[15:]) for line in lines if _is_length(line))
                    body = received.read(length)
                    server.requests.append(body)
                    opened.sendall(answer(b"".join(lines), body))

        def accept() -> None:
            while True:
                accepted, _ = listener.accept()
                if is_over.is_set():
                    accepted.close()
                    return
                server.connections += 1
                threading.Thread(target=serve, args=(accepted,), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            is_over.set()
            socket.create_connection(("127.0.0.1", server.port)).close()  # wakes `accept`
            accepting.join(10)


def _is_length(line: bytes) -> bool:
    return line.lower().startswith(b"content-length:")
