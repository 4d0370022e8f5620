"""Properties that hold for every run, with random inputs, faults and stops."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import Pressure, RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.model import Identity, Outcome, Record, State, Verb
from kvsctl.slabs import Slab
from tests.support.books import Ran, carry_out
from tests.support.examples import examples
from tests.support.records import as_slabs, identity, problem, record
from tests.support.simulated.model_service import ModelService, Turn, seeded
from tests.support.simulated.virtual_time import Piece, Step

_KEYS = [f"k{place}" for place in range(7)] + ["ent/k0"]


@dataclass
class _Case:
    """One run with everything drawn at random."""

    plan: RunPlan
    steps: list[Step]
    service: ModelService
    poison: frozenset[Identity]

    @property
    def pieces(self) -> list[Piece]:
        return [piece for step in self.steps if isinstance(step, list | Slab) for piece in step]


@st.composite
def _steps(draw: st.DrawFn) -> list[Step]:
    """Draw lists, pauses and empty lists, with few keys, so that records often share one."""
    random = Random(draw(st.integers(0, 2**32)))
    key_count = draw(st.integers(1, len(_KEYS)))
    steps: list[Step] = []
    position = 0
    for _ in range(draw(st.integers(0, 12))):
        pieces: list[Piece] = []
        for _ in range(random.randint(0, 8)):
            name = _KEYS[random.randrange(key_count)]
            is_good = random.random() < 0.9
            pieces.append(record(position, name) if is_good else problem(position, name))
            position += 1
        steps.append(pieces)
        if random.random() < 0.4:
            steps.append([])
        if random.random() < 0.7:
            steps.append(random.choice((0.0, 0.01, 0.06, 0.4, 3.0)))
    return steps


def _in_slabs(steps: list[Step]) -> list[Step]:
    """Return the same steps, with slabs wherever the reader would give one."""
    given: list[Step] = []
    for step in steps:
        given += as_slabs(step) if isinstance(step, list) and step else [step]
    return given


@st.composite
def _cases(draw: st.DrawFn, verbs: tuple[Verb, ...] = (Verb.SET,)) -> _Case:
    rule = PackingRule(draw(st.integers(1, 6)), draw(st.sampled_from([40, 120, 4000])))
    concurrency = draw(st.integers(1, 16))
    retries = draw(st.integers(0, 6))
    plan = RunPlan(
        draw(st.sampled_from(verbs)),
        packing=rule,
        concurrency=concurrency,
        retry=RetryPolicy(retries=retries, base_seconds=draw(st.sampled_from([0.0, 0.25]))),
        give_up_after=10**9,
        patience_seconds=math.inf,  # chance refuses, however long it takes: none of it is a quota
    )
    poison = frozenset(map(identity, draw(st.sets(st.sampled_from(_KEYS), max_size=2))))
    random = Random(draw(st.integers(0, 2**32)))
    script = seeded(random, draw(st.sampled_from([0.0, 0.2, 0.5, 0.9])))
    service = ModelService(script, rule=rule, concurrency=concurrency, poison=poison, renewals=3)
    steps = draw(_steps())
    return _Case(plan, _in_slabs(steps) if draw(st.booleans()) else steps, service, poison)


def _records_of(outcomes: dict[int, Outcome]) -> dict[Identity, list[Outcome]]:
    """Return the outcomes of valid records, in input order for each identity."""
    lanes: dict[Identity, list[Outcome]] = {}
    for _, outcome in sorted(outcomes.items()):
        if isinstance(outcome.subject, Record):
            lanes.setdefault(outcome.subject.identity, []).append(outcome)
    return lanes


def _is_ambiguous(outcome: Outcome) -> bool:
    return isinstance(outcome.subject, Record) and outcome.subject.ambiguous


def _check_writes(case: _Case, ran: Ran) -> None:
    """Check the reported outcomes of writes against what the service applied."""
    service, outcomes = case.service, ran.books.outcomes
    landed = {landing.position for landing in service.landings}
    sent = {position for positions in service.sent for position in positions}
    answered: dict[Identity, int] = {}
    for landing in service.landings:
        if landing.answered:
            assert landing.position >= answered.get(landing.identity, 0), "older after newer"
            answered[landing.identity] = landing.position
    for lane in _records_of(outcomes).values():
        for place, outcome in enumerate(lane):
            position = outcome.position
            match outcome.state:
                case State.SUCCEEDED:
                    assert position in landed
                case State.DUPLICATE:
                    assert position not in sent
                    assert place < len(lane) - 1, "replaced by nothing"
                case State.UNKNOWN:
                    assert position in sent
                    assert _is_ambiguous(outcome)
                case State.UNSENT | State.FAILED:
                    assert position not in landed or _is_ambiguous(outcome)
                    assert outcome.state is State.FAILED or not _is_ambiguous(outcome)
        written = [outcome for outcome in lane if outcome.state is State.SUCCEEDED]
        if any(map(_is_ambiguous, lane)):
            continue
        key = lane[0].subject.identity
        assert key is not None
        newest = written[-1].position if written else None
        kept = service.store.get(key)
        assert kept == (newest if case.plan.verb is Verb.SET else None), "not the last one wins"


def _check_failures(case: _Case, ran: Ran) -> None:
    """Check that each failed write is poison or has used up its retries."""
    retries = case.plan.retry.retries
    for outcome in ran.books.outcomes.values():
        subject = outcome.subject
        if outcome.state is not State.FAILED or not isinstance(subject, Record):
            continue
        assert outcome.failure is not None
        if outcome.failure.code == "INVALID_KEY":
            assert subject.identity in case.poison
        elif outcome.failure.code in ("RATE_LIMIT_EXCEEDED", "TOO_MANY_REQUESTS"):
            assert subject.attempts > 10 * retries
        elif outcome.failure.code == "NO_ANSWER":
            assert subject.strikes == retries + 1 or subject.times_left_out == 4
        else:
            assert subject.strikes == retries + 1


def _check_whole(case: _Case, ran: Ran) -> None:
    was_answered = any(request.status is not None for request in ran.books.requests)
    if was_answered or not ran.books.requests:
        assert ran.error is None
    assert ran.books.read == len(case.pieces)
    assert not ran.books.positions(State.UNKNOWN)
    assert not ran.books.positions(State.UNSENT)
    for lane in _records_of(ran.books.outcomes).values():
        assert lane[-1].state is not State.DUPLICATE
        if lane[0].subject.identity in case.poison:
            assert {outcome.state for outcome in lane} <= {State.FAILED, State.DUPLICATE}


@settings(max_examples=examples(150))
@given(_cases((Verb.SET, Verb.SET, Verb.DELETE)))
def test_a_whole_run_accounts_for_all_and_the_last_record_wins(case: _Case) -> None:
    ran = carry_out(case.plan, case.steps, case.service)
    _check_whole(case, ran)
    _check_writes(case, ran)
    _check_failures(case, ran)


@settings(max_examples=examples(50))
@given(_cases((Verb.GET,)), st.sets(st.sampled_from(_KEYS)))
def test_a_whole_run_of_reads_answers_every_occurrence(case: _Case, present: set[str]) -> None:
    case.service.store = {identity(name): place for place, name in enumerate(sorted(present))}
    ran = carry_out(case.plan, case.steps, case.service)
    _check_whole(case, ran)
    for outcome in ran.books.outcomes.values():
        if not isinstance(outcome.subject, Record):
            continue
        assert outcome.state in (State.SUCCEEDED, State.FAILED), "no read is a duplicate"
        kept = case.service.store.get(outcome.subject.identity)
        if outcome.state is State.SUCCEEDED:
            assert outcome.found is not None
            assert outcome.found.value == b"%d" % (-1 if kept is None else kept)
        elif kept is not None:
            assert outcome.subject.attempts > case.plan.retry.retries or case.poison


@settings(max_examples=examples(150))
@given(
    _cases((Verb.SET, Verb.DELETE, Verb.SET)),
    st.sampled_from([0.0, 0.005, 0.05, 0.1, 0.11, 0.5, 1.5, 4.0, 20.0]),
    st.sampled_from(["stop", "abort", "stop, then abort"]),
    st.sampled_from([0.0, 0.03, 0.5]),
)
def test_a_run_that_is_stopped_at_any_moment_accounts_for_all(
    case: _Case, moment: float, how: str, between: float
) -> None:
    moments = [(moment, Run.abort if how == "abort" else Run.stop)]
    if how == "stop, then abort":
        moments.append((moment + between, Run.abort))
    ran = carry_out(case.plan, case.steps, case.service, moments=moments)
    _check_writes(case, ran)
    _check_failures(case, ran)
    late = [request for request in case.service.requests if request.started > moment]
    assert not late, "a request began after the stop"
    if how == "abort":
        assert ran.seconds <= moment
    elif how != "stop":
        assert ran.seconds <= moment + between
    if ran.seconds < moment - 1e-6:  # times are sums of floats
        _check_whole(case, ran)


@settings(max_examples=examples(80))
@given(_cases((Verb.SET, Verb.GET)), st.integers(0, 2**32), st.floats(0.1, 0.9))
def test_pressure_that_comes_and_goes_never_ends_in_a_deadlock(
    case: _Case, seed: int, share: float
) -> None:
    random = Random(seed)
    level = [Pressure.NONE]

    def turn(run: Run) -> None:
        under = random.random() < share
        level[0] = random.choice((Pressure.STOP, Pressure.OLDEST_ONLY)) if under else Pressure.NONE
        run.wake()

    def relieve(run: Run) -> None:
        # What the listeners held has been written: only older records can help any more.
        level[0] = Pressure.OLDEST_ONLY
        run.wake()

    def told(records: Sequence[Record]) -> Turn:
        assert level[0] is not Pressure.STOP, "a request began under full pressure"
        return script(records)

    script, case.service.script = case.service.script, told
    moments = [(place * 0.07, turn) for place in range(40)] + [(3.0, relieve)]
    ran = carry_out(case.plan, case.steps, case.service, moments=moments, pressure=lambda: level[0])
    _check_whole(case, ran)


@settings(max_examples=examples(50))
@given(_cases((Verb.GET, Verb.SET)), st.integers(0, 12))
def test_output_in_order_holds_back_no_more_than_it_may(case: _Case, bound: int) -> None:
    settled = SettledRanges()
    most_held = 0

    def held() -> int:
        return len(settled) - settled.settled_through

    def listener(event: Event) -> None:
        nonlocal most_held
        if isinstance(event, Settled):
            # What is settled unsent is not what pressure can hold back.
            settled.add_all([outcome.position for outcome in event.outcomes])
            if any(getattr(outcome.subject, "attempts", 0) for outcome in event.outcomes):
                most_held = max(most_held, held())

    def pressure() -> Pressure:
        return Pressure.OLDEST_ONLY if held() > bound else Pressure.NONE

    pieces: list[Piece] = [record(place, f"k{place}") for place in range(150)]
    steps: list[Step] = [pieces[start : start + 10] for start in range(0, 150, 10)]
    ran = carry_out(case.plan, steps, case.service, pressure=pressure, listeners=[listener])
    assert settled.settled_through == ran.books.read == 150
    if not any(request.is_retry for request in ran.books.requests):
        away = case.plan.concurrency * case.plan.packing.max_records
        assert most_held <= bound + away


@settings(max_examples=examples(80))
@given(_cases((Verb.SET,)), st.lists(st.floats(0.01, 6.0), max_size=3))
def test_tokens_that_expire_at_any_moment_lose_nothing(case: _Case, moments: list[float]) -> None:
    def expire(_: Run) -> None:
        case.service.revoked.add(case.service.token)

    ran = carry_out(
        case.plan, case.steps, case.service, moments=[(moment, expire) for moment in moments]
    )
    _check_whole(case, ran)
    _check_writes(case, ran)
    _check_failures(case, ran)
    assert case.service.renewals <= len(moments)


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_a_long_run_with_faults_everywhere(concurrency: int) -> None:
    random = Random(concurrency)
    service = ModelService(seeded(random, 0.3), concurrency=concurrency)
    pieces: list[Piece] = [record(place, f"k{random.randrange(900)}") for place in range(6000)]
    steps: list[Step] = [pieces[start : start + 100] for start in range(0, 6000, 100)]
    plan = RunPlan(Verb.SET, concurrency=concurrency, give_up_after=10**9)
    ran = carry_out(plan, steps, service)
    case = _Case(plan, steps, service, frozenset())
    _check_whole(case, ran)
    _check_writes(case, ran)
    _check_failures(case, ran)
