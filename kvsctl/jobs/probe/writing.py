"""Questions about writes: bad records, ttl, expired records and the form of values."""

from typing import Any, Final, NamedTuple

from kvsctl.jobs.probe.questions import Cost, Finding, Question
from kvsctl.jobs.probe.scratch import LIFETIME, SET, Scratch, batch, item, lists_of
from kvsctl.limits import DEFAULT_LIMITS

_ENTITY: Final = "kvsctl-probe-none"
"""An entity that no app declares, presumably."""
_PAST_SECONDS: Final = 2.5
"""How long after a write with a ttl of a second the record has certainly expired."""
_TOO_LARGE: Final = b'"%b"' % (b"x" * DEFAULT_LIMITS.value_bytes)
_LARGE_UNITS: Final = -(-len(_TOO_LARGE) // DEFAULT_LIMITS.unit_bytes)
_AS_SENT: Final = b'{"b":1.0,"a":9007199254740993,"10":1e2,"9":0.10000000000000000555}'
_BY_JAVASCRIPT: Final = b'{"9":0.1,"10":100,"b":1,"a":9007199254740992}'


class _Bad(NamedTuple):
    """A record that breaks one rule. `name` completes its key."""

    rule: str
    name: str = "bad"
    value: bytes = b"1"
    options: Any = LIFETIME
    entity: str | None = None


_BAD: Final = (
    _Bad("a key with a slash", name="bad/"),
    _Bad("a ttl of 0", options={"ttl": {"value": 0, "unit": "SECONDS"}}),
    _Bad("the value null", value=b"null"),
    _Bad("a value that is too large", value=_TOO_LARGE),
    _Bad("an unknown entity", value=b'{"a":1}', entity=_ENTITY),
)


async def _find_bad_records(scratch: Scratch) -> Finding:
    alone: list[str] = []
    whole: dict[str, None] = {}
    notes: list[str] = []
    for bad in _BAD:
        code, is_alone = await _fate_of(scratch, bad)
        if code is None:
            notes.append(f"{bad.rule} is not refused")
            continue
        notes.append(f"{bad.rule}: {code}, {'alone' if is_alone else 'with its batch'}")
        if is_alone:
            alone.append(code)
        else:
            whole[code] = None
    if not alone and not whole:
        return Finding(notes=tuple(notes))
    answers: dict[str, Any] = {"bad-record": "fails-alone" if alone else "refuses-batch"}
    if alone and whole:
        answers["refuse-batch-for"] = list(whole)
    return Finding(answers, notes=tuple(notes))


async def _fate_of(scratch: Scratch, bad: _Bad) -> tuple[str | None, bool]:
    """Return the code of a bad record in a batch with a good one, and whether it failed alone."""
    good, key = scratch.key("good"), scratch.key(bad.name)
    scratch.note(good)
    if bad.name == "bad":  # one with a slash would have its delete refused, too
        scratch.note(key, entity=bad.entity)
    others = {"options": bad.options} | ({} if bad.entity is None else {"entityName": bad.entity})
    items = [item(good, b"1", options=LIFETIME), item(key, bad.value, **others)]
    answer = await scratch.request(SET, batch(items))
    if answer.fault is not None:
        return answer.fault.code, False
    lists = lists_of(answer)
    if key in lists.succeeded:
        scratch.note(key, entity=bad.entity)
    return lists.failed.get(key), True


async def _find_ttl(scratch: Scratch) -> Finding:
    await scratch.set("ttl", b"1")
    before = await scratch.get("ttl")
    if before is None or "expireTime" not in before:
        return Finding.nothing("batch/get returned no expireTime of a record with a ttl")
    await scratch.set("ttl", b"2", options=None)
    after = await scratch.get("ttl")
    if after is None:
        return Finding.nothing("a record was not there after it was written")
    answer = "keeps-expiry" if "expireTime" in after else "clears-expiry"
    return Finding({"ttl-less-set": answer})


async def _find_expiry(scratch: Scratch) -> Finding:
    await scratch.set("expired", b"1", options={"ttl": {"value": 1, "unit": "SECONDS"}})
    await scratch.pause(_PAST_SECONDS)
    found = await scratch.get("expired")
    return Finding({"expiry": "strict" if found is None else "lazy"})


async def _find_values(scratch: Scratch) -> Finding:
    await scratch.set("value", _AS_SENT)
    found = await scratch.get("value")
    if found is None:
        return Finding.nothing("the value was not there after it was written")
    value = found["value"]
    if value == _AS_SENT:
        return Finding({"normalise": False})
    if value == _BY_JAVASCRIPT:
        return Finding({"normalise": True})
    return Finding(notes=tuple(_differences(value)))


def _differences(value: bytes) -> list[str]:
    """Return the signs of a value that is not as it was sent, and not as JavaScript writes it."""
    signs = {
        "members keep their order": value.find(b'"b"') < value.find(b'"9"'),
        "1.0 stays as it is": b'"b":1.0' in value.replace(b" ", b""),
        "integers past 2^53 stay as they are": b"9007199254740993" in value,
        "digits past a double stay as they are": b"0.10000000000000000555" in value,
    }
    return [f"{sign}: {'yes' if holds else 'no'}" for sign, holds in signs.items()]


QUESTIONS: Final = (
    Question(
        name="bad-records",
        asks="Does a bad record fail alone, or take its whole batch down?",
        method="Write a good record and a bad one in a batch, for each of five rules: "
        + ", ".join(bad.rule for bad in _BAD)
        + ".",
        meanings={
            "bad-record": {
                "fails-alone": "alone, in failedKeys",
                "refuses-batch": "with its whole batch",
            }
        },
        cost=Cost(
            records=3,
            requests=5,
            write_units=6 + _LARGE_UNITS,
            sent_bytes=len(_TOO_LARGE) + 1500,
        ),
        find=_find_bad_records,
    ),
    Question(
        name="ttl-less-set",
        asks="What does a write without ttl do to the expiry of a record?",
        method="Write a record with a ttl of a day, then without, and read its expireTime.",
        meanings={
            "ttl-less-set": {
                "clears-expiry": "the record does not expire any more",
                "keeps-expiry": "the record expires when it would have",
            }
        },
        cost=Cost(records=1, requests=4, read_units=2, write_units=3, sent_bytes=300),
        find=_find_ttl,
    ),
    Question(
        name="expiry",
        asks="Is a record returned after its end?",
        method="Write a record with a ttl of a second, and read it after 2.5 seconds.",
        meanings={"expiry": {"lazy": "yes, for a while", "strict": "no"}},
        cost=Cost(
            records=1,
            requests=2,
            read_units=1,
            write_units=2,
            sent_bytes=150,
            seconds=_PAST_SECONDS,
        ),
        find=_find_expiry,
    ),
    Question(
        name="values",
        asks="Does a value come back as it was sent?",
        method="Write a value whose members and numbers JavaScript would change, and read it.",
        meanings={
            "normalise": {
                False: "values come back as they were sent",
                True: "members are reordered and numbers rounded, as JavaScript does",
            }
        },
        cost=Cost(records=1, requests=2, read_units=1, write_units=2, sent_bytes=250),
        find=_find_values,
    ),
)
