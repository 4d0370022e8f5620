"""Input that has to be there."""

from kvsctl.bulk.feeds import Feed
from kvsctl.errors import UsageError
from kvsctl.model import Problem, Record


class RequiredFeed:
    """The same feed; one that ends with nothing having come is a UsageError."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._has_come = False

    async def get(self) -> list[Record | Problem] | None:
        """See Feed."""
        pieces = await self._feed.get()
        if pieces is None and not self._has_come:
            raise UsageError("the input has no records", "--require-input asks for some.")
        self._has_come = self._has_come or bool(pieces)
        return pieces

    def close(self) -> None:
        """See Feed."""
        self._feed.close()
