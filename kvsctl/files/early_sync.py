"""Sync a file while it is being written, so that little is left to sync at its end."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

STEP_BYTES: Final = 8 * 1024 * 1024
"""How much is synced at a time: enough that a sync per step costs next to nothing."""


class EarlySync:
    """Syncs a file, on a thread of its own, whenever `STEP_BYTES` more have been written to it.

    No two syncs run at the same time. `sync` is called with `fd`, which must stay open until `wait`
    returns. `error` is the error of the first failed sync. No later sync reports it again, so once
    it is set, written data may not be on disk.
    """

    def __init__(self, fd: int, sync: Callable[[int], None]) -> None:
        self._fd = fd
        self._sync = sync
        self._unsynced_bytes = 0
        self._thread: threading.Thread | None = None
        self.error: OSError | None = None

    def note(self, written_bytes: int) -> None:
        """Note that more was written. Never wait."""
        self._unsynced_bytes += written_bytes
        is_busy = self._thread is not None and self._thread.is_alive()
        if self._unsynced_bytes < STEP_BYTES or is_busy or self.error is not None:
            return
        self._unsynced_bytes = 0
        thread = threading.Thread(target=self._sync_once, name="output sync", daemon=True)
        with suppress(RuntimeError):  # no thread can be started: all is synced at the end
            thread.start()
            self._thread = thread

    def wait(self) -> None:
        """Wait until no sync runs."""
        if self._thread is not None:
            self._thread.join()

    def _sync_once(self) -> None:
        try:
            self._sync(self._fd)
        except OSError as error:
            self.error = error
