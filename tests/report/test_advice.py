"""Every code in `kvsctl.codes` has its advice."""

import pytest

from kvsctl.model import Cause
from kvsctl.report.advice import ADVICE, CAUSES, advice
from tests.test_codes import CODES


@pytest.mark.parametrize("code", [*CODES, "HTTP_500", "HTTP_503"])
def test_each_code_has_a_sentence_or_two(code: str) -> None:
    sentence = advice(code)
    assert sentence is not None
    assert sentence.endswith(".")
    assert len(sentence) < 200


@pytest.mark.parametrize("code", ["HTTP_404", "SOMETHING_NEW", ""])
def test_an_unknown_code_has_no_advice(code: str) -> None:
    assert advice(code) is None


def test_the_table_is_sorted() -> None:
    assert list(ADVICE) == sorted(ADVICE)


@pytest.mark.parametrize("cause", list(Cause))
def test_each_cause_has_a_sentence_or_two(cause: Cause) -> None:
    sentence = advice("INVALID_JSON", cause)
    assert sentence is not None
    assert sentence != advice("INVALID_JSON")
    assert sentence.endswith(".")
    assert len(sentence) < 200


def test_a_cause_of_a_later_version_is_passed_over() -> None:
    assert advice("INVALID_JSON", "new") == advice("INVALID_JSON")
    assert advice("MAX_SIZE", "map") == advice("MAX_SIZE")


def test_nul_explains_a_line_that_is_too_long() -> None:
    assert advice("MAX_SIZE", "nul") == advice("INVALID_KEY", "nul") != advice("MAX_SIZE")


def test_the_causes_are_all_there() -> None:
    assert list(CAUSES) == sorted(Cause, key=lambda cause: cause.name)
