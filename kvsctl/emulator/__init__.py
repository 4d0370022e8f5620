"""A local emulator of the service, for the embedded target and for `kvsctl serve`.

It imports `kvsctl.limits` and nothing else of ours, and nothing heavy: the embedded target
starts it in every command. `embedded` is what a client in the same process calls.

- `web`: the ASGI application and its server; `pytest_plugin`: the fixture for tests of apps.
- `operations`: what each endpoint does; `callers`: whose store a request opens.
- `storage`: records in SQLite, and the entities that a manifest declares.
- `switches`: faults, quotas, rounding; `options`: everything that can be switched.
- `rules`: the service's checks, a deliberate twin of `kvsctl.records.checks`.
- `wire`: requests and answers as bytes; `json_slices`: JSON as text, a deliberate twin of
  `kvsctl.jsontext`.
- `clock`, `refusals`: the service's time, and what it answers when it refuses.
"""

from pathlib import Path

from kvsctl.emulator.clock import Clock
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import ConnectionLost, EmulatorError
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.app import Emulator

__all__ = ["ConnectionLost", "Emulator", "EmulatorError", "EmulatorOptions", "embedded"]


def embedded(
    path: Path | str, options: EmulatorOptions | None = None, clock: Clock | None = None
) -> Emulator:
    """An emulator on a file of its own (`:memory:`: on none), to be called as an ASGI app.

    Opens the file at once and raises `EmulatorError` if that cannot be done. Close it with
    `close()` or `await aclose()`; what was answered is safe even if nobody does.
    """
    options = options or EmulatorOptions()
    store = Store(path, keep_expiry=options.ttl_less_set == "keeps-expiry")
    return Emulator(options, store, clock)
