"""The recorded outcomes of the questions, and what has changed since."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.fidelity.question import Outcome

FILE: Final = Path(__file__).with_name("recorded.json")


class Record(NamedTuple):
    """The names of the questions that held and that did not, and the client's unreached code."""

    held: Sequence[str]
    not_held: Sequence[str]
    not_reached: Sequence[str]


def read(path: Path = FILE) -> Record:
    """Return the record in a file."""
    return Record(**json.loads(path.read_text("utf-8")))


def written(record: Record) -> str:
    """Return a record as the text of its file: a name per line, so that diffs show each change."""
    return json.dumps(record._asdict(), indent=2, ensure_ascii=False) + "\n"


def record_of(outcomes: Iterable[Outcome], not_reached: Iterable[str]) -> Record:
    """Return the record of a run."""
    found = {one.name: one.why_not is None for one in outcomes}
    return Record(
        [name for name, held in found.items() if held],
        [name for name, held in found.items() if not held],
        sorted(not_reached),
    )


def changes(recorded: Record, now: Record) -> dict[str, list[str]]:
    """Return how a run is worse than the record; empty lists if it is not.

    `fallen` held and no longer does. `gone` was asked and no longer is. `unrecorded` is asked for
    the first time. `unreached` is code of the client that was reached before.
    """
    asked = {*now.held, *now.not_held}
    known = {*recorded.held, *recorded.not_held}
    return {
        "fallen": [name for name in recorded.held if name in now.not_held],
        "gone": sorted(known - asked),
        "unrecorded": sorted(asked - known),
        "unreached": sorted(set(now.not_reached) - set(recorded.not_reached)),
    }


def improved(recorded: Record, now: Record) -> list[str]:
    """Return the questions that hold now, but did not when they were recorded."""
    return [name for name in recorded.not_held if name in now.held]


def shares(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """Return how many questions were asked and how many held, in all and by group."""
    groups: dict[str, dict[str, int]] = {}
    for one in outcomes:
        count = groups.setdefault(one.name.partition(":")[0], {"asked": 0, "held": 0})
        count["asked"] += 1
        count["held"] += one.why_not is None
    held = sum(count["held"] for count in groups.values())
    return {
        "asked": len(outcomes),
        "held": held,
        "share": round(held / len(outcomes), 4),
        "groups": groups,
    }
