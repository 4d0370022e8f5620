"""The pytest fixture `kvsctl_emulator` for tests of apps: a server, emptied before each test.

    def test_mine(kvsctl_emulator):
        call(kvsctl_emulator.url, headers=kvsctl_emulator.headers())

Override the session fixture `kvsctl_emulator_options` to set a manifest, seeds, quotas or faults.
Each worker of pytest-xdist has a server and a store of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import ProxyHandler, Request, build_opener

import pytest

if TYPE_CHECKING:
    from kvsctl.emulator.web.serve import Running, ServeOptions

TOKEN = "kvsctl-test-token"  # noqa: S105 - it opens an emulator on loopback
START: Final = "kvsctl_emulator_start"
"""The snapshot taken once the seeds are loaded. A database that has it belongs to tests."""


@dataclass(frozen=True, slots=True)
class EmulatorUnderTest:
    """A running emulator: its base URL, what opens a store, and `reset`."""

    url: str
    token: str = field(repr=False)
    """The first token that it accepts. If it has none, any will do unless `needs_proxy_header`."""
    admin_token: str = field(default="", repr=False)
    """The token for `/_emulator/`, if it differs from `token`."""
    needs_proxy_header: bool = False
    """Whether only the header of a container's proxy opens a store, and no token does."""

    def headers(self, installation: str | None = None) -> dict[str, str]:
        """Return the headers that open the store of an installation, by default the token's.

        A token opens its own store only. Where the proxy's header is needed, the default is the
        installation `default`.
        """
        headers = {}
        if not self.needs_proxy_header:
            headers["authorization"] = f"Bearer {self.token}"
        if self.needs_proxy_header or installation is not None:
            named = f"Forge as=app,installationId={installation or 'default'}"
            headers["forge-proxy-authorization"] = named
        return headers

    def reset(self, installation: str | None = None) -> None:
        """Delete all records, or those of one installation."""
        self.control("reset", {} if installation is None else {"installation": installation})

    def control(self, action: str, request: dict[str, object]) -> None:
        """Send a POST to `/_emulator/`."""
        headers = {"authorization": f"Bearer {self.admin_token or self.token}"}
        url, body = f"{self.url}/_emulator/{action}", json.dumps(request).encode()
        # Do not send requests to this machine through a proxy from the environment.
        opener = build_opener(ProxyHandler({}))
        with opener.open(Request(url, body, headers)):  # noqa: S310 - it is http, on loopback
            pass


@pytest.fixture(scope="session")
def kvsctl_emulator_options() -> ServeOptions:
    """Return the options of the session's emulator: in memory, on a free port of loopback."""
    from kvsctl.emulator.options import DEFAULT_INSTALLATION, EmulatorOptions, Token
    from kvsctl.emulator.web.serve import ServeOptions

    tokens = (Token(TOKEN, DEFAULT_INSTALLATION),)
    return ServeOptions(port=0, emulator=EmulatorOptions(tokens=tokens))


@pytest.fixture(scope="session")
def kvsctl_emulator_server(kvsctl_emulator_options: ServeOptions) -> Iterator[Running]:
    """Run the server that all tests of the session, or of a worker, share."""
    options = options_of_worker(kvsctl_emulator_options, os.environ.get("PYTEST_XDIST_WORKER"))
    with serving(options) as server:
        yield server


@pytest.fixture
def kvsctl_emulator(
    kvsctl_emulator_server: Running, kvsctl_emulator_options: ServeOptions
) -> EmulatorUnderTest:
    """Return the running emulator, reset for this test to what its seeds load."""
    return emptied(kvsctl_emulator_server.url, kvsctl_emulator_options)


@contextmanager
def serving(options: ServeOptions) -> Iterator[Running]:
    """Serve the tests of a session, which begins with the records of the seeds and no others.

    Raise `pytest.UsageError` for a database with records that no earlier session of tests wrote.
    """
    from kvsctl.emulator.web.serve import running

    _empty(options.db)
    with running(options) as server:
        if is_seeded(options):
            under_test(server.url, options).control("snapshot", {"name": START})
        yield server


def emptied(url: str, options: ServeOptions) -> EmulatorUnderTest:
    """Reset an emulator of `serving` to what its seeds loaded, and return it for a test."""
    emulator = under_test(url, options)
    if is_seeded(options):
        emulator.control("restore", {"name": START})
    else:
        emulator.reset()
    return emulator


def under_test(url: str, options: ServeOptions) -> EmulatorUnderTest:
    """Return what a test needs to call the emulator that runs with these options."""
    served = options.emulator
    secret = served.tokens[0].secret if served.tokens else TOKEN
    needs_proxy_header = served.accepts_proxy_header and not served.tokens
    return EmulatorUnderTest(url, secret, served.admin_token or "", needs_proxy_header)


def _empty(db: Path | str) -> None:
    """Delete the records of an earlier session from a database, before the seeds are loaded."""
    from kvsctl.emulator import embedded
    from kvsctl.emulator.storage.schema import MEMORY
    from kvsctl.emulator.web.admin import reset

    if str(db) == MEMORY:
        return
    emulator = embedded(db)
    connection = emulator.store.connection

    def is_emptied() -> bool:
        named = "SELECT 1 FROM snapshot_name WHERE name = ?"
        is_of_tests = connection.execute(named, (START,)).fetchone()
        if not is_of_tests and connection.execute("SELECT 1 FROM record LIMIT 1").fetchone():
            return False
        connection.execute("INSERT OR IGNORE INTO snapshot_name VALUES (?)", (START,))
        reset(emulator.service, {})
        return True

    try:
        if not emulator.store.writing(is_emptied):
            raise pytest.UsageError(
                f"kvsctl_emulator_options: {db} has records that tests did not write and would "
                "delete: give another file as db, or load these records with seed"
            )
    finally:
        emulator.close()


def is_seeded(options: ServeOptions) -> bool:
    """Return whether records are loaded before the first test."""
    return bool(options.seed or options.imported)


def options_of_worker(options: ServeOptions, worker: str | None) -> ServeOptions:
    """Return the options for a worker of pytest-xdist, such as `gw0`; None for no worker.

    Each worker has files of its own, with its name before their suffixes. If the export file is
    also loaded, a worker loads its own copy once that exists. Raise `pytest.UsageError` for a port
    that the workers would have to share.
    """
    from dataclasses import replace

    from kvsctl.emulator.operations.record_files import is_same_file
    from kvsctl.emulator.storage.schema import MEMORY

    if worker is None:
        return options
    if options.port:
        raise pytest.UsageError(
            f"kvsctl_emulator_options: port {options.port} cannot be shared by the workers of "
            "pytest-xdist: give port=0"
        )
    if str(options.db) != MEMORY:
        options = replace(options, db=_of_worker(Path(options.db), worker))
    if (file := options.emulator.export_file) is not None:
        import msgspec

        own = _of_worker(file, worker)

        def loaded(other: Path) -> Path:
            is_exported = is_same_file(other, file)
            return own if is_exported and (own.exists() or not other.exists()) else other

        options = replace(
            options,
            seed=tuple(map(loaded, options.seed)),
            imported=None if options.imported is None else loaded(options.imported),
            emulator=msgspec.structs.replace(options.emulator, export_file=own),
        )
    return options


def _of_worker(file: Path, worker: str) -> Path:
    stem, dot, suffixes = file.name.partition(".")
    return file.with_name(f"{stem}-{worker}{dot}{suffixes}")
