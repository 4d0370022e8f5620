"""Learn from answers about a bridge between a client and its store."""

from collections.abc import Mapping
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.service.auth.credentials import INSTALLATION_HEADER
from kvsctl.service.reply import decode_error
from kvsctl.service.transport.carrier import CarrierAnswer

VERSION_HEADER: Final = "x-kvsctl-bridge"
"""The header in which a bridge names its version, from version 2 on."""


class Bridge:
    """A bridge between a client and its store, as its answers show it."""

    def __init__(self) -> None:
        self.makes_nulls = False
        """Whether it may have written `null` for a number that is too large for a double.

        Version 1 of the function does. Later ones write a number that is too large, too.
        """

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer, unless it is from the platform before the bridge.

        The app may be updated during a run, so the result stays true once it was true.
        """
        if INSTALLATION_HEADER in headers and VERSION_HEADER not in headers:
            self.makes_nulls = True


_FORBIDDEN: Final = 403
_SAYS_NOTHING: Final = frozenset({401, 429})
"""The statuses below 500 that a bridge may answer without naming its installation."""
_NOT_CONFIGURED: Final = "BRIDGE_NOT_CONFIGURED"
"""The code of the only 403 that a bridge answers without naming its installation."""


class UndescribedBridge(UsageError):
    """The target is a bridge, but is not described as one.

    No request with numbers that a bridge would change was sent, and no more requests are sent.
    """


class Lookout:
    """Learns from answers whether a target that is not described as a bridge is one.

    `display`: the name of the target, for messages.
    """

    def __init__(self, display: str) -> None:
        self._display = display
        self.is_cleared = False
        """Whether the target has shown that it is not a bridge."""
        self.found: UndescribedBridge | None = None
        """The error to end with, once the target has shown that it is a bridge."""

    def note(self, answer: CarrierAnswer | None) -> None:
        """Learn from an answer, if one arrived."""
        if answer is None or self.found is not None:
            return
        if INSTALLATION_HEADER in answer.headers:
            self.is_cleared = False
            self.found = UndescribedBridge(
                f"{self._display} is a bridge, but is not described as one",
                'Make a target with kind = "bridge" and its URL in the configuration file, and '
                "choose that with --target: a bridge changes some numbers, and has limits of its "
                "own.",
            )
        elif _is_of_the_service(answer):
            self.is_cleared = True

    def require_none(self) -> None:
        """Raise UndescribedBridge if the target is a bridge."""
        if self.found is not None:
            raise self.found


def _is_of_the_service(answer: CarrierAnswer) -> bool:
    """Return whether an answer without the name of an installation is not from a bridge.

    A token that may only write gets a 403 for reads, with a code of the service.
    """
    if answer.status == _FORBIDDEN:
        error = decode_error(answer.body)
        return error is not None and error[0] != _NOT_CONFIGURED
    return answer.status not in _SAYS_NOTHING and answer.status < 500
