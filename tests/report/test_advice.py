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
def test_an_unknown_code_has_no_advice(code: str) -> None:
    assert advice(code) is None


def test_the_table_is_sorted() -> None:
    assert list(ADVICE) == sorted(ADVICE)
