"""The two servers to compare: `servers.py emulator|bare PORT DB KEYS`. KEYS: the keys in DB.

`bare` is an ASGI app under the same uvicorn settings. It sends a fixed body of the same size and
runs the same SQL in the same thread, which commits writes together, on keys of its own. It parses
nothing, checks nothing and builds no answer.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from kvsctl.emulator import embedded
from kvsctl.emulator.operations.service import Write
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.app import Emulator
from kvsctl.emulator.web.bodies import Message, Receive, Scope, Send
from kvsctl.emulator.web.serve import ServeOptions, serve

BATCH = 25
VALUE = b'{"name":"' + b"x" * 60 + b'","n":%d}'


class Bare:
    """An ASGI app that runs the SQL of one batch, then sends a fixed answer."""

    def __init__(self, store: Store, keys: int) -> None:
        self.store = store
        self.count = keys
        self.bucket = store.writing(lambda: store.rows.get_or_create_bucket("default", ""))
        self.state = 1
        shown = b'{"key":"user:0000000","value":' + VALUE % 1 + b"},"
        self.read_answer = b'{"successfulKeys":[' + shown * BATCH + b'],"failedKeys":[]}'
        self.write_answer = b'{"successfulKeys":[' + b'{"key":"user:0000000"},' * BATCH + b"]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, run the SQL, answer."""
        message: Message = await receive()
        while message.get("more_body"):
            message = await receive()
        reads = scope["path"].endswith("get")
        await self.store.run(self.read if reads else self.write, writes=not reads)
        body = self.read_answer if reads else self.write_answer
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def keys(self) -> list[str]:
        """Return 25 keys spread over all of them."""
        self.state = (self.state * 1_103_515 + 12_345) % 2**31
        apart = self.count // BATCH
        return [f"user:{(self.state + n * apart) % self.count:07}" for n in range(BATCH)]

    def write(self) -> None:
        """Write what a batch/set writes."""
        now_ms = time.time_ns() // 1_000_000
        keys = enumerate(self.keys(), 1)
        rows = [(self.bucket, key, VALUE % n, now_ms, now_ms, None) for n, key in keys]
        self.store.rows.write(rows, 0)

    def read(self) -> None:
        """Read what a batch/get reads."""
        self.store.rows.json_of(self.bucket, self.keys(), 0)


def fill(db: str, keys: int) -> None:
    """Create a file with `keys` records, written through the emulator itself."""
    emulator: Emulator = embedded(db)
    service = emulator.service

    def chunk(start: int) -> Callable[[], None]:
        writes = [Write(f"user:{n:07}", VALUE % 1, None) for n in range(start, start + 1000)]
        return lambda: service.put("default", "", writes, 1)

    for start in range(0, keys, 1000):
        emulator.store.writing(chunk(start))
    emulator.close()


def main() -> None:
    """Serve until a signal arrives; print the URL when ready."""
    kind, port, db, keys = sys.argv[1:5]
    if kind == "emulator":
        serve(ServeOptions(port=int(port), db=db), lambda url: print(url, flush=True))
        return
    store = Store(db)
    config: dict[str, Any] = {
        "ws": "none", "lifespan": "off", "log_config": None, "access_log": False,
        "proxy_headers": False, "server_header": False, "date_header": False,
    }  # fmt: skip
    server = uvicorn.Server(uvicorn.Config(Bare(store, int(keys)), port=int(port), **config))
    server.run()
    store.close()


if __name__ == "__main__":
    main()
