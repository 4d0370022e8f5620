"""Answers, drawn and written, and how they are decoded."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st

from kvsctl.model import Identity, Record, Verb
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder
from tests.support.jsontexts import STRINGS, VALUES, array_of, object_of

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


def asked_for(keys: list[str]) -> list[Record]:
    return [Record(place, "-", place, Identity(None, key), b"") for place, key in enumerate(keys)]
