"""A machine that begins jobs on whole stores, lets their runs meet fates, and follows them up."""

import shutil
import tempfile
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from kvsctl.emulator.storage.rows import Row
from kvsctl.errors import ExitStatus, UsageError
from kvsctl.journal.state import Stage
from kvsctl.model import Identity
from tests.whole.disk import Disk
from tests.whole.fates import SEEDS, fates
from tests.whole.process import Fate, run
from tests.whole.store.account import OVER, StoreAccount, StoreRun
from tests.whole.store.change_laws import check_changes
from tests.whole.store.end_laws import check_end, check_journal, check_told
from tests.whole.store.fates import MEDDLINGS, Drawn, Meddling, drawn, forms
from tests.whole.store.file_laws import check_export, check_plan, check_undo, lines_of
from tests.whole.store.jobs import Form, Kind, StoreJob
from tests.whole.store.records import DAY, EVERY, random_store, random_version
from tests.whole.store.store_laws import check_restored, check_store
from tests.whole.store.world import OTHER, StoreWorld
from tests.whole.wire import INSTALLATION

_FATES = fates("journal", "failed", "out.part", "undo", "undo1")
_UNDONE = (Kind.DELETE, Kind.CLEAN, Kind.APPLY)
_MOST_DAYS = 1
"""A service keeps expired records for two days."""
_MOST_RUNS = 8
"""Of a job that nothing stands in the way of any more."""


class StoreJobs(RuleBasedStateMachine):
    """One world of two installations, and jobs in it one after the other.

    `account` is that of the newest job; None: there was none, or nothing follows from it.
    """

    kinds: ClassVar[tuple[Kind, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.disk = Disk(self.folder)
        self.account: StoreAccount | None = None
        self.is_over = False
        self.is_sound = True
        self.days = 0
        self._numbers = count(1)

    @initialize(
        bad_record=st.sampled_from(["fails-alone", "refuses-batch"]),
        missing_keys=st.sampled_from(["failed", "left-out"]),
        query_metadata=st.sampled_from(["current", "omitted"]),
        query_lag_seconds=st.sampled_from([0.0, 0.0, 0.5, 5.0]),
        seed=SEEDS,
    )
    def open(self, seed: int, **options: Any) -> None:
        self.world = StoreWorld(self.folder, self.disk, options)
        random = Random(seed)
        for installation in (INSTALLATION, OTHER):
            self.world.seed(installation, random_store(random, self.world.now()))

    @precondition(lambda self: self.account is None)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.begin_job(data.draw(drawn(self.kinds)))

    @precondition(lambda self: self.is_running)
    @rule(fate=_FATES, meddlings=MEDDLINGS, with_new_token=st.booleans())
    def meet(self, fate: Fate, meddlings: list[Meddling], with_new_token: bool) -> None:
        if with_new_token:
            self.world.renew_token()
        self.run_once(fate, meddlings)

    @precondition(lambda self: self.is_running)
    @rule(meddlings=MEDDLINGS)
    def meet_somebody(self, meddlings: list[Meddling]) -> None:
        """Nothing stands in the way of a run but what somebody else writes meanwhile."""
        self.run_once(Fate(), meddlings)

    @precondition(lambda self: self.is_running and self.days < _MOST_DAYS)
    @rule()
    def let_a_day_pass(self) -> None:
        self.days += 1
        self.world.elapsed_seconds += DAY

    @precondition(lambda self: self.is_running)
    @rule()
    def finish(self) -> None:
        for _ in range(_MOST_RUNS):
            if not self.is_running:
                return
            self.run_once(Fate(), (), pardons=True)
        raise AssertionError("nothing stands in its way, and it does not end")

    @precondition(lambda self: self.is_over)
    @rule(data=st.data(), seed=SEEDS)
    def follow_up(self, data: st.DataObject, seed: int) -> None:
        """Apply what was planned; restore what was deleted or exported."""
        done = self._account
        self.account, self.is_over = None, False
        job = done.job
        plans = job.kind.plans or job.form.plans_deletions
        if plans and job.out.exists():
            self._begin(
                StoreJob(
                    Kind.APPLY, data.draw(forms(Kind.APPLY)), self._new_folder(), source=job.out
                ),
                planned=_planned(done),
            )
        elif job.kind in _UNDONE and job.form.undo_has_values and job.undos:
            source = job.folder / "undone.jsonl"
            source.write_bytes(b"".join(path.read_bytes() for path in job.undos))
            self._restore(source, done, data.draw(forms(Kind.RESTORE)))
        elif job.kind is Kind.EXPORT and job.out.exists():
            self._wreck(Random(seed))
            self._restore(job.out, done, data.draw(forms(Kind.RESTORE)))

    def teardown(self) -> None:
        try:
            if self.is_running and self.is_sound:
                self.finish()
        finally:
            if hasattr(self, "world"):
                self.world.close()
            shutil.rmtree(self.folder)

    @property
    def is_running(self) -> bool:
        """Whether there is a job that is not over."""
        return self.account is not None and not self.is_over

    def begin_job(self, one: Drawn) -> StoreAccount:
        """Begin a job of a selection."""
        return self._begin(
            StoreJob(
                one.kind,
                one.form,
                self._new_folder(),
                one.choosing,
                source_token_file=self.world.source_token_file,
            )
        )

    def run_once(
        self, fate: Fate, meddlings: "list[Meddling] | tuple[()]" = (), *, pardons: bool = False
    ) -> StoreRun:
        """Let the job have a run, and hold all that it has done against the laws."""
        account, self.is_sound = self._account, False
        job = account.job
        job.runs += 1
        job.report.unlink(missing_ok=True)
        self.world.meet(fate.faults)
        if pardons:
            self.world.pardon()
        self.world.renews_tokens = fate.renews_tokens
        self.world.elapsed_seconds += 1  # so that no two runs write at the same moment
        start, began_at, before = len(self.world.book), self.world.now(), account.state()
        meanwhile = [(one.seconds, partial(self._meddle, one)) for one in meddlings]
        ended = run(job, self.world, self.disk, fate, meanwhile)
        one = StoreRun(start, began_at, ended, self.world.now(), (), before, account.state())
        self._check(account, one)
        self.is_sound = True
        return one

    def _check(self, account: StoreAccount, one: StoreRun) -> None:
        job, ended = account.job, one.ended
        whole = account.take(one)
        failed = account.not_done(whole)
        check_changes(account, one)
        check_told(account, one)
        if not ended.is_killed:
            check_end(account, one, whole)
        if job.form.has_journal:
            check_journal(account, one)
        if job.form.has_undo:
            check_undo(account)
        if job.kind.plans and not isinstance(ended.refusal, UsageError):
            check_plan(account, one, failed)
        has_ended = ended.status in OVER or one.after.stage is Stage.COMPLETE
        if has_ended and not ended.is_killed:
            if job.kind is Kind.EXPORT:
                check_export(account, failed)
            elif job.kind is Kind.RESTORE:
                check_restored(account, failed)
            check_store(account, failed)
        self.is_over = has_ended or ended.status is ExitStatus.USAGE

    def _meddle(self, one: Meddling) -> None:
        version = None
        if not one.removes:
            version = random_version(Random(one.seed), one.identity, self.world.now())
        self.world.write(one.installation, one.identity, version)

    def _wreck(self, random: Random) -> None:
        """Somebody removes or replaces much of the store."""
        for identity in random.sample(EVERY, len(EVERY) // 2):
            version = random_version(random, identity, self.world.now())
            self.world.write(INSTALLATION, identity, random.choice((None, version)))

    def _restore(self, source: Path, done: StoreAccount, form: Form) -> None:
        expected = {
            line.identity: Row(line.identity.key, line.value, 0, 0, line.expires)
            for line in lines_of(source)
            if line.value is not None
        }
        job = StoreJob(Kind.RESTORE, form, self._new_folder(), source=source)
        account = self._begin(job)
        # What somebody else has written since a record was read may not be what was read.
        touched = set() if done.job.kind is Kind.EXPORT else done.touched()
        account.expected = {one: row for one, row in expected.items() if one not in touched}

    def _begin(
        self, job: StoreJob, planned: dict[Identity, tuple[str, Row]] | None = None
    ) -> StoreAccount:
        self.account, self.is_over = StoreAccount(job, self.world, planned or {}), False
        return self.account

    def _new_folder(self) -> Path:
        return self.folder / f"job{next(self._numbers)}"

    @property
    def _account(self) -> StoreAccount:
        assert self.account is not None
        return self.account


def _planned(done: StoreAccount) -> dict[Identity, tuple[str, Row]]:
    """Return what a plan names, each with the record as it was read for it."""
    read = {
        identity: row
        for one in done.runs
        for entry in done.entries(one)
        if entry.exchange is not None and entry.exchange.verb == "get"
        for identity, row in entry.after.items()
        if row is not None
    }
    return {
        line.identity: (line.members["action"], read[line.identity])
        for line in lines_of(done.job.out)
    }
