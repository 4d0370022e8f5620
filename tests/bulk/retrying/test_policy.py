"""The decision about each fault, and how long waits are."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.retrying.policy import EndRun, GiveUp, Renew, RetryPolicy, Split, Wait
from kvsctl.service.faults import Fault, FaultKind

_POLICIES = st.builds(
    RetryPolicy,
    retries=st.integers(0, 12),
    base_seconds=st.floats(0.01, 5),
    cap_seconds=st.floats(0.01, 60),
)
_RANDOMS = st.integers(0, 2**32).map(Random)
_TRIES = st.integers(1, 200)
_ASKED = st.one_of(st.none(), st.floats(0, 1e6))
_RETRIED = [FaultKind.UNREACHED, FaultKind.UNANSWERED, FaultKind.TROUBLED, FaultKind.THROTTLED]


def _fault(kind: FaultKind, asked: float | None = None, code: str = "CODE") -> Fault:
    return Fault(kind, code, "said so", retry_after_seconds=asked)


@given(_POLICIES, _TRIES, _RANDOMS)
def test_a_backoff_lies_between_nothing_and_its_bound(
    policy: RetryPolicy, tries: int, random: Random
) -> None:
    bound = min(policy.cap_seconds, policy.base_seconds * 2 ** (tries - 1))
    assert 0 <= policy.backoff_seconds(tries, random) <= bound


def test_a_backoff_uses_its_whole_range_and_doubles_it() -> None:
    policy, random = RetryPolicy(base_seconds=1, cap_seconds=6), Random(1)
    for tries, bound in [(1, 1), (2, 2), (3, 4), (4, 6), (5, 6), (2000, 6)]:
        waits = [policy.backoff_seconds(tries, random) for _ in range(300)]
        assert min(waits) < 0.1 * bound
        assert 0.9 * bound < max(waits) <= bound


@given(_POLICIES, st.sampled_from(_RETRIED), _TRIES, _ASKED, st.integers(1, 25), _RANDOMS)
def test_trouble_is_waited_out_up_to_a_bound(
    policy: RetryPolicy,
    kind: FaultKind,
    tries: int,
    asked: float | None,
    records: int,
    random: Random,
) -> None:
    decision = policy.decide(_fault(kind, asked), tries, records, random)
    allowed = policy.retries
    if kind is FaultKind.THROTTLED:
        allowed = max(20, 10 * allowed)
    if tries > allowed:
        assert decision == GiveUp()
        return
    assert isinstance(decision, Wait)
    obeyed = asked or 0.0
    cap_seconds = policy.cap_seconds
    if kind is FaultKind.THROTTLED:
        cap_seconds = min(2.0, cap_seconds)
    assert obeyed <= decision.seconds <= obeyed + cap_seconds


@pytest.mark.parametrize("tries", [1, 1000])
def test_other_faults_are_decided_by_their_kind(tries: int) -> None:
    policy, random = RetryPolicy(), Random(1)
    decisions = {
        kind: policy.decide(_fault(kind), tries, 2, random)
        for kind in FaultKind
        if kind not in _RETRIED
    }
    assert decisions == {
        FaultKind.UNAUTHORISED: Renew(),
        FaultKind.FORBIDDEN: EndRun(),
        FaultKind.UNTRUSTED: EndRun(),
        FaultKind.PROXY_REFUSED: EndRun(),
        FaultKind.MISDIRECTED: EndRun(),
        FaultKind.REFUSED: Split(),
    }
    assert policy.decide(_fault(FaultKind.REFUSED), tries, 1, random) == GiveUp()


def test_full_storage_has_no_more_patience_than_trouble() -> None:
    policy, random = RetryPolicy(retries=3), Random(1)
    full = _fault(FaultKind.THROTTLED, code="REQUEST_THROTTLED")
    decision = policy.decide(full, 3, 25, random)
    assert isinstance(decision, Wait)
    assert policy.decide(full, 4, 25, random) == GiveUp()


@given(_POLICIES, _TRIES, st.integers(0, 6), _RANDOMS)
def test_a_record_alone_is_asked_again_up_to_a_bound(
    policy: RetryPolicy, tries: int, times_left_out: int, random: Random
) -> None:
    decision = policy.decide_alone(tries, random, times_left_out=times_left_out)
    if tries > policy.retries or times_left_out > 3:
        assert decision == GiveUp()
    else:
        assert isinstance(decision, Wait)
        assert 0 <= decision.seconds <= policy.cap_seconds
