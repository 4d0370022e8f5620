"""What is taken for a success by its bytes is what the parser takes for one, and nothing else."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.model import Identity, Record, Verb, name_in_json
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder
from kvsctl.service.success_form import SHORTEST, SuccessForm, learn
from tests.support.naming import short

WRITES = [Verb.SET, Verb.DELETE]
PLAIN_TEXTS = st.text(st.sampled_from("abz019 :._#-"), min_size=1, max_size=6)
ANY_TEXTS = st.text(st.sampled_from('a"\\{},:[]key\n\x7fé\ud800'), max_size=8) | PLAIN_TEXTS
PLAIN_NAMES = st.builds(Identity, st.none() | PLAIN_TEXTS, PLAIN_TEXTS)
ANY_NAMES = st.builds(Identity, st.none() | ANY_TEXTS, ANY_TEXTS)
TWO = [Identity(None, "a"), Identity("city", "b")]
Writer = tuple[str, str, str, str]
SPACES = st.text(st.sampled_from(" \t\r\n"), max_size=2)


def asked(names: Sequence[Identity]) -> list[Record]:
    return [Record(place, "-", place, name, b"") for place, name in enumerate(names)]


def plain(*keys: str) -> list[Identity]:
    return [Identity(None, key) for key in keys]


def recognises(form: SuccessForm, names: Sequence[Identity], body: bytes) -> bool:
    has_entities = any(name.entity is not None for name in names)
    in_json = [*map(name_in_json, names)] if has_entities else None
    return form.names_exactly([name.key for name in names], in_json, body)


def shown(names: Sequence[Identity]) -> list[dict[str, str]]:
    """What an answer says of the records."""
    return [
        {"key": name.key} | ({} if name.entity is None else {"entityName": name.entity})
        for name in names
    ]


@st.composite
def writers(draw: st.DrawFn) -> Writer:
    """Draw how a service writes an answer.

    That is what stands before, between and after the names, and between a key and an entity.
    """
    space = [draw(SPACES) for _ in range(9)]
    element = f'{{{space[0]}"key"{space[1]}:{space[2]}"'
    none = f'"failedKeys"{space[1]}:{space[2]}[{space[3]}]'
    done = f'"successfulKeys"{space[1]}:{space[2]}[{space[4]}{element}'
    close, comma = f'"{space[5]}}}', f"{space[6]},{space[7]}"
    end, between = f"{close}{space[4]}]", f"{close}{comma}{element}"
    of_entity = f'"{comma}"entityName"{space[1]}:{space[2]}"'
    if draw(st.booleans()):
        return f"{{{space[8]}{none}{comma}{done}", between, f"{end}}}{space[3]}", of_entity
    return f"{{{space[8]}{done}", between, f"{end}{comma}{none}{space[3]}}}", of_entity


def written(writer: Writer, names: Sequence[Identity]) -> bytes:
    before, between, after, of_entity = writer
    texts = [
        of_entity.join(
            json.dumps(text, ensure_ascii=False)[1:-1]
            for text in (name.key, name.entity)
            if text is not None
        )
        for name in names
    ]
    return f"{before}{between.join(texts)}{after}".encode("utf-8", "surrogatepass")


class TestLearning:
    @given(writers(), st.lists(PLAIN_NAMES, min_size=2), st.lists(PLAIN_NAMES, min_size=1))
    def test_the_next_answer_of_the_same_service_is_recognised(
        self, writer: Writer, first: list[Identity], second: list[Identity]
    ) -> None:
        form = learn(written(writer, first))
        assert form is not None
        if all(name.entity is None for name in first):
            second = [Identity(None, name.key) for name in second]
        assert recognises(form, second, written(writer, second))

    @given(writers(), st.lists(ANY_NAMES, min_size=2, max_size=4), st.data())
    def test_whatever_is_recognised_parses_to_success(
        self, writer: Writer, names: list[Identity], data: st.DataObject
    ) -> None:
        form = learn(written(writer, TWO))
        assert form is not None
        body = _mutated(written(writer, names), data) if data.draw(st.booleans()) else None
        body = body or written(writer, data.draw(st.permutations(names)))
        if recognises(form, names, body):
            assert json.loads(body) == {"successfulKeys": shown(names), "failedKeys": []}
            assert ReplyDecoder().decode(Verb.SET, body, None, asked(names)) == AllDone()

    @given(st.data(), st.lists(PLAIN_NAMES, min_size=1, max_size=4))
    def test_a_form_learnt_from_any_bytes_recognises_only_successes(
        self, data: st.DataObject, names: list[Identity]
    ) -> None:
        writer = data.draw(writers())
        form = learn(_mutated(written(writer, [TWO[0], Identity("e", "bc")]), data))
        if form is None:
            return
        body = written(
            (form.before.decode(), form.between, form.after.decode(), form[3].decode()), names
        )
        assert recognises(form, names, body)
        assert ReplyDecoder().decode(Verb.SET, body, None, asked(names)) == AllDone()

    @given(writers(), st.lists(PLAIN_NAMES, min_size=1, max_size=4), st.data())
    def test_every_change_of_a_byte_leaves_the_answer_to_the_parser(
        self, writer: Writer, names: list[Identity], data: st.DataObject
    ) -> None:
        form = learn(written(writer, TWO))
        assert form is not None
        body = written(writer, names)
        changed = _mutated(body, data)
        assert recognises(form, names, changed) is (changed == body)

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
            b'{"successfulKeys":[{"entityName":"c","key":"a"},{"key":"b"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","entityName":null},{"key":"b"}],"failedKeys":[]}',
            b'{"successfulKeys":[{"key":"a","entityName":"c","entityName":"d"},{"key":"b"}]}',
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
    assert recognises(SHORTEST, plain("a", "b"), body)
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b","entityName":"city"}],"failedKeys":[]}'
    assert learn(body) == SHORTEST
    assert recognises(SHORTEST, TWO, body)


@pytest.mark.parametrize("keys", [["b", "a"], ["a"], ["a", "b", "c"], ["a", "B"], []])
def test_other_keys_or_another_order_are_not_recognised(keys: list[str]) -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    assert not recognises(SHORTEST, plain(*keys), body)


@pytest.mark.parametrize(
    "names",
    [
        [Identity("city", "a"), Identity("city", "b")],
        [Identity(None, "a"), Identity(None, "b")],
        [Identity("city", "a"), Identity(None, "b")],
        [Identity(None, "a"), Identity("City", "b")],
    ],
    ids=str,
)
def test_other_entities_are_not_recognised(names: list[Identity]) -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b","entityName":"city"}],"failedKeys":[]}'
    assert not recognises(SHORTEST, names, body)


def test_a_name_that_contains_json_is_not_recognised() -> None:
    body = b'{"successfulKeys":[{"key":"a"},{"key":"b"}],"failedKeys":[]}'
    assert not recognises(SHORTEST, plain('a"},{"key":"b'), body)
    body = b'{"successfulKeys":[{"key":"a","entityName":"b"}],"failedKeys":[]}'
    assert not recognises(SHORTEST, plain('a","entityName":"b'), body)
    body = b'{"successfulKeys":[{"key":"a","entityName":"b"},{"key":"c"}],"failedKeys":[]}'
    assert not recognises(SHORTEST, [Identity('b"},{"key":"c', "a")], body)


class TestDecoder:
    """A decoder learns how its service writes, and its answers never depend on it."""

    @pytest.mark.parametrize("verb", WRITES)
    def test_parses_the_first_answer_of_another_form_and_compares_the_next(
        self, verb: Verb, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decoder = ReplyDecoder()
        parsed: list[bytes] = []
        parse = decoder._parsed

        def counting(body: bytes) -> object:
            parsed.append(body)
            return parse(body)

        monkeypatch.setattr(decoder, "_parsed", counting)
        for names in (TWO, plain("c", "d", "e"), plain("f"), [*TWO, Identity("land", "g")]):
            body = json.dumps({"failedKeys": [], "successfulKeys": shown(names)}, indent=2).encode()
            assert decoder.decode(verb, body, None, asked(names)) == AllDone()
        assert len(parsed) == 1

    @given(
        st.lists(
            st.tuples(writers(), st.lists(ANY_NAMES, min_size=1, max_size=3), st.booleans()),
            max_size=6,
        ),
        st.data(),
    )
    def test_what_it_has_learnt_changes_no_result(
        self,
        answers: list[tuple[Writer, list[Identity], bool]],
        data: st.DataObject,
    ) -> None:
        decoder = ReplyDecoder()
        for writer, names, is_changed in answers:
            body = written(writer, names)
            if is_changed:
                body = _mutated(body, data)
            assert _result(decoder, body, names) == _result(ReplyDecoder(), body, names)

    def test_a_record_with_an_entity_is_not_taken_for_a_plain_one(self) -> None:
        decoder = ReplyDecoder()
        records = [Record(0, "-", 1, Identity("users", "a"), b"")]
        body = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}'
        assert decoder.decode(Verb.SET, body, None, records) == Reply(
            {Identity(None, "a"): None}, {}
        )


def _result(decoder: ReplyDecoder, body: bytes, names: list[Identity]) -> object:
    try:
        return decoder.decode(Verb.SET, body, None, asked(names))
    except Exception as error:
        return type(error), str(error)
