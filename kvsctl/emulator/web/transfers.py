"""The control requests that carry whole stores, in parts, so that memory is bounded.

GET  export?installation=ID   all records as JSON Lines, or those of one installation
POST export     {}            write the file of `--export-on-exit` now; 409 without that option
POST import                   load the JSON Lines of the body
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

from kvsctl.emulator.operations.exports import Export, write_export
from kvsctl.emulator.operations.record_files import ExportFailed
from kvsctl.emulator.operations.seed import CHUNK, CHUNK_BYTES, LINE_BYTES_MAX, BadLine, load
from kvsctl.emulator.refusals import ConnectionLost, DatabaseFailed, Refusal, malformed
from kvsctl.emulator.web.admin import AdminTarget
from kvsctl.emulator.web.bodies import Receive, Scope, drain, parts_of, read_body
from kvsctl.emulator.wire import LINES_TYPE, Response, encoded, read_object

TRANSFERS: Final = {("GET", "export"), ("POST", "export"), ("POST", "import")}
log = logging.getLogger(__name__)


async def transfer(emulator: AdminTarget, action: str, scope: Scope, receive: Receive) -> Response:
    """Carry out one of TRANSFERS. Raise Refusal if it fails."""
    if action == "import":
        return await _import(emulator, receive)
    limit = emulator.options.limits.batch_bytes
    body = await read_body(receive, limit, emulator.options)
    if scope["method"] == "POST":
        return await _save(emulator, body)
    return _export(emulator, scope.get("query_string", b""), receive)


def _export(emulator: AdminTarget, query: bytes, receive: Receive) -> Response:
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    installation = dict(parameters).get("installation")
    if installation == "" or len(parameters) != (installation is not None):
        raise malformed("export takes one parameter, installation, and it must not be empty")
    export = Export(emulator.service, installation)
    return Response(content_type=LINES_TYPE, parts=_parts(emulator, export, receive))


async def _parts(
    emulator: AdminTarget, export: Export, receive: Receive
) -> AsyncGenerator[bytes, None]:
    """Yield the parts of an export until its end, or until the caller leaves.

    Raise ConnectionLost if the database fails, so that the caller notices the truncated export.
    """
    has_left = asyncio.ensure_future(_disconnected(receive))
    try:
        while not has_left.done() and (part := await emulator.store.run(export.part)):
            yield part
    except DatabaseFailed as failed:
        log.error("%s", failed)
        raise ConnectionLost("in the middle of an export", gently=True) from failed
    finally:
        has_left.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await has_left


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _save(emulator: AdminTarget, body: bytes) -> Response:
    if body.strip() and read_object(body):
        raise malformed("export has no members")
    path = emulator.options.export_file
    if path is None:
        raise Refusal(409, "NO_EXPORT_FILE", "The emulator runs without --export-on-exit FILE")
    try:
        saved = await emulator.store.run(lambda: write_export(emulator.service, path))
    except ExportFailed as failed:
        log.error("%s", failed)
        raise Refusal(
            500, "INTERNAL_SERVER_ERROR", "The export cannot be written; see the emulator's log"
        ) from None
    return Response(body=encoded({"records": saved.records, "secrets": saved.secrets}))


async def _import(emulator: AdminTarget, receive: Receive) -> Response:
    """Load a body in blocks of whole lines. The blocks before a bad one stay loaded."""
    parts = parts_of(receive)
    loaded = number = 0
    try:
        async for block in _blocks(parts):
            work = partial(load, emulator.service, block, number)
            loaded += await emulator.store.run(work, writes=True)
            number += len(block)
    except BadLine as bad:
        await drain(parts)
        raise malformed(f"{bad}; {loaded} records of earlier lines are loaded") from None
    return Response(body=encoded({"records": loaded}))


async def _blocks(parts: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Yield blocks of lines, with a bounded number of lines and bytes.

    A line over the length limit is yielded as far as it was read, to be refused.
    """
    rest = b""
    block: list[bytes] = []
    size = 0
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n") if b"\n" in part else (rest + part,)
        for line in lines:
            block.append(line)
            size += len(line)
            if len(block) == CHUNK or size >= CHUNK_BYTES:
                yield block
                block, size = [], 0
        if len(rest) > LINE_BYTES_MAX:
            break
    if block or rest:
        yield [*block, rest]
