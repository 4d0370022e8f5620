"""Feeds the readers whatever a seed can think of, and compares with a slow, independent reading.

Any bytes give records or problems, never an exception; each line that is not blank gives exactly
one piece, with the right place and position; a record says what its line says, to the byte; a
problem holds what was read. `--only N` does the N-th input alone. Exits 1 if anything differs.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fuzz.check import Counts, check_input
from benchmarks.result import parser, publish

_SHOWN = 20


def main() -> None:
    """Runs, and prints the result."""
    options = parser(__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, metavar="N")
    given = options.parse_args()
    if given.short:
        given.inputs = 10_000
    numbers = range(given.inputs) if given.only is None else range(given.only, given.only + 1)
    counts, differing = Counts(), 0
    first: list[str] = []
    started, slowest_seconds = time.monotonic(), 0.0
    for number in numbers:
        before = time.process_time()
        try:
            check_input(given.seed, number, counts)
        except Exception as error:
            if given.only is not None:
                raise
            differing += 1
            if len(first) < _SHOWN:
                first.append(f"input {number}: {type(error).__name__}: {error}"[:300])
        slowest_seconds = max(slowest_seconds, time.process_time() - before)
    publish(
        given,
        {
            "seed": given.seed,
            "inputs": len(numbers),
            "inputs_by_format": dict(counts.inputs),
            "pieces": dict(counts.pieces),
            "elapsed_s": round(time.monotonic() - started, 1),
            "slowest_input_s": round(slowest_seconds, 3),
            "differing": differing,
            "first_differing": first,
        },
    )
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
