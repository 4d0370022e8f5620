"""The interface through which a listing chooses records."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kvsctl.selection.selection import Known, Verdict
    from kvsctl.shards import Shard


class Chooser(Protocol):
    """Chooses records of a store: see `selection.Selection`, which has the same members."""

    @property
    def prefix(self) -> str:
        """The prefix that every chosen key has; "" if none is known."""
        ...

    @property
    def shard(self) -> "Shard | None":
        """The part of the keys that may be chosen; None: all."""
        ...

    @property
    def counts_back(self) -> bool:
        """Whether the choice depends on the time when it is made, because of an age."""
        ...

    @property
    def needs_expiry(self) -> bool:
        """Whether the expiry of a record must be known."""
        ...

    @property
    def is_of_keys_only(self) -> bool:
        """Whether the entity and the key alone decide, for every key."""
        ...

    @property
    def is_of_prefix_only(self) -> bool:
        """Whether every key that begins with `prefix` is chosen."""
        ...

    def prefixes_in(self, entity: str | None) -> Sequence[str]:
        """Return the prefixes that cover what may be chosen of an entity; None: of plain keys."""
        ...

    def counted_from(self, now: float) -> "Chooser":
        """Return the same, with ages that count back from `now`, whenever it is applied."""
        ...

    def chooses_key(self, entity: str | None, key: str) -> bool:
        """Return whether a key of an entity meets every condition on keys; None: a plain key."""
        ...

    def judge(self, entity: str | None, key: str, known: "Known", now: float) -> "Verdict":
        """Decide about a record. `now`: the service's time in epoch seconds."""
        ...
