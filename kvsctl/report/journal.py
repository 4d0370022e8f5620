"""What `kvsctl journal show` prints: a journal for people and for programs."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from kvsctl.journal.state import JournalState, Stage
from kvsctl.journal.text import FORMAT, Journal
from kvsctl.report.escape import visible
from kvsctl.report.schema import JOURNAL_SCHEMA
from kvsctl.report.summary import plural
from kvsctl.texts import utc_text

_COUNTS: Final = ("records", "succeeded", "failed", "skipped", "duplicates", "ambiguous")
_STAGES: Final = {
    Stage.RUNNING: "not complete: run the same command to resume",
    Stage.ENDED: "every record is settled, files are incomplete: run the same command to finish",
    Stage.COMPLETE: "complete",
}


def journal_document(path: Path, journal: Journal, *, in_use: bool) -> dict[str, Any]:
    """Return a journal as one JSON object. Ranges are half open and count records from 0."""
    header, state = journal.header, journal.state
    return {
        "schema": JOURNAL_SCHEMA,
        "format": FORMAT,
        "path": str(path),
        "in_use": in_use,
        "stage": state.stage.value,
        "version": header.version if header else None,
        "command": header.command if header else None,
        "target": header.target if header else None,
        "input": header.input if header else [],
        "started_at": _moment(header.started_at) if header else None,
        "elapsed_s": round(state.elapsed_seconds, 3),
        "groups": state.groups,
        "torn_bytes": 0 if in_use else path.stat().st_size - journal.valid_bytes,
        **{name: state.totals.counts.get(name, 0) for name in _COUNTS},
        "settled": list(state.settled),
        "retryable": list(state.retryable),
        "failures_file": state.failures_path,
        "failures_bytes": state.failures.length,
        "output": header.output_path if header else None,
        "output_bytes": state.output_bytes,
    }


def journal_lines(path: Path, journal: Journal, *, in_use: bool) -> list[str]:
    """Return a journal as a few lines for people, escaped for a terminal."""
    header, state = journal.header, journal.state
    if header is None:
        return [f"{visible(str(path))}: an empty journal"]
    counts, retryable = state.totals.counts, len(state.retryable)
    started_at = _moment(header.started_at)
    is_listing = any(one["kind"] == "listing" for one in header.input)
    when = "when the job starts anew" if is_listing else "with --retry-failed"
    rows = [
        ("job", f"{header.command} on {header.target}"),
        ("input", ", ".join(str(one.get("path", one["kind"])) for one in header.input)),
        ("state", "in use by a run" if in_use else _STAGES[state.stage]),
        ("started", f"{started_at}, {state.elapsed_seconds:,.1f} s of running time"),
        ("settled", _settled(state)),
        ("outcomes", _outcomes(counts)),
    ]
    if retryable:
        rows.append(("to retry", f"{retryable:,} {plural('failure', retryable)}, {when}"))
    if state.failures_path is not None:
        rows.append(("failures", f"{state.failures_path}, {state.failures.length:,} bytes"))
    if header.output_path is not None:
        rows.append(("output", f"{header.output_path}, {state.output_bytes:,} bytes"))
    return [f"{name:<9} {visible(text)}" for name, text in rows]


def _outcomes(counts: Mapping[str, int]) -> str:
    """Return how many records had each outcome, without outcomes that none had."""
    shown = ", ".join(f"{counts[name]:,} {name}" for name in _COUNTS[1:5] if counts.get(name))
    return shown or "none yet"


def _moment(text: str) -> str:
    """Return a time of a journal in the form that all reports share."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # written by another program
        return text
    return text if moment.tzinfo is None else utc_text(moment)


def _settled(state: JournalState) -> str:
    through = state.settled.settled_through
    beyond = len(state.settled) - through
    count = len(state.settled)
    records = f"{count:,} {plural('record', count)}"
    return f"{records}: the first {through:,}, and {beyond:,} later ones" if beyond else records
