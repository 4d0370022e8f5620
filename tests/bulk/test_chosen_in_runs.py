"""Runs that delete only what is still chosen when it is read again, just before."""

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.precondition import Chooses, Keeper, Precondition, WriteIf
from kvsctl.errors import StreamError
from kvsctl.model import Found, Identity, Record, State, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.client import Answer
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


class _Shared(ModelService):
    """A service that someone else writes to as well, before each of the requests.

    `attempts`: what the answer to the newest read had for each record of a delete request. A read
    serves one attempt.
    """

    def __init__(self, script: Script, others: Random | None = None) -> None:
        super().__init__(script)
        self.others = others
        self._read: dict[Identity, int] = {}
        self.attempts: list[tuple[Identity, int | None]] = []

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        if self.others is not None and self.others.random() < 0.4:
            self.store[identity(f"k{self.others.randrange(12)}")] = self.others.randrange(3)
        if verb is Verb.DELETE:
            names = [one.identity for one in records]
            self.attempts += [(name, self._read.pop(name, None)) for name in names]
        return await super().call(verb, records)

    def _meet(
        self, verb: Verb, records: list[Record], turn: Turn, token: Secret
    ) -> tuple[Reply | AllDone | None, Fault | None]:
        reply, fault = super()._meet(verb, records, turn, token)
        if verb is Verb.GET and isinstance(reply, AllDone):
            for one, found in zip(records, reply.found or (), strict=True):
                self._read[one.identity] = int(found.value)
        elif verb is Verb.GET and isinstance(reply, Reply):
            for name, held in reply.succeeded.items():
                assert held is not None
                self._read[name] = int(held.value)
        return reply, fault


class _Kept(Keeper):
    """Keeps what was read. `fails`: from then on nothing reaches the disk."""

    def __init__(self, *, fails: bool = False) -> None:
        self.taken: list[tuple[Identity, bytes]] = []
        self.synced = 0
        self._fails = fails

    def keep(self, record: Record, found: Found) -> None:
        self.taken.append((record.identity, found.value))

    async def kept(self) -> None:
        if self._fails:
            raise StreamError("the disk is full")
        self.synced = len(self.taken)


def _store(script: Script = always(Turn()), *, others: Random | None = None) -> _Shared:  # noqa: B008
    return _Shared(script, others)


def _plan(chooses: Chooses | None, keeper: Keeper | None = None, **changes: object) -> RunPlan:
    condition = Precondition(WriteIf.CHOSEN, chooses=chooses, keeper=keeper)
    return RunPlan(Verb.DELETE, precondition=condition, **changes)  # type: ignore[arg-type]


def _keys(count: int) -> list[Record]:
    names = [identity(f"k{number}") for number in range(count)]
    bodies = [b'{"key":"%b"}' % name.key.encode() for name in names]
    return [Record(at, "in", at + 1, names[at], bodies[at]) for at in range(count)]


def _is_even(_record: Record, found: Found, _now: float) -> bool:
    return int(found.value) % 2 == 0


def _kinds(ran: Ran) -> list[tuple[str, int]]:
    return [(request.verb.value, request.records) for request in ran.books.requests]


def test_only_what_is_still_chosen_is_deleted() -> None:
    service = _store()
    service.store.update({one.identity: one.position for one in _keys(30)})
    ran = carry_out(_plan(_is_even), [[*_keys(31)]], service)
    assert ran.books.states == {"succeeded": 15, "skipped": 16}
    skipped = [ran.books.outcomes[place].skipped_by for place in ran.books.positions(State.SKIPPED)]
    assert sorted(map(str, skipped)) == ["changed"] * 15 + ["missing"]
    assert sorted(service.store.values()) == list(range(1, 30, 2))


def test_what_was_read_is_deleted_at_once_and_not_collected_until_it_fills_a_batch() -> None:
    service = _store()
    service.store.update({one.identity: one.position for one in _keys(75)})
    ran = carry_out(_plan(_is_even, concurrency=1), [[*_keys(75)]], service)
    assert _kinds(ran) == [("get", 25), ("delete", 13), ("get", 25), ("delete", 12),
                           ("get", 25), ("delete", 13)]  # fmt: skip


def test_without_a_condition_of_its_own_whatever_is_there_is_deleted() -> None:
    service = _store()
    service.store[identity("k0")] = 1
    ran = carry_out(_plan(None), [[*_keys(2)]], service)
    assert ran.books.states == {"succeeded": 1, "skipped": 1}
    assert service.store == {}


def test_what_is_sent_again_is_read_again_before() -> None:
    service = _store(in_turn(Turn(), Turn(fault=BROKEN)))
    service.store[identity("k0")] = 0
    call = service.call

    async def calling(verb: Verb, records: Sequence[Record]) -> Answer:
        answer = await call(verb, records)
        if verb is Verb.DELETE:
            service.store[identity("k0")] = 1  # by someone else, while the run waits
        return answer

    service.call = calling  # type: ignore[method-assign]
    ran = carry_out(_plan(_is_even), [[*_keys(1)]], service)
    assert ran.books.outcomes[0].skipped_by == "changed"
    assert _kinds(ran) == [("get", 1), ("delete", 1), ("get", 1)]
    assert service.store == {identity("k0"): 1}


def test_a_record_that_an_unanswered_attempt_has_deleted_counts_as_deleted() -> None:
    service = _store(in_turn(Turn(), Turn(fault=TIMED_OUT, applies=True)))
    service.store[identity("k0")] = 0
    ran = carry_out(_plan(_is_even), [[*_keys(1)]], service)
    assert ran.books.states == {"succeeded": 1}
    assert _kinds(ran) == [("get", 1), ("delete", 1), ("get", 1)]


def test_a_run_that_is_out_of_time_still_finds_out_what_an_unanswered_attempt_did() -> None:
    service = _store(in_turn(Turn(), Turn(fault=TIMED_OUT, applies=True)))
    service.store.update({one.identity: 0 for one in _keys(2)})
    moments = [(0.15, Run.run_out_of_time)]
    ran = carry_out(_plan(_is_even), [[*_keys(2)]], service, moments=moments)
    assert ran.books.states == {"succeeded": 2}
    assert _kinds(ran) == [("get", 2), ("delete", 2), ("get", 2)]


def test_a_refused_batch_is_split_and_its_good_records_are_deleted() -> None:
    service = _store()
    service.store.update({one.identity: 0 for one in _keys(25)})
    bad = identity("k7")

    def script(records: Sequence[Record]) -> Turn:
        is_read = len(service.requests) == 1
        names = {one.identity for one in records}
        return Turn() if is_read or bad not in names else Turn(fault=refused(400, "INVALID_KEY"))

    service.script = script
    ran = carry_out(_plan(_is_even), [[*_keys(25)]], service)
    assert ran.books.states == {"succeeded": 24, "failed": 1}
    assert set(service.store) == {bad}


def test_nothing_is_deleted_before_it_is_kept() -> None:
    kept = _Kept(fails=True)
    service = _store()
    service.store.update({one.identity: 0 for one in _keys(3)})
    ran = carry_out(_plan(None, kept), [[*_keys(3)]], service)
    assert isinstance(ran.error, StreamError)
    assert ran.books.states == {"unsent": 3}
    assert len(service.store) == 3


def test_what_cannot_be_read_is_not_deleted_and_says_so() -> None:
    service = _store(always(Turn(fault=refused(400, "TOO_BAD"))))
    ran = carry_out(_plan(None), [[*_keys(1)]], service)
    failure = ran.books.outcomes[0].failure
    assert failure is not None
    assert failure.message.startswith("not changed, because reading it first failed: ")


@settings(max_examples=150)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.sampled_from([None, Run.stop, Run.abort]),
)
def test_whatever_others_write_each_delete_follows_a_read_that_chose(
    seed: int, rate: float, end: object
) -> None:
    """Between that read and the delete, others may still write: that race is documented."""
    random = Random(seed)
    service = _store(seeded(random, rate), others=random)
    service.store.update({one.identity: random.randrange(3) for one in _keys(12)})
    kept = _Kept()
    plan = _plan(
        _is_even,
        kept,
        packing=PackingRule(random.randint(1, 6), 4000),
        concurrency=random.randint(1, 4),
        retry=RetryPolicy(retries=60),
        give_up_after=10**9,
        patience_seconds=1e9,
    )
    moments = [] if end is None else [(random.random() * 3, end)]
    ran = carry_out(plan, [[*_keys(12)]], service, moments=moments)  # type: ignore[arg-type]
    for name, value in service.attempts:
        assert value is not None
        assert value % 2 == 0
        assert (name, b"%d" % value) in kept.taken[: kept.synced]
    assert len(ran.books.outcomes) == 12
    landed = {landing.identity for landing in service.landings}
    for outcome in ran.books.outcomes.values():
        record = outcome.subject
        assert isinstance(record, Record)
        if outcome.state is State.SUCCEEDED:
            assert record.identity in landed or record.ambiguous
        elif outcome.state is State.UNSENT:
            assert record.identity not in landed


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.2, 0.5]))
def test_what_is_chosen_throughout_is_deleted_and_nothing_else(seed: int, rate: float) -> None:
    random = Random(seed)
    service = _store(seeded(random, rate))
    held = {one.identity: random.randrange(3) for one in _keys(12)}
    service.store.update(held)
    rule = PackingRule(random.randint(1, 6), 4000)
    retry = RetryPolicy(retries=60)
    plan = _plan(_is_even, packing=rule, retry=retry, give_up_after=10**9, patience_seconds=1e9)
    ran = carry_out(plan, [[*_keys(12)]], service)
    if not ran.books.states.get("failed"):  # left out until retries ended
        assert service.store == {name: value for name, value in held.items() if value % 2}
    assert all(held[name] % 2 == 0 for name, _ in service.attempts)
