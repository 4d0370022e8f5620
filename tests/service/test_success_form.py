"""What is taken for a success by its bytes is what the parser takes for one, and nothing else."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity, Record, Verb
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder
from kvsctl.service.success_form import SHORTEST, learn
from tests.support.naming import short

WRITES = [Verb.SET, Verb.DELETE]
PLAIN_KEYS = st.text(st.sampled_from("abz019 :._#-"), min_size=1, max_size=6)
ANY_KEYS = st.text(st.sampled_from('a"\\{},:[]key\n\x7fé\ud800'), max_size=8) | PLAIN_KEYS
SPACES = st.text(st.sampled_from(" \t\r\n"), max_size=2)


def asked(keys: Sequence[str]) -> list[Record]:
    return [Record(place, "-", place, Identity(None, key), b"") for place, key in enumerate(keys)]


@st.composite
def writers(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw how a service writes an answer: what stands before, between and after the keys."""
    space = [draw(SPACES) for _ in range(9)]
    element = f'{{{space[0]}"key"{space[1]}:{space[2]}"'
    none = f'"failedKeys"{space[1]}:{space[2]}[{space[3]}]'
    done = f'"successfulKeys"{space[1]}:{space[2]}[{space[4]}{element}'
    close, comma = f'"{space[5]}}}', f"{space[6]},{space[7]}"
    end = f"{close}{space[4]}]"
    if draw(st.booleans()):
        return f"{{{space[8]}{none}{comma}{done}", f"{close}{comma}{element}", f"{end}}}{space[3]}"
    return f"{{{space[8]}{done}", f"{close}{comma}{element}", f"{end}{comma}{none}{space[3]}}}"


def written(writer: tuple[str, str, str], keys: Sequence[str]) -> bytes:
    before, between, after = writer
    names = [json.dumps(key, ensure_ascii=False)[1:-1] for key in keys]
    return f"{before}{between.join(names)}{after}".encode("utf-8", "surrogatepass")


class TestLearning:
    @given(writers(), st.lists(PLAIN_KEYS, min_size=2), st.lists(PLAIN_KEYS, min_size=1))
    def test_the_next_answer_of_the_same_service_is_recognised(
        self, writer: tuple[str, str, str], first: list[str], second: list[str]
    ) -> None:
        form = learn(written(writer, first))
        assert form is not None
        assert form.names_exactly(second, written(writer, second))

    @given(writers(), st.lists(ANY_KEYS, min_size=2, max_size=4), st.data())
    def test_whatever_is_recognised_parses_to_success(
        self, writer: tuple[str, str, str], keys: list[str], data: st.DataObject
    ) -> None:
        form = learn(written(writer, ["a", "b"]))
        assert form is not None
        body = _mutated(written(writer, keys), data) if data.draw(st.booleans()) else None
        body = body or written(writer, data.draw(st.permutations(keys)))
        if form.names_exactly(keys, body):
            parsed = json.loads(body)
            assert parsed == {"successfulKeys": [{"key": key} for key in keys], "failedKeys": []}
            assert ReplyDecoder().decode(Verb.SET, body, None, asked(keys)) == AllDone()

    @given(st.data(), st.lists(PLAIN_KEYS, min_size=1, max_size=4))
    def test_a_form_learnt_from_any_bytes_recognises_only_successes(
        self, data: st.DataObject, keys: list[str]
    ) -> None:
        writer = data.draw(writers())
        form = learn(_mutated(written(writer, ["a", "bc"]), data))
        if form is None:
            return
        body = form.before + form.between.join(keys).encode() + form.after
        assert form.names_exactly(keys, body)
        assert ReplyDecoder().decode(Verb.SET, body, None, asked(keys)) == AllDone()

    @given(writers(), st.lists(PLAIN_KEYS, min_size=1, max_size=4), st.data())
    def test_every_change_of_a_byte_leaves_the_answer_to_the_parser(
        self, writer: tuple[str, str, str], keys: list[str], data: st.DataObject
    ) -> None:
        form = learn(written(writer, ["a", "b"]))
        assert form is not None
        body = written(writer, keys)
        changed = _mutated(body, data)
        assert form.names_exactly(keys, changed) is (changed == body)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b'{"successfulKeys":[],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b"}]}',
            b'{"failedKeys":[],"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b"},{"key": "c"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b\\u0061"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","rev":1},{"key":"b","rev":1}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[{"key":"c"}]}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[],"took":3}',
            b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}x',
            b'{"failedKeys":[{"key":"a"},{"key":"b"}],"successfulKeys":[]}',
        ],
        ids=short,
    )
    def test_another_kind_of_answer_has_no_form(self, body: bytes) -> None:
        assert learn(body) is None


def _mutated(body: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(body)
    place = data.draw(st.integers(0, len(body)))
    junk = st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b" ", b",", b'"},{"key":"a'])
    changed[place : place + data.draw(st.integers(0, 3))] = data.draw(junk)
    return bytes(changed)


def test_the_shortest_form_needs_no_learning() -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    assert learn(body) == SHORTEST
    assert SHORTEST.names_exactly(["a", "b"], body)


@pytest.mark.parametrize("keys", [["b", "a"], ["a"], ["a", "b", "c"], ["a", "B"], []])
def test_other_keys_or_another_order_are_not_recognised(keys: list[str]) -> None:
    assert not SHORTEST.names_exactly(
        keys, b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    )


def test_a_key_that_contains_json_is_not_recognised() -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    assert not SHORTEST.names_exactly(['a"},{"key":"b'], body)


class TestDecoder:
    """A decoder learns how its service writes, and its answers never depend on it."""

    @pytest.mark.parametrize("verb", WRITES)
    def test_parses_the_first_answer_of_another_form_and_compares_the_next(
        self, verb: Verb, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decoder = ReplyDecoder()
        parsed: list[bytes] = []
        parse = decoder._parsed

        def counting(verb: Verb, body: bytes) -> object:
            parsed.append(body)
            return parse(verb, body)

        monkeypatch.setattr(decoder, "_parsed", counting)
        for keys in (["a", "b"], ["c", "d", "e"], ["f"], ["g", "h"]):
            body = json.dumps(
                {"failedKeys": [], "successfulKeys": [{"key": key} for key in keys]}, indent=2
            ).encode()
            assert decoder.decode(verb, body, None, asked(keys)) == AllDone()
        assert len(parsed) == 1

    @given(
        st.lists(
            st.tuples(writers(), st.lists(ANY_KEYS, min_size=1, max_size=3), st.booleans()),
            max_size=6,
        ),
        st.data(),
    )
    def test_what_it_has_learnt_changes_no_result(
        self,
        answers: list[tuple[tuple[str, str, str], list[str], bool]],
        data: st.DataObject,
    ) -> None:
        decoder = ReplyDecoder()
        for writer, keys, is_changed in answers:
            body = written(writer, keys)
            if is_changed:
                body = _mutated(body, data)
            assert _result(decoder, body, keys) == _result(ReplyDecoder(), body, keys)

    def test_a_record_with_an_entity_is_not_taken_for_a_plain_one(self) -> None:
        decoder = ReplyDecoder()
        records = [Record(0, "-", 1, Identity("users", "a"), b"")]
        body = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
        assert decoder.decode(Verb.SET, body, None, records) == Reply(
            {Identity(None, "a"): None}, {}
        )


def _result(decoder: ReplyDecoder, body: bytes, keys: list[str]) -> object:
    try:
        return decoder.decode(Verb.SET, body, None, asked(keys))
    except Exception as error:
        return type(error), str(error)
