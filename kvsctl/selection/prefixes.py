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


class Prefixes:
    """Many prefixes, with a fast test of whether keys can begin with one of them."""

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._beginnings: set[str] = set()
        """Every text that one of them begins with."""

    def add(self, prefixes: Iterable[str]) -> None:
        """Add prefixes. Takes time proportional to their length."""
        for prefix in prefixes:
            if prefix not in self._whole:
                self._whole.add(prefix)
                self._beginnings.update(prefix[:size] for size in range(len(prefix) + 1))

    def may_share(self, prefix: str) -> bool:
        """Return whether a key that begins with `prefix` can begin with one of them, too.

        Takes time proportional to the length of `prefix`, however many they are.
        """
        if prefix in self._beginnings:
            return True
        return any(prefix[:size] in self._whole for size in range(len(prefix)))
