"""Compare how soon a command starts to work with the time to import its libraries.

A round runs the reference and every command once, as whole processes of the same interpreter. The
order rotates from round to round. A ratio compares two runs of the same round.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.result import parser, publish, spread

_REFERENCE = "import typer, rich.console, httpx, orjson"
_KVSCTL = [sys.executable, "-m", "kvsctl"]
_COMMANDS = {
    "reference": [sys.executable, "-c", _REFERENCE],
    "version": [*_KVSCTL, "--version"],
    "help": [*_KVSCTL, "set", "--help"],
    "get": [*_KVSCTL, "get", "-t", "local", "greeting"],
    "complete a command": [*_KVSCTL, ""],
    "complete an option": [*_KVSCTL, "set", "--tok"],
    "complete a target": [*_KVSCTL, "set", "-t", ""],
    "complete an entity": [*_KVSCTL, "set", "--entity", ""],
}
_COMPLETING = "complete "
_CONFIG = '[targets.staging]\nurl = "https://staging.example"\n'
_MANIFEST = "app:\n  storage:\n    entities:\n      - name: users\n"
_TARGETS = {"version": 0.5, "help": 0.45, "get": 1.0} | {
    name: 0.6 for name in _COMMANDS if name.startswith(_COMPLETING)
}


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=25)
    given = options.parse_args()
    if given.short:
        given.rounds = 1
    with tempfile.TemporaryDirectory() as folder:
        publish(given, _measured(folder, given))


def _measured(folder: str, given: argparse.Namespace) -> dict[str, Any]:
    base = {"PATH": os.environ["PATH"], "HOME": folder, "KVSCTL_LOCAL_DB": f"{folder}/local.db"}
    base["KVSCTL_CONFIG"] = f"{folder}/config.toml"
    Path(base["KVSCTL_CONFIG"]).write_text(_CONFIG)
    Path(folder, "manifest.yml").write_text(_MANIFEST)
    # On Windows the interpreter does not start without it.
    base |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    subprocess.run([*_KVSCTL, "set", "-qt", "local", "greeting=hello"], env=base, check=True)
    names = list(_COMMANDS)
    for name in names:
        _seconds(name, base)  # warm up: fill the file and bytecode caches
    rounds = []
    for turn in range(given.rounds):
        order = names[turn % len(names) :] + names[: turn % len(names)]
        rounds.append({name: _seconds(name, base) for name in order})
    return {
        "rounds": given.rounds,
        "reference_s": spread(one["reference"][0] for one in rounds),
        **{name: _against_reference(name, rounds) for name in names[1:]},
    }


def _against_reference(name: str, rounds: list[dict[str, tuple[float, float]]]) -> dict[str, Any]:
    result: dict[str, Any] = {
        kind: spread(one[name][place] / max(one["reference"][place], 1e-9) for one in rounds)
        for place, kind in enumerate(("ratio", "cpu_ratio"))
    }
    return result | ({"target_at_most": _TARGETS[name]} if name in _TARGETS else {})


def _seconds(name: str, base: dict[str, str]) -> tuple[float, float]:
    """Return the wall and CPU time of a run. It must succeed and, unless the reference, print."""
    environment = base | ({"_KVSCTL_COMPLETE": "zsh"} if name.startswith(_COMPLETING) else {})
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        _COMMANDS[name], env=environment, cwd=base["HOME"], capture_output=True, check=True
    )
    seconds, after = time.perf_counter() - started, os.times()
    assert done.stdout or name == "reference"
    cpu = after.children_user + after.children_system
    return seconds, cpu - before.children_user - before.children_system


if __name__ == "__main__":
    main()
