"""The emulator as an HTTP server, on uvicorn.

Loopback by default; any other address needs a token. It stops on SIGTERM and Ctrl-C: no new
requests, those in flight are answered, the file is closed.
"""

import contextlib
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import uvicorn

from kvsctl.emulator.operations.seed import load_seed
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import EmulatorError
from kvsctl.emulator.storage.schema import MEMORY
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.app import Emulator
from kvsctl.emulator.web.guard import Guard

DEFAULT_PORT = 8787
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """Where to serve, what to serve from, how to answer."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    db: Path | str = MEMORY
    """A SQLite file, or `:memory:`."""
    seed: tuple[Path, ...] = ()
    """Files of records to load before serving."""
    host_names: frozenset[str] = frozenset()
    """Names besides localhost that a `Host` header may have, such as a container's."""
    verbose: bool = False
    """One line a request on the logger `kvsctl.emulator.access`."""
    emulator: EmulatorOptions = field(default_factory=EmulatorOptions)


def serve(options: ServeOptions, announce: Callable[[str], None]) -> int:
    """Serve until a signal comes, and give back its number.

    `announce` gets the URL as soon as requests are answered. Raises `EmulatorError` if the
    address, the file or a seed cannot be used, or an address off loopback has no token.
    """
    # The loop and the store's thread hand the interpreter to each other at every request: the
    # default of 5 ms is most of the slowest answers' time.
    sys.setswitchinterval(SWITCH_SECONDS)
    with _opened(options) as (listener, emulator):
        server = _Server(_config(options, emulator), lambda: announce(url_of(listener)))
        server.run(sockets=[listener])
        return server.stopped_by


@dataclass(frozen=True, slots=True)
class Running:
    """A server in a thread of this process."""

    url: str
    emulator: Emulator


@contextlib.contextmanager
def running(options: ServeOptions) -> Iterator[Running]:
    """Serve from a thread for as long as the block lasts. Raises what `serve` raises."""
    with _opened(options) as (listener, emulator):
        ready = threading.Event()
        server = _Server(_config(options, emulator), ready.set)
        thread = threading.Thread(target=server.run, args=([listener],), name="emulator-server")
        thread.start()
        try:
            if not ready.wait(GRACE_SECONDS):
                raise EmulatorError("the emulator does not start")
            yield Running(url_of(listener), emulator)
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def _opened(options: ServeOptions) -> Iterator[tuple[socket.socket, Emulator]]:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(listen(options)))
        keeps = options.emulator.ttl_less_set == "keeps-expiry"
        store = stack.enter_context(contextlib.closing(Store(options.db, keep_expiry=keeps)))
        emulator = Emulator(options.emulator, store)
        for path in options.seed:
            load_seed(path, emulator.service, store)
        yield listener, emulator


def listen(options: ServeOptions) -> socket.socket:
    """The socket to serve on, bound and listening."""
    if not is_loopback(options.host) and not options.emulator.tokens:
        raise EmulatorError(f"{options.host} is not loopback: give a token that callers must have")
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise EmulatorError(f"cannot serve on {options.host}:{options.port}: {error}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL that clients use, with the port that was taken."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _config(options: ServeOptions, emulator: Emulator) -> uvicorn.Config:
    # "auto" takes httptools and uvloop where they are installed.
    return uvicorn.Config(
        Guard(emulator, options.host_names, verbose=options.verbose),
        http="auto",
        loop="auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and does not raise its signals again."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.stopped_by = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if not self.should_exit:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first signal, at once on the second; a thread hears of none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, previous in before.items():
                signal.signal(number, previous)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = number
        self.handle_exit(number, frame)
