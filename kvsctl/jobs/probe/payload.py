"""The question about the size of a request: its limit, and how a larger one is refused."""

from typing import Any, Final

from kvsctl.errors import TargetError
from kvsctl.jobs.probe.questions import Cost, Finding, Question
from kvsctl.jobs.probe.scratch import LIFETIME, SET, Scratch, batch, item, lists_of
from kvsctl.limits import DEFAULT_LIMITS

_RECORDS: Final = DEFAULT_LIMITS.batch_records
_SIZES: Final = (4_300_000, 4_194_304, 4_000_000, 1_048_576, 1_000_000)
"""A little more than every reading of 4 MB, then 4 MB and 1 MB by both readings of MB."""
_STATUSES: Final = (413, 400)
_UNITS: Final = -(-_SIZES[1] // DEFAULT_LIMITS.unit_bytes)


async def _find_payload(scratch: Scratch) -> Finding:
    keys = [scratch.key(f"large{number}") for number in range(_RECORDS)]
    statuses: list[int] = []
    notes: list[str] = []
    for size in _SIZES:
        scratch.note(*keys)
        try:
            answer = await scratch.request(SET, _body(keys, size))
        except TargetError as error:
            notes.append(f"{size:,} bytes: {error.message}")
            continue
        if answer.fault is None and lists_of(answer).succeeded:
            notes.append(f"{size:,} bytes are accepted")
            return _finding(size, statuses, notes)
        code = "no record was written" if answer.fault is None else answer.fault.code
        notes.append(f"{size:,} bytes: {answer.status} {code}")
        if answer.status in _STATUSES:
            statuses.append(answer.status)
    return Finding(notes=(*notes, f"{_SIZES[-1]:,} bytes are refused, too"))


def _finding(accepted: int, statuses: list[int], notes: list[str]) -> Finding:
    if not notes[1:]:  # the largest: the limit is not known
        return Finding(limits={"batch_bytes": accepted}, notes=tuple(notes))
    answers: dict[str, Any] = {"payload-status": statuses[0]} if statuses else {}
    return Finding(answers, {"batch_bytes": accepted}, tuple(notes))


def _body(keys: list[str], size: int) -> bytes:
    """Return the body of a batch/set of exactly this size, of records of about the same size."""
    bare = len(batch(item(key, b'""', options=LIFETIME) for key in keys))
    each, rest = divmod(size - bare, len(keys))
    values = [b"x" * (each + (rest if not place else 0)) for place in range(len(keys))]
    items = [
        item(key, b'"%b"' % value, options=LIFETIME)
        for key, value in zip(keys, values, strict=True)
    ]
    return batch(items)


QUESTIONS: Final = (
    Question(
        name="payload",
        asks="How large may a batch/set be, and how is a larger one refused?",
        method="Write 25 records in requests of "
        + ", ".join(f"{size:,}" for size in _SIZES)
        + " bytes, until one is accepted.",
        meanings={
            "payload-status": {413: "a larger request gets 413", 400: "a larger request gets 400"}
        },
        cost=Cost(
            records=_RECORDS,
            requests=len(_SIZES),
            write_units=_UNITS + 2,
            sent_bytes=sum(_SIZES),
        ),
        find=_find_payload,
    ),
)
