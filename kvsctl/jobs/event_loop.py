"""The event loop of a run, and the collector's pace while it works."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


def on_a_loop(work: Coroutine[Any, Any, _T], *, has_network: bool) -> _T:
    """Runs a coroutine to its end, on a quick loop, if there is one, for sockets.

    What was loaded before stays for good, and of what a run makes little is garbage in cycles:
    the collector looks seldom.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    with asyncio.Runner(loop_factory=quick_loop() if has_network else None) as runner:
        return runner.run(work)


def quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes loops of uvloop, which take a third of the time a request; None where it is missing.

    Importing it takes about 4 ms.
    """
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop
