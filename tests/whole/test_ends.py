"""A job that is killed while it completes its files, and interrupted when it is resumed."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from random import Random

import pytest

from kvsctl.errors import ExitStatus
from kvsctl.journal.state import Stage
from kvsctl.model import State, Verb
from tests.whole.disk import Trouble
from tests.whole.jobs import Shape, random_job
from tests.whole.process import Fate
from tests.whole.test_machine import SetJobs, WholeJobs

_SHAPE = Shape(
    Verb.SET,
    has_journal=True,
    is_ordered=True,
    ignores_missing=True,
    verifies=False,
    batch_size=2,
    concurrency=5,
    retries=3,
)
_STOPPED_AT_ONCE = Fate(signals=(0.0,))


@pytest.fixture
def jobs() -> Iterator[WholeJobs]:
    """Yield a world without a job."""
    jobs = SetJobs()
    try:
        jobs.open(bad_record="fails-alone", missing_keys="failed", stored=0, seed=119)
        yield jobs
    finally:
        jobs.is_over = True
        jobs.teardown()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_job_that_is_killed_at_its_end_and_then_stopped_is_finished(
    jobs: WholeJobs, share: float
) -> None:
    """Its superseded failures are removed from their file once, which makes that file shorter."""
    stages = set()
    for kill_at in count(1):
        jobs._begin(random_job(_SHAPE, jobs._new_folder(), Random(982), 47))
        jobs.meet(Fate(trouble=Trouble(kill_at=kill_at, share=share)), with_new_token=False)
        if jobs.is_over:
            break
        stages.add(jobs._account.state().stage)
        jobs.meet(_STOPPED_AT_ONCE, with_new_token=False)
        if not jobs.is_over:
            jobs.finish()
    assert Stage.ENDED in stages


@pytest.mark.parametrize("verb", [Verb.SET, Verb.GET, Verb.DELETE])
@pytest.mark.parametrize(
    "faults",
    ["", "seed=3,429=0.1,503-after=0.1,reset-after=0.1,leave-out=0.05", "seed=5,payload-limit=700"],
    ids=["clean", "faults", "limit"],
)
def test_a_job_that_runs_out_of_time_again_and_again_is_finished(
    jobs: WholeJobs, verb: Verb, faults: str
) -> None:
    """Each run obeys the laws of all runs, and the last one ends what is left."""
    slow = f"{faults},latency-ms=200..900" if faults else "seed=1,latency-ms=200..900"
    shape = replace(_SHAPE, verb=verb, verifies=verb is not Verb.GET, concurrency=2)
    jobs._begin(random_job(shape, jobs._new_folder(), Random(11), 47))
    ends: list[ExitStatus | None] = []
    while not jobs.is_over and len(ends) < 40:
        ended = jobs._run(Fate(faults=slow, max_seconds=2, seed=len(ends)))
        ends.append(ended.status)
        states = {outcome.state for outcome in ended.books.outcomes.values()}
        assert State.UNKNOWN not in states, "what was begun is finished"
    assert ExitStatus.WORK_LEFT in ends
    if not jobs.is_over:
        jobs.finish()
