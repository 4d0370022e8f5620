"""Which event loop carries a run."""

import asyncio
from collections.abc import Callable


def quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes loops of uvloop, which take a third of the time a request; None where it is missing.

    Importing it takes about 4 ms.
    """
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop
