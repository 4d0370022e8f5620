"""Input, plans and moments, for the tests of this folder."""

from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.run import Run
from kvsctl.model import Verb
from tests.support.records import record
from tests.support.simulated.virtual_time import Piece


def input_of(count: int, start: int = 0) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(start, start + count)]


def stop(run: Run) -> None:
    run.stop()


def abort(run: Run) -> None:
    run.abort()


ONE_BY_ONE = RunPlan(Verb.SET, packing=PackingRule(1, 1000), concurrency=1)
