"""The last requests to the emulator, for the page. Kept by a server only."""

import time
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from kvsctl.emulator.page.messages import Entry
from kvsctl.emulator.wire import Response

MOST: Final = 500


class RecentRequests:
    """The last 500 requests. Use it in the event loop's thread only."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MOST)
        self._number = 0

    def begin(self, method: str, path: str, now_ms: int) -> Entry:
        """Return an entry for a request that begins. It is kept once the request ends."""
        # Until `end`, this is minus the start time.
        began_ms = -time.perf_counter() * 1000
        return Entry(at=now_ms, method=method, path=path, faults=[], milliseconds=began_ms)

    def end(self, entry: Entry, answer: Response | None, faults: Iterable[str]) -> None:
        """Keep the entry of a request that ended with this response; None if it got none."""
        self._number += 1
        entry.number = self._number
        if answer is not None:
            entry.status, entry.code = answer.status, _code_of(answer)
        entry.faults += faults
        entry.milliseconds = round(entry.milliseconds + time.perf_counter() * 1000, 1)
        self._entries.append(entry)

    def after(self, number: int) -> list[Entry]:
        """Return the entries with a higher number, the latest first."""
        return [entry for entry in reversed(self._entries) if entry.number > number]


class _Refused(msgspec.Struct):
    code: str


def _code_of(answer: Response) -> str | None:
    """Return the error code of a response, or None for a success or the page of a proxy."""
    if answer.status < 400:
        return None
    try:
        return msgspec.json.decode(answer.body, type=_Refused).code
    except msgspec.MsgspecError:
        return None
