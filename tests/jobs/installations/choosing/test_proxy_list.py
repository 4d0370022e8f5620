"""Reading the whole list of installations, on virtual time."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.jobs.installations.choosing.proxy_list import ProxyList
from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.installations import Installation, InstallationsPage
from tests.support.simulated.virtual_time import run_virtual

_BUSY = Fault(FaultKind.THROTTLED, "TOO_MANY_REQUESTS", "busy", 429, retry_after_seconds=2.0)
_BROKEN = Fault(FaultKind.TROUBLED, "HTTP_503", "broken", 503)
_CUT_OFF = Fault(FaultKind.UNANSWERED, "CONNECTION_LOST", "cut off")
_MISSING = Fault(FaultKind.REFUSED, "HTTP_404", "HTTP 404 Not Found", 404)
_FORBIDDEN = Fault(FaultKind.FORBIDDEN, "FORBIDDEN", "no", 403)
_TROUBLES = [_BUSY, _BROKEN, _CUT_OFF]


class _Proxy:
    """A list in pages, which fails as scripted: one fault or none for each request."""

    def __init__(self, pages: Sequence[Sequence[str]], faults: Sequence[Fault | None] = ()) -> None:
        self._pages = pages
        self._faults = list(faults)
        self.times: list[float] = []
        self.asked: list[tuple[str | None, bool]] = []

    async def page(
        self, cursor: str | None, *, older: bool, now: float
    ) -> InstallationsPage | Fault:
        del now
        self.times.append(asyncio.get_running_loop().time())
        self.asked.append((cursor, older))
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            return fault
        number = int(cursor or 0)
        following = str(number + 1) if number + 1 < len(self._pages) else None
        return InstallationsPage([Installation(one) for one in self._pages[number]], following)


def _listed(proxy: _Proxy, retries: int = 8) -> list[str]:
    async def work() -> list[str]:
        pages = ProxyList(proxy, RetryPolicy(retries=retries), random=Random(1)).pages()
        return [one.id async for page in pages for one in page]

    return run_virtual(work())


def test_no_minute_has_more_than_a_hundred_requests() -> None:
    proxy = _Proxy([[str(number)] for number in range(250)])
    assert _listed(proxy) == [str(number) for number in range(250)]
    assert all(
        later - one >= 60 for one, later in zip(proxy.times, proxy.times[100:], strict=False)
    )
    assert 120 <= proxy.times[-1] < 125
    assert proxy.times[99] < 1


@given(
    st.lists(st.lists(st.text(min_size=1), max_size=4), min_size=1, max_size=6),
    st.lists(st.none() | st.sampled_from(_TROUBLES), max_size=6),
)
def test_each_installation_is_listed_once_whatever_fails_meanwhile(
    pages: list[list[str]], faults: list[Fault | None]
) -> None:
    names = dict.fromkeys(one for page in pages for one in page)
    assert _listed(_Proxy(pages, faults)) == list(names)


@pytest.mark.parametrize(
    ("faults", "error", "said"),
    [
        ([_BROKEN] * 3, TargetError, "gave up listing installations after 3 attempts"),
        ([_CUT_OFF] * 3, TargetError, "cannot reach the target"),
        ([None, _CUT_OFF, _CUT_OFF, _CUT_OFF], TargetError, "gave up listing installations"),
        ([_FORBIDDEN], CredentialsError, "the target refused the credentials"),
        ([_MISSING, _MISSING], TargetError, "the proxy refused to list the installations"),
    ],
)
def test_a_list_that_ends_early_is_an_error(
    faults: list[Fault | None], error: type[KvsctlError], said: str
) -> None:
    with pytest.raises(error, match=said):
        _listed(_Proxy([["a"], ["b"]], faults), retries=2)


def test_a_wait_that_would_take_too_long_ends_it() -> None:
    fault = Fault(FaultKind.THROTTLED, "TOO_MANY_REQUESTS", "busy", 429, retry_after_seconds=3600.0)
    with pytest.raises(TargetError, match="asks to wait 3,600 s"):
        _listed(_Proxy([["a"]], [fault]))


def test_the_older_path_is_asked_where_the_newer_one_is_missing() -> None:
    proxy = _Proxy([["a", "b"]], [_MISSING])
    assert _listed(proxy) == ["a", "b"]
    assert proxy.asked == [(None, False), (None, True)]


def test_a_cursor_that_comes_again_ends_it() -> None:
    class Endless(_Proxy):
        async def page(
            self, cursor: str | None, *, older: bool, now: float
        ) -> InstallationsPage | Fault:
            del cursor, older, now
            return InstallationsPage([Installation("a")], "same")

    with pytest.raises(TargetError, match="does not end"):
        _listed(Endless([]))
