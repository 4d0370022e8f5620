"""Answer the requests of the page.

    GET  /                        the page
    GET  FILE                     one of its files
    GET  api/installations        all installations with their spaces
    POST api/children             the nodes one level below a prefix
    POST api/records              the records with a prefix, by key or by size
    POST api/count                the number of records with a prefix
    POST api/record               one record
    POST api/save                 change a record that has not changed since it was read
    POST api/delete               delete records by key or by prefix
    POST api/download             records as JSON Lines
    GET  api/requests             the last requests to the emulator

All paths but the first are below `/_emulator/page/`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import msgspec

from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.page import changing, downloading, messages, reading
from kvsctl.emulator.page.access import check_local, check_page
from kvsctl.emulator.page.files import HEADERS, INDEX, file_response
from kvsctl.emulator.page.recent import RecentRequests
from kvsctl.emulator.refusals import Refusal, malformed, other_method
from kvsctl.emulator.wire import Response, encoded

PREFIX: Final = "/_emulator/page/"
API: Final = PREFIX + "api/"
BODY_BYTES: Final = 4_000_000
"""Enough for the longest value with every character escaped."""


class Page(Protocol):
    """The parts of an emulator that the page shows and changes."""

    options: EmulatorOptions
    service: Service
    recent: RecentRequests | None


class Question(msgspec.Struct, frozen=True):
    """A POST of the page: its request, its response and the function between them."""

    request: type[messages.StoreRequest]
    response: type[msgspec.Struct] | None
    run: Callable[[Service, Any], Awaitable[Any]]


QUESTIONS: Mapping[str, Question] = {
    "children": Question(messages.ChildrenRequest, messages.Children, reading.list_children),
    "records": Question(messages.ListRequest, messages.RecordList, reading.list_records),
    "count": Question(messages.CountRequest, messages.Count, reading.count_records),
    "record": Question(messages.RecordRequest, messages.Record, reading.read_record),
    "save": Question(messages.SaveRequest, messages.Record, changing.save_record),
    "delete": Question(messages.DeleteRequest, messages.Deleted, changing.delete_records),
    "download": Question(messages.DownloadRequest, None, downloading.download),
}
"""The POST requests, by their path after `api/`. The response of a download is not JSON."""
LISTS: Final = ("installations", "requests")
"""The GET requests."""


def check_caller(
    scope: Mapping[str, Any], headers: Mapping[bytes, bytes], options: EmulatorOptions
) -> None:
    """Raise Refusal if the caller may not use the page, or must not send this request."""
    check_local(scope.get("client"), options)
    if scope["path"].startswith(API):
        check_page(headers, scope["method"], options)


async def answer(page: Page, scope: Mapping[str, Any], body: bytes) -> Response:
    """Return the response to a request whose caller was checked. Raise Refusal."""
    path, method = scope["path"], scope["method"]
    if path.startswith(API):
        found = await _answer_api(page, scope, path.removeprefix(API), body)
        return msgspec.structs.replace(found, headers=(*HEADERS, *found.headers))
    file = file_response(INDEX if path == "/" else path.removeprefix(PREFIX))
    if file is None:
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")
    if method != "GET":
        raise other_method("GET")
    return file


async def _answer_api(page: Page, scope: Mapping[str, Any], name: str, body: bytes) -> Response:
    question = QUESTIONS.get(name)
    if question is None and name not in LISTS:
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")
    expected = "GET" if question is None else "POST"
    if scope["method"] != expected:
        raise other_method(expected)
    if question is not None:
        found = await question.run(page.service, read(body, question.request))
        return found if isinstance(found, Response) else Response(body=encoded(found))
    if name == "installations":
        return Response(body=encoded(await reading.list_installations(page.service)))
    return Response(body=encoded(_requests(page, scope.get("query_string", b""))))


def _requests(page: Page, query: bytes) -> messages.EntryList:
    after = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)).get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= 18):
        raise malformed("after must be the number of a request")
    entries = [] if page.recent is None else page.recent.after(int(after))
    return messages.EntryList(page.service.clock.now_ms(), entries)


def read(body: bytes, kind: type[messages.StoreRequest]) -> Any:
    """Return the request in a body. Raise Refusal (400) if it is not one of this kind."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(f"The request is not valid: {error}") from None
