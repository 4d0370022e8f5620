"""What answers show of the bridge between a client and its store."""

from collections.abc import Mapping
from typing import Final

VERSION_HEADER: Final = "x-kvsctl-bridge"
"""The header in which a bridge names its version, since the second one."""


class Bridge:
    """A bridge between a client and its store, as its answers show it."""

    def __init__(self) -> None:
        self.makes_nulls = False
        """Whether it may have written `null` for a number beyond all doubles.

        The first version of the function does. Later ones write a number that no double holds.
        """

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer."""
        self.makes_nulls = VERSION_HEADER not in headers
