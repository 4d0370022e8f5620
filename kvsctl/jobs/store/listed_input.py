"""What all inputs that a listing chooses have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.report.document import InputRead
from kvsctl.selection.protected import Protected


class ListedInput(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of a `JobInput` whose records a listing chooses: all but `feed`.

    `selection` holds the options that choose, by name, and `protected` the keys that they never
    choose. A subclass changes what differs.
    """

    selection: Mapping[str, Any] = msgspec.field(default_factory=dict)
    protected: Protected | None = None

    def fraction_read(self) -> float | None:
        """See JobInput. How much there is to list is not known."""
        return None

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return False

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return True

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return ()

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        return None

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput. The options, which a journal compares as well, name the store."""
        one: Fingerprint = {"kind": "listing", "selection": dict(self.selection)}
        return [one if self.protected is None else {**one, "protected": self.protected.digest()}]

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return []

    def warnings(self) -> list[str]:
        """See JobInput."""
        return []
