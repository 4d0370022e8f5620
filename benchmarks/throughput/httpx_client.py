"""Send a file with httpx.AsyncClient, as most would write it: URL FILE CONNECTIONS."""

import asyncio
import sys
from pathlib import Path

import httpx
import orjson

_BATCH = 25


async def _send_all(url: str, lines: list[bytes], connections: int) -> int:
    starts = iter(range(0, len(lines), _BATCH))
    headers = {"content-type": "application/json", "authorization": "Bearer benchmark"}
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    named = 0
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits) as client:

        async def send() -> None:
            nonlocal named
            for start in starts:
                body = b"[%b]" % b",".join(lines[start : start + _BATCH])
                answer = await client.post("/v1/batch/set", content=body)
                answer.raise_for_status()
                said = orjson.loads(answer.content)
                if said["failedKeys"]:
                    raise RuntimeError("failed keys")
                named += len(said["successfulKeys"])

        await asyncio.gather(*(send() for _ in range(connections)))
    return named


if __name__ == "__main__":
    given = Path(sys.argv[2]).read_bytes().splitlines()
    print(asyncio.run(_send_all(sys.argv[1], given, int(sys.argv[3]))))
