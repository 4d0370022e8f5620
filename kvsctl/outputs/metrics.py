"""The metrics file: how the last run of a job ended, in the text format of Prometheus.

It is for the textfile collector of node_exporter and the like: one file for each job, replaced as a
whole, so that a reader never sees half of it. Format:
https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.files.claims import resolved
from kvsctl.files.durable import sync_file
from kvsctl.files.raw import write_all

_SUCCESS: Final = "kvsctl_last_success_timestamp_seconds"
_BEGINNING: Final = b"# HELP kvsctl_"
_MOST_BYTES: Final = 64_000
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)

_SUCCESSES: Final = re.compile(
    rf"^{_SUCCESS}(\{{.*\}}) ([0-9]+(?:\.[0-9]+)?)$".encode(), re.MULTILINE
)

_Sample: TypeAlias = tuple[str, float]
"""The labels, as text, and the value."""


class RunMetrics(msgspec.Struct, frozen=True):
    """What the file says of a run. `labels` identify its job.

    Times are epoch seconds. `tally` is None if the command ended before it had a run.
    """

    labels: Mapping[str, str]
    started_at: float
    ended_at: float
    status: ExitStatus
    tally: Tally | None


def save_metrics(path: Path, run: RunMetrics) -> None:
    """Replace the file by the metrics of a run. Raise StreamError; the file then stays as it was.

    Unless this run succeeded, the time of the last success stays that of an earlier run of the same
    job. A command that ended before it had a target, because its options were wrong, keeps the
    times of all its targets. A file that holds anything else is not replaced.
    """
    try:
        path = resolved(path)
        earlier = _earlier(path)
        text = metrics_text(run, _successes(earlier, run))
        _replace(path, text.encode())
    except UsageError as error:
        raise StreamError(error.message, error.hint) from error
    except OSError as error:
        raise StreamError(f"cannot write the metrics file {path}: {error.strerror}") from error


def metrics_text(run: RunMetrics, successes: Mapping[str, float] | None = None) -> str:
    """Return the content of the file.

    `successes`: when earlier runs last succeeded, in epoch seconds, by their labels as text.
    """
    last = dict(successes or {})
    if run.status is ExitStatus.OK:
        last[_labels(run.labels)] = run.ended_at
    return "".join(f"{line}\n" for line in _lines(run, last))


def _lines(run: RunMetrics, successes: Mapping[str, float]) -> Iterator[str]:
    for name, text, samples in _families(run, successes):
        yield f"# HELP {name} {text}"
        yield f"# TYPE {name} gauge"
        for labels, value in samples:
            yield f"{name}{labels} {_number(value)}"


def _families(
    run: RunMetrics, successes: Mapping[str, float]
) -> Iterator[tuple[str, str, Sequence[_Sample]]]:
    own = _labels(run.labels)
    yield "kvsctl_last_run_exit_code", "Exit code of the last run.", [(own, run.status)]
    yield "kvsctl_last_run_timestamp_seconds", "When the last run ended.", [(own, run.ended_at)]
    seconds = max(0.0, run.ended_at - run.started_at)
    yield "kvsctl_last_run_duration_seconds", "How long the last run took.", [(own, seconds)]
    if successes:
        yield _SUCCESS, "When a run last ended with exit code 0.", list(successes.items())
    tally = run.tally
    if tally is None:
        return

    def by(label: str, values: Mapping[str, float]) -> list[_Sample]:
        return [(_labels({**run.labels, label: name}), value) for name, value in values.items()]

    outcomes = ("succeeded", "failed", "skipped", "duplicates", "unknown", "unsent")
    yield (
        "kvsctl_last_run_records",
        "Records of the last run, by outcome.",
        by("outcome", {outcome: getattr(tally, outcome) for outcome in outcomes}),
    )
    yield "kvsctl_last_run_requests", "Requests of the last run.", [(own, tally.requests)]
    yield "kvsctl_last_run_retries", "Requests that were retries.", [(own, tally.retries)]
    yield "kvsctl_last_run_throttled", "Requests that were throttled.", [(own, tally.throttled)]
    yield (
        "kvsctl_last_run_units",
        "Quota units of the last run.",
        by("kind", {"read": tally.units_read, "write": tally.units_write}),
    )
    yield (
        "kvsctl_last_run_bytes",
        "Bytes of bodies in the last run.",
        by("direction", {"sent": tally.bytes_sent, "received": tally.bytes_received}),
    )


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text.encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _earlier(path: Path) -> bytes:
    """Return the file's content. Raise UsageError if it is not metrics of kvsctl."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"cannot replace the metrics file {path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        return b""
    if content and not content.startswith(_BEGINNING):
        raise UsageError(
            f"cannot replace the metrics file {path}: not empty, and not a metrics file of kvsctl",
            "Give another file name.",
        )
    return content


def _successes(content: bytes, run: RunMetrics) -> dict[str, float]:
    """Return when the job last succeeded. Without a run, jobs with further labels count, too."""
    own = _labels(run.labels)
    found: dict[str, float] = {}
    for match in _SUCCESSES.finditer(content):
        labels = match[1].decode()
        is_more = run.tally is None and labels.startswith(own.removesuffix("}") + ",")
        if labels == own or is_more:
            found[labels] = float(match[2])
    return found


def _replace(path: Path, content: bytes) -> None:
    """Write a new file beside `path`, and rename it: a reader sees the old content or the new.

    Its mode is set by the umask, so that a collector of another user can read it.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        new.unlink()  # left by a killed process with the same ID
    try:
        fd = os.open(new, _FLAGS, 0o666)
        try:
            write_all(fd, content)
            sync_file(fd)
        finally:
            os.close(fd)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
