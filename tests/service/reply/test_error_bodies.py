"""Bodies of other answers are decoded as far as they can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.service.reply import decode_error
from tests.support.jsontexts import VALUES
from tests.support.naming import short


class TestDecodeError:
    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (b'{"code":"X","message":"m"}', ("X", "m")),
            (b'{"code":"X","message":"m","more":[1]}', ("X", "m")),
            (b'{"code":"X"}', ("X", "")),
            (b'{"code":"X","message":null}', ("X", "")),
            (b'{"code":"","message":"m"}', None),
            (b'{"message":"m"}', None),
            (b'{"code":1,"message":"m"}', None),
            (b"", None),
            (b"<html>", None),
            (b'"X"', None),
            (b'{"code":"\xff"}', None),
            (b'{"code":"X","message":"m","more":' + b"[" * 100_000, None),
        ],
        ids=short,
    )
    def test_reads_the_services_own_form_only(
        self, body: bytes, error: tuple[str, str] | None
    ) -> None:
        assert decode_error(body) == error

    @given(st.binary() | VALUES.map(str.encode))
    def test_never_raises(self, body: bytes) -> None:
        decode_error(body)
