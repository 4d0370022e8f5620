"""Which refusals mean a limit, and which are noise."""

from random import Random

import pytest

from kvsctl.bulk.pacing.limit_detector import Refusals


def _note(refusals: Refusals, ends: str) -> None:
    """Note how requests ended. `x`: refused."""
    for end in ends:
        refusals.note(was_refused=end == "x", is_ordinary=True)


def _noisy() -> Refusals:
    """Return refusals that have learnt that half of all requests are refused at any load."""
    refusals = Refusals()
    _note(refusals, "x." * 20)
    refusals.forget()
    _note(refusals, "x." * 20)
    assert refusals.learn_noise()
    refusals.forget()
    return refusals


@pytest.mark.parametrize("ends", ["xxxx", "xx." * 4 + "xx", "...x" * 39])
def test_many_refusals_mean_a_limit(ends: str) -> None:
    refusals = Refusals()
    _note(refusals, ends[:-1])
    assert not refusals.are_many
    _note(refusals, ends[-1])
    assert refusals.are_many


def test_a_tenth_of_refusals_rarely_means_a_limit() -> None:
    refusals, random = Refusals(), Random(5)
    many = 0
    for _ in range(2000):
        refusals.note(was_refused=random.random() < 0.1, is_ordinary=True)
        many += refusals.are_many
    assert many <= 20


def test_a_share_that_a_lower_load_does_not_change_is_noise() -> None:
    refusals = _noisy()
    assert refusals.noise == 0.5
    _note(refusals, "x." * 200)
    assert not refusals.are_many


def test_more_refusals_than_noise_explains_mean_a_limit() -> None:
    refusals = _noisy()
    _note(refusals, "x" * 12)
    assert not refusals.are_many
    _note(refusals, "x")
    assert refusals.are_many


def test_refusals_that_a_lower_load_ends_are_not_noise() -> None:
    refusals = Refusals()
    _note(refusals, "x." * 20)
    refusals.forget()
    _note(refusals, "x.." + "." * 40 + "xxxx")
    assert not refusals.learn_noise()
    assert refusals.are_many


def test_a_full_window_is_not_noise() -> None:
    refusals = Refusals()
    for _ in range(10):
        _note(refusals, "." * 45 + "xxxx")
        assert refusals.are_many
        assert not refusals.learn_noise()
        refusals.forget()


def test_few_requests_do_not_show_noise() -> None:
    refusals = Refusals()
    _note(refusals, "x." * 5)
    refusals.forget()
    _note(refusals, "x." * 5)
    assert not refusals.learn_noise()


def test_noise_that_has_ended_is_forgotten() -> None:
    refusals = _noisy()
    _note(refusals, "." * 60 + "xxxx")
    assert refusals.are_many
