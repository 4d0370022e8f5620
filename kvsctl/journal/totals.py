"""A tally as a journal keeps it, so that the last report covers all runs of a job."""

from typing import Final

from msgspec.structs import asdict

from kvsctl.bulk.outcomes.tally import (
    OTHER_CODES,
    REQUEST_COUNTS,
    FailureGroup,
    FailureNote,
    Tally,
)
from kvsctl.journal.state import JournalState, Note, Totals

_COUNTS: Final = (
    "records",
    "succeeded",
    "failed",
    "skipped",
    "duplicates",
    "ambiguous",
    *REQUEST_COUNTS,
)


def restored(totals: Totals) -> Tally:
    """Return a tally that continues from these totals."""
    tally = Tally()
    for name, count in totals.counts.items():
        setattr(tally, name, count)
    tally.earlier = tally.succeeded + tally.failed + tally.skipped + tally.duplicates
    tally.skipped_by.update(totals.skipped_by)
    groups = [
        FailureGroup(code, count, FailureNote(**totals.examples[code]))
        for code, count in totals.codes.items()
    ]
    tally.take_over(groups, (FailureNote(**note) for note in totals.notes.values()))
    return tally


class TallyNews:
    """The totals of a tally, with the failures that are new since they were last taken."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._noted = {note.position for note in tally.failures}
        self._examples = {group.code: group.example.position for group in tally.groups}

    def take(self) -> Totals:
        """Return the current totals, with the new failures."""
        tally = self._tally
        notes = [note for note in tally.failures if note.position not in self._noted]
        self._noted.update(note.position for note in notes)
        changed = [
            group
            for group in tally.groups
            if self._examples.get(group.code) != group.example.position
        ]
        self._examples.update((group.code, group.example.position) for group in changed)
        return Totals(
            {name: getattr(tally, name) for name in _COUNTS},
            dict(tally.skipped_by),
            {group.code: group.count for group in tally.groups},
            {group.code: asdict(group.example) for group in changed},
            {note.position: asdict(note) for note in notes},
        )


def without_retryable(state: JournalState) -> Totals:
    """Return the totals without the failures that may be retried.

    `examples` holds only examples that have changed, and `notes` is empty, because no failure is
    new. If none of a code's remaining failures is listed, its example stays as it was.
    """
    totals, retried = state.totals, state.retryable
    ambiguous = retried.shared(state.ambiguous)
    counts = dict(totals.counts)
    for name, fewer in (
        ("records", len(retried)),
        ("failed", len(retried)),
        ("ambiguous", ambiguous),
    ):
        counts[name] = counts.get(name, 0) - fewer
    codes = {code: count - len(state.failed.get(code, ())) for code, count in totals.codes.items()}
    codes = {code: count for code, count in codes.items() if count}
    examples: dict[str, Note] = {}
    for place, note in sorted(totals.notes.items()):
        code = note["code"] if note["code"] in totals.codes else OTHER_CODES
        if code in codes and place not in retried:
            examples.setdefault(code, note)
    return Totals(counts, dict(totals.skipped_by), codes, examples)
