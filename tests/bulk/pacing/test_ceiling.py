"""A limit that is learnt from refusals, and the tries to raise it."""

import math

import pytest

from kvsctl.bulk.pacing.ceiling import Ceiling


def _learnt(rate: float, quiet_seconds: float, bearable: float = 0.0) -> Ceiling:
    ceiling = Ceiling()
    ceiling.learn(rate, 0.0, quiet_seconds, bearable)
    return ceiling


def _use(ceiling: Ceiling, now: float, amount: float) -> None:
    ceiling.note_used(amount)
    ceiling.note_accepted(now, 0.0)


def test_nothing_is_known_before_a_lesson() -> None:
    ceiling = Ceiling()
    assert not ceiling.note_refused(1.0, 0.0)
    assert ceiling.allowed == math.inf


def test_a_little_more_is_tried_once_it_was_used_for_long_enough() -> None:
    ceiling = _learnt(0.75, 60)
    _use(ceiling, 100.0, 40)
    assert ceiling.allowed == 0.75, "it held nothing back"
    ceiling = _learnt(0.75, 60)
    _use(ceiling, 59.0, 44)
    assert ceiling.allowed == 0.75
    _use(ceiling, 60.0, 1)
    assert ceiling.allowed == pytest.approx(0.75 * 1.04)
    _use(ceiling, 120.0, 47)
    assert ceiling.learnt == pytest.approx(0.75 * 1.04)
    assert ceiling.allowed == pytest.approx(0.75 * 1.04 * 1.08)


def test_a_refused_try_is_taken_back_and_the_next_comes_later() -> None:
    ceiling = _learnt(0.75, 60)
    _use(ceiling, 60.0, 45)
    assert ceiling.note_refused(61.0, 0.0), "that explains it"
    assert ceiling.allowed == 0.75
    _use(ceiling, 122.0, 46)
    assert ceiling.allowed == 0.75
    _use(ceiling, 182.0, 45)
    assert ceiling.allowed > 0.75


def test_bearable_refusals_do_not_end_a_try() -> None:
    ceiling = _learnt(100, 3, bearable=0.05)
    _use(ceiling, 3.0, 300)
    for _ in range(40):
        _use(ceiling, 4.0, 1)
    for _ in range(4):
        assert ceiling.note_refused(4.0, 0.0)
        assert ceiling.allowed == 104
    assert ceiling.note_refused(4.0, 0.0)
    assert ceiling.allowed == 100


@pytest.mark.parametrize(("noise", "expected"), [(0.0, 90.0), (0.1, 100.0)])
def test_a_new_limit_falls_by_the_share_that_is_refused(noise: float, expected: float) -> None:
    ceiling = _learnt(100, 3)
    for _ in range(4):
        for _ in range(9):
            ceiling.note_accepted(1.0, noise)
        assert not ceiling.note_refused(1.0, noise)
    ceiling.note_accepted(1.0, noise)
    assert ceiling.allowed == ceiling.learnt == pytest.approx(expected, rel=0.01)
    for _ in range(100):
        ceiling.note_refused(1.0, noise)
    ceiling.note_accepted(1.0, noise)
    assert ceiling.learnt == pytest.approx(expected, rel=0.01), "once only"


def test_a_limit_that_was_contradicted_is_forgotten() -> None:
    ceiling = _learnt(50, 3)
    ceiling.forget()
    assert (ceiling.learnt, ceiling.allowed) == (None, math.inf)
    assert not ceiling.note_refused(9.0, 0.0)
