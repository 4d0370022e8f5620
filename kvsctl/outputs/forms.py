"""How found records are printed, and where."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

from kvsctl.service.wire import MetadataRequest

if TYPE_CHECKING:
    from kvsctl.usage.account import Division


class RecordForm(msgspec.Struct, frozen=True):
    """Print records. `style`: jsonl, values or raw.

    JSON Lines have `metadata`, and `installation` if it is given.
    """

    style: str = "jsonl"
    metadata: MetadataRequest = msgspec.field(default_factory=MetadataRequest)
    installation: str | None = None

    @property
    def needs_expiry(self) -> bool:
        """Whether the expiry of records is printed."""
        return self.metadata.expires


class KeyForm(msgspec.Struct, frozen=True):
    """Print keys, in a style of `outputs.keys`, with `is_long` and `has_entities` as there.

    JSON Lines have `installation` if it is given.
    """

    style: str
    is_long: bool
    has_entities: bool
    installation: str | None = None

    @property
    def needs_expiry(self) -> bool:
        """Whether the expiry of records is printed."""
        return self.is_long


class Accounting(msgspec.Struct, frozen=True):
    """Print sums of records, as JSON or as a table.

    `division` says how keys are divided, and `top` how many prefixes have a row of their own. The
    sums name their `installation` if it is given.
    """

    division: "Division"
    top: int
    is_json: bool
    installation: str | None = None

    @property
    def needs_expiry(self) -> bool:
        """Whether the sums need the expiry of records."""
        return True


class PlanForm(msgspec.Struct, frozen=True):
    """Print the lines of records that are PlannedFor: see `outputs.plan_lines`."""

    has_values: bool
    needs_expiry: ClassVar[bool] = True
    """Whether the expiry of records is printed: it is part of their hash."""


class Printing(msgspec.Struct, frozen=True, kw_only=True):
    """How and where found records are printed. `path` None: to stdout.

    `manifest_path`: where the manifest of an export is written, once it is complete.
    """

    form: RecordForm | KeyForm | PlanForm | Accounting = RecordForm()
    path: Path | None = None
    in_order: bool = True
    manifest_path: Path | None = None

    @property
    def prints_at_end(self) -> bool:
        """Whether nothing is printed before all records were found."""
        form = self.form
        return isinstance(form, Accounting) or (isinstance(form, KeyForm) and form.style == "count")
