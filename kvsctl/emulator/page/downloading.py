"""Records as the lines of an export (`operations.exports`), by their keys or page by page."""

from typing import Final

from kvsctl.emulator.operations.cursors import cursor_of, position_of
from kvsctl.emulator.operations.exports import line_in
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.page.messages import DownloadRequest, Listed
from kvsctl.emulator.page.reading import condition_of, first_records, range_from, whole_range
from kvsctl.emulator.wire import Response

CONTENT_TYPE: Final = "application/x-ndjson"
CURSOR_HEADER: Final = "x-kvsctl-cursor"
RECORDS: Final = 1_000
BYTES: Final = 4_000_000


async def download(service: Service, request: DownloadRequest) -> Response:
    """Return records with these keys, or a page of those with a prefix.

    A header holds the cursor of the next page, if there is one.
    """
    now_ms = service.clock.now_ms()
    keys, cursor = request.keys, None
    if keys is None:
        keys, cursor = await _page(service, request, service.gone_ms(now_ms))
    store = request.installation, request.space
    line = line_in(request.space)
    found = await service.store.run(lambda: service.read(*store, keys, now_ms))
    lines = b"".join(line.of(found[key]) for key in keys if key in found)
    headers = () if cursor is None else ((CURSOR_HEADER, cursor),)
    return Response(200, lines, CONTENT_TYPE, headers)


async def _page(
    service: Service, request: DownloadRequest, gone: int
) -> tuple[list[str], str | None]:
    """Return the keys of a page of at most 1,000 records and about 4 MB, and its cursor."""
    position = position_of(request.after, 1)
    whole = await service.store.run(lambda: whole_range(service, request, request.prefix))
    if whole is None:
        return [], None
    left = whole if position is None else range_from(whole, f"{position[0]}\0")
    condition = condition_of(never_expires=request.never_expires)
    rows = await first_records(service, left, condition, RECORDS + 1, gone)
    page = rows[: min(RECORDS, _count_within(rows, BYTES))]
    cursor = cursor_of(page[-1].key) if len(page) < len(rows) else None
    return [row.key for row in page], cursor


def _count_within(rows: list[Listed], most: int) -> int:
    """Return how many leading records have values of at most `most` bytes; at least one."""
    size = 0
    for number, row in enumerate(rows):
        size += row.size
        if size > most and number:
            return number
    return len(rows)
