"""Measure how much of a job is sent again after kills.

`kvsctl set --journal` is killed at random times, as by `kill -9`, and run again until it ends. A
service in this process answers after a delay, so that the job takes about ten seconds, and counts
what it receives. That includes records in flight at a kill, which must be sent again: about 1.5 %.
"""

import argparse
import asyncio
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import uvicorn

from benchmarks.result import parser, publish, spread
from kvsctl.emulator import Emulator, embedded

_KVSCTL = Path(sys.executable).with_name("kvsctl")
_KEY = b'"key":'
_BATCH = 25


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=10.0, help="of a run that is not killed")
    options.add_argument("--concurrency", type=int, default=2)
    options.add_argument("--kills", type=int, default=3)
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    if given.short:
        given.records, given.seconds, given.rounds = 500, 1.0, 1
    draw = random.Random(given.seed)
    names = ("records", "seconds", "concurrency", "kills", "rounds", "seed")
    about = {name: getattr(given, name) for name in names}
    again = [_round(given, draw) for _ in range(given.rounds)]
    publish(given, about | {"share_sent_again": spread(again)})


class _Service:
    """The emulator with delayed answers, which counts records received and requests answered."""

    def __init__(self, emulator: Emulator, delay_seconds: float) -> None:
        self._emulator = emulator
        self._delay_seconds = delay_seconds
        self.received = 0
        self.answered = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counted() -> Any:
            message = await receive()
            self.received += message.get("body", b"").count(_KEY)
            return message

        async def delayed(message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._delay_seconds)
                self.answered += 1
            await send(message)

        await self._emulator(scope, counted, delayed)


def _round(given: argparse.Namespace, draw: random.Random) -> float:
    """Carry out a job with kills. Return the share of records that were sent again."""
    requests = math.ceil(given.records / _BATCH)
    delay_seconds = given.seconds * given.concurrency / requests
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "in.jsonl"
        with source.open("w") as file:
            for number in range(given.records):
                file.write(json.dumps({"key": f"k{number}", "value": number}) + "\n")
        service = _Service(embedded(folder / "served.db"), delay_seconds)
        with _served(service) as url:
            words: list[str | Path] = [
                _KVSCTL,
                "set",
                "--url",
                url,
                "-f",
                source,
                "--journal",
                folder / "journal",
            ]
            words += ["--concurrency", str(given.concurrency), "--batch-size", str(_BATCH)]
            words += ["--rps", "0", "--units-per-min", "0", "--json"]
            environment = {"HOME": name, "PATH": os.environ["PATH"]}
            for _ in range(given.kills):
                seconds = draw.uniform(0.05, 0.9) * given.seconds / given.kills
                _kill(words, environment, service, seconds)
            done = subprocess.run(words, env=environment, capture_output=True, check=True)
        succeeded = json.loads(done.stdout)["succeeded"]
        assert succeeded == given.records, f"{succeeded} succeeded"
        repeated: float = (service.received - given.records) / given.records
        return repeated


def _kill(
    words: list[str | Path], environment: dict[str, str], service: _Service, seconds: float
) -> None:
    """Start a run, and kill it `seconds` seconds after its first answer."""
    before = service.answered
    with subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while service.answered == before:
            if process.poll() is not None:
                raise SystemExit("the run ended before it was killed")
            time.sleep(0.001)
        time.sleep(seconds)
        process.kill()


@contextmanager
def _served(service: _Service) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(service, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
