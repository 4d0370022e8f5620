"""The emulator, or any ASGI app, behind a real server on a free loopback port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from kvsctl.service.transport.in_process import AsgiApp

_START_SECONDS = 20


@contextmanager
def served(app: AsgiApp) -> Iterator[str]:
    """Serves `app` until the end of the block; gives the base URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        port = listener.getsockname()[1]
        started = threading.Event()
        server = _Server(started, app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert started.wait(_START_SECONDS), "the server did not start"
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


class _Server(uvicorn.Server):
    """Says when it is up; leaves signals to the test runner, as it runs in a thread."""

    def __init__(self, started: threading.Event, app: AsgiApp) -> None:
        # The emulator sends the date of its own clock, as it does when `kvsctl serve` serves it.
        config = uvicorn.Config(app, log_level="error", lifespan="off", date_header=False)
        super().__init__(config)
        self._started_event = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started_event.set()
