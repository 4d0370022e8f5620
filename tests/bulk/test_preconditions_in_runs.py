"""Runs that write only what changes the store, or only what is absent."""

import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import Precondition, ReadFirst, WriteIf
from kvsctl.model import Failure, Identity, Record, State, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.faults import Fault
from kvsctl.service.reply import AllDone, Reply
from tests.support.books import Ran, carry_out
from tests.support.records import identity
from tests.support.simulated.model_service import (
    BROKEN,
    TIMED_OUT,
    ModelService,
    Script,
    Turn,
    always,
    in_turn,
    refused,
    seeded,
)
from tests.support.simulated.virtual_time import Piece, Step

_ABSENT = (WriteIf.ABSENT, WriteIf.ABSENT_EXACT)


class _Store(ModelService):
    """A service that holds the values that were written, and may refuse to replace them."""

    creates = False

    def _land(self, verb: Verb, one: Record, *, answered: bool) -> None:
        if verb is Verb.SET and self.creates and one.identity in self.store:
            return
        super()._land(verb, one, answered=answered)
        if verb is Verb.SET:
            self.store[one.identity] = json.loads(one.body)["value"]

    def _meet(
        self, verb: Verb, records: list[Record], turn: Turn, token: Secret
    ) -> tuple[Reply | AllDone | None, Fault | None]:
        if verb is Verb.SET and self.creates and turn.fault is None:
            [record] = records
            if record.identity in self.store and record.identity not in turn.left_out:
                conflict = Failure("KEY_CONFLICT", "said the service")
                return Reply({}, {record.identity: conflict}), None
        return super()._meet(verb, records, turn, token)


def _store(script: Script = always(Turn()), *, held: dict[str, int] | None = None) -> _Store:  # noqa: B008
    service = _Store(script)
    service.store.update({identity(name): value for name, value in (held or {}).items()})
    return service


def _plan(write_if: WriteIf, **changes: object) -> RunPlan:
    given: dict[str, object] = {"precondition": Precondition(write_if), **changes}
    if write_if is WriteIf.ABSENT_EXACT:
        given["packing"] = PackingRule(1, 4_000_000)
    return RunPlan(Verb.SET, **given)  # type: ignore[arg-type]


def _valued(position: int, name: str, value: int, *, padding: int = 0) -> Record:
    body = b'{"key":"%b","value":%d%b}' % (name.encode(), value, b" " * padding)
    return Record(position, "in", position + 1, identity(name), body)


def _kinds(ran: Ran) -> list[tuple[str, int]]:
    return [(request.verb.value, request.records) for request in ran.books.requests]


def _skipped(ran: Ran) -> dict[int, str | None]:
    outcomes = ran.books.outcomes
    return {place: outcomes[place].skipped_by for place in ran.books.positions(State.SKIPPED)}


def test_only_what_differs_is_written_and_in_full_batches() -> None:
    service = _store(held={f"k{n}": 0 for n in range(1000)})
    records: list[Piece] = [_valued(n, f"k{n}", int(n % 20 == 0)) for n in range(1000)]
    ran = carry_out(_plan(WriteIf.CHANGED), [records], service)
    assert ran.books.states == {"succeeded": 50, "skipped": 950}
    assert sorted(_kinds(ran)) == [("get", 25)] * 40 + [("set", 25)] * 2
    assert {one.position for one in service.landings} == set(range(0, 1000, 20))
    assert set(_skipped(ran).values()) == {"unchanged"}


def test_what_differs_is_written_although_it_fills_no_batch() -> None:
    service = _store(held={"a": 1, "b": 1})
    ran = carry_out(
        _plan(WriteIf.CHANGED),
        [[_valued(0, "a", 2), _valued(1, "b", 1), _valued(2, "c", 3)]],
        service,
    )
    assert _kinds(ran) == [("get", 3), ("set", 2)]
    assert service.store == {identity("a"): 2, identity("b"): 1, identity("c"): 3}


def test_a_pipe_that_pauses_gets_what_differs_written() -> None:
    service = _store()
    steps: list[Step] = [[_valued(0, "a", 2)], [], 50.0, [_valued(1, "b", 3)]]
    ran = carry_out(_plan(WriteIf.CHANGED), steps, service)
    assert ran.books.settled_at[0] < 1.0


def test_what_was_read_is_written_before_newer_reads_if_only_the_oldest_may_go() -> None:
    service = _store()
    records: list[Piece] = [_valued(n, f"k{n}", 1) for n in range(30)]
    plan = _plan(WriteIf.CHANGED, packing=PackingRule(10, 4_000_000))
    ran = carry_out(
        plan, [records[:15], records[15:]], service, pressure=lambda: Pressure.OLDEST_ONLY
    )
    assert ran.books.states == {"succeeded": 30}
    assert [verb for verb, _ in _kinds(ran)][:4] == ["get", "set", "get", "set"]


def test_large_values_do_not_fill_the_window_for_ever() -> None:
    service = _store()
    records: list[Piece] = [_valued(n, f"k{n}", 1, padding=3000) for n in range(300)]
    plan = _plan(WriteIf.CHANGED, window_bytes=20_000)
    ran = carry_out(plan, [records], service)
    assert ran.books.states == {"succeeded": 300}


def test_a_newer_record_is_compared_with_what_the_older_one_wrote() -> None:
    service = _store(held={"k": 2})
    steps: list[Step] = [[_valued(0, "k", 1)], [], 0.05, [_valued(1, "k", 2)], []]
    ran = carry_out(_plan(WriteIf.CHANGED), steps, service)
    assert ran.books.states == {"succeeded": 2}
    assert service.store == {identity("k"): 2}


def test_a_superseded_record_is_neither_read_nor_written() -> None:
    service = _store(held={"k": 3})
    ran = carry_out(_plan(WriteIf.CHANGED), [[_valued(0, "k", 1), _valued(1, "k", 3)]], service)
    assert ran.books.states == {"duplicates": 1, "skipped": 1}
    assert service.landings == []


def test_a_failed_read_fails_the_record_and_no_other() -> None:
    bad = identity("b")
    service = _Store(poison=frozenset({bad}))
    ran = carry_out(
        _plan(WriteIf.CHANGED), [[_valued(n, name, 1) for n, name in enumerate("abc")]], service
    )
    assert ran.books.states == {"succeeded": 2, "failed": 1}
    failure = ran.books.outcomes[1].failure
    assert failure is not None
    assert failure.code == "INVALID_KEY"
    assert failure.message.startswith("not written, because reading it first failed")
    assert bad not in service.store


def test_reads_and_writes_are_retried_each_for_itself() -> None:
    script = in_turn(Turn(fault=BROKEN), Turn(), Turn(fault=TIMED_OUT), Turn(fault=BROKEN))
    service = _store(script, held={"a": 1})
    plan = _plan(WriteIf.CHANGED, retry=RetryPolicy(retries=2))
    ran = carry_out(plan, [[_valued(0, "a", 1), _valued(1, "b", 1)]], service)
    assert [verb for verb, _ in _kinds(ran)] == ["get", "get", "set", "set", "set"]
    assert ran.books.states == {"skipped": 1, "succeeded": 1}
    written = service.requests[-1].records[0]
    assert (written.attempts, written.ambiguous) == (3, True)


def test_a_token_that_expires_before_the_write_is_renewed() -> None:
    service = _Store(renewals=1)
    ran = carry_out(
        _plan(WriteIf.CHANGED),
        [[_valued(0, "a", 1)]],
        service,
        moments=[(0.11, lambda _: service.revoked.add(service.token))],
    )
    assert ran.books.states == {"succeeded": 1}


@pytest.mark.parametrize("how", [Run.stop, Run.abort])
def test_a_run_that_is_stopped_leaves_what_was_only_read_unsent(how: object) -> None:
    service = _store()
    plan = _plan(WriteIf.CHANGED, concurrency=1, packing=PackingRule(2, 4_000_000))
    records: list[Piece] = [_valued(n, f"k{n}", 1) for n in range(6)]
    ran = carry_out(plan, [records], service, moments=[(0.05, how)])  # type: ignore[list-item]
    assert ran.books.states == {"unsent": 6}
    assert service.landings == []


def test_a_run_that_is_cut_off_while_it_writes_does_not_know() -> None:
    ran = carry_out(
        _plan(WriteIf.CHANGED), [[_valued(0, "a", 1)]], _store(), moments=[(0.15, Run.abort)]
    )
    assert ran.books.states == {"unknown": 1}


def test_problems_and_records_that_need_no_read_go_their_way() -> None:
    ttl = b'{"key":"t","value":1,"options":{"ttl":{"value":1,"unit":"DAYS"}}}'
    service = _store(held={"t": 1, "a": 1})
    asks_for_ttl = Record(1, "in", 2, identity("t"), ttl)
    ran = carry_out(_plan(WriteIf.CHANGED), [[_valued(0, "a", 1), asks_for_ttl]], service)
    assert ran.books.states == {"skipped": 1, "succeeded": 1}
    assert sorted(_kinds(ran)) == [("get", 1), ("set", 1)]
    alone = carry_out(_plan(WriteIf.CHANGED), [[Record(0, "in", 1, identity("t"), ttl)]], service)
    assert _kinds(alone) == [("set", 1)]


@pytest.mark.parametrize("write_if", _ABSENT)
def test_only_what_is_absent_is_written(write_if: WriteIf) -> None:
    service = _store(held={"a": 1})
    service.creates = write_if is WriteIf.ABSENT_EXACT
    ran = carry_out(_plan(write_if), [[_valued(0, "a", 2), _valued(1, "b", 3)]], service)
    assert _skipped(ran) == {0: "exists"}
    assert service.store == {identity("a"): 1, identity("b"): 3}


@pytest.mark.parametrize("write_if", _ABSENT)
def test_the_first_record_of_a_key_wins_because_it_exists_for_the_others(write_if: WriteIf) -> None:
    service = _store()
    service.creates = write_if is WriteIf.ABSENT_EXACT
    ran = carry_out(_plan(write_if), [[_valued(n, "k", n) for n in range(3)]], service)
    assert ran.books.states == {"succeeded": 1, "duplicates": 1, "skipped": 1}
    assert service.store == {identity("k"): 0}


def test_many_keys_that_exist_do_not_end_the_run() -> None:
    service = _store(held={f"k{n}": 0 for n in range(200)})
    service.creates = True
    records: list[Piece] = [_valued(n, f"k{n}", 1) for n in range(200)]
    ran = carry_out(_plan(WriteIf.ABSENT_EXACT, give_up_after=3), [records], service)
    assert ran.error is None
    assert ran.books.states == {"skipped": 200}


@pytest.mark.parametrize(("held", "state"), [(None, "succeeded"), (7, "skipped")])
def test_a_refusal_after_an_unanswered_attempt_is_read_back(held: int | None, state: str) -> None:
    service = _store(in_turn(Turn(fault=TIMED_OUT, applies=True)))
    service.creates = True
    if held is not None:
        service.store[identity("k")] = held
    ran = carry_out(_plan(WriteIf.ABSENT_EXACT), [[_valued(0, "k", 1)]], service)
    assert [verb for verb, _ in _kinds(ran)] == ["set", "set", "get"]
    assert ran.books.states == {state: 1}
    subject = ran.books.outcomes[0].subject
    assert isinstance(subject, Record)
    assert subject.ambiguous


def test_verify_reads_back_what_was_written() -> None:
    service = _store(held={"a": 1})
    plan = _plan(WriteIf.CHANGED, verify=True)
    ran = carry_out(plan, [[_valued(0, "a", 1), _valued(1, "b", 2)]], service)
    assert _kinds(ran) == [("get", 2), ("set", 1), ("get", 1)]
    assert ran.books.states == {"skipped": 1, "succeeded": 1}


# Whatever happens


def _pieces(random: Random) -> tuple[list[Step], list[Record]]:
    steps: list[Step] = []
    records: list[Record] = []
    for _ in range(random.randint(0, 12)):
        pieces: list[Piece] = []
        for _ in range(random.randint(0, 8)):
            one = _valued(len(records), f"k{random.randrange(5)}", random.randrange(3))
            records.append(one)
            pieces.append(one)
        steps += [pieces, random.choice((0.0, 0.06, 3.0))]
    return steps, records


def _held(random: Random) -> dict[Identity, int]:
    return {identity(f"k{n}"): random.randrange(3) for n in range(random.randint(0, 5))}


@settings(max_examples=150)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.sampled_from([one for one in WriteIf if one is not WriteIf.CHOSEN]),
)
def test_the_store_ends_as_if_records_were_applied_in_order(
    seed: int, rate: float, write_if: WriteIf
) -> None:
    random = Random(seed)
    rule = PackingRule(random.randint(1, 6), random.choice((60, 4000)))
    if write_if is WriteIf.ABSENT_EXACT:
        rule = PackingRule(1, 4000)
    trouble = seeded(random, rate)

    def script(records: Sequence[Record]) -> Turn:
        return replace(trouble(records), late_seconds=0.0)

    service = _Store(script, rule=rule)
    service.creates = write_if is WriteIf.ABSENT_EXACT
    held = _held(random)
    service.store.update(held)
    plan = RunPlan(
        Verb.SET,
        precondition=Precondition(write_if),
        packing=rule,
        concurrency=random.randint(1, 6),
        retry=RetryPolicy(retries=60),
        give_up_after=10**9,
        patience_seconds=1e9,
    )
    steps, records = _pieces(random)
    ran = carry_out(plan, steps, service)
    outcomes = ran.books.outcomes
    for name in {one.identity for one in records} | set(held):
        ended = [outcomes[one.position] for one in records if one.identity == name]
        if any(one.state is State.FAILED for one in ended):
            continue  # left out until retries ended: nobody knows whether it was applied
        expected = held.get(name)
        for one in records:
            if one.identity == name and not (write_if in _ABSENT and expected is not None):
                expected = json.loads(one.body)["value"]
        assert service.store.get(name) == expected
        for outcome in ended:
            if outcome.state is State.SKIPPED:
                assert outcome.skipped_by == ("exists" if write_if in _ABSENT else "unchanged")


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_without_trouble_each_write_changes_the_store(seed: int) -> None:
    random = Random(seed)
    service = _Store()
    service.store.update(_held(random))
    changes: list[bool] = []
    land = service._land

    def landing(verb: Verb, one: Record, *, answered: bool) -> None:
        before = service.store.get(one.identity)
        land(verb, one, answered=answered)
        if verb is Verb.SET:
            changes.append(service.store[one.identity] != before)

    service._land = landing  # type: ignore[method-assign]
    steps, _ = _pieces(random)
    carry_out(_plan(WriteIf.CHANGED), steps, service)
    assert all(changes)


@settings(max_examples=100)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.1, 0.11, 0.5, 1.5, 4.0]),
    st.sampled_from([Run.stop, Run.abort]),
    st.sampled_from([WriteIf.CHANGED, WriteIf.ABSENT, WriteIf.ABSENT_EXACT]),
)
def test_a_run_that_is_stopped_claims_no_more_than_it_did(
    seed: int, moment: float, how: object, write_if: WriteIf
) -> None:
    random = Random(seed)
    service = _Store(seeded(random, random.choice((0.0, 0.3))))
    service.creates = write_if is WriteIf.ABSENT_EXACT
    service.store.update(_held(random))
    steps, _ = _pieces(random)
    plan = _plan(write_if, concurrency=random.randint(1, 4), give_up_after=10**9)
    ran = carry_out(plan, steps, service, moments=[(moment, how)])  # type: ignore[list-item]
    landed = {landing.position for landing in service.landings}
    read = {
        one.position
        for request in service.requests
        for one in request.records
        if isinstance(one, ReadFirst)
    }
    for place, outcome in ran.books.outcomes.items():
        match outcome.state:
            case State.SUCCEEDED:
                # An equal value after an unanswered attempt counts as that attempt's.
                subject = outcome.subject
                assert place in landed or (isinstance(subject, Record) and subject.ambiguous)
            case State.UNSENT | State.DUPLICATE:
                assert place not in landed
            case State.SKIPPED if write_if is not WriteIf.ABSENT_EXACT:
                assert place in read
            case State.FAILED if place in landed:
                assert isinstance(outcome.subject, Record)
                assert outcome.subject.ambiguous


def test_a_refused_write_fails_as_without_a_precondition() -> None:
    service = _store()
    service.script = lambda records: (
        Turn() if isinstance(records[0], ReadFirst) else Turn(fault=refused(400, "MAX_SIZE"))
    )
    ran = carry_out(_plan(WriteIf.CHANGED), [[_valued(0, "a", 1)]], service)
    assert ran.books.code(0) == "MAX_SIZE"
