"""The prefixes to list, so that everything that may be chosen is listed once."""

from collections.abc import Iterable, Sequence


def covering(prefixes: Iterable[str]) -> list[str]:
    """Return, in order, the prefixes that no other one covers.

    Every key that begins with one of `prefixes` begins with exactly one of the result.
    """
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept


def within(prefix: str, others: Sequence[str]) -> list[str]:
    """Return prefixes for the keys that begin with `prefix` and with one of `others`."""
    narrowed = [
        other if other.startswith(prefix) else prefix
        for other in others
        if other.startswith(prefix) or prefix.startswith(other)
    ]
    return covering(narrowed)
