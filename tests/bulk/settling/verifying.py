"""Plans and input of runs that verify."""

from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Verb
from tests.support.records import record
from tests.support.simulated.virtual_time import Piece


def plan_of(verb: Verb = Verb.SET, **settings: object) -> RunPlan:
    return RunPlan(verb, verify=True, **settings)  # type: ignore[arg-type]


def input_of(count: int) -> list[Piece]:
    return [record(place, f"k{place}") for place in range(count)]
