"""Learn from refusals how much the service accepts in one request. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from kvsctl import codes
from kvsctl.bulk.packing.rule import PackingRule, body_bytes
from kvsctl.model import Record
from kvsctl.service.faults import Fault

_PAYLOAD_STATUS: Final = 413
_PAYLOAD_CODES: Final = frozenset(
    {
        codes.REQUEST_TOO_LARGE,
        codes.REQUEST_ENTITY_TOO_LARGE,
        codes.CONTENT_TOO_LARGE,
        codes.BODY_TOO_LARGE,
    }
)
_LOWER_BYTES: Final = 1_000_000
"""The first guess: a limit that the service is known to have enforced by mistake."""
_TELLING_BYTES: Final = 100_000
"""No service has a lower limit, so a smaller body is refused for its content."""


class Inquiry(msgspec.Struct, eq=False):
    """A batch that was refused whole for an unknown reason, and how many of its halves passed."""

    sent_bytes: int
    passed: int = 0
    largest_bytes: int = 0


class Capacity:
    """The packing rule of a run. It starts as given, and refusals lower it.

    Each lesson is learnt once. A batch that was in flight when the rule was lowered is packed again
    if it is refused, and does not lower the rule again.
    """

    def __init__(
        self, rule: PackingRule, on_change: Callable[[PackingRule], None] = lambda _: None
    ) -> None:
        self.on_change = on_change
        self._rule = rule
        self._given = rule
        self._taken_records = 0
        self._taken_bytes = 0
        self._trusts_refusals = True

    @property
    def rule(self) -> PackingRule:
        """How much a request may carry, as far as is known. `on_change` is called if it changes."""
        return self._rule

    @rule.setter
    def rule(self, rule: PackingRule) -> None:
        if rule != self._rule:
            self._rule = rule
            self.on_change(rule)

    def note_taken(self, records: int, sent_bytes: int) -> None:
        """Note that a request of this size was answered."""
        if records > self._taken_records:
            self._taken_records = records
        if sent_bytes > self._taken_bytes:
            self._taken_bytes = sent_bytes

    def is_exceeded(self, records: Sequence[Record], sent_bytes: int, fault: Fault) -> bool:
        """Return whether a batch was refused for its size, so that fewer records may pass.

        Lower the rule if the batch kept to it. All records together then no longer fit a request.
        """
        if len(records) < 2:
            return False
        if fault.code == codes.TOO_MANY_BATCH_ENTITIES:
            self._learn_count(len(records))
            return True
        if _means_size(fault) and self._trusts_refusals and sent_bytes > self._taken_bytes:
            if body_bytes(records) <= self.rule.max_bytes:
                guess = _LOWER_BYTES if sent_bytes > _LOWER_BYTES else sent_bytes // 2
                self._lower_bytes(guess, sent_bytes)
            return True
        return False

    def note_guilty(self, sent_bytes: int, fault: Fault) -> None:
        """Note that a single record was refused.

        If it was refused for its size although larger requests were answered, refusals for size are
        not reliable: forget what they taught, and learn only from halves that are answered.
        """
        if self._trusts_refusals and _means_size(fault) and sent_bytes <= self._taken_bytes:
            self._trusts_refusals = False
            self.rule = replace(self.rule, max_bytes=self._given.max_bytes)

    def note_passed(self, inquiry: Inquiry, sent_bytes: int) -> None:
        """Note that one half of a refused batch was answered.

        If both were, no record was at fault: the batch was too large, whatever the refusal said.
        """
        inquiry.passed += 1
        inquiry.largest_bytes = max(inquiry.largest_bytes, sent_bytes)
        if (
            inquiry.passed == 2
            and inquiry.sent_bytes > _TELLING_BYTES
            and inquiry.sent_bytes <= self.rule.max_bytes
        ):
            self._lower_bytes(inquiry.largest_bytes, inquiry.sent_bytes)

    def _learn_count(self, refused: int) -> None:
        if refused > self.rule.max_records:
            return
        if self._taken_records >= refused:  # the service accepts less than before
            self._taken_records = 0
        self.rule = replace(self.rule, max_records=max(refused // 2, self._taken_records))

    def _lower_bytes(self, guess: int, refused: int) -> None:
        if self._taken_bytes >= refused:  # the service accepts less than before
            self._taken_bytes = 0
        lowered = min(max(guess, self._taken_bytes), refused - 1, self.rule.max_bytes)
        self.rule = replace(self.rule, max_bytes=lowered)


def _means_size(fault: Fault) -> bool:
    code = fault.code
    return fault.status == _PAYLOAD_STATUS or "PAYLOAD" in code or code in _PAYLOAD_CODES
