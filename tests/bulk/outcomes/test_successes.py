"""Listeners treat `Successes` exactly as they treat single outcomes."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import Raw

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.state import Group, Stage
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Failure, Found, Outcome, Record, State, Verb
from kvsctl.outputs.failures import FailuresFile
from kvsctl.outputs.records import RecordOutput, json_lines
from kvsctl.slabs import FoundSlab, Slab, Successes
from tests.support.journals import HEADER
from tests.support.outcomes import failed, record
from tests.support.records import slab
from tests.support.simulated.inline import InlineExecutor
from tests.support.simulated.virtual_time import run_virtual


class _Sink:
    """A sink in memory."""

    broken = None
    pending_bytes = lost_bytes = 0

    def __init__(self) -> None:
        self.written = b""

    def write(self, chunk: bytes) -> None:
        self.written += chunk

    def complete(self) -> None:
        raise AssertionError("who made the sink completes it")

    abandon = complete


_FOUND = [Found(b"%d" % n) for n in range(4)]
_SLAB = FoundSlab([Raw(b"%d" % n) for n in range(4)], is_compact=True)


def _records(*, ambiguous: bool = True) -> list[Record]:
    """Successes out of order, one of them ambiguous."""
    records = [record(position) for position in (1, 2, 0, 3)]
    records[1].ambiguous = ambiguous
    return records


def _both(*, ambiguous: bool = True) -> list[Sequence[Outcome]]:
    told = [Successes(_records(ambiguous=ambiguous), _FOUND) for _ in range(2)]
    return [told[0], list(told[1])]


@pytest.mark.parametrize("found", [_FOUND, _SLAB])
def test_they_are_a_sequence_of_outcomes(found: Sequence[Found]) -> None:
    records = _records()
    told = Successes(records, found)
    assert [one.subject for one in told] == records
    assert [one.found for one in told[1:]] == _FOUND[1:]
    assert {one.state for one in told} == {State.SUCCEEDED}
    assert (len(told), told[-1].subject, told[-1].found) == (4, records[-1], _FOUND[-1])
    assert [one.found for one in Successes(records)[:2]] == [None, None]


def test_a_slab_of_what_was_found_is_a_sequence_of_it() -> None:
    all_found = [Found(b"1", 5, None, "x"), Found(b"2"), Found(b'"3"', None, 6)]
    slab = FoundSlab.of(all_found)
    assert FoundSlab.of(slab) is slab
    assert list(slab) == all_found
    assert list(slab[::-1]) == all_found[::-1]
    assert (slab[0], slab[-1], len(slab)) == (all_found[0], all_found[-1], 3)
    assert slab[1:] == all_found[1:]
    assert slab != all_found[1:]
    assert list(_SLAB[2:]) == _FOUND[2:]
    assert _SLAB[2:].is_compact
    assert "3 records" in repr(slab)


def test_the_count_is_the_same() -> None:
    told = [Tally(), Tally()]
    for tally, outcomes in zip(told, _both(), strict=True):
        tally(RecordsRead(4))
        tally(Settled(outcomes))
        tally.check_sum()
    assert vars(told[0]) == vars(told[1])
    assert (told[0].succeeded, told[0].ambiguous) == (4, 1)


@pytest.mark.parametrize("verb", [Verb.SET, Verb.GET])
def test_the_failures_file_is_the_same(tmp_path: Path, verb: Verb) -> None:
    lines = []
    for outcomes in _both():
        path = tmp_path / "failed.jsonl"
        file = FailuresFile(path, verb)
        later = Successes([record(position + 7, f"k{position}") for position in range(3)])
        file(Settled([failed(5, "k3"), failed(4, "k7"), failed(6, "k1")]))
        file(Settled(outcomes))
        file(Settled(later if isinstance(outcomes, Successes) else list(later)))
        file.close()
        lines.append([json.loads(line)["source"] for line in path.read_bytes().splitlines()])
    assert lines[0] == lines[1]
    all_lines = ["users.jsonl:5", "users.jsonl:6", "users.jsonl:7"]
    assert lines[0] == (all_lines if verb is Verb.GET else all_lines[:2])


@pytest.mark.parametrize("ambiguous", [True, False])
@pytest.mark.parametrize("in_order", [True, False])
def test_the_journal_is_the_same(tmp_path: Path, in_order: bool, ambiguous: bool) -> None:
    states = []
    for place, outcomes in enumerate(_both(ambiguous=ambiguous)):
        path = tmp_path / f"{place}.journal"
        with JournalFile(path) as journal:
            journal.begin(HEADER)
            writer = JournalWriter(journal, Verb.SET, InlineExecutor(), in_order=in_order)
            run_virtual(_settle(writer, outcomes))
            writer.finish(Stage.RUNNING)
        states.append(read_journal(path).state)
    assert [list(state.settled) for state in states] == [[(0, 4)]] * 2
    assert states[0].totals == states[1].totals
    assert states[0].totals.counts["ambiguous"] == ambiguous
    assert states[0].totals.counts["succeeded"] == 4


def test_the_journal_knows_what_they_replace(tmp_path: Path) -> None:
    states = []
    for place, outcomes in enumerate(_both(ambiguous=False)):
        path = tmp_path / f"{place}.journal"
        with JournalFile(path) as journal:
            journal.begin(HEADER)
            earlier = Group(failed={"A": SettledRanges([(0, 1)])})
            journal.state.apply(earlier)
            journal.append(earlier)
            writer = JournalWriter(journal, Verb.SET, InlineExecutor())
            writer.replay([record(0, "k3")])
            run_virtual(_settle(writer, outcomes))
            writer.finish(Stage.RUNNING)
        states.append(read_journal(path).state)
    assert [list(state.retryable) for state in states] == [[], []]


async def _settle(writer: JournalWriter, outcomes: Sequence[Outcome]) -> None:
    writer(Settled(outcomes))


def test_the_output_of_slabs_waits_for_earlier_positions() -> None:
    keys = [f"k{place}" for place in range(4)]
    slab = Slab(0, "f", range(1, 5), keys, [b'{"key":"%b"}' % key.encode() for key in keys])
    sink = _Sink()
    output = RecordOutput(sink, json_lines())
    output(Settled(Successes(slab[2:], _SLAB[2:])))
    assert not sink.written
    output(Settled(Successes(slab[:2], _SLAB[:2])))
    assert sink.written == b"".join(b'{"key":"k%d","value":%d}\n' % (n, n) for n in range(4))


@pytest.mark.parametrize("is_ordered", [True, False])
def test_the_output_is_the_same(is_ordered: bool) -> None:
    sinks = [_Sink(), _Sink(), _Sink()]
    told = [*_both(), Successes(_records(), _SLAB)]
    for sink, outcomes in zip(sinks, told, strict=True):
        output = RecordOutput(sink, json_lines(), is_ordered=is_ordered)
        output(Settled(outcomes[:2]))
        output(Settled(outcomes[2:]))
        assert output.held_bytes == 0
    assert sinks[0].written == sinks[1].written == sinks[2].written
    keys = [json.loads(line)["key"] for line in sinks[0].written.splitlines()]
    assert keys == (["k0", "k1", "k2", "k3"] if is_ordered else ["k1", "k2", "k0", "k3"])


@pytest.fixture(params=["k", "city/k"])
def stem(request: pytest.FixtureRequest) -> str:
    """How the names of all records begin: plain keys, or those of an entity."""
    return str(request.param)


def _slabs(stem: str) -> list[Successes]:
    """Successes of slabs, out of order."""
    found = [Found(b"%d" % n) for n in range(6)]
    whole = slab(0, [f"{stem}{n}" for n in range(6)])
    parts = ((4, 6), (0, 2), (2, 4))
    return [Successes(whole[start:stop], found[start:stop]) for start, stop in parts]


def _slabs_or_each(stem: str) -> list[list[Sequence[Outcome]]]:
    return [list(_slabs(stem)), [list(part) for part in _slabs(stem)]]


def _failed(position: int, name: str) -> Outcome:
    return Outcome(slab(position, [name])[0], State.FAILED, Failure("NO_ANSWER", "why"))


@pytest.mark.parametrize("verb", [Verb.SET, Verb.GET])
def test_slabs_replace_failures_as_their_records_do(tmp_path: Path, verb: Verb, stem: str) -> None:
    kept = []
    for parts in _slabs_or_each(stem):
        path = tmp_path / "failed.jsonl"
        file = FailuresFile(path, verb)
        file(Settled([_failed(6, f"{stem}1"), failed(8, "other"), _failed(9, f"{stem}7")]))
        for outcomes in parts:
            file(Settled(outcomes))
        assert file.held_bytes
        last = Successes(slab(7, [f"{stem}1"]))
        file(Settled(last if isinstance(parts[0], Successes) else list(last)))
        assert not file.held_bytes
        file.close()
        keys = [json.loads(line)["key"] for line in path.read_bytes().splitlines()]
        kept.append([key.removeprefix("city/") for key in keys])
    assert kept[0] == kept[1]
    assert kept[0] == (["k1"] if verb is Verb.GET else []) + ["other", "k7"]


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("stop_early", [True, False])
def test_the_journal_of_slabs_is_that_of_their_records(
    tmp_path: Path, in_order: bool, stop_early: bool, stem: str
) -> None:
    states = []
    for place, parts in enumerate(_slabs_or_each(stem)):
        path = tmp_path / f"{place}.journal"
        with JournalFile(path) as journal:
            journal.begin(HEADER)
            writer = JournalWriter(journal, Verb.SET, InlineExecutor(), in_order=in_order)
            for outcomes in parts[:2] if stop_early else parts:
                run_virtual(_settle(writer, outcomes))
            writer.finish(Stage.RUNNING)
        states.append(read_journal(path).state)
    assert list(states[0].settled) == list(states[1].settled)
    assert states[0].totals == states[1].totals
    assert states[0].totals.counts["succeeded"] == len(states[0].settled)
    expected = [(0, 2)] if in_order else [(0, 2), (4, 6)]
    assert list(states[0].settled) == (expected if stop_early else [(0, 6)])


def test_the_journal_knows_what_slabs_replace(tmp_path: Path, stem: str) -> None:
    states = []
    for place, parts in enumerate(_slabs_or_each(stem)):
        path = tmp_path / f"{place}.journal"
        with JournalFile(path) as journal:
            journal.begin(HEADER)
            earlier = Group(failed={"A": SettledRanges([(0, 2)])})
            journal.state.apply(earlier)
            journal.append(earlier)
            writer = JournalWriter(journal, Verb.SET, InlineExecutor())
            writer.replay([slab(0, [f"{stem}3"])[0], record(1, "other")])
            for outcomes in parts:
                run_virtual(_settle(writer, outcomes))
            writer.finish(Stage.RUNNING)
        states.append(read_journal(path).state)
    assert [list(state.retryable) for state in states] == [[(1, 2)], [(1, 2)]]


@pytest.mark.parametrize("is_ordered", [True, False])
def test_the_output_of_slabs_is_that_of_their_records(is_ordered: bool, stem: str) -> None:
    written = []
    for parts in _slabs_or_each(stem):
        sink = _Sink()
        output = RecordOutput(sink, json_lines(), is_ordered=is_ordered)
        for outcomes in parts:
            output(Settled(outcomes))
        assert output.held_bytes == 0
        written.append(sink.written)
    assert written[0] == written[1]
    assert written[0].count(b"\n") == 6
