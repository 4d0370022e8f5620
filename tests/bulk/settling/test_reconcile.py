"""Matching a batch with its reply."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.settling.reconcile import ReadPolicy, failed, never_named, reconcile
from kvsctl.model import Failure, Found, Identity, Outcome, State, Verb
from kvsctl.service.faults import means_later, means_missing
from kvsctl.service.reply import AllDone, Reply
from tests.support.records import identity, record

_NAMES = [f"k{place}" for place in range(6)] + ["ent/k0"]
_IDENTITIES = st.sampled_from(_NAMES).map(identity)
_MISSING = ["KEY_NOT_FOUND", "NOT_FOUND"]
_CODES = st.sampled_from(["TIMEOUT", "TOO_MANY_REQUESTS", "INVALID_KEY", *_MISSING])
_NOW = 1_767_225_600.0
_EXPIRIES = st.sampled_from([None, "2025-12-31T23:59:59Z", "2026-01-01T00:00:01Z", "soon"])
_REPLIES = st.builds(
    Reply,
    st.dictionaries(_IDENTITIES, st.builds(Found, st.just(b"1"), expire_time=_EXPIRIES)),
    st.dictionaries(_IDENTITIES, st.builds(Failure, _CODES, st.just("no"))),
)
_POLICIES = st.builds(ReadPolicy, st.booleans(), st.booleans())


@given(st.sampled_from(Verb), st.sets(st.sampled_from(_NAMES), min_size=1), _REPLIES, _POLICIES)
def test_each_record_gets_one_outcome_or_is_asked_again(
    verb: Verb, names: set[str], reply: Reply, policy: ReadPolicy
) -> None:
    records = [record(place, name) for place, name in enumerate(sorted(names))]
    result = reconcile(verb, records, reply, policy, _NOW)
    later = [one for one, _ in result.later]
    ends = [outcome.subject for outcome in result.outcomes] + result.left_out + later

    def named(whose: Identity) -> Identity:
        """The identity by which the reply names it: without its entity, if the key is unique."""
        bare = Identity(None, whose.key)
        is_once = [one.identity.key for one in records].count(whose.key) == 1
        is_named = whose in reply.succeeded or whose in reply.failed
        return bare if is_once and not is_named else whose

    assert sorted(end.position for end in ends) == list(range(len(records)))
    for one in result.left_out:
        assert named(one.identity) not in reply.succeeded
        assert named(one.identity) not in reply.failed
    for one, failure in result.later:
        assert failure is reply.failed[named(one.identity)]
        assert means_later(failure.code)
    for outcome in result.outcomes:
        assert outcome.subject.identity is not None
        name = named(outcome.subject.identity)
        refused = reply.failed.get(name)
        if outcome.state is State.SUCCEEDED and refused is not None:
            assert verb is Verb.DELETE
            assert means_missing(refused.code)
        elif outcome.state is State.SUCCEEDED:
            assert outcome.found is reply.succeeded[name]
        elif outcome.state is State.FAILED:
            assert refused is not None
            is_named_anew = verb is Verb.GET and refused.code == "NOT_FOUND"
            assert outcome.failure == refused._replace(
                code="KEY_NOT_FOUND" if is_named_anew else refused.code
            )
            assert verb is Verb.SET or outcome.failure.code != "NOT_FOUND"
        else:
            assert outcome.state is State.SKIPPED
            assert outcome.skipped_by in ("missing", "expired")


@given(st.sets(st.sampled_from(_NAMES), min_size=1), st.data(), _POLICIES)
def test_a_reply_without_names_equals_one_that_names_every_key(
    names: set[str], data: st.DataObject, policy: ReadPolicy
) -> None:
    records = [record(place, name) for place, name in enumerate(sorted(names))]
    founds = st.builds(Found, st.just(b"1"), expire_time=_EXPIRIES)
    found = data.draw(st.none() | st.lists(founds, min_size=len(names), max_size=len(names)))
    identities = [one.identity for one in records]
    named: dict[Identity, Found | None] = dict.fromkeys(identities)
    named.update(zip(identities, found or [], strict=found is not None))
    result = reconcile(Verb.GET, records, AllDone(found), policy, _NOW)
    slowly = reconcile(Verb.GET, records, Reply(named, {}), policy, _NOW)
    assert list(map(_parts, result.outcomes)) == list(map(_parts, slowly.outcomes))
    assert (result.left_out, result.later) == ([], [])
    assert list(map(_parts, result.outcomes[1:])) == list(map(_parts, slowly.outcomes[1:]))
    assert _parts(result.outcomes[0]) == _parts(slowly.outcomes[0])


def _parts(outcome: Outcome) -> tuple[object, ...]:
    return (outcome.subject, outcome.state, outcome.failure, outcome.found, outcome.skipped_by)


def _only(reply: Reply, policy: ReadPolicy | None = None, verb: Verb = Verb.GET) -> Outcome:
    result = reconcile(verb, [record(0)], reply, policy or ReadPolicy(), _NOW)
    assert (result.left_out, result.later) == ([], [])
    [outcome] = result.outcomes
    return outcome


def test_a_key_in_both_lists_failed() -> None:
    key, failure = identity("k"), Failure("INVALID_KEY", "no")
    assert _only(Reply({key: None}, {key: failure})).failure is failure


def test_a_key_in_neither_list_is_not_a_success() -> None:
    one = record(0, "ent/k")
    reply = Reply({identity("other/k"): None}, {})
    result = reconcile(Verb.GET, [one], reply, ReadPolicy(), _NOW)
    assert (result.outcomes, result.left_out, result.later) == ([], [one], [])


@pytest.mark.parametrize(
    ("ignore_missing", "state", "skipped_by"),
    [(True, State.SKIPPED, "missing"), (False, State.FAILED, None)],
)
@pytest.mark.parametrize("code", _MISSING)
def test_a_missing_key_fails_or_is_skipped(
    code: str, ignore_missing: bool, state: State, skipped_by: str | None
) -> None:
    reply = Reply({}, {identity("k"): Failure(code, "no")})
    outcome = _only(reply, ReadPolicy(ignore_missing=ignore_missing))
    assert (outcome.state, outcome.skipped_by) == (state, skipped_by)
    if outcome.failure is not None:
        assert outcome.failure.code == "KEY_NOT_FOUND"


@pytest.mark.parametrize("code", _MISSING)
def test_deleting_a_missing_key_succeeds_and_setting_one_fails(code: str) -> None:
    reply = Reply({}, {identity("k"): Failure(code, "no")})
    deleted = _only(reply, verb=Verb.DELETE)
    assert (deleted.state, deleted.failure) == (State.SUCCEEDED, None)
    refused = _only(reply, verb=Verb.SET).failure
    assert refused is not None
    assert refused.code == code


def test_only_missing_keys_count_as_missing() -> None:
    failure = Failure("INVALID_KEY", "no")
    assert failed(record(0), failure, ReadPolicy(ignore_missing=True)).failure is failure


@pytest.mark.parametrize(
    ("expire_time", "state"),
    [
        ("2025-12-31T23:59:59Z", State.SKIPPED),
        ("2026-01-01T00:00:00.000Z", State.SKIPPED),
        ("2026-01-01T01:00:00+01:00", State.SKIPPED),
        ("2026-01-01T00:00:00.001Z", State.SUCCEEDED),
        (None, State.SUCCEEDED),
        ("never", State.SUCCEEDED),
    ],
)
def test_expired_records_are_skipped_if_asked(expire_time: str | None, state: State) -> None:
    reply = Reply({identity("k"): Found(b"1", expire_time=expire_time)}, {})
    assert _only(reply, ReadPolicy(skip_expired=True)).state is state
    assert _only(reply).state is State.SUCCEEDED


@pytest.mark.parametrize("moment", ["2026-01-01T00:00:00", "0001-01-01T00:00:00"])
@pytest.mark.parametrize("zone", ["UTC-12", "UTC+9"])
def test_a_time_without_zone_is_utc(
    moment: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Reply({identity("k"): Found(b"1", expire_time=moment)}, {})
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        outcome = _only(reply, ReadPolicy(skip_expired=True))
    time.tzset()
    assert outcome.state is State.SKIPPED


def test_a_record_that_was_never_named_has_a_code_of_its_verb() -> None:
    assert never_named(Verb.GET).code == "KEY_NOT_FOUND"
    assert never_named(Verb.SET).code == never_named(Verb.DELETE).code == "NO_ANSWER"


def test_a_key_that_is_in_the_batch_once_is_matched_without_its_entity_name() -> None:
    one, other = record(0, "users/a"), record(1, "users/b")
    reply = Reply({Identity(None, "a"): None}, {Identity(None, "b"): Failure("INVALID_KEY", "no")})
    result = reconcile(Verb.SET, [one, other], reply, ReadPolicy(), 0.0)
    assert [outcome.state for outcome in result.outcomes] == [State.SUCCEEDED, State.FAILED]
    assert result.left_out == []


def test_a_key_that_is_in_the_batch_twice_is_not_matched_without_its_entity_name() -> None:
    one, other = record(0, "users/a"), record(1, "orders/a")
    plain = record(2, "a")
    reply = Reply({Identity(None, "a"): None}, {})
    result = reconcile(Verb.SET, [one, other], reply, ReadPolicy(), 0.0)
    assert (result.outcomes, result.left_out) == ([], [one, other])
    result = reconcile(Verb.SET, [one, plain], reply, ReadPolicy(), 0.0)
    assert [outcome.subject for outcome in result.outcomes] == [plain]
    assert result.left_out == [one]


@pytest.mark.parametrize("value", [b"9007199254740992", b'{"a":[-1e21]}', b"1", b'"9e99"'])
def test_what_a_bridge_may_have_rounded_fails_if_it_is_refused(value: bytes) -> None:
    is_doubtful = value in (b"9007199254740992", b'{"a":[-1e21]}')
    one, found = record(0, "a"), Found(value)
    for reply in (AllDone([found]), Reply({one.identity: found}, {})):
        for refuses in (True, False):
            policy = ReadPolicy(refuses_rounded=refuses)
            [outcome] = reconcile(Verb.GET, [one], reply, policy, _NOW).outcomes
            if refuses and is_doubtful:
                assert (outcome.state, outcome.found) == (State.FAILED, None)
                assert outcome.failure is not None
                assert outcome.failure.code == "NUMBER_NOT_EXACT"
            else:
                assert (outcome.state, outcome.found) == (State.SUCCEEDED, found)


def test_what_is_skipped_anyway_is_not_refused() -> None:
    policy = ReadPolicy(skips=lambda *_: "unselected", refuses_rounded=True)
    [outcome] = reconcile(
        Verb.GET, [record(0, "a")], AllDone([Found(b"1e300")]), policy, _NOW
    ).outcomes
    assert outcome.skipped_by == "unselected"


@pytest.mark.parametrize("value", [b"null", b'{"a":[null]}', b'["\\"null",null]'])
def test_a_null_fails_only_if_a_bridge_may_have_written_it_for_a_number(value: bytes) -> None:
    for value_found, doubts, fails in (
        (value, True, True),
        (value, False, False),
        (b'"null"', True, False),
        (b'{"null":1}', True, False),
    ):
        policy = ReadPolicy(refuses_rounded=True, refuses_nulls=doubts)
        reply = AllDone([Found(value_found)])
        [outcome] = reconcile(Verb.GET, [record(0, "a")], reply, policy, _NOW).outcomes
        assert (outcome.state is State.FAILED) is fails
        if outcome.failure is not None:
            assert outcome.failure.code == "NUMBER_NOT_EXACT"
            assert "kvsctl bridge init" in outcome.failure.message
