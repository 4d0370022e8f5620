"""The questions that the vendor's client asks, in a process of node."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.fidelity.question import Outcome
from benchmarks.fidelity.sources import Cited
from benchmarks.fidelity.wire import Wire

_SCRIPT: Final = Path(__file__).with_name("client.mjs")
_PACKAGE: Final = "@forge/kvs"
_TIMEOUT_SECONDS: Final = 300


def outcomes(wire: Wire, folder: Path) -> tuple[list[Outcome], list[str]]:
    """Ask all questions. Return their outcomes, and the code of the client that was not reached.

    The code is a list of `file:line`. Raise ValueError if a source is not where a question says.
    """
    with tempfile.TemporaryDirectory() as reached:
        shutil.copy(_SCRIPT, folder)
        environ = {"KVS_URL": wire.at("staff").url, "NODE_V8_COVERAGE": reached}
        done = subprocess.run(
            ["node", _SCRIPT.name],
            cwd=folder,
            env=os.environ | environ,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
        if done.returncode:
            raise ValueError(done.stderr.decode()[-2000:])
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found = [_outcome(line, folder) for line in lines]
        return found, sorted(_not_reached(Path(reached), folder))


def _outcome(line: Mapping[str, Any], folder: Path) -> Outcome:
    cited = Cited(_PACKAGE, line["file"], line["line"], line["text"])
    return Outcome(f"client: {line['sentence']}", cited.checked(folder), line["why_not"])


def _not_reached(reached: Path, folder: Path) -> set[str]:
    """Return where the parts of the client's code begin that V8 reports as not run."""
    home = (folder / "node_modules" / _PACKAGE).resolve()
    run: dict[Path, bytearray] = {}
    for report in reached.glob("*.json"):
        for script in json.loads(report.read_bytes())["result"]:
            path = Path(script["url"].removeprefix("file://"))
            if path.is_relative_to(home / "out"):
                before = run.setdefault(path, bytearray(len(path.read_text("utf-8"))))
                # A file that was loaded twice is reported twice.
                run[path] = bytearray(map(max, before, _run(script["functions"], len(before))))
    return {
        f"{path.relative_to(home).as_posix()}:{line}"
        for path, marks in run.items()
        for line in _unmarked(path.read_text("utf-8"), marks)
    }


def _run(functions: Sequence[Mapping[str, Any]], length: int) -> bytearray:
    """Return a 1 for each character that was run. Inner ranges follow the outer ones."""
    marks = bytearray(length)
    for function in functions:
        for one in function["ranges"]:
            start, end = one["startOffset"], min(one["endOffset"], length)
            marks[start:end] = bytes([one["count"] > 0]) * (end - start)
    return marks


def _unmarked(text: str, marks: bytearray) -> Iterator[int]:
    """Yield the lines in which a part that was not run begins, other than a lone bracket."""
    for found in re.finditer(b"\0+", marks):
        if text[found.start() : found.end()].strip("{}();, \n"):
            yield text.count("\n", 0, found.start()) + 1
