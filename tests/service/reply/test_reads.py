"""Answers to reads are decoded alike whatever was answered before."""

from codecs import BOM_UTF8
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity, Record, Verb
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.reply import AllDone, ReplyDecoder, decode_error
from kvsctl.slabs import FoundSlab
from tests.service.reply.answers import ODD_VALUES, answers, asked_for, decode, one_found


@pytest.mark.parametrize("verb", Verb)
def test_a_byte_order_mark_before_the_answer_is_skipped(verb: Verb) -> None:
    body = b'{"successfulKeys":[{"key":"a","value":1.0}],"failedKeys":[]}'
    asked = [Record(0, "f", 1, Identity(None, "a"), b'{"key":"a"}')]
    assert decode(verb, BOM_UTF8 + body, None, asked) == decode(verb, body, None, asked)
    assert decode_error(BOM_UTF8 + b'{"code":"X","message":"m"}') == ("X", "m")


class TestReads:
    """Reads without metadata and entities are decoded sooner, and to the same."""

    @given(answers(), st.data())
    def test_decodes_alike_whatever_was_answered_before(
        self,
        answer: tuple[str, dict[Identity, str], dict[Identity, tuple[str, str]]],
        data: st.DataObject,
    ) -> None:
        body = bytearray(data.draw(st.sampled_from(["", "\ufeff"])) + answer[0], "utf-8")
        if data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(body)))
            body[place : place + 1] = data.draw(st.binary(max_size=2))
        asked = [Record(0, "-", 1, identity, b"") for identity in answer[1]]
        fresh, used = ReplyDecoder(), ReplyDecoder()
        used.decode(Verb.GET, one_found('"value":1,"createdAt":1').encode(), None)
        for wanted in ((), asked):
            assert _result(fresh, bytes(body), wanted) == _result(used, bytes(body), wanted)

    def test_values_in_the_order_of_the_request_are_not_copied_before_they_are_used(self) -> None:
        values = [*ODD_VALUES, "[" * 197 + "]" * 197, f'"{"y" * 500}"']
        keys = [f"k{place}" for place in range(len(values))]
        pairs = zip(keys, values, strict=True)
        records = [f'{{"key":"{key}","value":{value}}}' for key, value in pairs]
        body = f'{{"successfulKeys":[{",".join(records)}],"failedKeys":[]}}'.encode()
        done = decode(Verb.GET, body, None, asked_for(keys))
        assert isinstance(done, AllDone)
        assert isinstance(done.found, FoundSlab)
        assert b"".join(done.found.values) == "".join(values).encode()
        assert [one.value.decode() for one in done.found] == values

    @pytest.mark.parametrize("more", ["", ',"createdAt":5'])
    @pytest.mark.parametrize("value", ["[" * 198 + "]" * 198, '{"a":' * 198 + "1" + "}" * 198])
    def test_too_deep_a_value_is_unreadable_though_all_was_found(
        self, value: str, more: str
    ) -> None:
        body = one_found(f'"value":{value}{more}').encode()
        with pytest.raises(UnreadableAnswer, match="200 levels"):
            decode(Verb.GET, body, None, asked_for(["a"]))

    def test_a_value_with_line_breaks_makes_the_answer_not_compact(self) -> None:
        for value, is_compact in (("[1, 2]", True), ("[1,\n2]", False), ("[1,\r2]", False)):
            done = decode(Verb.GET, one_found(f'"value":{value}').encode(), None, asked_for(["a"]))
            assert isinstance(done, AllDone)
            assert isinstance(done.found, FoundSlab)
            assert done.found.is_compact is is_compact


def _result(decoder: ReplyDecoder, body: bytes, asked: Sequence[Record]) -> object:
    try:
        return decoder.decode(Verb.GET, body, "t1", asked)
    except UnreadableAnswer as error:
        return str(error)
