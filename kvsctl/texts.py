"""Counts and moments as text, in the one form that messages, reports, logs and manifests share."""

from datetime import UTC, datetime


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is 1: `1 record`, `1,204 records`."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def utc_text(moment: datetime, *, timespec: str = "milliseconds") -> str:
    """Return a moment in UTC, such as `2026-01-31T12:00:00.000Z`. It must have a time zone."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"
