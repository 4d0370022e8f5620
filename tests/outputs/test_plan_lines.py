"""The lines of plans, and the hash by which a record is known again."""

import json
from hashlib import sha256

import pytest

from kvsctl.model import Found, Identity
from kvsctl.outputs.plan_lines import deletion_line, record_hash

_KEY = Identity(None, "k")
_EXPIRES = "2026-12-31T23:59:59.000Z"


def test_a_line_has_what_the_record_has() -> None:
    found = Found(b"1", 1, 2, _EXPIRES)
    line = deletion_line("staging", "ari:1", Identity("city", "k"), found)
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "plan": 1,
        "action": "delete",
        "target": "staging",
        "installation": "ari:1",
        "key": "k",
        "entityName": "city",
        "updatedAt": 2,
        "hash": record_hash(Identity("city", "k"), found),
    }
    plain = json.loads(deletion_line("staging", None, _KEY, Found(b"1")))
    assert list(plain) == ["plan", "action", "target", "key", "hash"]


def test_the_hash_is_that_of_a_text_that_others_can_make() -> None:
    found = Found(b'{"b": 1.50, "a": [100, "\xc3\xa9"]}', 1, 2, _EXPIRES)
    text = (
        b'{"entityName":"city","expireTime":"2026-12-31T23:59:59.000Z","key":"k",'
        b'"value":{"a":[1e2,"\\u00e9"],"b":15e-1}}'
    )
    assert record_hash(Identity("city", "k"), found) == sha256(text).hexdigest()


def test_what_a_service_may_write_otherwise_does_not_change_the_hash() -> None:
    one = Found(b'{"a":1,"b":"\xc3\xa9"}', 1, 2)
    other = Found(b'{ "b": "\\u00e9", "a": 1.0 }')
    assert record_hash(_KEY, one) == record_hash(_KEY, other)


@pytest.mark.parametrize(
    ("identity", "found"),
    [
        (_KEY, Found(b"2")),
        (_KEY, Found(b'"1"')),
        (_KEY, Found(b"1", expire_time=_EXPIRES)),
        (Identity(None, "other"), Found(b"1")),
        (Identity("city", "k"), Found(b"1")),
    ],
)
def test_what_differs_has_another_hash(identity: Identity, found: Found) -> None:
    assert record_hash(identity, found) != record_hash(_KEY, Found(b"1"))
