"""The first lines of the report for people: the target and the totals."""

import math
import textwrap
from typing import Final, NamedTuple

from kvsctl.bulk.events import SizeLearnt
from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.errors import RUN_AGAIN
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.dry_run import DryRun
from kvsctl.report.escape import visible
from kvsctl.report.styled import Span, painted, separator_of, span_columns
from kvsctl.texts import counted

RESUMES: Final = f"{RUN_AGAIN.rstrip('.')} to resume it."
"""What to do about work that is left, if there is a journal."""
STARTS_OVER: Final = (
    "The same command starts over, which is safe; with --journal FILE it would resume."
)
"""The same, if there could be one."""


class EarlyEnd(NamedTuple):
    """How far a run came before it ended early.

    `fraction_read`: how much of the input was read, from 0 to 1; None if its size is unknown.
    `is_resumable`: whether a journal lets the same command resume the run. `takes_journal`: whether
    the command can have one. `only_the_rest`: what to do, if the same command does only what is
    left.
    """

    fraction_read: float | None
    is_resumable: bool
    takes_journal: bool = True
    only_the_rest: str | None = None


def summary(
    environment: Environment,
    tally: Tally,
    about: About,
    elapsed_seconds: float,
    dry_run: DryRun | None = None,
    early_end: EarlyEnd | None = None,
    *,
    earlier: int = 0,
) -> str:
    """Return the target, a line of totals, and notes on what the totals do not show.

    `earlier`: how many of the records were settled before, outside `elapsed_seconds`.

    With `dry_run`, return what the run would need. Text from outside is escaped. No line is
    wider than a terminal; in a log each of the three stays on one line.
    """
    lines = [_headline(about, is_dry_run=dry_run is not None)]
    if dry_run is None:
        lines += _joined(environment, _total_parts(tally, elapsed_seconds, earlier))
        for note in _notes(tally, early_end):
            lines += [[(row, "yellow")] for row in _wrapped(note, environment)]
    else:
        lines += _joined(environment, count_parts(tally))
        lines += _joined(environment, _needs(dry_run))
    return "".join(painted(line, environment) for line in lines)


def totals_line(tally: Tally, elapsed_seconds: float) -> str:
    """Return the totals on one line, without style."""
    return ", ".join(text for text, _ in _total_parts(tally, elapsed_seconds))


def _wrapped(note: str, environment: Environment) -> list[str]:
    return textwrap.wrap(note, environment.width) if environment.is_drawn_on else [note]


def size_line(learnt: SizeLearnt) -> str:
    """Return the limits of one request as far as they are known."""
    records = plural("record", learnt.max_records)
    return (
        f"the target accepts at most {learnt.max_records:,} {records} and "
        f"{learnt.max_bytes:,} bytes per request"
    )


def plural(word: str, count: int) -> str:
    """Return the word in the form that follows `count`."""
    return word if count == 1 else f"{word}s"


def _headline(about: About, *, is_dry_run: bool) -> list[Span]:
    line = [(f"{visible(about.command)}  ", "bold")]
    if is_dry_run:
        line.append(("DRY RUN, nothing was sent  ", "bold yellow"))
    if about.shard is not None:
        line.append((f"shard {about.shard}  ", "bold"))
    covers = [] if about.covers is None else [(f"  {visible(about.covers)}", "dim")]
    if about.local_path is not None:
        return [*line, (f"LOCAL EMULATOR {visible(about.local_path)}", "bold cyan"), *covers]
    line += [(visible(about.target), "bold cyan"), *covers]
    if about.token_source is not None:
        line.append((f"  token: {visible(about.token_source)}", "dim"))
    return line


def _joined(environment: Environment, parts: list[Span]) -> list[list[Span]]:
    separator = separator_of(environment)
    lines: list[list[Span]] = []
    for part in parts:
        joined = [*lines[-1], (separator, ""), part] if lines else []
        if joined and not (environment.is_drawn_on and span_columns(joined) > environment.width):
            lines[-1] = joined
        else:
            lines.append([part])
    return lines


def record_parts(tally: Tally) -> list[Span]:
    """Return how many records there are, and how they ended."""
    return [
        (counted(tally.records, "record"), ""),
        *_unless_zero(tally.succeeded, "succeeded", "green"),
        *_unless_zero(tally.failed, "failed", "bold red"),
        *_skipped_parts(tally),
        *_unless_zero(tally.duplicates, plural("duplicate", tally.duplicates), "yellow"),
        *_unless_zero(tally.unknown, "unknown", "yellow"),
        *_unless_zero(tally.unsent, "unsent", "yellow"),
    ]


def _total_parts(tally: Tally, elapsed_seconds: float, earlier: int = 0) -> list[Span]:
    """Return the totals: the records, the time, and whatever else is not zero.

    A run that has sent nothing, as `--check-first` may, has no rate: its input was only read.
    """
    settled = tally.succeeded + tally.failed + tally.skipped + tally.duplicates
    rate = round(max(0, settled - earlier) / elapsed_seconds) if elapsed_seconds > 0 else 0
    if _has_sent_nothing(tally):
        rate = 0
    return [
        *record_parts(tally),
        (_duration(elapsed_seconds), ""),
        *_unless_zero(rate, "keys/s"),
        *_unless_zero(tally.retries, "retry" if tally.retries == 1 else "retries"),
        *_unless_zero(tally.throttled, "throttled", "yellow"),
        *([(units, "")] if (units := total_of_units(tally)) else []),
    ]


def _has_sent_nothing(tally: Tally) -> bool:
    return bool(tally.unsent) and not tally.requests


def count_parts(tally: Tally) -> list[Span]:
    """Return how many records a dry run found, and how many it would send."""
    return [
        (counted(tally.records, "record"), ""),
        *_unless_zero(tally.unsent, "to send", "green"),
        *_unless_zero(tally.failed, "failed", "bold red"),
        *_skipped_parts(tally),
        *_unless_zero(tally.duplicates, plural("duplicate", tally.duplicates), "yellow"),
    ]


def _unless_zero(count: int, what: str, style: str = "") -> list[Span]:
    """Return a count as a part of a line; nothing if it is zero."""
    return [(f"{count:,} {what}", style)] if count else []


def _skipped_parts(tally: Tally) -> list[Span]:
    if not tally.skipped:
        return []
    reasons = ", ".join(
        f"{visible(name)} {count:,}" for name, count in sorted(tally.skipped_by.items())
    )
    return [(f"{tally.skipped:,} skipped ({reasons})", "yellow")]


def most_parts(dry_run: DryRun) -> list[Span]:
    """Return in a few words what a run that writes would need at most."""
    forecast = dry_run.forecast
    requests, units = forecast.reads + forecast.requests, forecast.units
    return [
        (f"at most {requests:,} {plural('request', requests)}", ""),
        (f"at most {units:,} write {plural('unit', units)}", ""),
        (_price(dry_run), ""),
    ]


def _needs(dry_run: DryRun) -> list[Span]:
    """Return what a run would need; for reads, only a lower bound is known."""
    forecast = dry_run.forecast
    if forecast.reads:
        return _needs_of_reading_first(dry_run)
    at_least = "at least " if forecast.are_units_least else ""
    kind = "read" if forecast.are_units_least else "write"
    return [
        (f"would need {forecast.requests:,} {plural('request', forecast.requests)}", ""),
        (f"{at_least}{forecast.units:,} {kind} {plural('unit', forecast.units)}", ""),
        (f"{forecast.bytes_sent:,} bytes", ""),
        *_least_time(forecast),
        (_price(dry_run), ""),
    ]


def _needs_of_reading_first(dry_run: DryRun) -> list[Span]:
    """Return what a run would need if it reads records first, to find out which to write."""
    forecast = dry_run.forecast
    reads = f"{forecast.reads:,} {plural('request', forecast.reads)} to read"
    return [
        (
            f"would need {reads}, at least {forecast.reads:,} read "
            f"{plural('unit', forecast.reads)}",
            "",
        ),
        (f"then at most {forecast.requests:,} {plural('request', forecast.requests)} to write", ""),
        (f"at most {forecast.units:,} write {plural('unit', forecast.units)}", ""),
        (f"at most {forecast.bytes_sent:,} bytes", ""),
        *_least_time(forecast),
        (f"{_price(dry_run)} if all are written", ""),
    ]


def _least_time(forecast: Forecast) -> list[Span]:
    """Return the least time, and the quota that it assumes; nothing if nothing bounds the run."""
    seconds, units = forecast.least_seconds, forecast.units_per_minute
    if units is None:
        return [(f"at least {_duration(seconds)}", "")] if seconds else []
    time = _duration(seconds) if seconds else "0 s"
    return [(f"at least {time} at {units:,.0f} units per minute", "")]


def _price(dry_run: DryRun) -> str:
    """Return what a run would cost."""
    amount = dry_run.cost_usd
    if dry_run.forecast.are_units_least:
        return f"at least {amount:,.2f} USD, depending on the size of the answers"
    return "less than 0.01 USD" if 0 < amount < 0.01 else f"{amount:,.2f} USD"


def total_of_units(tally: Tally) -> str:
    """Return how many quota units were used, by kind; an empty text if none were."""
    used = [(tally.units_read, "read"), (tally.units_write, "write")]
    named = [f"{count:,} {name}" for count, name in used if count]
    total = tally.units_read + tally.units_write
    return f"{' + '.join(named)} {plural('unit', total)}" if named else ""


def _notes(tally: Tally, early_end: EarlyEnd | None) -> list[str]:
    notes = []
    if tally.ambiguous:
        records = plural("record", tally.ambiguous)
        notes.append(
            f"{tally.ambiguous:,} {records} had an attempt without an answer, which may still be "
            "applied late."
        )
    if tally.size_learnt is not None:
        notes.append(f"Learnt from refusals: {size_line(tally.size_learnt)}.")
    if _has_sent_nothing(tally):
        notes.append("Nothing was sent.")
    elif early_end is not None:
        notes.append(_how_far(early_end, tally.records))
    return notes


def _how_far(early_end: EarlyEnd, records: int) -> str:
    fraction = early_end.fraction_read
    part = "" if fraction is None else f" ({math.floor(100 * fraction)}% of the input)"
    if early_end.is_resumable:
        again = RESUMES
    elif early_end.only_the_rest is not None:
        again = early_end.only_the_rest
    elif early_end.takes_journal:
        again = STARTS_OVER
    else:
        again = "The same command starts over."
    read = f"{records:,} {plural('record', records)}{part}"
    return f"The run ended early, after reading {read}. {again}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
