"""When the journal is written, in which order, and what happens if it cannot be written."""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import Event, RecordsRead, RequestEnded, Settled, Waiting, WaitReason
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.bulk.outcomes.tally import REQUEST_COUNTS, Tally
from kvsctl.errors import KvsctlError, StreamError
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.state import Group, JournalState, Stage
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Outcome, State, Verb
from kvsctl.outputs.failures import FailuresFile
from kvsctl.slabs import Slab, Successes
from tests.support.journals import HEADER
from tests.support.outcomes import ended, failed, problem, record, succeeded
from tests.support.simulated.inline import InlineExecutor
from tests.support.simulated.virtual_time import run_virtual

_REQUEST = RequestEnded(Verb.SET, 1, 200, 0.1, 10, 10, 1, False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    with JournalFile(path) as opened:
        opened.begin(HEADER)
        yield opened


def _state(path: Path) -> JournalState:
    return read_journal(path).state


def _growing(step: float) -> Callable[[], float]:
    """A clock that moves by `step` with each look at it."""
    return count(0.0, step).__next__


@pytest.mark.parametrize(
    ("cpu", "wall"), [(0.02, 0.0), (0.0, 0.4)], ids=["costs much time", "slow disk"]
)
def test_outcomes_are_on_disk_within_a_second_however_dear_that_is(
    path: Path, journal: JournalFile, cpu: float, wall: float
) -> None:
    writer = JournalWriter(
        journal,
        Verb.SET,
        InlineExecutor(),
        cpu_seconds=_growing(cpu),
        wall_seconds=_growing(wall),
    )

    async def settle_all() -> None:
        for position in range(30):
            writer(Settled([succeeded(position)]))
            noted = _state(path).settled
            assert position - len(noted) <= 10, "at most a second's records are not noted"
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert len(_state(path).settled) == 30
        groups = _state(path).groups
        assert groups <= 5
        await asyncio.sleep(100)
        assert _state(path).groups == groups, "nothing new, nothing written"

    run_virtual(settle_all())


def test_three_kills_send_few_records_again_where_syncs_are_cheap(
    path: Path, journal: JournalFile
) -> None:
    writer = JournalWriter(
        journal,
        Verb.SET,
        InlineExecutor(),
        cpu_seconds=_growing(0.0001),
        wall_seconds=_growing(0.005),
    )

    async def settle_all() -> None:
        sent_again = 0
        for position in range(6000):
            writer(Settled([succeeded(position)]))
            if position in (1500, 3141, 4999):  # what is not noted now would be sent again
                sent_again += position + 1 - len(_state(path).settled)
            await asyncio.sleep(0.001)
        assert sent_again <= 0.06 * 6000

    run_virtual(settle_all())


def test_a_group_holds_only_what_is_new(path: Path, journal: JournalFile) -> None:
    writer = JournalWriter(journal, Verb.SET, InlineExecutor())

    async def tell(event: Event) -> int:
        before = _state(path).groups
        writer(event)
        await asyncio.sleep(2)
        return _state(path).groups - before

    async def tell_all() -> list[int]:
        return [
            await tell(event)
            for event in (RecordsRead(1), Waiting(WaitReason.THROTTLED, 1.0), _REQUEST)
        ]

    assert run_virtual(tell_all()) == [0, 0, 1]
    assert _state(path).totals.counts["requests"] == 1


def test_requests_are_taken_from_the_tally_that_counted_them(
    path: Path, journal: JournalFile
) -> None:
    counted = Tally()
    writer = JournalWriter(journal, Verb.SET, InlineExecutor(), counted=counted)

    async def tell() -> None:
        for listener in (counted, writer):
            listener(RecordsRead(2))
            listener(_REQUEST)
            listener(Settled([succeeded(0), ended(1, State.UNSENT)]))

    run_virtual(tell())
    writer.finish(Stage.RUNNING)
    counts = _state(path).totals.counts
    assert {name: counts[name] for name in REQUEST_COUNTS} == {
        name: getattr(counted, name) for name in REQUEST_COUNTS
    }
    assert (counts["requests"], counts["records"], counted.records) == (1, 1, 2)


def test_unknown_and_unsent_records_are_not_settled(path: Path, journal: JournalFile) -> None:
    writer = JournalWriter(journal, Verb.SET, InlineExecutor())
    unknown = ended(1, State.UNKNOWN)
    unknown.subject.ambiguous = True  # type: ignore[union-attr]

    async def settle() -> None:
        writer(Settled([succeeded(0), unknown, ended(2, State.UNSENT)]))

    run_virtual(settle())
    writer.finish(Stage.RUNNING)
    state = _state(path)
    assert list(state.settled) == [(0, 1)]
    assert list(state.ambiguous) == [(1, 2)]
    assert state.totals.counts["records"] == 1
    assert state.totals.counts["ambiguous"] == 0


class _Output:
    """An output that records its calls."""

    def __init__(self, calls: list[str]) -> None:
        self.broken: OSError | None = None
        self.breaks_when_marked = False
        self._calls = calls

    def mark(self) -> int:
        if self.breaks_when_marked:
            self.broken = OSError(errno.ENOSPC, "No space left on device")
        return 7

    def sync(self) -> None:
        self._calls.append("output")


def test_marked_files_are_synced_before_the_journal(tmp_path: Path, path: Path) -> None:
    calls: list[str] = []
    failures = FailuresFile(tmp_path / "failed", Verb.GET, JournalState())
    failures.sync = lambda: calls.append("failures")  # type: ignore[method-assign]
    with JournalFile(path, sync=lambda _: calls.append("journal")) as journal:
        journal.begin(HEADER)
        calls.clear()
        writer = JournalWriter(
            journal, Verb.GET, InlineExecutor(), failures=failures, output=_Output(calls)
        )
        writer.finish(Stage.ENDED)
    assert calls == ["failures", "output", "journal"]
    assert _state(path).output_bytes == 7
    assert _state(path).stage is Stage.ENDED


@pytest.mark.parametrize("when_marked", [False, True])
def test_nothing_is_written_once_a_marked_file_is_broken(
    path: Path, journal: JournalFile, when_marked: bool
) -> None:
    output = _Output([])
    writer = JournalWriter(journal, Verb.GET, InlineExecutor(), output=output)

    async def settle() -> None:
        if when_marked:
            output.breaks_when_marked = True
        else:
            output.broken = OSError(errno.ENOSPC, "No space left on device")
        writer(Settled([succeeded(0)]))
        await asyncio.sleep(5)

    run_virtual(settle())
    writer.finish(Stage.ENDED)
    assert _state(path).groups == 0


def test_in_order_a_record_is_settled_once_every_earlier_one_is(
    path: Path, journal: JournalFile
) -> None:
    journal.append(Group(SettledRanges([(0, 2)])))
    journal.state.apply(Group(SettledRanges([(0, 2)])))
    writer = JournalWriter(journal, Verb.GET, InlineExecutor(), in_order=True)

    async def settle() -> None:
        writer(Settled([succeeded(3), failed(4)]))
        assert writer.held_bytes > 0
        writer.finish(Stage.RUNNING)
        assert list(_state(path).settled) == [(0, 2)]
        assert _state(path).totals.counts["records"] == 0
        writer(Settled([succeeded(2)]))
        assert writer.held_bytes == 0

    run_virtual(settle())
    writer.finish(Stage.RUNNING)
    assert list(_state(path).settled) == [(0, 5)]
    assert list(_state(path).retryable) == [(4, 5)]
    assert _state(path).totals.counts["records"] == 3


def test_a_failure_may_be_retried_until_newer_data_replaces_it(
    path: Path, journal: JournalFile
) -> None:
    journal.state.apply(Group(failed={"A": SettledRanges([(0, 2)])}))
    journal.append(Group(failed={"A": SettledRanges([(0, 2)])}))
    writer = JournalWriter(journal, Verb.SET, InlineExecutor())
    writer.replay([record(0, "a"), record(1, "b")])

    async def settle() -> None:
        writer(Settled([problem(9, b"{}", key="d"), failed(2, "c"), succeeded(3, "a")]))
        writer(Settled([failed(4, "c"), succeeded(5, "d"), problem(6, b"{}", key="b")]))

    run_virtual(settle())
    writer.finish(Stage.RUNNING)
    assert list(_state(path).retryable) == [(1, 2), (4, 5), (6, 7), (9, 10)]


_ENDS = st.sampled_from(["slab", "records", "failed", "problem", "unknown"])
"""How consecutive records end: as a slab that succeeded whole, or each by itself."""


@given(
    st.lists(st.tuples(_ENDS, st.integers(1, 3)), max_size=8),
    st.sampled_from(Verb),
    st.booleans(),
    st.data(),
)
def test_a_slab_is_noted_as_its_records_are(
    runs: list[tuple[str, int]], verb: Verb, in_order: bool, data: st.DataObject
) -> None:
    settled: list[Settled] = []
    for end, length in runs:
        start = sum(len(one.outcomes) for one in settled)
        places = range(start, start + length)
        names = [data.draw(st.sampled_from("abc")) for _ in places]
        if end == "slab":
            keys = list("abc"[:length])
            bodies = [b"{}"] * length
            slab = Slab(start, "users.jsonl", range(start + 1, start + length + 1), keys, bodies)
            settled.append(Settled(Successes(slab)))
            continue
        make: dict[str, Callable[[int, str], Outcome]] = {
            "records": succeeded,
            "failed": failed,
            "problem": lambda place, name: problem(place, b"{}", key=name),
            "unknown": lambda place, name: ended(place, State.UNKNOWN, name),
        }
        settled.append(Settled([make[end](*one) for one in zip(places, names, strict=True)]))
    arrival = data.draw(st.permutations(settled))
    each = [Settled(list(one.outcomes)) for one in arrival]
    assert _journal_of(arrival, verb, in_order=in_order) == _journal_of(
        each, verb, in_order=in_order
    )


def _journal_of(events: Sequence[Settled], verb: Verb, *, in_order: bool) -> bytes:
    """Return the journal of these events, with a group for each."""
    with TemporaryDirectory() as folder, JournalFile(Path(folder) / "journal") as file:
        file.begin(HEADER)
        writer = JournalWriter(file, verb, InlineExecutor(), in_order=in_order)

        async def settle() -> None:
            for event in events:
                writer(event)
                writer.finish(Stage.RUNNING)

        run_virtual(settle())
        return (Path(folder) / "journal").read_bytes()


def test_reading_replaces_nothing(path: Path, journal: JournalFile) -> None:
    writer = JournalWriter(journal, Verb.GET, InlineExecutor())
    writer.replay([record(0, "a")])

    async def settle() -> None:
        writer(Settled([failed(1, "a"), succeeded(2, "a")]))

    run_virtual(settle())
    writer.finish(Stage.RUNNING)
    assert list(_state(path).retryable) == [(1, 2)]


def _failing_after(count: int) -> Callable[[int, bytes], int]:
    calls = iter(range(10**6))

    def write(fd: int, chunk: bytes) -> int:
        if next(calls) >= count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.write(fd, chunk)

    return write


def test_a_full_disk_is_reported_at_once_and_at_the_end(path: Path) -> None:
    told: list[KvsctlError] = []
    with JournalFile(path, write=_failing_after(1)) as journal:
        journal.begin(HEADER)
        writer = JournalWriter(journal, Verb.SET, InlineExecutor(), fail=told.append)

        async def settle() -> None:
            writer(Settled([succeeded(0)]))
            await asyncio.sleep(2)
            writer(Settled([succeeded(1)]))
            await asyncio.sleep(2)

        run_virtual(settle())
        assert [error.message for error in told] == [
            f"cannot write the journal {path}: No space left on device"
        ]
        with pytest.raises(StreamError, match="No space left"):
            writer.finish(Stage.RUNNING)
    assert _state(path).groups == 0


def test_a_marked_file_that_cannot_be_synced_is_reported(path: Path, journal: JournalFile) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    output = _Output([])
    output.sync = fail  # type: ignore[method-assign]
    writer = JournalWriter(journal, Verb.GET, InlineExecutor(), output=output)
    with pytest.raises(StreamError, match=r"cannot sync the output or .*: Input/output error"):
        writer.finish(Stage.RUNNING)
    assert _state(path).groups == 0


def test_a_thread_writes_while_the_loop_runs(path: Path, journal: JournalFile) -> None:
    with ThreadPoolExecutor(1) as executor:
        writer = JournalWriter(journal, Verb.SET, executor, elapsed=lambda: 1.5)

        async def settle() -> None:
            for position in range(40):
                writer(Settled([succeeded(position)]))
                await asyncio.sleep(0.1)

        run_virtual(settle(), waits_for_threads=True)
        writer.finish(Stage.COMPLETE)
    state = _state(path)
    assert list(state.settled) == [(0, 40)]
    assert state.groups > 1
    assert state.elapsed_seconds == 1.5
    assert state.stage is Stage.COMPLETE
