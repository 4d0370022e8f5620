"""Every code in `kvsctl.codes` has its advice."""

import pytest

from kvsctl.report.advice import ADVICE, advice
from tests.test_codes import CODES


@pytest.mark.parametrize("code", [*CODES, "HTTP_500", "HTTP_503"])
def test_each_code_has_a_sentence_or_two(code: str) -> None:
    sentence = advice(code)
    assert sentence is not None
    assert sentence.endswith(".")
    assert len(sentence) < 200


@pytest.mark.parametrize("code", ["HTTP_404", "SOMETHING_NEW", ""])
def test_a_code_that_is_not_known_has_none(code: str) -> None:
    assert advice(code) is None


def test_codes_stand_in_order() -> None:
    assert list(ADVICE) == sorted(ADVICE)
