"""The list of installations, as a container's proxy answers it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.service.faults import Fault, FaultKind
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.installations import (
    Installation,
    InstallationsClient,
    InstallationsPage,
    decode_installations,
)
from kvsctl.service.transport.carrier import CarrierAnswer, Unreached

_LISTED = st.builds(
    Installation,
    id=st.text(min_size=1),
    installation_context=st.none() | st.text(),
    version=st.none() | st.text(),
    secondary_installation_contexts=st.lists(st.text()).map(tuple),
)


def _json(one: Installation) -> dict[str, Any]:
    return {
        "id": one.id,
        "installationContext": one.installation_context,
        "version": one.version,
        "secondaryInstallationContexts": list(one.secondary_installation_contexts),
        "later": "a member of a later version",
    }


@given(st.lists(_LISTED), st.none() | st.text(min_size=1))
def test_both_forms_of_the_answer_are_read(listed: list[Installation], cursor: str | None) -> None:
    members = [_json(one) for one in listed]
    newer = json.dumps({"installations": members, "cursor": cursor}).encode()
    assert decode_installations(newer) == InstallationsPage(listed, cursor)
    assert decode_installations(json.dumps(members).encode()) == InstallationsPage(listed)


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'[{"id":""}]', b'[{"id":7}]', b"[" * 9999])
def test_any_other_answer_cannot_be_read(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        decode_installations(body)


def test_an_empty_cursor_is_the_end() -> None:
    assert decode_installations(b'{"installations":[],"cursor":""}').cursor is None


class _Carrier:
    """Answers each request alike, and keeps what was asked."""

    host, proxy = "proxy", None

    def __init__(self, answer: CarrierAnswer | Exception) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def request(
        self, method: Any, path: str, headers: Any, body: bytes | None = None
    ) -> CarrierAnswer:
        assert body is None
        assert "authorization" not in headers
        self.asked.append((method, path))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def aclose(self) -> None:
        return None


def _page(carrier: _Carrier, cursor: str | None = None, *, older: bool = False) -> Any:
    client = InstallationsClient(carrier, 30.0)
    return asyncio.run(client.page(cursor, older=older, now=0.0))


def test_a_cursor_is_encoded_and_the_page_is_as_large_as_may_be() -> None:
    carrier = _Carrier(CarrierAnswer(200, {}, b"[]"))
    assert _page(carrier, "a&b=/ü") == InstallationsPage([])
    assert _page(carrier, older=True) == InstallationsPage([])
    assert carrier.asked == [
        ("GET", "/v1/installations?pageSize=100&cursor=a%26b%3D%2F%C3%BC"),
        ("GET", "/v0/installations"),
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (CarrierAnswer(429, {"retry-after": "7"}, b""), FaultKind.THROTTLED),
        (CarrierAnswer(403, {}, b'{"code":"FORBIDDEN","message":"no"}'), FaultKind.FORBIDDEN),
        (CarrierAnswer(503, {}, b"<html>"), FaultKind.TROUBLED),
        (CarrierAnswer(200, {"x-b3-traceid": "t1"}, b"<html>"), FaultKind.UNANSWERED),
        (Unreached("no route"), FaultKind.UNREACHED),
    ],
)
def test_what_fails_is_a_fault(answer: CarrierAnswer | Exception, kind: FaultKind) -> None:
    fault = _page(_Carrier(answer))
    assert isinstance(fault, Fault)
    assert fault.kind is kind
    assert fault.retry_after_seconds == (7.0 if kind is FaultKind.THROTTLED else None)
