"""Report the progress of units in other processes to the process of the command.

It listens on a local address, to which each unit connects. A unit that cannot connect is still
carried out, but not shown. The units also borrow the terminal for their token commands.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from kvsctl.report.progress.standing import Followed, Shows, Standing
from kvsctl.service.auth.terminal_use import undrawn

_SENDS_SECONDS: Final = 0.5
_FAILURES: Final = (OSError, EOFError)
_LEND: Final = b"lend"
"""Sent by a unit that needs the terminal, for a token command."""
_LENT: Final = b"lent"
_SHORT_FOLDER: Final = "/tmp"  # noqa: S108 - a private folder is made in it

_encoded: Final = msgspec.json.Encoder().encode
_decoded: Final = msgspec.json.Decoder(Standing).decode


class RelayedDisplay:
    """The display of a unit, in its worker: it sends how far the unit is to an address."""

    def __init__(self, address: str, name: str) -> None:
        self._address = address
        self._name = name

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """See Display."""
        try:
            connection = Client(self._address)
        except OSError:
            yield
            return
        is_over = threading.Event()

        def send() -> None:
            with suppress(*_FAILURES):
                while True:
                    standing = msgspec.structs.replace(followed.standing(), label=self._name)
                    connection.send_bytes(_encoded(standing))
                    if is_over.wait(_SENDS_SECONDS):
                        return

        thread = threading.Thread(target=send, name="relay", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()
            connection.close()

    def write_above(self, text: str) -> None:
        """Drop the line: notes of a unit are not shown. See Display."""
        del text

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Erase what is drawn on the terminal, and have nothing drawn inside the block."""
        with ExitStack() as closing:
            with suppress(*_FAILURES):
                connection = closing.enter_context(Client(self._address))
                connection.send_bytes(_LEND)
                connection.recv_bytes()
            yield


class Relay:
    """Shows on `display` each unit that connects to its `address`. Close it at the end.

    Raise OSError if it cannot listen on a local address.
    """

    def __init__(self, display: Shows) -> None:
        self._display = display
        self._closing = ExitStack()
        self._listener = self._closing.enter_context(_listening())
        self.address: Final = str(self._listener.address)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            # Closing does not wake the thread that waits for a connection.
            Client(self.address).close()
        self._closing.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection = self._listener.accept()
                threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: Connection) -> None:
        unit = _Unit()
        with suppress(*_FAILURES, msgspec.MsgspecError), connection:
            first = connection.recv_bytes()
            if first == _LEND:
                with undrawn():
                    connection.send_bytes(_LENT)
                    connection.recv_bytes()  # fails once the unit no longer needs it
                return
            unit.now = _decoded(first)
            with self._display.showing(unit):
                while True:
                    unit.now = _decoded(connection.recv_bytes())


@contextmanager
def _listening() -> Iterator[Listener]:
    """Listen on a local address inside the block. Raise OSError if that is impossible.

    The path of a socket has at most about 100 bytes. Where the folder for temporary files has a
    longer path, the socket is in a private folder of /tmp.
    """
    with ExitStack() as closing:
        try:
            listener = Listener()
        except OSError:
            if os.name != "posix":
                raise
            folder = closing.enter_context(
                TemporaryDirectory(prefix="kvsctl-", dir=_SHORT_FOLDER, ignore_cleanup_errors=True)
            )
            listener = Listener(f"{folder}/relay")
        with listener:
            yield listener


class _Unit:
    """A unit that another process carries out: its latest standing."""

    now = Standing("")

    def standing(self) -> Standing:
        """See Followed."""
        return self.now

    def parts(self) -> Sequence[Standing]:
        """See Followed."""
        return ()
