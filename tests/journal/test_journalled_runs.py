"""Random jobs, killed at random moments and resumed: what always holds at their end."""

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.bulk.events import Listener
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.bulk.run import Run
from kvsctl.files.sinks import PartFile
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.resume import ResumedFeed
from kvsctl.journal.state import JournalState, Stage
from kvsctl.journal.totals import restored
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Identity, Outcome, Problem, Record, State, Verb
from kvsctl.outputs.failures import FailuresFile
from kvsctl.outputs.records import RecordOutput, bare_values
from tests.support.books import Books
from tests.support.examples import examples
from tests.support.journals import HEADER
from tests.support.records import identity, problem, record
from tests.support.simulated.inline import InlineExecutor
from tests.support.simulated.model_service import ModelService, seeded
from tests.support.simulated.virtual_time import MemoryFeed, Piece, Step, run_virtual

_KEYS = [f"k{place}" for place in range(9)] + ["ent/k0"]


@dataclass(frozen=True)
class _Kill:
    """When and how a run ends early.

    A kill removes the last `groups_lost` groups of the journal, and leaves `bytes_torn` bytes of
    the first of them.
    """

    seconds: float
    way: str
    groups_lost: int
    bytes_torn: int


@dataclass
class _Job:
    """A random job, and what its runs leave behind."""

    plan: RunPlan
    seed: int
    is_ordered: bool
    kills: list[_Kill]
    service: ModelService
    folder: Path
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def steps(self) -> list[Step]:
        """Return the same input with new records, which arrive in another way each time."""
        random = Random(self.seed)
        steps: list[Step] = []
        position = 0
        for _ in range(random.randint(0, 14)):
            pieces: list[Piece] = []
            for _ in range(random.randint(0, 9)):
                name = random.choice(_KEYS)
                is_good = random.random() < 0.75
                pieces.append(record(position, name) if is_good else problem(position, name))
                position += 1
            steps.append(pieces)
            if random.random() < 0.4:
                steps.append([])
            if random.random() < 0.7:
                steps.append(random.choice((0.0, 0.06, 0.4, 3.0)))
        return steps

    @property
    def pieces(self) -> list[Piece]:
        return [piece for step in self.steps() if isinstance(step, list) for piece in step]


@st.composite
def _jobs(draw: st.DrawFn) -> _Job:
    verb = draw(st.sampled_from(Verb))
    rule = PackingRule(draw(st.integers(1, 6)), 4000)
    plan = RunPlan(
        verb,
        packing=rule,
        concurrency=draw(st.integers(1, 8)),
        retry=RetryPolicy(retries=draw(st.integers(0, 3))),
        give_up_after=10**9,
    )
    random = Random(draw(st.integers(0, 2**32)))
    poison = frozenset(map(identity, draw(st.sets(st.sampled_from(_KEYS), max_size=2))))
    script = seeded(random, draw(st.sampled_from([0.0, 0.2, 0.5])))
    service = ModelService(script, rule=rule, poison=poison, renewals=10**6)
    if verb is Verb.GET:
        service.store = {identity(name): place for place, name in enumerate(_KEYS[:6])}
    seconds = st.floats(0, 12, allow_nan=False)
    ways = st.sampled_from(["kill", "kill", "stop", "abort"])
    kill = st.builds(_Kill, seconds, ways, st.integers(0, 2), st.integers(0, 200))
    kills = draw(st.lists(kill, max_size=4))
    is_ordered = draw(st.booleans())
    return _Job(plan, draw(st.integers(0, 2**32)), is_ordered, kills, service, Path())


class _Opened:
    """The files and listeners of one run, set up as on the command line."""

    def __init__(self, job: _Job) -> None:
        self.is_closed = False
        self.journal = JournalFile(job.folder / "journal")
        if self.journal.header is None:
            self.journal.begin(HEADER)
        self.state: JournalState = self.journal.state
        verb = job.plan.verb
        self.failures = FailuresFile(job.folder / "failed", verb, self.state)
        self.part = PartFile(job.folder / "out", kept_bytes=self.state.output_bytes)
        self.output = RecordOutput(
            self.part, bare_values, is_ordered=job.is_ordered, state=self.state
        )
        self.tally, self.books = restored(self.state.totals), Books()
        self.writer = JournalWriter(
            self.journal,
            verb,
            InlineExecutor(),
            failures=self.failures,
            output=self.part,
            in_order=verb is Verb.GET and job.is_ordered,
        )
        self.listeners: list[Listener] = [
            self.tally,
            self.failures,
            self.output,
            self.writer,
            self.books,
        ]

    def replay(self, pieces: "list[Record | Problem]") -> None:
        assert all(piece.position in self.state.settled for piece in pieces)
        self.failures.replay(pieces)
        self.writer.replay(pieces)

    def close(self) -> None:
        """Close the files without completing them."""
        self.is_closed = True
        self.failures.close(is_whole=False)
        self.part.abandon()
        self.journal.close()


async def _work(job: _Job, opened: _Opened, kill: _Kill | None) -> None:
    run = Run(job.plan, job.service, opened.listeners, random=Random(7))
    feed = ResumedFeed(MemoryFeed(job.steps()), opened.state, opened.replay)  # type: ignore[arg-type]
    task = asyncio.current_task()
    assert task is not None
    if kill is not None:
        how: dict[str, Callable[[], object]] = {
            "kill": task.cancel,
            "stop": run.stop,
            "abort": run.abort,
        }
        asyncio.get_running_loop().call_later(kill.seconds, how[kill.way])
    await run.work(feed)  # records an error if no request was answered


def _lose(journal: Path, kill: _Kill) -> None:
    """Remove what a power cut loses from the journal; the other files may have more."""
    lines = journal.read_bytes().splitlines(keepends=True)
    kept = max(1, len(lines) - kill.groups_lost)
    torn = b"".join(lines[kept : kept + 1])[: kill.bytes_torn]
    journal.write_bytes(b"".join(lines[:kept]) + torn)


def _run(job: _Job, kill: _Kill | None) -> bool:
    """Do one run; return whether it reached its end."""
    opened = _Opened(job)
    sent_before = len(job.service.sent)
    settled = set(_places(opened.state))
    try:
        run_virtual(_work(job, opened, kill))
    except asyncio.CancelledError:
        opened.close()
        assert kill is not None
        _lose(job.folder / "journal", kill)
        is_over = False
    else:
        is_over = not (opened.tally.unsent or opened.tally.unknown) and kill is None
    if not is_over and not opened.is_closed:
        opened.writer.finish(Stage.RUNNING)
        opened.output.close()
        opened.close()
    elif is_over:
        opened.writer.finish(Stage.ENDED)
        opened.output.close()
        opened.failures.close()
        opened.part.complete()
        opened.writer.finish(Stage.COMPLETE)
        opened.journal.close()
    sent = {place for positions in job.service.sent[sent_before:] for place in positions}
    assert not sent & settled, "what is settled is not sent again"
    job.outcomes.update(opened.books.outcomes)
    job.tally = opened.tally
    return is_over


def _places(state: JournalState) -> list[int]:
    return [place for start, stop in state.settled for place in range(start, stop)]


def _check_report(job: _Job) -> None:
    tally, outcomes = job.tally, job.outcomes
    tally.check_sum()
    states = Counter(outcome.state.value for outcome in outcomes.values())
    assert len(outcomes) == tally.records == len(job.pieces)
    assert {state.value: getattr(tally, state.value) for state in State} == {
        state.value: states[state.value] for state in State
    }
    assert tally.unknown == tally.unsent == 0, "the last run came to its end"
    failed = sorted(at for at, one in outcomes.items() if one.state is State.FAILED)
    assert [note.position for note in tally.failures] == failed
    assert sum(group.count for group in tally.groups) == len(failed)
    assert tally.ambiguous <= tally.records


def _newest(job: _Job) -> dict[Identity, int]:
    """Return the last record of each identity that passed its checks."""
    return {one.identity: one.position for one in job.pieces if isinstance(one, Record)}


def _check_files(job: _Job) -> None:
    failed = [one for at, one in sorted(job.outcomes.items()) if one.state is State.FAILED]
    if job.plan.verb is not Verb.GET:
        newest = _newest(job)
        failed = [
            one
            for one in failed
            if one.subject.identity is None or one.position >= newest.get(one.subject.identity, 0)
        ]
    lines = (job.folder / "failed").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == [
        str(one.subject.origin) for one in failed
    ]
    found = [one.found for _, one in sorted(job.outcomes.items()) if one.found is not None]
    printed = (job.folder / "out").read_bytes().splitlines()
    expected = [one.value for one in found]
    if not job.is_ordered:
        printed, expected = sorted(printed), sorted(expected)
    assert printed == expected


def _check_store(job: _Job) -> None:
    """Assert that the store holds no older record of a key than the last that succeeded.

    An older one is possible only if an attempt had no answer and may have been applied late.
    """
    for name, newest in _newest_done(job).items():
        kept = job.service.store.get(name)
        if kept is None or kept == newest:
            assert kept == newest or job.plan.verb is Verb.DELETE
            continue
        assert kept > newest or _has_ambiguous(job, name)


def _newest_done(job: _Job) -> dict[Identity, int]:
    done: dict[Identity, int] = {}
    for position, outcome in sorted(job.outcomes.items()):
        if outcome.state is State.SUCCEEDED and outcome.subject.identity is not None:
            done[outcome.subject.identity] = position
    return done


def _has_ambiguous(job: _Job, name: Identity) -> bool:
    """Return whether an attempt of an older record had no answer, and may be applied late."""
    return any(
        isinstance(one.subject, Record) and one.subject.ambiguous and one.subject.identity == name
        for one in job.outcomes.values()
    )


@pytest.mark.slow
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(_jobs())
def test_a_killed_and_resumed_job_ends_like_any_other(job: _Job) -> None:
    folder = Path(tempfile.mkdtemp())
    job.folder = folder
    try:
        kills: list[_Kill | None] = [*job.kills, None]
        for kill in kills:
            if _run(job, kill):
                break
        _check_report(job)
        _check_files(job)
        if job.plan.verb is not Verb.GET:
            _check_store(job)
        state = read_journal(folder / "journal").state
        assert state.stage is Stage.COMPLETE
        assert _places(state) == list(range(len(job.pieces)))
        with suppress(FileNotFoundError):
            assert not (folder / "out.part").exists()
    finally:
        shutil.rmtree(folder)
