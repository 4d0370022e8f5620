"""Run the server in a process of its own, and talk to a server in bytes."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

SCRIPT = """
import sys
from pathlib import Path
from urllib.parse import urlsplit
from kvsctl.emulator.web.serve import ServeOptions, serve
db = sys.argv[1]
number = serve(ServeOptions(port=0, db=db), lambda url: print(url, flush=True))
print("stopped by", number, flush=True)
"""


@contextlib.contextmanager
def server_process(db: Path | str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Start a server on a database file and yield its URL and process. Kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(db)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def exchange(url: str, sent: bytes, *, half_close: bool = False, seconds: float = 10) -> bytes:
    """Send bytes to a server and return the first bytes of its answer, or b"" if it closes.

    With `half_close`, tell the server that nothing more follows, and return all of its answer.
    """
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=seconds) as connection:
        connection.sendall(sent)
        if not half_close:
            return connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)
