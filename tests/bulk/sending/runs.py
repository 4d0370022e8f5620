"""Runs of a few records, for the tests of this folder."""

from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Verb
from tests.support.books import Ran, carry_out
from tests.support.records import record
from tests.support.simulated.model_service import ModelService
from tests.support.simulated.virtual_time import Piece


def input_of(count: int) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(count)]


def plan_of(**settings: object) -> RunPlan:
    return RunPlan(Verb.SET, **settings)  # type: ignore[arg-type]


def one_batch(service: ModelService, count: int = 3, **settings: object) -> Ran:
    return carry_out(plan_of(**settings), [input_of(count)], service)
