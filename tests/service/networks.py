"""The carriers over a network, each on the event loop that it is used with."""

import asyncio
import platform
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from kvsctl.jobs.event_loop import quick_loop
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.certificates import certificates
from kvsctl.service.transport.choose import by_httpx, directly
from kvsctl.service.transport.proxies import proxy_for
from kvsctl.service.transport.urls import parsed_url
from tests.support.needs import IS_POSIX, needs, only_on

_T = TypeVar("_T")

_CAN_HAVE_UVLOOP = IS_POSIX and platform.python_implementation() == "CPython"


@dataclass(frozen=True)
class Network:
    """A kind of carrier and the loop that its tests run on."""

    is_direct: bool
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None

    def carrier(self, url: str, timeout_seconds: float = 30.0) -> Carrier:
        """Return a carrier of this kind, as `over_network` would make it."""
        proxy_url = proxy_for(url)
        context = certificates() if url.startswith("https:") else None
        if not self.is_direct:
            return by_httpx(url, proxy_url, context, timeout_seconds)
        proxy = None if proxy_url is None else parsed_url(proxy_url)
        direct = directly(parsed_url(url), proxy, context, timeout_seconds)
        assert direct is not None
        return direct

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a test's coroutine."""
        with asyncio.Runner(loop_factory=self.loop_factory) as runner:
            return runner.run(work)


def _networks() -> list[Any]:
    quick = quick_loop()
    return [
        pytest.param(Network(is_direct=True, loop_factory=None), id="direct"),
        pytest.param(
            Network(is_direct=True, loop_factory=quick),
            id="direct-uvloop",
            marks=[
                only_on(_CAN_HAVE_UVLOOP, "uvloop is for CPython, and not for Windows"),
                needs(quick is not None, "uvloop is not installed"),
            ],
        ),
        pytest.param(Network(is_direct=False, loop_factory=None), id="httpx"),
    ]


NETWORKS = _networks()
DIRECT_NETWORKS = [one for one in NETWORKS if one.id != "httpx"]


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    """Return each kind of carrier in turn."""
    given: Network = request.param
    return given
