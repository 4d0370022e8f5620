"""Many installations, each with a URL of its own, in a process that may open few files."""

import json
import subprocess
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served
from tests.support.needs import system_module

resource = system_module("resource")

_MOST_FILES: Final = 100
_URLS: Final = 300


@contextmanager
def _many_urls() -> Iterator[str]:
    """Serve one store at every URL that continues the one which is yielded."""
    emulator = embedded(":memory:")

    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        path = "/" + scope["path"].split("/", 2)[2]
        await emulator({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    try:
        with served(application) as url:
            yield url
    finally:
        emulator.close()


@pytest.mark.parametrize("workers", [[], ["--workers", "1"], ["--workers", "2"]])
def test_many_urls_need_few_open_files(kvsctl: Command, tmp_path: Path, workers: list[str]) -> None:
    records, file = tmp_path / "records.jsonl", tmp_path / "installations.jsonl"
    lines = [{"key": f"k{number}", "value": number} for number in range(200)]
    records.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    with _many_urls() as url:
        urls = [{"installation": f"i{one}", "url": f"{url}/{one}"} for one in range(_URLS)]
        file.write_text("".join(json.dumps(line) + "\n" for line in urls), "utf-8")
        process = kvsctl.start(
            "set", "--url", url, "--installations-file", file, "-f", records,
            "--json", "--at-once", "200", "--retries", "0",
            *workers,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES)
            ),
        )  # fmt: skip
        out, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (0, b"")
    report = json.loads(out)
    assert report["succeeded"] == _URLS * len(lines)
    assert report["retries"] == 0
