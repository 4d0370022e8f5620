"""An emulator with installations, as the proxy of a container."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.commands.command import Command
from tests.support.commands.serving import serving

ALL = ("-t", "container", "--all-installations")
COUNTS = (
    "records", "succeeded", "failed", "skipped", "duplicates", "unknown", "unsent", "ambiguous",
    "requests", "retries", "throttled", "bytes_sent", "bytes_received",
)  # fmt: skip


@contextmanager
def container(kvsctl: Command, names: Sequence[str], *words: str) -> Iterator[Command]:
    """Serve these installations. Yield the command as it is called in their container."""
    installations = [word for name in names for word in ("--installation", name)]
    with serving(kvsctl, *installations, *words) as url:
        yield kvsctl.having(FORGE_EGRESS_PROXY_URL=url)


def let_fail(url: str, faults: str) -> None:
    """Give the emulator at this URL other faults, as `--faults` does; "" for none."""
    body = json.dumps({"spec": faults}).encode()
    kind = {"content-type": "application/json"}
    request = urllib.request.Request(f"{url}/_emulator/faults", body, kind)
    urllib.request.urlopen(request, timeout=30).close()


def lines_by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the lines of a report by installation, once its sums were checked."""
    lines = report["installations"]
    for name in COUNTS:
        assert report[name] == sum(line[name] for line in lines), name
    for kind in ("read", "write"):
        assert report["units"][kind] == sum(line["units"][kind] for line in lines)
    for line in [report, *lines]:
        ends = ("succeeded", "failed", "skipped", "duplicates", "unknown", "unsent")
        assert line["records"] == sum(line[name] for name in ends)
    return {line["installation"]: line for line in lines}


def exit_codes(report: dict[str, Any]) -> dict[str, int | None]:
    """Return the exit code of each installation."""
    return {name: line["exit_code"] for name, line in lines_by_name(report).items()}
