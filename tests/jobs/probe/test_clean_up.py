"""Whatever happens to a probe, it removes what it wrote, or names it."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.errors import CredentialsError, TargetError
from kvsctl.jobs.probe.asking import Asking
from kvsctl.jobs.probe.catalogue import QUESTIONS
from kvsctl.jobs.probe.questions import Question
from kvsctl.service.transport.carrier import Unanswered, Unreached
from tests.jobs.probe.probing import PREFIX, Outcome, probed
from tests.support.examples import examples

_NAMES = ("missing-keys", "queries", "bad-records", "ttl-less-set", "expiry", "values")


class _At:
    """Calls a method of the probe at the n-th moment."""

    def __init__(self, number: int, *actions: str) -> None:
        self._number, self._actions = number, actions

    @property
    def later(self) -> int:
        """How many moments there were after that one."""
        return max(0, -self._number)

    def __call__(self, asking: Asking) -> None:
        self._number -= 1
        if self._number == 0:
            for action in self._actions:
                getattr(asking, action)()


class _Losing:
    """Loses requests and answers, by a list that repeats."""

    def __init__(self, lost: Sequence[bool], kind: type[Exception]) -> None:
        self._lost, self._kind, self._number = lost, kind, 0

    def __call__(self, _asking: Asking) -> None:
        self._number += 1
        if self._lost[self._number % len(self._lost)]:
            raise self._kind


def _names_all(outcome: Outcome) -> None:
    assert set(outcome.stored) <= set(outcome.written)
    assert all(one.key.startswith(PREFIX) for one in outcome.stored)


@settings(max_examples=examples(60))
@given(st.integers(1, 160))
def test_a_signal_at_any_moment_leaves_nothing(number: int) -> None:
    outcome = probed(*_NAMES, moment=_At(number, "stop"))
    assert (outcome.error, outcome.written, outcome.stored) == (None, [], [])
    assert len(outcome.asked) <= len(_NAMES)


@settings(max_examples=examples(20))
@given(st.integers(1, 900))
def test_a_signal_while_the_quota_is_used_up_leaves_nothing(number: int) -> None:
    quota = QuotaOptions(write_units_per_minute=120)
    outcome = probed("quota", moment=_At(number, "stop"), quota=quota)
    assert (outcome.error, outcome.written, outcome.stored) == (None, [], [])


@settings(max_examples=examples(40))
@given(st.integers(1, 160))
def test_a_second_signal_stops_at_once_and_leaves_only_what_is_named(number: int) -> None:
    moment = _At(number, "stop", "abort")
    _names_all(probed(*_NAMES, moment=moment))
    assert moment.later <= 1, "the end of the request in flight"


@settings(max_examples=examples(40))
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.sampled_from([Unreached, Unanswered]))
def test_lost_requests_and_answers_leave_only_what_is_named(
    lost: list[bool], kind: type[Exception]
) -> None:
    outcome = probed(*_NAMES, moment=_Losing(lost, kind))
    _names_all(outcome)
    if outcome.error is None:
        assert (outcome.written, outcome.stored) == ([], [])


@pytest.mark.parametrize(
    "spec",
    [
        "seed=1,500=0.2,503-after=0.1,429=0.1,502-html=0.1",
        "seed=2,429=0.3,retry-after=2",
        "seed=3,500-after=0.4",
    ],
)
def test_faults_cost_neither_answers_nor_records(spec: str) -> None:
    outcome = probed(*_NAMES, faults=read_faults(spec))
    assert (outcome.error, outcome.written, outcome.stored) == (None, [], [])
    assert outcome.answers == probed(*_NAMES).answers


def test_a_store_that_goes_away_is_an_error_and_everything_is_named() -> None:
    class Going:
        def __init__(self) -> None:
            self.number = 0

        def __call__(self, _asking: Asking) -> None:
            self.number += 1
            if self.number > 20:
                raise Unreached("gone")

    outcome = probed(*_NAMES, moment=Going())
    assert isinstance(outcome.error, TargetError)
    assert outcome.stored
    _names_all(outcome)


def test_refused_credentials_end_it_before_anything_is_written() -> None:
    outcome = probed(*_NAMES, tokens=(Token("secret", "i"),))
    assert isinstance(outcome.error, CredentialsError)
    assert (outcome.asked, outcome.written, outcome.stored) == ([], [], [])


@pytest.mark.parametrize("bad_record", ["fails-alone", "refuses-batch"])
def test_entities_are_removed_too(bad_record: str) -> None:
    outcome = probed("bad-records", bad_record=bad_record)
    assert (outcome.written, outcome.stored) == ([], [])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one.name)
def test_a_question_is_whole_data(question: Question) -> None:
    assert question.asks.endswith("?")
    assert question.method.endswith(".")
    assert question.cost.requests > 0
    outcome = probed(question.name, quota=QuotaOptions(write_units_per_minute=600))
    for name, value in outcome.answers.items():
        if name != "refuse-batch-for":
            assert question.meaning(name, value), (name, value)


@pytest.mark.parametrize("question", QUESTIONS[:-1], ids=lambda one: one.name)
def test_a_question_costs_no_more_than_it_says(question: Question) -> None:
    """Counted by an emulator that has exactly that quota, for less than a minute."""
    cost = question.cost
    quota = QuotaOptions(
        read_units_per_minute=cost.read_units + 2,
        write_units_per_minute=max(1, cost.write_units),
        minute_seconds=10_000,
        requests_per_second=100_000,
    )
    outcome = probed(question.name, quota=quota, refused_cost="free")
    assert (outcome.error, outcome.written) == (None, [])
    assert outcome.answers == probed(question.name).answers
