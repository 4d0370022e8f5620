"""What a listing covers, and what it chooses."""

from collections.abc import Sequence

import msgspec

from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.selection.chooser import Chooser
from kvsctl.selection.selection import Selection
from kvsctl.service.queries import EntityIndex
from kvsctl.service.wire import MetadataRequest


class ListingPlan(msgspec.Struct, frozen=True):
    """What a listing covers, and what it chooses.

    `spaces`: None stands for the plain keys. At most `chains` queries are in flight; with 1, plain
    keys come in key order. `needed` is the metadata that the selection or the output requires;
    queries may leave it out. `limit`: end the listing after this many chosen records. `rereads`:
    each chosen record is read again by batch/get, which is strictly consistent. `skip_expired`:
    expired records are skipped.
    """

    selection: Chooser = msgspec.field(default_factory=Selection)
    spaces: Sequence[EntityIndex | None] = (None,)
    chains: int = 1
    page_records: int = DEFAULT_LIMITS.query_page
    needed: MetadataRequest = msgspec.field(default_factory=MetadataRequest)
    limit: int | None = None
    rereads: bool = False
    skip_expired: bool = False

    @property
    def covers(self) -> str:
        """What the listing covers, for people."""
        names = ["plain keys" if one is None else f"entity {one.entity}" for one in self.spaces]
        return ", ".join(names)

    @property
    def has_entities(self) -> bool:
        """Whether it covers more than plain keys."""
        return any(one is not None for one in self.spaces)

    @property
    def is_by_key(self) -> bool:
        """Whether everything is listed in key order, so that it can be resumed after a key."""
        return all(one is None or one.is_by_key for one in self.spaces)
