"""What is read back proves, or disproves, what was written."""

from collections.abc import Callable

import pytest

from kvsctl.bulk.settling.verify import ReadBack, Verifier
from kvsctl.model import Failure, Found, Identity, Outcome, Record, State, Verb
from tests.support.records import moment

_NOW = 1_767_225_600.0


def _judge(
    body: bytes,
    outcome_of: Callable[[Record], Outcome],
    *,
    verb: Verb = Verb.SET,
    seconds_later: float = 0.0,
    elapsed_seconds: float = 0.5,
    expires_at: float | None = None,
) -> Outcome:
    """Return the outcome of a record that was written and is read back as given."""
    now, read = [_NOW], list[Record]()
    verifier = Verifier(verb, read=read.extend, read_last=read.extend, service_now=lambda: now[0])
    written = Record(0, "in", 1, Identity(None, "k"), body, moment(expires_at))
    assert verifier.sift([Outcome(written, State.SUCCEEDED)], elapsed_seconds) == []
    now[0] += seconds_later
    [reading] = read
    assert isinstance(reading, ReadBack)
    assert reading.body == b'{"key":"k"}'
    [outcome] = verifier.sift([outcome_of(reading)], 0.1)
    assert outcome.subject is written
    assert outcome.found is None
    return outcome


def _found(value: bytes) -> Callable[[Record], Outcome]:
    return lambda reading: Outcome(reading, State.SUCCEEDED, found=Found(value))


def _missing(code: str = "KEY_NOT_FOUND") -> Callable[[Record], Outcome]:
    return lambda reading: Outcome(reading, State.FAILED, Failure(code, "said so", "trace"))


@pytest.mark.parametrize(
    ("value", "found", "why"),
    [
        (b"1", b"1", None),
        (b'{"b":1.0,"a":[1e2]}', b'{"a":[100],"b":1}', None),
        (b"1", b"2", "different value"),
        (b"9007199254740993", b"9007199254740992", "rounded"),
    ],
)
def test_values_are_compared_by_meaning(value: bytes, found: bytes, why: str | None) -> None:
    outcome = _judge(b'{"key":"k","value":%b}' % value, _found(found))
    if why is None:
        assert (outcome.state, outcome.failure) == (State.SUCCEEDED, None)
    else:
        assert outcome.failure is not None
        assert outcome.failure.code == "VERIFY_FAILED"
        assert why in outcome.failure.message


def test_a_missing_written_key_and_a_present_deleted_key_fail() -> None:
    body = b'{"key":"k","value":1}'
    gone = _judge(body, _missing()).failure
    assert gone == Failure("VERIFY_FAILED", "the key does not exist", "trace")
    assert _judge(body, _missing(), verb=Verb.DELETE).state is State.SUCCEEDED
    kept = _judge(body, _found(b"1"), verb=Verb.DELETE).failure
    assert kept == Failure("VERIFY_FAILED", "the key still exists", None)


@pytest.mark.parametrize("verb", [Verb.SET, Verb.DELETE])
def test_a_record_that_cannot_be_read_back_fails_with_the_reason(verb: Verb) -> None:
    failure = _judge(b'{"key":"k","value":1}', _missing("INVALID_KEY"), verb=verb).failure
    assert failure is not None
    assert failure.code == "VERIFY_FAILED"
    assert "INVALID_KEY: said so" in failure.message


@pytest.mark.parametrize(
    ("ttl", "seconds", "state"),
    [(b"5", 10.0, State.SUCCEEDED), (b"60", 10.0, State.FAILED)],
)
def test_a_record_that_expired_meanwhile_does_not_fail(
    ttl: bytes, seconds: float, state: State
) -> None:
    body = b'{"key":"k","value":1,"options":{"ttl":{"value":%b,"unit":"SECONDS"}}}' % ttl
    assert _judge(body, _missing(), seconds_later=seconds).state is state
    expiring = _NOW + int(ttl)
    plain = b'{"key":"k","value":1}'
    outcome = _judge(plain, _missing(), seconds_later=seconds, expires_at=expiring)
    assert outcome.state is state


def test_a_ttl_may_have_begun_when_the_request_was_sent() -> None:
    body = b'{"key":"k","value":1,"options":{"ttl":{"value":20,"unit":"SECONDS"}}}'
    assert _judge(body, _missing(), elapsed_seconds=19.0).state is State.SUCCEEDED
    assert _judge(body, _missing(), elapsed_seconds=1.0).state is State.FAILED
