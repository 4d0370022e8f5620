"""Listeners treat outcomes that are alike exactly as they treat single outcomes."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.alike import Alike, FailedChecks, Unsent
from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.outcomes import tally as tally_module
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.state import Stage
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Cause, Failure, Origin, Outcome, Problem, Record, State, Verb
from kvsctl.outputs.failures import FailuresFile
from kvsctl.report.problem_lines import ProblemLines
from tests.support.journals import HEADER
from tests.support.outcomes import failed, succeeded
from tests.support.records import identity, slab
from tests.support.simulated.inline import InlineExecutor

_CODES = st.sampled_from(["INVALID_KEY", "INVALID_JSON", "MAX_SIZE"])


def _problem(position: int, code: str = "INVALID_KEY", name: str | None = None) -> Problem:
    whose = None if name is None else identity(name)
    raw = b"{}" if name is None else b'{"key":"%b"}' % name.encode()
    origin = Origin("users.jsonl", position + 1)
    return Problem(position, origin, whose, code, f"why {position}", raw, cause=Cause.CELLS)


def _alike() -> list[Alike[Problem] | Alike[Record]]:
    """Outcomes in input order: problems, and records of a slab that were not sent."""
    first = [_problem(place, name=f"k{place}") for place in range(3)]
    return [
        FailedChecks(first),
        Unsent(slab(3, ["k0", "city/k1", "k5"])),
        FailedChecks([_problem(6)]),
    ]


def _both() -> list[list[Sequence[Outcome]]]:
    return [list(_alike()), [list(outcomes) for outcomes in _alike()]]


def test_they_are_sequences_of_outcomes() -> None:
    failures, unsent, _ = _alike()
    assert [one.position for one in failures] == [0, 1, 2]
    assert {one.state for one in failures} == {State.FAILED}
    assert failures[1].failure == Failure("INVALID_KEY", "why 1", cause=Cause.CELLS)
    assert [one.position for one in unsent[1:]] == [4, 5]
    assert isinstance(unsent[1:], Unsent)
    assert (len(unsent), unsent[-1].position) == (3, 5)
    assert {one.state for one in unsent} == {State.UNSENT}
    assert all(one.failure is None for one in unsent)


@given(
    st.lists(st.lists(_CODES, max_size=4), max_size=6).flatmap(st.permutations),
    st.integers(1, 8),
)
def test_the_count_is_the_same_whatever_is_noted(lists: list[list[str]], kept: int) -> None:
    positions = iter(range(100))
    parts = [FailedChecks([_problem(next(positions), code) for code in codes]) for codes in lists]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "KEPT_FAILURES", kept)
        for order in (parts, parts[::-1]):
            tallies = [Tally(), Tally()]
            for tally in tallies:
                tally(Settled([failed(200, code="NO_ANSWER"), succeeded(201)]))
            for part in order:
                tallies[0](Settled(part))
                tallies[1](Settled(list(part)))
            shown = [(vars(tally), tally.failures, tally.groups) for tally in tallies]
            assert shown[0] == shown[1]
            assert tallies[0].failed == 1 + sum(map(len, parts))


def test_what_is_unsent_is_counted() -> None:
    tallies = [Tally(), Tally()]
    for tally, parts in zip(tallies, _both(), strict=True):
        for outcomes in parts:
            tally(RecordsRead(len(outcomes)))
            tally(Settled(outcomes))
        tally.check_sum()
    assert vars(tallies[0]) == vars(tallies[1])
    assert (tallies[0].failed, tallies[0].unsent) == (4, 3)


def test_the_ledger_counts_the_same_failures() -> None:
    for parts in _both():
        settled: list[object] = []
        ledger = Ledger(
            Lanes(join=False), [settled.append], changed=lambda: None, stop=lambda _: None
        )
        for outcomes in (FailedChecks([]), *parts):
            ledger.settle_here(outcomes)
        assert ledger.failures == 4
        assert len(settled) == 3


@pytest.mark.parametrize("verb", [Verb.SET, Verb.GET])
def test_the_failures_file_is_the_same(tmp_path: Path, verb: Verb) -> None:
    kept = []
    for parts in _both():
        path = tmp_path / "failed.jsonl"
        file = FailuresFile(path, verb)
        for outcomes in (parts[1], parts[0], parts[2]):
            file(Settled(outcomes))
        file.close()
        kept.append(path.read_bytes())
    assert kept[0] == kept[1]
    lines = [json.loads(line)["source"] for line in kept[0].splitlines()]
    # A later record has replaced the first failure.
    assert lines == [f"users.jsonl:{n}" for n in ((2, 3, 7) if verb is Verb.SET else (1, 2, 3, 7))]


def test_the_lines_of_problems_are_the_same() -> None:
    written = []
    for parts in _both():
        shown: list[str] = []
        listener = ProblemLines(shown.append)
        for outcomes in parts:
            listener(Settled(outcomes))
        written.append("".join(shown))
    assert written[0] == written[1]
    assert written[0].count("\n") == 4


@pytest.mark.parametrize("in_order", [True, False])
def test_the_journal_is_the_same(tmp_path: Path, in_order: bool) -> None:
    states = []
    for place, parts in enumerate(_both()):
        path = tmp_path / f"{place}.journal"
        with JournalFile(path) as journal:
            journal.begin(HEADER)
            writer = JournalWriter(journal, Verb.SET, InlineExecutor(), in_order=in_order)
            asyncio.run(_settle(writer, [parts[2], parts[1], parts[0]]))
            writer.finish(Stage.RUNNING)
        states.append(read_journal(path).state)
    assert states[0].totals == states[1].totals
    assert [list(state.settled) for state in states] == [list(states[0].settled)] * 2
    assert states[0].totals.counts["failed"] == (3 if in_order else 4)
    assert [list(state.retryable) for state in states] == [list(states[0].retryable)] * 2


async def _settle(writer: JournalWriter, parts: Sequence[Sequence[Outcome]]) -> None:
    for outcomes in parts:
        writer(Settled(outcomes))
