"""A plan for people: a line for each record, and how many there are for which target."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from kvsctl.report.escape import visible
from kvsctl.texts import counted, utc_text


def shown_line(
    action: str, ttl: str | None, entity: str | None, key: str, updated_at: int | None
) -> str:
    """Return what would be done with a record. `updated_at`: epoch milliseconds."""
    name = visible(key) if entity is None else f"{visible(entity)}: {visible(key)}"
    what = visible(action) if ttl is None else f"{visible(action)} {visible(ttl)}"
    return f"{what}  {_time(updated_at)}  {name}"


def summaries(counts: Mapping[tuple[str, str, str | None], int]) -> Iterator[str]:
    """Yield how many records each action has in each target and installation."""
    for (action, target, installation), count in counts.items():
        records = counted(count, "record")
        where = "" if installation is None else f", installation {visible(installation)}"
        yield f"{visible(action)} {records} in {visible(target)}{where}"


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "at an unknown time "
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)
    return utc_text(moment, timespec="seconds")
