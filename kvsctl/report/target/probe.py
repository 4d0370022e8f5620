"""What `kvsctl probe` prints: what a target does where the documentation is silent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.files.raw import write_all
from kvsctl.files.sinks import status_of
from kvsctl.prices import write_usd
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.schema import PROBE_SCHEMA, document_line
from kvsctl.report.summary import plural

_MOST_SHOWN: Final = 20
_NOT_SENT: Final = "nothing was sent"


class Costly(Protocol):
    """What a probe costs at most: see `jobs.probe.questions.Cost`."""

    @property
    def read_units(self) -> int:
        """The most read units."""
        ...

    @property
    def write_units(self) -> int:
        """The most write units."""
        ...

    @property
    def sent_bytes(self) -> int:
        """The most bytes in writes."""
        ...

    @property
    def seconds(self) -> float:
        """The most seconds of waiting."""
        ...


class Answered(msgspec.Struct, frozen=True):
    """What a question found: names, values and their meanings; empty if it was not answered."""

    name: str
    found: Sequence[tuple[str, object, str]]
    notes: Sequence[str]


class Probed(msgspec.Struct, frozen=True):
    """The end of a probe. `left`: entity and key of records that may not have been removed.

    `profile`: the findings as a document. `unasked`: the questions that were not asked.
    """

    profile: Mapping[str, Any]
    answered: Sequence[Answered]
    unasked: Sequence[str]
    left: Sequence[tuple[str | None, str]]
    error: KvsctlError | None
    interrupted: ExitStatus | None
    output: Path | None

    @property
    def status(self) -> ExitStatus:
        """The exit status: an interruption first, then an error, then anything left undone."""
        if self.interrupted is not None:
            return self.interrupted
        if self.error is not None:
            return self.error.status
        is_whole = all(one.found for one in self.answered) and not self.unasked and not self.left
        return ExitStatus.OK if is_whole else ExitStatus.FAILURES


def cost_notes(cost: Costly, names: Sequence[str]) -> list[str]:
    """Return what a probe costs at most, in sentences."""
    usd = write_usd(cost.sent_bytes)
    return [
        f"It asks {', '.join(names)}.",
        f"It costs at most {cost.write_units:,} write and {cost.read_units:,} read units, "
        f"{cost.sent_bytes:,} bytes of writes ({usd:.2f} USD) and {_waiting(cost.seconds)}.",
    ]


def _waiting(seconds: float) -> str:
    if seconds < 120:
        return f"about {round(seconds) or 1} s"
    return f"about {round(seconds / 60)} minutes"


def say_rehearsed(
    environment: Environment, target: str, records: int, notes: Sequence[str]
) -> None:
    """Note what a probe would write, ask and cost."""
    count = f"{records:,} {plural('record', records)}"
    environment.note(f"would write at most {count} in {visible(target)}; {_NOT_SENT}")
    for note in notes:
        environment.note(visible(note))


def print_probed(
    probed: Probed, environment: Environment, *, as_json: bool, is_quiet: bool
) -> ExitStatus:
    """Print the end of a probe, findings to stdout and the rest to stderr. Return its status."""
    status = probed.status
    text = document_line(_document(probed)) if as_json else _text(probed)
    if environment.stdout_fd is not None and (as_json or not is_quiet):
        try:
            write_all(environment.stdout_fd, text)
        except OSError as broken:
            status = status_of(broken)
    if probed.left:
        environment.note(*_left(probed.left))
    if probed.error is not None:
        environment.fail(probed.error.message, probed.error.hint)
    elif probed.interrupted is not None:
        environment.note("interrupted: not everything was asked")
    return status


def _left(left: Sequence[tuple[str | None, str]]) -> tuple[str, str]:
    """Return what could not be removed, and what to do."""
    names = [visible(f"{entity}: {key}" if entity else key) for entity, key in left]
    more = f" and {len(names) - _MOST_SHOWN:,} more" if len(names) > _MOST_SHOWN else ""
    records = plural("record", len(names))
    return (
        f"could not remove {len(names):,} scratch {records}, or not confirm the removal: "
        f"{', '.join(names[:_MOST_SHOWN])}{more}",
        "Delete them with kvsctl delete. Nearly all have a ttl of a day.",
    )


def _document(probed: Probed) -> dict[str, Any]:
    return {
        "schema": PROBE_SCHEMA,
        "command": "probe",
        "exit_code": int(probed.status),
        **probed.profile,
        "unanswered": [one.name for one in probed.answered if not one.found],
        "unasked": list(probed.unasked),
        "left": [
            {"key": key} | ({} if entity is None else {"entityName": entity})
            for entity, key in probed.left
        ],
        "error": None if probed.error is None else probed.error.message,
    }


def _text(probed: Probed) -> bytes:
    rows = [row for one in probed.answered for row in _rows(one)]
    rows += [(name, "not asked", "") for name in probed.unasked]
    widths = [max((len(row[place]) for row in rows), default=0) for place in (0, 1)]
    lines = [
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {meaning}".rstrip()
        for name, value, meaning in rows
    ]
    if probed.output is not None and probed.answered:
        lines.append(f"profile: {probed.output}")
    return "".join(f"{visible(line)}\n" for line in lines).encode()


def _rows(one: Answered) -> list[tuple[str, str, str]]:
    if not one.found:
        return [(one.name, "unknown", "; ".join(one.notes))]
    return [(name, _shown(value), meaning) for name, value, meaning in one.found]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and value > 999 else str(value)
