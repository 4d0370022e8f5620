"""A run that gets slabs does exactly what it does with their records."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, Settled
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.errors import StreamError
from kvsctl.model import Identity, Outcome, Problem, Record, Verb
from tests.support.books import Ran, carry_out
from tests.support.examples import examples
from tests.support.records import as_slabs, identity, problem, record, slab
from tests.support.simulated.model_service import EPOCH, ModelService, seeded
from tests.support.simulated.virtual_time import Step

_ACCOUNTED = (
    "position",
    "source",
    "line",
    "identity",
    "body",
    "expires_at",
    "attempts",
    "ambiguous",
    "strikes",
)
_ENDINGS: dict[str, Callable[[Run], None]] = {"stop": Run.stop, "abort": Run.abort}


class _Breaking:
    """A listener that fails when one of these positions settles."""

    wants = frozenset({Settled})

    def __init__(self, positions: frozenset[int]) -> None:
        self._positions = positions

    def __call__(self, event: Event) -> None:
        assert isinstance(event, Settled)
        if not self._positions.isdisjoint(outcome.position for outcome in event.outcomes):
            raise StreamError("cannot write")


@dataclass(frozen=True, slots=True)
class _Case:
    """A run that can be carried out any number of times, always in the same way."""

    plan: RunPlan
    seed: int
    fault_rate: float
    keys: int
    problem_rate: float
    entity_rate: float
    expiry_rate: float
    poison: frozenset[Identity]
    moments: list[tuple[float, str]]
    breaks_at: frozenset[int]

    def _steps(self) -> list[Step]:
        random = Random(self.seed)
        steps: list[Step] = []
        position = 0
        for _ in range(random.randint(0, 8)):
            pieces: list[Record | Problem] = []
            for _ in range(random.choice((1, 5, 30, 150))):
                name = f"k{random.randrange(self.keys)}"
                if random.random() < self.entity_rate:
                    name = f"e/{name}"
                moment: float | None = None
                if random.random() < self.expiry_rate:
                    moment = EPOCH + random.choice((-5.0, 0.4, 3.0, 9e6, 9e6, 9e6))
                piece: Record | Problem = record(
                    position,
                    name,
                    body_bytes=random.choice((0, 0, 0, 200)),
                    expires_at=moment,
                )
                if random.random() < self.problem_rate:
                    piece = problem(position, name)
                pieces.append(piece)
                position += 1
            steps += as_slabs(pieces)
            pauses: list[list[Step]] = [[], [[]], [0.0], [0.3], [[], 2.0]]
            steps += random.choice(pauses)
        return steps

    def carry_out(self, *, splits_slabs: bool) -> tuple[Ran, ModelService]:
        service = ModelService(
            seeded(Random(self.seed), self.fault_rate),
            rule=self.plan.packing,
            poison=self.poison,
            renewals=3,
        )
        plan = msgspec.structs.replace(self.plan, splits_slabs=splits_slabs)
        if plan.verb is Verb.GET:
            names = [f"{entity}k{place}" for place in range(self.keys) for entity in ("", "e/")]
            service.store = {identity(name): place for place, name in enumerate(names[::3])}
        moments = [(moment, _ENDINGS[how]) for moment, how in self.moments]
        listeners = [_Breaking(self.breaks_at)]
        ran = carry_out(plan, self._steps(), service, moments=moments, listeners=listeners)
        return ran, service


@st.composite
def _cases(draw: st.DrawFn) -> _Case:
    verb = draw(st.sampled_from(list(Verb)))
    most_records = draw(st.sampled_from([1, 4, 25, 25]))
    plan = RunPlan(
        verb,
        packing=PackingRule(most_records, draw(st.sampled_from([120, 4_000_000]))),
        concurrency=draw(st.sampled_from([1, 3, 16])),
        retry=RetryPolicy(retries=draw(st.integers(0, 4))),
        read_policy=ReadPolicy(
            ignore_missing=draw(st.booleans()), skip_expired=draw(st.booleans())
        ),
        give_up_after=10**9,
        patience_seconds=math.inf,
        max_failures=draw(st.sampled_from([None, None, 1, 5])),
        verify=verb is not Verb.GET and draw(st.integers(0, 3)) == 0,
        window_bytes=draw(st.sampled_from([300, 3000, 16_000_000])),
    )
    keys = draw(st.sampled_from([3, 60, 100_000]))
    moments = st.tuples(st.sampled_from([0.0, 0.1, 0.5, 4.0]), st.sampled_from(sorted(_ENDINGS)))
    return _Case(
        plan,
        seed=draw(st.integers(0, 2**32)),
        fault_rate=draw(st.sampled_from([0.0, 0.0, 0.05, 0.4])),
        keys=keys,
        problem_rate=draw(st.sampled_from([0.0, 0.0, 0.02, 0.3])),
        entity_rate=draw(st.sampled_from([0.0, 0.0, 0.05, 0.4, 1.0])),
        expiry_rate=0.0 if verb is not Verb.SET else draw(st.sampled_from([0.0, 0.02, 0.4, 1.0])),
        poison=frozenset(draw(st.sets(st.sampled_from([identity("k0"), identity("k1")])))),
        moments=draw(st.lists(moments, max_size=1)),
        breaks_at=frozenset(draw(st.sampled_from([(), (), (0,), (40,), (170,)]))),
    )


def _account(outcome: Outcome) -> tuple[Any, ...]:
    subject = outcome.subject
    members = (outcome.state, outcome.failure, outcome.found, outcome.skipped_by)
    if isinstance(subject, Problem):
        return (*members, subject.position)
    return (*members, *(getattr(subject, name) for name in _ACCOUNTED))


@settings(max_examples=examples(120))
@given(_cases())
def test_a_run_of_slabs_is_a_run_of_their_records(case: _Case) -> None:
    (whole, one), (split, other) = (case.carry_out(splits_slabs=each) for each in (False, True))
    assert one.sent == other.sent
    assert whole.books.requests == split.books.requests
    assert one.landings == other.landings
    ends = [
        {place: _account(outcome) for place, outcome in ran.books.outcomes.items()}
        for ran in (whole, split)
    ]
    assert ends[0] == ends[1]
    assert whole.books.settled_at == split.books.settled_at
    assert str(whole.error) == str(split.error)
    assert whole.seconds == split.seconds


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("entities", [("",), ("e/",), ("", "e/", "f/")], ids=str)
@pytest.mark.parametrize("moments", [(None,), (EPOCH + 9e6,), (None, EPOCH + 9e6)], ids=str)
def test_no_record_is_made_of_a_slab_without_anything_special(
    verb: Verb,
    entities: Sequence[str],
    moments: Sequence[float | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = ModelService()
    names = [f"{entities[place % len(entities)]}k{place}" for place in range(1000)]
    expiries = [moments[place % len(moments)] for place in range(1000)]
    service.store = {identity(name): 1 for name in names}
    steps: list[Step] = [
        slab(0, names[:613], expiries=expiries[:613]),
        slab(613, names[613:], expiries=expiries[613:]),
    ]
    made = 0

    class Made(Record):
        def __post_init__(self) -> None:
            nonlocal made
            made += 1

    monkeypatch.setattr("kvsctl.slabs.Record", Made)
    ran = carry_out(RunPlan(verb, concurrency=4), steps, service)
    assert len(ran.books.outcomes) == 1000
    # The service and the listener of the test make each record once.
    assert made == 2000
    assert {len(records) for records in service.sent} == {25}
