"""Ask the proxy of a Forge Container for the installations of the app. One call is one request."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.service.faults import Fault
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.interpret import fault_of, refusal_fault, shown_trace_id, unreadable_fault
from kvsctl.service.transport.carrier import Carrier, CarrierError
from kvsctl.service.transport.encoding import decompressed

PAGE_MOST: Final = 100
"""The most installations of a page (contract: section "Where and who")."""
_PATH: Final = f"/v1/installations?pageSize={PAGE_MOST}"
_OLDER_PATH: Final = "/v0/installations"
_OK: Final = 200
_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": f"kvsctl/{__version__}",
}


class Installation(msgspec.Struct, frozen=True, rename="camel"):
    """An installation as the proxy lists it. Members that are not named here are ignored."""

    id: str
    installation_context: str | None = None
    version: str | None = None
    secondary_installation_contexts: tuple[str, ...] = ()


class InstallationsPage(msgspec.Struct, frozen=True):
    """A page of the list. `cursor` None: the last."""

    installations: Sequence[Installation]
    cursor: str | None = None


_decode: Final = msgspec.json.Decoder(InstallationsPage | list[Installation]).decode


class InstallationsClient:
    """The list of installations, reached over one carrier to the proxy.

    The proxy needs no token. `timeout_seconds` only appears in messages.
    """

    def __init__(self, carrier: Carrier, timeout_seconds: float) -> None:
        self._carrier = carrier
        self._timeout_seconds = timeout_seconds

    async def page(
        self, cursor: str | None, *, older: bool, now: float
    ) -> InstallationsPage | Fault:
        """Return the page at `cursor`, or the fault of the request.

        `older`: use the older path, which returns all installations at once. `now`: the time from
        which the waits in a refusal count, in epoch seconds.
        """
        path = _OLDER_PATH if older else _PATH
        if cursor is not None:
            path += f"&cursor={quote(cursor, safe='')}"
        try:
            answer = await self._carrier.request("GET", path, _HEADERS)
            if "content-encoding" in answer.headers:
                answer = decompressed(answer)
        except CarrierError as error:
            return fault_of(error, self._timeout_seconds)
        trace_id = answer.headers.get("x-b3-traceid")
        trace_id = None if trace_id is None else shown_trace_id(None, trace_id)
        if answer.status != _OK:
            fault = refusal_fault(answer, trace_id, None, now, self._carrier.proxy)
            return replace(fault, takes_no_token=True)
        try:
            return decode_installations(answer.body)
        except UnreadableAnswer as error:
            return unreadable_fault(error, trace_id, None)


def decode_installations(body: bytes) -> InstallationsPage:
    """Return the page of an answer: an object with a cursor, or the older plain array.

    Raise UnreadableAnswer.
    """
    try:
        found: Any = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableAnswer(str(error)) from None
    page = InstallationsPage(found) if isinstance(found, list) else found
    if any(not one.id for one in page.installations):
        raise UnreadableAnswer("an installation has no id")
    # An empty cursor would ask for the first page again.
    return page if page.cursor else InstallationsPage(page.installations)
