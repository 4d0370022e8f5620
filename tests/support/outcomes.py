"""Records, problems and outcomes, made in one line each."""

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import Failure, Found, Identity, Origin, Outcome, Problem, Record, State


def record(position: int, key: str = "", *, entity: str | None = None, body: str = "") -> Record:
    """A record of `users.jsonl`, on the line after its position."""
    key = key or f"k{position}"
    return Record(
        position,
        "users.jsonl",
        position + 1,
        Identity(entity, key),
        (body or f'{{"key":"{key}","value":{position}}}').encode(),
    )


def succeeded(position: int, key: str = "", found: Found | None = None) -> Outcome:
    """The record was written, or read as `found`."""
    return Outcome(record(position, key), State.SUCCEEDED, found=found)


def failed(position: int, key: str = "", code: str = "NO_ANSWER", message: str = "why") -> Outcome:
    """The service, or the way to it, failed the record."""
    return Outcome(record(position, key), State.FAILED, Failure(code, message))


def ended(position: int, state: State, key: str = "", skipped_by: str | None = None) -> Outcome:
    """The record ended in `state` without a failure."""
    return Outcome(record(position, key), state, skipped_by=skipped_by)


def problem(
    position: int,
    raw: bytes,
    *,
    key: str | None = None,
    entity: str | None = None,
    code: str = "MAX_SIZE",
    readable: bool = True,
) -> Outcome:
    """A piece of input that failed its checks."""
    identity = None if key is None else Identity(entity, key)
    origin = Origin("users.jsonl", position + 1)
    subject = Problem(position, origin, identity, code, "too much", raw, readable)
    return Outcome(subject, State.FAILED, Failure(code, "too much"))


def tally_of(*outcomes: Outcome) -> Tally:
    """The totals of a run in which these records were read and settled."""
    tally = Tally()
    tally(RecordsRead(len(outcomes)))
    tally(Settled(outcomes))
    return tally
