"""Feed generated input to the readers and compare the result with a slow, independent reader.

Any bytes must give records or problems, never an exception. Each line that is not blank must give
exactly one piece, with the right place and position. A record must have the content of its line,
byte for byte, and a problem must contain the text that was read.

`--only N` checks the N-th input alone. Exits with code 1 if anything differs.
"""

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fuzz.check import Counts, check_input
from benchmarks.result import parser, publish

_SHOWN = 20
_AT_ONCE = 5000


@dataclass
class Found:
    """The results of some inputs."""

    counts: Counts = field(default_factory=Counts)
    differing: int = 0
    first: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0

    def add(self, other: "Found") -> None:
        """Add the results of later inputs."""
        self.counts.inputs.update(other.counts.inputs)
        self.counts.pieces.update(other.counts.pieces)
        self.differing += other.differing
        self.first = (self.first + other.first)[:_SHOWN]
        self.slowest_seconds = max(self.slowest_seconds, other.slowest_seconds)


def check_inputs(seed: int, numbers: range) -> Found:
    """Check these inputs one after the other."""
    found = Found()
    for number in numbers:
        before = time.process_time()
        try:
            check_input(seed, number, found.counts)
        except Exception as error:
            found.differing += 1
            if len(found.first) < _SHOWN:
                found.first.append(f"input {number}: {type(error).__name__}: {error}"[:300])
        found.slowest_seconds = max(found.slowest_seconds, time.process_time() - before)
    return found


def main() -> None:
    """Run the fuzz and print the result."""
    options = parser(__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, metavar="N")
    options.add_argument("--processes", type=int, default=1)
    given = options.parse_args()
    if given.short:
        given.inputs = 4000
    if given.only is not None:
        check_input(given.seed, given.only, Counts())
        return
    started, found = time.monotonic(), Found()
    parts = [
        range(first, min(first + _AT_ONCE, given.inputs))
        for first in range(0, given.inputs, _AT_ONCE)
    ]
    with ProcessPoolExecutor(given.processes) as pool:
        for part in pool.map(partial(check_inputs, given.seed), parts):
            found.add(part)
    publish(
        given,
        {
            "seed": given.seed,
            "inputs": given.inputs,
            "inputs_by_format": dict(found.counts.inputs),
            "pieces": dict(found.counts.pieces),
            "elapsed_s": round(time.monotonic() - started, 1),
            "slowest_input_s": round(found.slowest_seconds, 3),
            "differing": found.differing,
            "first_differing": found.first,
        },
    )
    sys.exit(1 if found.differing else 0)


if __name__ == "__main__":
    main()
