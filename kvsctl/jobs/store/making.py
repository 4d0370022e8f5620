"""Make records to set in one store from records that were read from another."""

from collections.abc import Callable

import msgspec

from kvsctl.bulk.settling.reconcile import rounded
from kvsctl.jobs.store.arrivals import Piece
from kvsctl.listing.walk import SOURCE
from kvsctl.model import Identity, Outcome, Problem, Record, State
from kvsctl.records.checks import check_numbers
from kvsctl.records.fields import Fields
from kvsctl.records.parsed import Parsed
from kvsctl.records.parsing.records import set_record
from kvsctl.records.rules import Rules
from kvsctl.selection.mapping import KeyMapping
from kvsctl.service.wire import key_body


class Making(msgspec.Struct, frozen=True):
    """How records to set are made from records that were read: `mapping` makes their keys.

    `note` is called for each chosen record, even if it could not be read again. `refuses_rounded`:
    a record fails if the source, a bridge, may have rounded it. `needs_exact_numbers`: one fails if
    the target, a bridge, would round it.
    """

    mapping: KeyMapping = msgspec.field(default_factory=KeyMapping)
    rules: Rules = msgspec.field(default_factory=Rules)
    note: Callable[[Identity], None] = lambda _identity: None
    refuses_rounded: bool = False
    needs_exact_numbers: bool = False

    def piece(self, outcome: Outcome, *, may_lack_numbers: bool) -> Piece | Outcome:
        """Return the record to set for a read, or an outcome if there is none.

        `may_lack_numbers`: see `service.client.Answer`.
        """
        read = outcome.subject
        assert isinstance(read, Record)  # noqa: S101
        position, entity = read.position, read.identity.entity
        key = self.mapping.mapped(read.identity.key)
        if outcome.found is None and outcome.failure is None:
            identity = Identity(entity, key)
            record = Record(position, SOURCE, position + 1, identity, key_body(identity))
            return Outcome(record, State.SKIPPED, skipped_by=outcome.skipped_by)
        self.note(read.identity)
        if outcome.found is None:
            assert outcome.failure is not None  # noqa: S101
            code, message = outcome.failure.code, outcome.failure.message
            message = f"not written, because reading it from the source failed: {message}"
            return Problem(position, read.origin, read.identity, code, message, read.body)
        found = outcome.found
        if (wrong := self._wrong_number(found.value, may_lack_numbers)) is not None:
            code, message = wrong
            return Problem(position, read.origin, read.identity, code, message, read.body)
        fields = Fields(key, found.value, entity, expire_time=found.expire_time)
        parsed = set_record(fields, self.rules)
        if isinstance(parsed, Parsed):
            expires_at = parsed.expires_at
            return Record(position, SOURCE, position + 1, parsed.identity, parsed.body, expires_at)
        return parsed.problem(position, read.origin, read.body)

    def _wrong_number(self, value: bytes, may_lack_numbers: bool) -> tuple[str, str] | None:
        """Return the code and the message of a value with a number that a bridge changes."""
        if self.refuses_rounded:
            failure = rounded(value, may_lack_numbers=may_lack_numbers)
            if failure is not None:
                return failure.code, failure.message
        breach = check_numbers(value) if self.needs_exact_numbers else None
        return None if breach is None else (breach.code, breach.message)
