"""Answers with 200 are decoded with every byte of their values."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.model import Failure, Found, Identity, Record, Verb
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.reply import AllDone, Reply
from tests.service.reply.answers import (
    ODD_VALUES,
    answers,
    asked_for,
    decode,
    get,
    one_found,
    reply_of,
)
from tests.support.jsontexts import NUMBERS, VALUES
from tests.support.naming import short


class TestDecode:
    @given(answers())
    def test_keeps_every_byte_of_the_values(
        self,
        answer: tuple[str, dict[Identity, str], dict[Identity, tuple[str, str]]],
    ) -> None:
        body, found, failed = answer
        reply = get(body)
        values = {name: one.value.decode() for name, one in reply.succeeded.items() if one}
        assert values == found
        assert reply.succeeded.keys() == found.keys()
        assert reply.failed == {name: Failure(*error, "t1") for name, error in failed.items()}

    @pytest.mark.parametrize("value", ODD_VALUES, ids=short)
    def test_keeps_values_that_parsers_change(self, value: str) -> None:
        found = get(one_found(f'"value": {value} ')).succeeded[Identity(None, "a")]
        assert found == Found(value.encode())

    @pytest.mark.parametrize("value", ["1", r'"\ud800"'])
    def test_reads_metadata_on_both_paths(self, value: str) -> None:
        reply = get(
            one_found(
                f'"value":{value},"createdAt":1767225600000,"updatedAt":1.767225600001e12,'
                '"expireTime":"2027-01-01T00:00:00Z"'
            )
        )
        assert reply.succeeded[Identity(None, "a")] == Found(
            value.encode(), 1_767_225_600_000, 1_767_225_600_001, "2027-01-01T00:00:00Z"
        )

    @pytest.mark.parametrize("verb", [Verb.SET, Verb.DELETE])
    def test_answers_to_writes_and_deletions_have_no_values(self, verb: Verb) -> None:
        body = (
            b'{"successfulKeys":[{"key":"a"},{"key":"b","entityName":"abc"}],'
            b'"failedKeys":[{"key":"c","error":{"code":"X","message":"m"}}]}'
        )
        reply = reply_of(verb, body)
        assert reply.succeeded == {Identity(None, "a"): None, Identity("abc", "b"): None}
        assert reply.failed == {Identity(None, "c"): Failure("X", "m", None)}

    @pytest.mark.parametrize("error", ['{"code":"X"}', '{"code":"X","message":null}'])
    @pytest.mark.parametrize("value", ["1", r'"\ud800"'])
    def test_a_failure_may_lack_a_message(self, error: str, value: str) -> None:
        body = (
            f'{{"successfulKeys":[{{"key":"a","value":{value}}}],'
            f'"failedKeys":[{{"key":"b","error":{error}}}]}}'
        )
        assert get(body).failed == {Identity(None, "b"): Failure("X", "", "t1")}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b"{}",
            b'"ok"',
            b"<html><body>502</body></html>",
            b'{"successfulKeys":[]}',
            b'{"failedKeys":[]}',
            b'{"successfulKeys":null,"failedKeys":[]}',
            b'{"successfulKeys":{},"failedKeys":[]}',
            b'{"successfulKeys":[1],"failedKeys":[]}',
            b'{"successfulKeys":["a"],"failedKeys":[]}',
            b'{"successfulKeys":[{"value":1}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":1,"value":1}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":1}],"failedKeys":[{"key":"b"}]}',
            b'{"successfulKeys":[],"failedKeys":[{"key":"b","error":{}}]}',
            b'{"successfulKeys":[],"failedKeys":[]',
            b'{"successfulKeys":[],"failedKeys":[]}x',
            b'{"successfulKeys":[{"key":"a","value":NaN}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":"\xff"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":01}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":1,"createdAt":1e400}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":1,"updatedAt":-1e400}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":"\\ud800","createdAt":1e400}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","value":"\\ud800","createdAt":%b}],"failedKeys":[]}'
            % (b"9" * 5_000),
            b'{"successfulKeys":[{"key":"a","value":1,"createdAt":"now"}],"failedKeys":[]}',
            b'{"successfulKeys":' + b"[" * 100_000,
            b'{"successfulKeys":[{"key":"a","value":' + b"[" * 100_000,
        ],
        ids=short,
    )
    def test_any_other_body_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableAnswer):
            get(body)

    @pytest.mark.parametrize("scalar", ["1", r'"\ud800"'])
    def test_nesting_up_to_the_parser_depth_is_read(self, scalar: str) -> None:
        around = PARSER_DEPTH - 3  # the reply, its list and the record nest around the value
        value = "[" * around + scalar + "]" * around
        found = get(one_found(f'"value":{value}')).succeeded[Identity(None, "a")]
        assert found is not None
        assert found.value.decode() == value
        with pytest.raises(UnreadableAnswer):
            get(one_found(f'"value":[{value}]'))

    @given(answers(), st.data())
    def test_a_damaged_answer_is_unreadable_or_names_only_keys_in_it(
        self,
        answer: tuple[str, dict[Identity, str], dict[Identity, tuple[str, str]]],
        data: st.DataObject,
    ) -> None:
        body = bytearray(answer[0].encode())
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(body)))
            junk = st.binary(max_size=2) | st.sampled_from(
                [b'"', b"\\", b"e999", b"null", b"]", b"1"]
            )
            body[place : place + data.draw(st.integers(0, 4))] = data.draw(junk)
        for verb in Verb:
            try:
                reply = reply_of(verb, bytes(body))
            except UnreadableAnswer:
                continue
            names = set(_strings(json.loads(bytes(body))))
            for identity in (*reply.succeeded, *reply.failed):
                assert identity.key in names

    @given(answers(), st.integers(0, 400))
    def test_a_truncated_answer_is_unreadable(
        self,
        answer: tuple[str, dict[Identity, str], dict[Identity, tuple[str, str]]],
        length: int,
    ) -> None:
        body = answer[0].rstrip(" \t\r\n").encode()
        with pytest.raises(UnreadableAnswer):
            get(body[: length % len(body)])

    @given(st.binary(max_size=50) | VALUES.map(str.encode))
    def test_junk_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableAnswer):
            get(body)

    def test_an_error_says_why_and_shows_no_value(self) -> None:
        with pytest.raises(UnreadableAnswer) as caught:
            get('{"successfulKeys":[{"key":"a","value":"s3cret" "s3cret"}],"failedKeys":[]}')
        assert "expecting ',' delimiter at column 48" in str(caught.value)
        assert "s3cret" not in str(caught.value)

    @given(NUMBERS)
    def test_a_time_is_an_integer_or_unreadable(self, number: str) -> None:
        try:
            found = get(one_found(f'"value":1,"createdAt":{number}')).succeeded[Identity(None, "a")]
        except UnreadableAnswer:
            return
        assert found is not None
        assert found.created_at == int(json.loads(number))

    def test_a_repr_shows_no_value(self) -> None:
        found = get(one_found('"value":"s3cret"')).succeeded[Identity(None, "a")]
        assert "s3cret" not in repr(found)


def test_both_paths_decode_alike() -> None:
    """A lone surrogate escape anywhere makes an answer take the careful path."""
    fast = one_found('"value":[1.0],"entityName":"abc","createdAt":1')
    careful = fast[:-1] + r',"x":"\ud800"}'
    assert jsontext.members(careful.encode())
    assert get(fast) == get(careful)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [one for part in value.values() for one in _strings(part)]
    return [one for part in value for one in _strings(part)] if isinstance(value, list) else []


class TestAsked:
    """The records of the request are given: an answer in their order is decoded to AllDone."""

    PLAIN = Record(0, "f", 1, Identity(None, "a"), b"{}")
    TYPED = Record(1, "f", 2, Identity("users", "a"), b"{}")

    @pytest.mark.parametrize("verb", Verb)
    @pytest.mark.parametrize(
        "named",
        [
            [("a", None), ("a", "users")],
            [("a", "users"), ("a", None)],
            [("a", None)],
            [("a", None), ("a", "other")],
            [("a", None), ("b", "users")],
            [("a", None), ("a", "users"), ("b", None)],
            [],
        ],
        ids=range(7),
    )
    def test_decodes_alike_with_and_without_the_records_of_the_request(
        self, verb: Verb, named: list[tuple[str, str | None]]
    ) -> None:
        records = [
            {"key": key, "value": place} | ({"entityName": entity} if entity else {})
            for place, (key, entity) in enumerate(named)
        ]
        body = json.dumps({"successfulKeys": records, "failedKeys": []}).encode()
        asked = [self.PLAIN, self.TYPED]
        reply = reply_of(verb, body, None, asked)
        assert reply == reply_of(verb, body)
        names_all = named == [("a", None), ("a", "users")]
        assert isinstance(decode(verb, body, None, asked), AllDone) is names_all
        assert list(reply.succeeded) == [Identity(entity, key) for key, entity in named]


@given(
    st.lists(
        st.one_of(st.text(max_size=3), st.text(st.sampled_from('a"\\{},:key\n\x7fé'), max_size=12)),
        max_size=4,
    ),
    st.lists(st.text(st.sampled_from('a"\\{},:key\n\x7fé'), max_size=12), max_size=4),
    st.booleans(),
)
def test_the_fast_path_decodes_like_the_parser(
    asked_keys: list[str], other_keys: list[str], is_what_was_asked: bool
) -> None:
    keys = asked_keys if is_what_was_asked else other_keys
    body = json.dumps(
        {"successfulKeys": [{"key": key} for key in keys], "failedKeys": []}, separators=(",", ":")
    ).encode()
    assert reply_of(Verb.SET, body, None, asked_for(asked_keys)) == reply_of(Verb.SET, body)


def test_a_key_that_contains_json_is_not_taken_for_two_keys() -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    asked = asked_for(['a"},{"key":"b'])
    both = {Identity(None, "a"): None, Identity(None, "b"): None}
    assert decode(Verb.SET, body, None, asked) == Reply(both, {})


def test_an_entity_is_not_taken_for_a_plain_key() -> None:
    body = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
    asked = [Record(0, "-", 1, Identity("entity", "a"), b"")]
    assert decode(Verb.SET, body, None, asked) == Reply({Identity(None, "a"): None}, {})
