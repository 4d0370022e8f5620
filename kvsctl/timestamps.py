"""Moments as text, in the one form that reports, logs and manifests share."""

from datetime import UTC, datetime


def utc_text(moment: datetime, *, timespec: str = "milliseconds") -> str:
    """Return a moment in UTC, such as `2026-01-31T12:00:00.000Z`. It must have a time zone."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"
