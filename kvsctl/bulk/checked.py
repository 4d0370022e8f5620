"""Input that was checked as a whole before: it has to be the same when it is sent."""

from collections.abc import Callable
from typing import Final, TypeAlias

from kvsctl.bulk.feeds import Feed
from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Problem, Record

Change: TypeAlias = Callable[[], str | None]
"""What is different about the input since its check; None if nothing is."""

_NOTHING_SENT: Final = "Nothing was sent. Run the command again when the input is complete."
_PART_SENT: Final = "What was read before was sent. Run the command again with input at rest."


class CheckedFeed:
    """The same feed, ended as soon as the input is not what was checked.

    `change` is asked before anything is given, and at the end. A problem is a change too, as the
    check found none.
    """

    def __init__(self, feed: Feed, change: Change) -> None:
        self._feed = feed
        self._change = change
        self._has_begun = False

    async def get(self) -> list[Record | Problem] | None:
        """See Feed. Raises UsageError if nothing was given yet, StreamError otherwise."""
        if not self._has_begun:
            if (changed := self._change()) is not None:
                raise UsageError(f"the input changed after its check: {changed}", _NOTHING_SENT)
            self._has_begun = True
        pieces = await self._feed.get()
        bad = next((piece for piece in pieces or () if isinstance(piece, Problem)), None)
        if bad is not None:
            raise StreamError(
                f"the input changed after its check: {bad.origin} is not what it was", _PART_SENT
            )
        if pieces is None and (changed := self._change()) is not None:
            raise StreamError(f"the input changed while it was sent: {changed}", _PART_SENT)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()
