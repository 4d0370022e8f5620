"""Bulk client for Atlassian Forge key-value stores, with an emulator of the service.

Imports run one way, from the first of these to the last:

- `__main__`: prepare the process; `entry`: turn every end of a command into an exit code.
- `cli`: the command line; `client`: kvsctl as a library, beside it.
- `jobs`: a job from its request to its exit status.
- `report`, `outputs`: what a job shows, and what else it writes.
- `backups`, `comparison`: the manifests of exports; how two sets of records differ.
- `bridge`: the function in a Forge app that lets kvsctl reach its stores.
- `journal`: record on disk what a job has settled; `listing`: list a store through queries.
- `bulk`: the engine: records in, outcomes out.
- `retention`: rules that delete records, keep them or give them a ttl.
- `service`, `records`, `selection`, `usage`, `config`, `files`, `emulator`: HTTP, input, what a
  command works on, how much of a store each prefix takes, settings, the operating system's files,
  and the emulator, which imports `limits` and nothing else of ours.
- `shards`: which of N parts a key is in.
- `model`: what passes between them: records, problems, outcomes.
- `durations`: durations as people write them.
- `texts`: counts and moments as text.
- `slabs`: many records, or the outcomes of many, as one value.
- `jsontext`, `jsonequal`: JSON as text, and whether two JSON texts are equal.
- `prices`: what reads and writes cost.
- `limits`, `codes`: the service's limits; the error codes that a record can fail with.
- `blake2`: a hash, without OpenSSL.
- `unexpected`: explain an exception that no code handled.
- `errors`: the errors that end a command, and the exit codes.
"""

# Not from `typing`, whose import takes milliseconds in which Ctrl-C still prints a trace.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from kvsctl.client.asynchronous import AsyncClient
    from kvsctl.client.blocking import Client
    from kvsctl.client.comparing import AsyncDifferences, Differences, DifferentRecord
    from kvsctl.client.exporting import Exported
    from kvsctl.client.results import FailedRecord, Result, StoredRecord

__all__ = [
    "AsyncClient",
    "AsyncDifferences",
    "Client",
    "Differences",
    "DifferentRecord",
    "Exported",
    "FailedRecord",
    "Result",
    "StoredRecord",
    "__version__",
]
__version__ = "0.1.0"

_LIBRARY: "Final" = {
    "AsyncClient": "asynchronous",
    "AsyncDifferences": "comparing",
    "Client": "blocking",
    "DifferentRecord": "comparing",
    "Differences": "comparing",
    "Exported": "exporting",
    "FailedRecord": "results",
    "Result": "results",
    "StoredRecord": "results",
}
"""The names of the library, and the module of each in `kvsctl.client`."""


def __getattr__(name: str) -> "Any":
    """Import the library when it is first used, because every command imports this package."""
    if name not in _LIBRARY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"kvsctl.client.{_LIBRARY[name]}"), name)
