"""Whole jobs: runs, kills, power cuts, full disks, signals, tokens and faults in random order.

After each run store, report, journal, failures file and output are held against a plain model.
There is one machine for each verb, so that they can run at the same time. Most jobs of a machine
have its verb; the others change the store between them.

`KVSCTL_MACHINE_EXAMPLES=5000` tries 5000 others in each machine. Without it, each run of the same
tests tries the same few; Hypothesis also tries constants of the modules that earlier tests have
imported.
"""

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from kvsctl.errors import ExitStatus
from kvsctl.journal.file import read_journal
from kvsctl.journal.state import Stage
from kvsctl.model import Verb
from tests.whole.account import Account
from tests.whole.disk import Disk
from tests.whole.fates import FATES, SEEDS, shapes
from tests.whole.jobs import Job, Line, Shape, random_job
from tests.whole.laws import check_run
from tests.whole.process import Ended, Fate, run
from tests.whole.wire import World

_ASKED = os.environ.get("KVSCTL_MACHINE_EXAMPLES")
_OVER = (ExitStatus.OK, ExitStatus.FAILURES)


class WholeJobs(RuleBasedStateMachine):
    """One world, and jobs in it one after the other."""

    verb: ClassVar[Verb]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.disk = Disk(self.folder)
        self.account: Account | None = None
        self.is_over = False
        self.is_sound = True
        self.jobs = 0

    @initialize(
        bad_record=st.sampled_from(["fails-alone", "refuses-batch"]),
        missing_keys=st.sampled_from(["failed", "left-out"]),
        stored=st.sampled_from([0, 0, 60]),
        seed=SEEDS,
    )
    def open(self, bad_record: str, missing_keys: str, stored: int, seed: int) -> None:
        options = {"bad_record": bad_record, "missing_keys": missing_keys}
        self.world = World(self.folder, self.disk, options)
        if stored and self.verb is not Verb.SET:
            self._begin(random_job(Shape(Verb.SET), self._new_folder(), Random(seed), stored))
            self.finish()
            self.account, self.is_over = None, False

    @precondition(lambda self: self.account is None)
    @rule(data=st.data(), seed=SEEDS, count=st.integers(0, 90))
    def begin(self, data: st.DataObject, seed: int, count: int) -> None:
        shape = data.draw(shapes(self.verb))
        self._begin(random_job(shape, self._new_folder(), Random(seed), count))

    @precondition(lambda self: self.account is not None and not self.is_over)
    @rule(fate=FATES, with_new_token=st.booleans())
    def meet(self, fate: Fate, with_new_token: bool) -> None:
        if with_new_token:
            self.world.renew_token()
        self._run(fate)

    @precondition(lambda self: self.account is not None and not self.is_over)
    @rule()
    def finish(self) -> None:
        assert self._run(Fate()).status in _OVER, "nothing stands in its way"

    @precondition(lambda self: self.is_over and self._can_retry)
    @rule(fate=FATES)
    def retry_failed(self, fate: Fate) -> None:
        self.is_over = False
        self._run(Fate(**{**fate.__dict__, "retries_failed": True}))

    @precondition(lambda self: self.is_over)
    @rule()
    def look_again(self) -> None:
        """The same command once more sends nothing, if the journal says that all is done."""
        account = self._account
        if account.job.shape.has_journal:
            ended = self._run(Fate())
            assert ended.status is ExitStatus.OK
            assert not self.world.exchanges

    @precondition(lambda self: self.is_over)
    @rule()
    def feed_back(self) -> None:
        """What failed is fed back once its cause is gone: then the last record of a key wins."""
        done = self._account
        self.account, self.is_over = None, False
        if done.job.shape.verb is not Verb.SET:
            return
        folder = self._new_folder()
        folder.mkdir()
        source = folder / "in.jsonl"
        shutil.copy(done.job.failed, source)
        lines = [_line_of(at, text) for at, text in enumerate(source.read_text().splitlines())]
        self._begin(Job(Shape(Verb.SET), folder, lines, source))
        self.world.pardon()
        self._finish_pardoned()
        store = self.world.store()
        last = {line.identity: line for line in done.job.records}
        for identity, line in last.items():
            assert identity is not None
            if not line.is_expired:
                assert store[identity] == line.value or identity in done.doubtful

    def teardown(self) -> None:
        try:
            if self.account is not None and not self.is_over and self.is_sound:
                self.finish()
        finally:
            if hasattr(self, "world"):
                self.world.close()
            shutil.rmtree(self.folder)

    @property
    def _account(self) -> Account:
        assert self.account is not None
        return self.account

    @property
    def _can_retry(self) -> bool:
        shape = self._account.job.shape
        is_printed_in_order = shape.verb is Verb.GET and shape.is_ordered
        retryable = self._account.state().retryable
        return shape.has_journal and not is_printed_in_order and bool(retryable)

    def _new_folder(self) -> Path:
        self.jobs += 1
        return self.folder / f"job{self.jobs}"

    def _begin(self, job: Job) -> None:
        self.account = Account(job, self.world.store())
        self.is_over = False

    def _run(self, fate: Fate) -> Ended:
        account, self.is_sound = self._account, False
        account.job.report.unlink(missing_ok=True)
        self.world.meet(fate.faults)
        self.world.renews_tokens = fate.renews_tokens
        before = account.state()
        ended = run(account.job, self.world, self.disk, fate)
        after = account.state()
        if fate.retries_failed:
            account.forget_retried(before, after)
        check_run(account, ended, self.world, before, after)
        has_journal = account.job.shape.has_journal
        self.is_over = after.stage is Stage.COMPLETE if has_journal else ended.status in _OVER
        self.is_sound = True
        return ended

    def _finish_pardoned(self) -> None:
        account = self._account
        before = account.state()
        ended = run(account.job, self.world, self.disk, Fate())
        assert ended.status in _OVER
        account.take(ended, account.state())
        assert before.groups == 0
        self.account = None


def _line_of(at: int, text: str) -> Line:
    members = json.loads(text)
    return Line(at, text, None, "raw" not in members and "ttl" not in members)


class SetJobs(WholeJobs):
    """Jobs that mostly set."""

    verb = Verb.SET


class GetJobs(WholeJobs):
    """Jobs that mostly get."""

    verb = Verb.GET


class DeleteJobs(WholeJobs):
    """Jobs that mostly delete."""

    verb = Verb.DELETE


def machine_settings(examples: int) -> settings:
    """Return those of a machine: so many examples, always the same, unless others are asked for."""
    return settings(
        max_examples=int(_ASKED or examples),
        stateful_step_count=12,
        derandomize=_ASKED is None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TestSetJobs = pytest.mark.slow(SetJobs.TestCase)
TestSetJobs.settings = machine_settings(100)
TestGetJobs = pytest.mark.slow(GetJobs.TestCase)
TestGetJobs.settings = machine_settings(50)
TestDeleteJobs = pytest.mark.slow(DeleteJobs.TestCase)
TestDeleteJobs.settings = machine_settings(50)


@settings(
    max_examples=int(_ASKED or 25),
    derandomize=_ASKED is None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    verb=st.sampled_from(list(Verb)), data=st.data(), seed=SEEDS, fates=st.lists(FATES, max_size=3)
)
def test_runs_that_split_slabs_do_the_same(
    verb: Verb, data: st.DataObject, seed: int, fates: list[Fate]
) -> None:
    shape = data.draw(shapes(verb))
    folder = Path(tempfile.mkdtemp())  # one path, as it is in files
    both = [_all_runs(shape, folder, seed, fates, splits_slabs=one) for one in (False, True)]
    for whole, split in zip(*both, strict=True):
        assert whole == split


def _all_runs(
    shape: Shape, folder: Path, seed: int, fates: list[Fate], *, splits_slabs: bool
) -> list[dict[str, Any]]:
    """Return everything that is left of each run of a job, but for what times stand in."""
    folder.mkdir(exist_ok=True)
    disk = Disk(folder)
    world = World(folder, disk, {"bad_record": "refuses-batch", "missing_keys": "failed"})
    seen = []
    try:
        job = random_job(shape, folder / "job", Random(seed), 60)
        for fate in [*fates, Fate()]:
            world.meet(fate.faults)
            world.renews_tokens = fate.renews_tokens
            ended = run(job, world, disk, replace(fate, splits_slabs=splits_slabs))
            outcomes = [
                (at, one.state, one.failure and one.failure[:2], one.found, one.skipped_by)
                for at, one in sorted(ended.books.outcomes.items())
            ]
            seen.append(
                {
                    "status": ended.status,
                    "sent": ended.sent,
                    "outcomes": outcomes,
                    "store": world.store(),
                    "failed": _bytes_of(job.failed),
                    "out": _bytes_of(job.out),
                    "settled": list(read_journal(job.journal).state.settled)
                    if job.journal.exists()
                    else None,
                }
            )
    finally:
        world.close()
        shutil.rmtree(folder)
    return seen


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
