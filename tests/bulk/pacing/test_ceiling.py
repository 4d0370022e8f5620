"""A limit that is learnt from refusals, and the tries to raise it."""

import math

import pytest

from kvsctl.bulk.pacing.ceiling import Ceiling


def _learnt(rate: float, quiet_seconds: float, bearable: float = 0.0) -> Ceiling:
    ceiling = Ceiling()
    ceiling.learn(rate, 0.0, quiet_seconds, bearable)
    return ceiling


def _pass(ceiling: Ceiling, now: float) -> None:
    ceiling.note_held()
    assert not ceiling.note(now, 0.0, was_refused=False)


def test_nothing_is_known_before_a_lesson() -> None:
    ceiling = Ceiling()
    assert not ceiling.note(1.0, 0.0, was_refused=True)
    assert ceiling.allowed == math.inf


def test_a_little_more_is_tried_once_it_was_held_to_for_long_enough() -> None:
    ceiling = _learnt(0.75, 60)
    ceiling.note(100.0, 0.0, was_refused=False)
    assert ceiling.allowed == 0.75, "it held nothing back"
    ceiling = _learnt(0.75, 60)
    _pass(ceiling, 59.0)
    assert ceiling.allowed == 0.75
    _pass(ceiling, 60.0)
    assert ceiling.allowed == pytest.approx(0.75 * 1.02)
    _pass(ceiling, 120.0)
    assert ceiling.learnt == pytest.approx(0.75 * 1.02)
    assert ceiling.allowed == pytest.approx(0.75 * 1.02 * 1.04)


def test_a_refused_try_is_taken_back_and_the_next_comes_later() -> None:
    ceiling = _learnt(0.75, 60)
    _pass(ceiling, 60.0)
    assert ceiling.note(61.0, 0.0, was_refused=True), "that explains it"
    assert ceiling.allowed == 0.75
    _pass(ceiling, 122.0)
    assert ceiling.allowed == 0.75
    _pass(ceiling, 182.0)
    assert ceiling.allowed > 0.75


def test_bearable_refusals_do_not_end_a_try() -> None:
    ceiling = _learnt(100, 3, bearable=0.05)
    _pass(ceiling, 3.0)
    for _ in range(40):
        ceiling.note(4.0, 0.0, was_refused=False)
    assert ceiling.note(4.0, 0.0, was_refused=True)
    assert ceiling.allowed == 102
    for _ in range(3):
        ceiling.note(4.0, 0.0, was_refused=True)
    assert ceiling.allowed == 100


def test_a_limit_that_was_contradicted_is_forgotten() -> None:
    ceiling = _learnt(50, 3)
    ceiling.forget()
    assert (ceiling.learnt, ceiling.allowed) == (None, math.inf)
    assert not ceiling.note(9.0, 0.0, was_refused=True)
