"""What a run notes of its requests."""

import asyncio
from random import Random
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.bulk.lanes import Lanes
from kvsctl.bulk.pacing.concurrency import Concurrency
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.retrying.budget import RetryBudget
from kvsctl.bulk.retrying.give_up import Patience
from kvsctl.bulk.sending.queue import SendQueue
from kvsctl.bulk.sending.run_state import RunState
from kvsctl.bulk.settling.ledger import Ledger
from kvsctl.bulk.stopping import Stopping
from kvsctl.model import Verb
from tests.support.simulated.model_service import BROKEN, THROTTLED, ModelService
from tests.support.simulated.virtual_time import run_virtual

_Step: TypeAlias = tuple[str, float]


def _state() -> RunState:
    plan, lanes = RunPlan(Verb.SET, give_up_after=40), Lanes(join=False)
    return RunState(
        plan,
        ModelService(),
        SendQueue(lanes, plan.packing),
        Pacer(Pace(), lambda: 0.0),
        Concurrency(1, is_found=False, window_bytes=1, read_batch=0),
        Ledger(lanes, [], changed=lambda: None, stop=lambda _: None),
        Stopping(lambda: 0.0, 0.0),
        lambda: None,
        lambda _: None,
        asyncio.get_running_loop().time,
        Random(1),
    )


async def _compare(steps: list[_Step]) -> None:
    """Note each step in a run, and in a budget and a patience that note every success."""
    run, budget, patience = _state(), RetryBudget(), Patience(40, 600.0)
    for what, seconds in steps:
        await asyncio.sleep(seconds)
        now = run.now()
        if what == "success":
            run.note_success()
            budget.note_success()
            patience.note_answer(did_something=True, last="")
        elif what == "retry":
            assert run.retry_seconds(0.5) == max(0.5, budget.take(now))
        else:
            fault = BROKEN if what == "broken" else THROTTLED
            run.note_trouble()
            begun_in = patience.rounds_begun
            run.patience.note_fault(fault, now, counts=True, begun_in=begun_in)
            patience.note_fault(fault, now, counts=True, begun_in=begun_in)
        assert run.budget.can_spare(now) == budget.can_spare(now)
        assert vars(run.budget) == vars(budget)
        assert run.patience.rounds_failed == patience.rounds_failed
        assert run.patience.consecutive_throttled == patience.consecutive_throttled


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["success", "success", "retry", "retry", "broken", "throttled"]),
            st.sampled_from([0.0, 0.0, 0.1, 2.0]),
        ),
        max_size=400,
    )
)
def test_no_success_is_lost_on_budget_and_patience(steps: list[_Step]) -> None:
    run_virtual(_compare(steps))
