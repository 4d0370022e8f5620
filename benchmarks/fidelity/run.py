"""Measure how much of the service's documented behaviour the emulator reproduces.

Questions come from the documents (`documents`), from the vendor's client (`client.mjs` runs each
method, branch and error of @forge/kvs) and from its validator of manifests (`validator` asks each
rule of @forge/manifest for storage). Each has its source. The result lists the questions that did
not hold.

It exits 1 if a recorded question no longer holds or is no longer asked, or if a question is new
(`--record` then writes recorded.json again).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fidelity import client, record, validator
from benchmarks.fidelity.documents import questions
from benchmarks.fidelity.question import Outcome, asked
from benchmarks.fidelity.wire import Wire
from benchmarks.node import Missing, installed_packages
from benchmarks.result import parser, publish, skip_outside_ci


def _asked() -> tuple[list[Outcome], list[str]]:
    """Ask all questions. Return their outcomes, and the client's code that none of them reaches."""
    with Wire() as wire:
        found = asked(questions(), wire)
        folder = installed_packages(Path(__file__).parent)
        by_client, not_reached = client.outcomes(wire, folder)
        with validator.started(folder) as vendor:
            by_validator = asked(validator.questions(vendor, folder), wire)
    return [*found, *by_client, *by_validator], not_reached


def _missing(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    return [
        {"question": one.name, "source": one.source, "why_not": one.why_not}
        for one in outcomes
        if one.why_not is not None
    ]


def main() -> None:
    """Ask, compare with the record, and print the share."""
    options = parser(__doc__)
    options.add_argument("--record", action="store_true", help="write recorded.json again")
    given = options.parse_args()
    try:
        outcomes, not_reached = _asked()
    except Missing as missing:
        skip_outside_ci(str(missing))
        publish(given, {"skipped": str(missing)})
        return
    now = record.record_of(outcomes, not_reached)
    if given.record:
        record.FILE.write_text(record.written(now), "utf-8")
    recorded = record.read()
    changes = record.changes(recorded, now)
    result = {
        **record.shares(outcomes),
        "missing": _missing(outcomes),
        "client_code_not_reached": not_reached,
        "changes": changes,
        "improved": record.improved(recorded, now),
    }
    publish(given, result)
    sys.exit(1 if any(changes.values()) else 0)


if __name__ == "__main__":
    main()
