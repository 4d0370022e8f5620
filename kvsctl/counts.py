"""Counts as people read them."""


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is 1: `1 record`, `1,204 records`."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
