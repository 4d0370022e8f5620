"""Every code that the contract names has its advice."""

import pytest

from kvsctl.report.advice import ADVICE, advice

CODES = """
    CONNECTION_LOST EMPTY_KEY ENTITY_TYPE_TOO_LARGE ENTITY_TYPE_TOO_SHORT HTTP_401 HTTP_403 HTTP_413
    HTTP_429 HTTP_500 HTTP_503 INCORRECT_PROPERTY_TYPE INTERNAL_ERROR INTERNAL_SERVER_ERROR
    INVALID_ENTITY_TYPE INVALID_ENTITY_VALUE INVALID_JSON INVALID_KEY INVALID_TTL INVALID_VALUE
    KEY_NOT_FOUND KEY_TOO_LONG KEY_TOO_SHORT MAX_DEPTH MAX_SIZE NO_ANSWER PAYLOAD_TOO_LARGE
    RATE_LIMIT_EXCEEDED REQUEST_THROTTLED SCHEMA_NOT_FOUND SERVICE_UNAVAILABLE TIMEOUT
    TOO_MANY_BATCH_ENTITIES TOO_MANY_REQUESTS UNREACHABLE UNREADABLE_ANSWER VERIFY_FAILED
"""


@pytest.mark.parametrize("code", CODES.split())
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
