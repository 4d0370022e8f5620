"""The pytest fixture `kvsctl_emulator` for tests of apps: a server, emptied before each test.

    def test_mine(kvsctl_emulator):
        call(kvsctl_emulator.url, headers={"authorization": f"Bearer {kvsctl_emulator.token}"})

Override the session fixture `kvsctl_emulator_options` to set a manifest, quotas or faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from kvsctl.emulator.web.serve import Running, ServeOptions

TOKEN = "kvsctl-test-token"  # noqa: S105 - it opens an emulator on loopback


@dataclass(frozen=True, slots=True)
class EmulatorUnderTest:
    """A running emulator: its base URL, a token that it accepts, and `reset`."""

    url: str
    token: str

    def reset(self) -> None:
        """Delete all records of all installations."""
        headers = {"authorization": f"Bearer {self.token}"}
        request = Request(f"{self.url}/_emulator/reset", method="POST", headers=headers)  # noqa: S310
        with urlopen(request):  # noqa: S310
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
    """Run the server that all tests of the session share."""
    from kvsctl.emulator.web.serve import running

    with running(kvsctl_emulator_options) as server:
        yield server


@pytest.fixture
def kvsctl_emulator(
    kvsctl_emulator_server: Running, kvsctl_emulator_options: ServeOptions
) -> EmulatorUnderTest:
    """Return the running emulator, emptied for this test."""
    tokens = kvsctl_emulator_options.emulator.tokens
    secret = tokens[0].secret if tokens else TOKEN
    under_test = EmulatorUnderTest(kvsctl_emulator_server.url, secret)
    under_test.reset()
    return under_test
