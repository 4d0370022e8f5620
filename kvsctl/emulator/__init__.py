"""A local emulator of the service, for the embedded target and for `kvsctl serve`.

It imports only `kvsctl.limits` from the rest of kvsctl, so that an error in the client cannot hide
behind the same error in the emulator. It imports nothing heavy, because every command with the
embedded target starts it. A client in the same process calls `embedded`.

- `web`: the ASGI application and its server; `pytest_plugin`: a fixture for the tests of apps.
- `page`: the web page that shows a local store.
- `operations`: what each endpoint does; `callers`: which installation's store a caller may use.
- `storage`: records in SQLite, and the entities that a manifest declares.
- `switches`: faults, quotas and JavaScript rounding; `options`: every setting of an emulator.
- `rules`: the service's checks, a deliberate twin of `kvsctl.records.checks`.
- `wire`: request and response bodies; `json_slices`: JSON as text, a deliberate twin of
  `kvsctl.jsontext`.
- `option_files`: read the files that options name.
- `clock`: the emulator's time; `refusals`: the errors that the service answers.

Words used throughout: the emulator *refuses* a request, or one *item* of a batch, with a code and
a message. Its *response* is the HTTP response. An *installation* owns a store of its own.
"""

from pathlib import Path

from kvsctl.emulator.clock import Clock
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed, EmulatorError
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.app import Emulator

__all__ = [
    "ConnectionLost",
    "DatabaseFailed",
    "Emulator",
    "EmulatorError",
    "EmulatorOptions",
    "embedded",
]


def embedded(
    path: Path | str, options: EmulatorOptions | None = None, clock: Clock | None = None
) -> Emulator:
    """Return an emulator on a database file, or in memory (`:memory:`), to call as an ASGI app.

    The file is opened at once. Raise `EmulatorError` if that fails, and `DatabaseFailed`, also
    later, if the file is damaged or its disk fails. Close the emulator with
    `close()` or `await aclose()`; every write that was answered is safe even without that.
    """
    options = options or EmulatorOptions()
    keeps = options.ttl_less_set == "keeps-expiry"
    store = Store(path, keep_expiry=keeps, reads_on_loop=True)
    return Emulator(options, store, clock)
