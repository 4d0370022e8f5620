"""The clients to measure: each is a process that accounts for every record, or fails."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cpu import cpu_seconds_of_ended
from benchmarks.node import installed_packages, require

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Client:
    """A command, and a function that reads the number of records in the answers from its output."""

    command: list[str | Path]
    named: Callable[[bytes], int]
    environment: Mapping[str, str] = field(default_factory=dict)
    stale: Path | None = None
    """A file to remove before each run."""
    exit_status: int = 0


@dataclass(frozen=True, slots=True)
class Took:
    """One run: wall and CPU time of the process, from its start to its end."""

    seconds: float
    cpu_seconds: float


def kvsctl(folder: Path, url: str, source: Path, connections: int, *words: str) -> Client:
    """Return the client for kvsctl as installed here; `words` begin with the command."""
    command: list[str | Path] = [sys.executable, "-m", "kvsctl", *words, "--url", url]
    command += ["--concurrency", str(connections), "--rps", "0", "--units-per-min", "0"]
    command += ["--json", "-f", source]
    if words[0] == "get":
        command += ["-o", folder / "out.jsonl"]
    environment = {"KVSCTL_TOKEN": "benchmark", "HOME": str(folder)}
    journal = folder / "journal" if "--journal" in words else None
    return Client(command, _accounted_for, environment, journal)


def journalled(folder: Path, url: str, source: Path, connections: int) -> Client:
    """Return the client for `kvsctl set --journal`, with a new journal for each run."""
    return kvsctl(folder, url, source, connections, "set", "--journal", str(folder / "journal"))


def node(script: str, url: str, source: Path, connections: int) -> Client:
    """Return the client for a Node script. Raise Missing if a tool is not installed."""
    command: list[str | Path] = [require("node"), _HERE / script, url, source, str(connections)]
    wants_undici = script == "undici_pool.mjs"
    environment = {"MODULES": str(installed_packages(_HERE))} if wants_undici else {}
    return Client(command, int, environment)


def httpx_client(url: str, source: Path, connections: int) -> Client:
    """Return the client for the plain httpx script."""
    return Client([sys.executable, _HERE / "httpx_client.py", url, source, str(connections)], int)


def run(client: Client, records: int) -> Took:
    """Run a client once. Raise RuntimeError if the answers did not name every record."""
    if client.stale is not None:
        client.stale.unlink(missing_ok=True)
    environment = {"PATH": os.environ["PATH"], **client.environment}
    before, started = cpu_seconds_of_ended(), time.perf_counter()
    done = subprocess.run(client.command, env=environment, capture_output=True, check=False)
    seconds, cpu_seconds = time.perf_counter() - started, cpu_seconds_of_ended() - before
    if done.returncode != client.exit_status:
        raise RuntimeError(f"{client.command}: {done.stderr.decode(errors='replace')}")
    named = client.named(done.stdout or done.stderr)
    if named != records:
        raise RuntimeError(f"{client.command}: {named} of {records} records")
    return Took(seconds, cpu_seconds)


def run_in_turn(clients: Mapping[str, Client], records: int, turn: int) -> dict[str, Took]:
    """Run each client once. Each turn begins with another one."""
    names = list(clients)
    first = turn % len(names)
    return {name: run(clients[name], records) for name in names[first:] + names[:first]}


def write_records(source: Path, keys: Iterable[int]) -> None:
    """Write records of 100 bytes each, line feed included."""
    with source.open("w") as file:
        for number, key in enumerate(keys):
            line = f'{{"key":"key-{key:08}","value":{{"n":{number},"pad":"'
            file.write(f'{line}{"x" * (96 - len(line))}"}}}}\n')


def _accounted_for(output: bytes) -> int:
    """Return how many records succeeded, or were replaced by a later one of their key."""
    report = json.loads(output.splitlines()[-1])
    return int(report["succeeded"] + report["duplicates"])
