"""A job run from a function, as a library or a second stage would run it."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.bulk.feeds import AsyncFeed, Feed
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer, Start
from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.jobs.examine import require_rereadable
from kvsctl.jobs.inputs import Emit, ReaderInput, Session, to_nobody
from kvsctl.jobs.job import BatchJob, InputChecks, Journalling, KeptEnd, Reporting
from kvsctl.jobs.runner import run_job
from kvsctl.jobs.signals import Signals
from kvsctl.jobs.store.listed_input import ListedInput
from kvsctl.model import Identity, Problem, Record, Verb
from kvsctl.outputs.forms import Printing
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import Arguments
from kvsctl.report.console import Environment
from kvsctl.service.wire import key_body


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with (tmp_path / "streams").open("wb") as streams:
        fd = streams.fileno()
        yield Environment(fd, fd, False, False, False, False, 80)


def job(
    verb: Verb,
    words: Sequence[str],
    database: Path,
    *,
    report: Path | None = None,
    output: Path | None = None,
    journal: Path | None = None,
    checks: InputChecks | None = None,
) -> BatchJob:
    parsers = set_parsers(Rules(), string=False) if verb is Verb.SET else key_parsers(Rules())
    return BatchJob(
        input=ReaderInput(Reader([Arguments(words)], parsers)),
        plan=RunPlan(verb),
        target=Target("local", local_path=database),
        allow_http=False,
        timeout_seconds=10.0,
        reporting=Reporting(report_path=report, quiet=True),
        records=Printing(path=output) if verb is Verb.GET else None,
        journal=None if journal is None else Journalling(journal, {}),
        checks=checks or InputChecks(),
    )


def test_two_jobs_in_one_loop_give_their_exit_statuses(
    tmp_path: Path, environment: Environment
) -> None:
    database, found = tmp_path / "db", tmp_path / "found"
    write = job(Verb.SET, ["a=1", "b=2"], database)
    read = job(Verb.GET, ["b", "missing", "a"], database, output=found)

    async def stages() -> list[ExitStatus]:
        return [await run_job(write, environment), await run_job(read, environment)]

    assert asyncio.run(stages()) == [ExitStatus.OK, ExitStatus.FAILURES]
    assert found.read_bytes() == b'{"key":"b","value":2}\n{"key":"a","value":1}\n'


def test_two_jobs_at_the_same_time_stay_apart(tmp_path: Path, environment: Environment) -> None:
    good = job(Verb.SET, ["a=1"], tmp_path / "one", report=tmp_path / "one.json")
    bad = job(Verb.SET, ["b/c=1", "b=2"], tmp_path / "two", report=tmp_path / "two.json")

    async def both() -> list[ExitStatus]:
        return list(await asyncio.gather(*(run_job(one, environment) for one in (good, bad))))

    assert asyncio.run(both()) == [ExitStatus.OK, ExitStatus.FAILURES]
    reports = [json.loads((tmp_path / name).read_bytes()) for name in ("one.json", "two.json")]
    assert [(one["records"], one["succeeded"], one["failed"]) for one in reports] == [
        (1, 1, 0),
        (2, 1, 1),
    ]


def test_jobs_that_are_given_one_pacer_ask_it_for_every_request(
    tmp_path: Path, environment: Environment
) -> None:
    started: list[int] = []

    class Counting(Pacer):
        def start(self, units: int, records: int, *, reads: bool) -> Start:
            started.append(records)
            return super().start(units, records, reads=reads)

    words = [f"k{n}=1" for n in range(30)]
    jobs = [job(Verb.SET, words, tmp_path / "db"), job(Verb.DELETE, ["k1", "k2"], tmp_path / "db")]

    async def both() -> list[ExitStatus]:
        pacer = Counting(Pace(), asyncio.get_running_loop().time)
        return [await run_job(one, environment, pacer=pacer) for one in jobs]

    assert asyncio.run(both()) == [ExitStatus.OK, ExitStatus.OK]
    assert sorted(started) == [2, 5, 25]


def test_the_same_job_with_a_journal_twice_in_one_loop(
    tmp_path: Path, environment: Environment
) -> None:
    same = job(Verb.SET, ["a=1", "b=2"], tmp_path / "db", journal=tmp_path / "journal")

    async def stages() -> list[ExitStatus]:
        statuses = [await run_job(same, environment)]
        size = (tmp_path / "journal").stat().st_size
        await asyncio.sleep(0)  # a write left over from the first run would happen here
        statuses.append(await run_job(same, environment))
        assert (tmp_path / "journal").stat().st_size == size
        return statuses

    assert asyncio.run(stages()) == [ExitStatus.OK, ExitStatus.OK]


def test_a_dry_run_and_a_check_give_their_exit_statuses_too(
    tmp_path: Path, environment: Environment
) -> None:
    words = ["a=1", "b/c=1"]
    dry = job(Verb.SET, words, tmp_path / "db", checks=InputChecks(is_dry_run=True))
    checked = job(Verb.SET, words, tmp_path / "db", checks=InputChecks(checks_first=True))

    async def stages() -> list[ExitStatus]:
        return [await run_job(dry, environment), await run_job(checked, environment)]

    assert asyncio.run(stages()) == [ExitStatus.FAILURES, ExitStatus.FAILURES]
    assert not (tmp_path / "db").exists()


def test_what_cannot_be_opened_is_raised_and_the_loop_goes_on(
    tmp_path: Path, environment: Environment
) -> None:
    refused = job(Verb.SET, ["a=1"], tmp_path)  # a folder is not a database
    fine = job(Verb.SET, ["a=1"], tmp_path / "db")

    async def stages() -> ExitStatus:
        with pytest.raises(UsageError):
            await run_job(refused, environment)
        return await run_job(fine, environment)

    assert asyncio.run(stages()) is ExitStatus.OK


def test_signals_belong_to_the_caller_and_serve_every_job(
    tmp_path: Path, environment: Environment
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    one = job(Verb.SET, ["a=1"], tmp_path / "db")

    async def without() -> ExitStatus:
        status = await run_job(one, environment)
        assert signal.getsignal(signal.SIGTERM) is before, "no handler without being asked for"
        return status

    assert asyncio.run(without()) is ExitStatus.OK
    with Signals() as signals:

        async def twice() -> list[ExitStatus]:
            return [await run_job(one, environment, signals) for _ in range(2)]

        assert asyncio.run(twice()) == [ExitStatus.OK, ExitStatus.OK]
    assert signal.getsignal(signal.SIGTERM) is before


class Listing(ListedInput, frozen=True, kw_only=True):
    """A stand-in for a listing: identities from an async iterator, in pages."""

    count: int
    breaks_at: int | None = None

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        del session, emit
        return AsyncFeed(self.pages())

    @property
    def is_listing(self) -> bool:
        """No: its positions are the same each time."""
        return False

    @property
    def single_use(self) -> str | None:
        return "a listing"

    async def pages(self) -> AsyncIterator[list[Record | Problem]]:
        for start in range(0, self.count, 100):
            await asyncio.sleep(0)
            if self.breaks_at is not None and start >= self.breaks_at:
                raise StreamError("the listing failed")
            identities = [Identity(None, f"k{place}") for place in range(start, start + 100)]
            yield [
                Record(place, "listing", place + 1, identity, key_body(identity))
                for place, identity in enumerate(identities, start)
            ]


class TestListing:
    def deleting(self, listing: Listing, folder: Path, journal: Path | None = None) -> BatchJob:
        words = job(Verb.DELETE, [], folder / "db", report=folder / "report", journal=journal)
        return replace(words, input=listing)

    def test_is_deleted_with_a_sum_that_holds(
        self, tmp_path: Path, environment: Environment
    ) -> None:
        one = self.deleting(Listing(count=3000), tmp_path)
        assert asyncio.run(run_job(one, environment)) is ExitStatus.OK
        report = json.loads((tmp_path / "report").read_bytes())
        assert (report["records"], report["succeeded"], report["inputs"]) == (3000, 3000, [])

    def test_that_fails_half_way_is_a_failure_with_all_accounted_for(
        self, tmp_path: Path, environment: Environment
    ) -> None:
        one = self.deleting(Listing(count=3000, breaks_at=1500), tmp_path)
        assert asyncio.run(run_job(one, environment)) is ExitStatus.STREAM
        report = json.loads((tmp_path / "report").read_bytes())
        assert (report["records"], report["succeeded"]) == (1500, 1500)

    def test_has_a_journal_that_refuses_another_selection(
        self, tmp_path: Path, environment: Environment
    ) -> None:
        journal = tmp_path / "journal"
        broken = self.deleting(Listing(count=300, breaks_at=200), tmp_path, journal)
        assert asyncio.run(run_job(broken, environment)) is ExitStatus.STREAM
        other = self.deleting(Listing(count=300, selection={"prefix": "tmp:"}), tmp_path, journal)
        with pytest.raises(UsageError, match="listing has a different selection"):
            asyncio.run(run_job(other, environment))
        same = self.deleting(Listing(count=300), tmp_path, journal)
        assert asyncio.run(run_job(same, environment)) is ExitStatus.OK
        report = json.loads((tmp_path / "report").read_bytes())
        assert (report["records"], report["succeeded"]) == (300, 300)

    def test_cannot_be_checked_first(self) -> None:
        with pytest.raises(UsageError, match="a listing can be read only once"):
            require_rereadable(Listing(count=1))

    def test_resumes_although_a_kill_has_torn_its_failures_file(
        self, tmp_path: Path, environment: Environment
    ) -> None:
        journal, failures = tmp_path / "journal", tmp_path / "failures"
        broken = self.deleting(Listing(count=300, breaks_at=200), tmp_path, journal)
        reporting = replace(broken.reporting, failures_path=failures)
        asyncio.run(run_job(replace(broken, reporting=reporting), environment))
        failures.write_bytes(b"\x00" * 40)  # what a power loss may leave behind the mark
        again = self.deleting(Listing(count=300), tmp_path, journal)
        status = asyncio.run(run_job(replace(again, reporting=reporting), environment))
        assert (status, failures.read_bytes()) == (ExitStatus.OK, b"")


@pytest.mark.parametrize("wants_report", [True, False])
def test_a_report_is_made_only_for_a_watcher_that_wants_one(
    tmp_path: Path, environment: Environment, wants_report: bool
) -> None:
    kept = KeptEnd(wants_report=wants_report)
    watched = job(Verb.SET, ["a=1", "b=2"], tmp_path / "db").watched_by(kept)
    assert asyncio.run(run_job(watched, environment)) is ExitStatus.OK
    end = kept.end
    assert end is not None
    assert end.tally is not None
    assert end.tally.succeeded == 2
    assert (end.report is not None) is wants_report
    assert end.report is None or end.report["succeeded"] == 2
