import json
from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl import jsontext
from kvsctl.jsontext import PARSER_DEPTH
from kvsctl.model import Failure, Found, Identity, Record, Verb
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder, decode_error
from kvsctl.slabs import FoundSlab
from tests.support.jsontexts import NUMBERS, STRINGS, VALUES, array_of, object_of
from tests.support.naming import short

ODD_VALUES = [
    "9" * 400,
    "1.0",
    "1e400",
    "-0.0",
    "9" * 10_000,
    '{"b":1,"a":2}',
    '{"a":1,"a":2}',
    '{ "a" :\t[ 1 , 2 ] }',
    r'"\ud800"',
    r'"\u0041\/"',
    "null",
    '"\u2028\x7f\U0001f600"',
]
KEYS = STRINGS


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, dict[Identity, str], dict[Identity, tuple[str, str]]]:
    """Draw a batch/get answer: its text, its found values and its failures."""
    keys = draw(st.lists(KEYS, max_size=5, unique_by=json.loads))
    found: dict[Identity, str] = {}
    failed: dict[Identity, tuple[str, str]] = {}
    successes, failures = [], []
    for key in keys:
        entity = draw(st.sampled_from([None, "abc"]))
        identity = Identity(entity, json.loads(key))
        pairs = [('"key"', key)]
        if entity or draw(st.booleans()):
            pairs.append(('"entityName"', json.dumps(entity)))
        if draw(st.booleans()):
            found[identity] = draw(VALUES)
            pairs.append(('"value"', found[identity]))
            pairs += draw(st.sampled_from([[], [('"new"', "[1]")], [('"createdAt"', "1.5")]]))
            successes.append(draw(object_of(draw(st.permutations(pairs)))))
        else:
            code, message = draw(st.sampled_from([("X", "m"), ("KEY_NOT_FOUND", "\u00e9")]))
            failed[identity] = code, message
            error = f'{{"code":{json.dumps(code)},"message":{json.dumps(message)}}}'
            failures.append(draw(object_of([*pairs, ('"error"', error)])))
    lists = [
        ('"successfulKeys"', draw(array_of(successes))),
        ('"failedKeys"', draw(array_of(failures))),
    ]
    return draw(object_of(draw(st.permutations(lists)))), found, failed


def decode(
    verb: Verb, body: bytes, trace_id: str | None = None, asked: Sequence[Record] = ()
) -> Reply | AllDone:
    """Decode the first answer of a service."""
    return ReplyDecoder().decode(verb, body, trace_id, asked)


def reply_of(
    verb: Verb, body: bytes, trace_id: str | None = None, asked: Sequence[Record] = ()
) -> Reply:
    """Decode an answer to a Reply, also one that is decoded to AllDone."""
    reply = decode(verb, body, trace_id, asked)
    if isinstance(reply, Reply):
        return reply
    assert asked
    found = [None] * len(asked) if reply.found is None else reply.found
    return Reply(dict(zip([one.identity for one in asked], found, strict=True)), {})


def get(body: str | bytes) -> Reply:
    return reply_of(Verb.GET, body.encode() if isinstance(body, str) else body, "t1")


def one_found(members: str) -> str:
    return f'{{"successfulKeys":[{{"key":"a",{members}}}],"failedKeys":[]}}'


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


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [one for part in value.values() for one in _strings(part)]
    return [one for part in value for one in _strings(part)] if isinstance(value, list) else []


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


def test_both_paths_decode_alike() -> None:
    """A lone surrogate escape anywhere makes an answer take the careful path."""
    fast = one_found('"value":[1.0],"entityName":"abc","createdAt":1')
    careful = fast[:-1] + r',"x":"\ud800"}'
    assert jsontext.members(careful.encode())
    assert get(fast) == get(careful)


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
    assert reply_of(Verb.SET, body, None, _asked(asked_keys)) == reply_of(Verb.SET, body)


def test_a_key_that_contains_json_is_not_taken_for_two_keys() -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    asked = _asked(['a"},{"key":"b'])
    both = {Identity(None, "a"): None, Identity(None, "b"): None}
    assert decode(Verb.SET, body, None, asked) == Reply(both, {})


def test_an_entity_is_not_taken_for_a_plain_key() -> None:
    body = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
    asked = [Record(0, "-", 1, Identity("entity", "a"), b"")]
    assert decode(Verb.SET, body, None, asked) == Reply({Identity(None, "a"): None}, {})


def _asked(keys: list[str]) -> list[Record]:
    return [Record(place, "-", place, Identity(None, key), b"") for place, key in enumerate(keys)]


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
        body = bytearray(answer[0].encode())
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
        done = decode(Verb.GET, body, None, _asked(keys))
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
            decode(Verb.GET, body, None, _asked(["a"]))

    def test_a_value_with_line_breaks_makes_the_answer_not_compact(self) -> None:
        for value, is_compact in (("[1, 2]", True), ("[1,\n2]", False), ("[1,\r2]", False)):
            done = decode(Verb.GET, one_found(f'"value":{value}').encode(), None, _asked(["a"]))
            assert isinstance(done, AllDone)
            assert isinstance(done.found, FoundSlab)
            assert done.found.is_compact is is_compact


def _result(decoder: ReplyDecoder, body: bytes, asked: Sequence[Record]) -> object:
    try:
        return decoder.decode(Verb.GET, body, "t1", asked)
    except UnreadableAnswer as error:
        return str(error)
