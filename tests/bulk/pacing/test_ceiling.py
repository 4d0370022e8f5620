"""A limit that is learnt from refusals."""

import math

from kvsctl.bulk.pacing.ceiling import Ceiling


def _pass(ceiling: Ceiling, load: float, now: float) -> None:
    ceiling.note_held()
    assert not ceiling.note(load, now, 0.0, was_refused=False)


def test_nothing_is_known_before_a_lesson() -> None:
    ceiling = Ceiling(60, 0)
    assert not ceiling.note(1000, 1.0, 0.0, was_refused=True)
    assert ceiling.allowed == math.inf


def test_a_little_more_is_tried_once_it_was_held_to_for_long_enough() -> None:
    ceiling = Ceiling(60, 0)
    ceiling.learn(45, 0.0)
    ceiling.note(45, 100.0, 0.0, was_refused=False)
    assert ceiling.allowed == 45, "it held nothing back"
    _pass(ceiling, 44, 59.0)
    assert ceiling.allowed == 45
    _pass(ceiling, 44, 60.0)
    assert ceiling.allowed == 46
    _pass(ceiling, 45, 120.0)
    assert (ceiling.learnt, ceiling.allowed) == (46, 46 * 1.04)


def test_a_refused_try_is_taken_back_and_the_next_comes_later() -> None:
    ceiling = Ceiling(60, 0)
    ceiling.learn(45, 0.0)
    _pass(ceiling, 44, 60.0)
    assert ceiling.note(45, 61.0, 0.0, was_refused=True), "that explains it"
    assert ceiling.allowed == 45
    _pass(ceiling, 44, 122.0)
    assert ceiling.allowed == 45
    _pass(ceiling, 44, 182.0)
    assert ceiling.allowed == 46


def test_bearable_refusals_do_not_end_a_try() -> None:
    ceiling = Ceiling(3, 0.05)
    ceiling.learn(100, 0.0)
    _pass(ceiling, 90, 3.0)
    for _ in range(40):
        ceiling.note(101, 4.0, 0.0, was_refused=False)
    assert ceiling.note(101, 4.0, 0.0, was_refused=True)
    assert ceiling.allowed == 102
    for _ in range(3):
        ceiling.note(101, 4.0, 0.0, was_refused=True)
    assert ceiling.allowed == 100


def test_requests_in_flight_count_and_a_limit_of_another_window_is_forgotten() -> None:
    ceiling = Ceiling(3, 0.05)
    ceiling.learn(0, 0.0)
    assert ceiling.learnt == 1
    ceiling.at_least(50)
    assert (ceiling.learnt, ceiling.allowed) == (50, 50)
    ceiling.forget()
    assert ceiling.allowed == math.inf
    assert not ceiling.note(60, 9.0, 0.0, was_refused=True)
