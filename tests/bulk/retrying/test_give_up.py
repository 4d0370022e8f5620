"""When a run is given up."""

import pytest

from kvsctl.bulk.retrying.give_up import Patience, refused_end
from kvsctl.errors import CredentialsError, KvsctlError, TargetError
from kvsctl.service.faults import Fault, FaultKind
from tests.support.simulated.model_service import BROKEN, THROTTLED, refused

_UNAUTHORISED = refused(401, "UNAUTHORIZED")
_REFUSED = refused(400, "INVALID_KEY")


def _fail(patience: Patience, now: float = 0.0) -> TargetError | None:
    """Fail a request that was sent after the last failure."""
    return patience.note_fault(BROKEN, now, counts=True, begun_in=patience.rounds_begun)


def test_consecutive_failed_requests_end_the_run() -> None:
    patience = Patience(3, 60)
    for _ in range(2):
        assert _fail(patience) is None
    assert patience.note_answer(did_something=False, last="KEY") is None
    for _ in range(2):
        assert _fail(patience) is None
        for fault, counts in ((BROKEN, False), (_UNAUTHORISED, True), (THROTTLED, True)):
            begun_in = patience.rounds_begun
            assert patience.note_fault(fault, 0, counts=counts, begun_in=begun_in) is None
    ending = _fail(patience)
    assert isinstance(ending, TargetError)
    assert "gave up after 3 consecutive failed requests" in ending.message
    assert BROKEN.code in ending.message


def test_requests_that_fail_together_are_consecutive_only_if_that_lasts() -> None:
    patience = Patience(3, 60)
    for _ in range(50):
        assert patience.note_fault(BROKEN, 5.0, counts=True, begun_in=0) is None
    assert patience.note_fault(BROKEN, 24.9, counts=True, begun_in=0) is None
    ending = patience.note_fault(BROKEN, 25.0, counts=True, begun_in=0)
    assert isinstance(ending, TargetError)
    patience.note_answer(did_something=True, last="")
    assert patience.note_fault(BROKEN, 60.0, counts=True, begun_in=0) is None


@pytest.mark.parametrize("fault", [THROTTLED, refused(429, "REQUEST_THROTTLED")])
def test_nothing_but_429_ends_the_run_after_a_time(fault: Fault) -> None:
    patience = Patience(20, 60)
    assert patience.note_fault(fault, 1000.0, counts=True, begun_in=0) is None
    assert patience.note_fault(BROKEN, 1010.0, counts=True, begun_in=0) is None
    assert patience.note_fault(fault, 1059.9, counts=True, begun_in=0) is None
    ending = patience.note_fault(fault, 1060.0, counts=True, begun_in=0)
    assert isinstance(ending, TargetError)
    assert "gave up after 60 s of nothing but 429 responses" in ending.message
    assert ending.hint is not None
    assert "--patience" in ending.hint


def test_an_answer_begins_that_time_anew() -> None:
    patience = Patience(20, 60)
    assert patience.note_fault(THROTTLED, 0.0, counts=True, begun_in=0) is None
    assert patience.note_answer(did_something=True, last="") is None
    assert patience.note_fault(THROTTLED, 50.0, counts=True, begun_in=0) is None
    assert patience.note_fault(THROTTLED, 109.0, counts=True, begun_in=0) is None


def test_consecutive_429s_are_counted_until_an_answer() -> None:
    patience = Patience(2, 60)
    seen = []
    for _ in range(2):
        patience.note_fault(THROTTLED, 0.0, counts=True, begun_in=0)
        seen.append(patience.consecutive_throttled)
    patience.note_answer(did_something=False, last="")
    assert [*seen, patience.consecutive_throttled] == [1, 2, 0]


@pytest.mark.parametrize("answered", [True, False])
def test_requests_without_a_success_end_the_run_however_they_end(answered: bool) -> None:
    patience = Patience(2, 1e9)

    def fruitless() -> TargetError | None:
        if answered:
            return patience.note_answer(did_something=False, last="KEY_CONFLICT: no")
        return patience.note_fault(_REFUSED, 0.0, counts=False, begun_in=0)

    for _ in range(99):
        assert fruitless() is None
    assert patience.note_answer(did_something=True, last="") is None
    for _ in range(99):
        assert fruitless() is None
    ending = fruitless()
    assert isinstance(ending, TargetError)
    assert "gave up after 100 consecutive requests without a success" in ending.message
    assert ("KEY_CONFLICT: no" if answered else "INVALID_KEY") in ending.message


@pytest.mark.parametrize(
    ("kind", "error", "said", "advice"),
    [
        (FaultKind.UNTRUSTED, TargetError, "cannot trust the target", "SSL_CERT_FILE"),
        (FaultKind.PROXY_REFUSED, TargetError, "through the proxy", "HTTPS_PROXY"),
        (FaultKind.MISDIRECTED, TargetError, "does not answer like the service", "URL"),
        (FaultKind.FORBIDDEN, CredentialsError, "refused the credentials", "permission"),
        (FaultKind.UNAUTHORISED, CredentialsError, "refused the credentials", "KVSCTL_TOKEN"),
    ],
)
def test_a_refused_run_ends_with_its_cause_and_advice(
    kind: FaultKind, error: type[KvsctlError], said: str, advice: str
) -> None:
    ending = refused_end(Fault(kind, "CODE", "why", trace_id="t1"))
    assert type(ending) is error
    assert said in ending.message
    assert ending.message.endswith(": CODE: why (trace t1)")
    assert ending.hint is not None
    assert advice in ending.hint


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORISED, FaultKind.FORBIDDEN])
def test_the_advice_about_a_proxy_speaks_of_no_source_of_tokens(kind: FaultKind) -> None:
    ending = refused_end(Fault(kind, "CODE", "why", takes_no_token=True))
    assert isinstance(ending, CredentialsError)
    assert ending.message == "the target refused the credentials: CODE: why"
    assert ending.hint is not None
    assert "takes no token" in ending.hint
    assert "FORGE_EGRESS_PROXY_URL" in ending.hint


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("WRONG_INSTALLATION", "Give the id of the installation that the bridge is in"),
        ("READ_ONLY_TOKEN", "Provide the token that may write"),
        ("FORBIDDEN", "The token has no permission"),
    ],
)
def test_a_refusal_of_a_bridge_has_the_hint_of_its_cause(code: str, hint: str) -> None:
    ending = refused_end(Fault(FaultKind.FORBIDDEN, code, "why", 403))
    assert ending.hint is not None
    assert ending.hint.startswith(hint)
