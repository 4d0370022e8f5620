"""List a store with bare queries: `raw.py URL CONNECTIONS PREFIX...`.

This is what one would write by hand, with knowledge that kvsctl does not have: which prefixes
divide the keys evenly. Each connection takes a prefix, follows its cursors, and takes the next one.
Answers are not parsed, only searched for their length, the number of records and the cursor. It
prints the number of records it has seen, the seconds without start-up, and the CPU seconds.
"""

import asyncio
import json
import re
import sys
import time
from collections import deque
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CURSOR = re.compile(rb'"cursor":"([^"]+)"\}$')


async def _main() -> None:
    url, connections = urlsplit(sys.argv[1]), int(sys.argv[2])
    prefixes = deque(sys.argv[3:])
    started = time.perf_counter()
    counts = await asyncio.gather(
        *(_list(url.hostname or "", url.port or 80, prefixes) for _ in range(connections))
    )
    took = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time()}
    print(json.dumps({"records": sum(counts), **took}))


async def _list(host: str, port: int, prefixes: deque[str]) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    while prefixes:
        prefix, cursor = prefixes.popleft(), None
        while True:
            body = json.dumps(_query(prefix, cursor)).encode()
            writer.write(
                b"POST /v1/query HTTP/1.1\r\nhost: %b\r\nauthorization: Bearer benchmark\r\n"
                b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                % (host.encode(), len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length is None or not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not a page: {head!r}")
            page = await reader.readexactly(int(length[1]))
            count += page.count(b'{"key":')
            found = _CURSOR.search(page)
            if found is None:
                break
            cursor = found[1].decode()
    writer.close()
    return count


def _query(prefix: str, cursor: str | None) -> dict[str, object]:
    clause = {"property": "key", "condition": "BEGINS_WITH", "values": [prefix]}
    query: dict[str, object] = {
        "where": [clause],
        "limit": 100,
        "options": {"metadataFields": ["EXPIRE_TIME"]},
    }
    return query if cursor is None else {**query, "after": cursor}


asyncio.run(_main())
