"""A line of the failures file is the failed input, byte for byte, and can be read again."""

import base64
import json
from datetime import datetime

import pytest

from kvsctl.model import Failure, Identity, Origin, Outcome, Problem, Record
from kvsctl.outputs.failure_line import failure_line
from kvsctl.records.ttl import parse_expire_time
from tests.support.outcomes import problem, record
from tests.support.records import moment

NO = Failure("NO_ANSWER", "no\nanswer")
ADDED = b',"error":{"code":"NO_ANSWER","message":"no\\nanswer"},"source":"users.jsonl:17"}\n'


def line_of(outcome: Outcome) -> bytes:
    return failure_line(outcome.subject, NO)


@pytest.mark.parametrize(
    "body",
    [
        '{"key":"a","value":1.00}',
        '{"key":"a","value":123456789012345678901234567890}',
        '{ "key" : "a", "value": {"b": 1, "a": [1e5, "\\ud800"]} }',
        '{"key":"a","value":{"x":1,"x":2},"options":{"ttl":{"value":1,"unit":"DAYS"}}}',
        '{"key":"a","entityName":"person"}',
    ],
)
def test_a_record_keeps_its_bytes(body: str) -> None:
    line = failure_line(record(16, "a", body=body), NO)
    assert line == body.encode()[:-1].rstrip().replace(b"{ ", b"{", 1) + ADDED


def test_only_line_breaks_between_tokens_are_removed() -> None:
    body = '{"key":"a","value":{\r\n  "a  b": 1.00,\n  "c": "\\n"\n}}'
    line = failure_line(record(16, "a", body=body), NO)
    assert line == b'{"key":"a","value":{"a  b":1.00,"c":"\\n"}' + ADDED


def test_an_expiry_is_written_as_a_time() -> None:
    body = b'{"key":"a","value":1}'
    subject = Record(16, "users.jsonl", 17, Identity(None, "a"), body, moment(1767323045.5))
    expected = b'{"key":"a","value":1,"expireTime":"2026-01-02T03:04:05.500Z"' + ADDED
    assert failure_line(subject, NO) == expected


def test_a_readable_problem_keeps_its_members() -> None:
    raw = b'{"key":"a!", "value":1.0,"ttl":"7d"}'
    assert line_of(problem(16, raw, key="a!")) == b'{"key":"a!","value":1.0,"ttl":"7d"' + ADDED


def test_members_of_an_earlier_failures_file_are_replaced() -> None:
    raw = b'{"key":"a!","value":1.0,"error":{"code":"X"},"source":"old:1"}'
    assert line_of(problem(16, raw, key="a!")) == b'{"key":"a!","value":1.0' + ADDED


@pytest.mark.parametrize("raw", [b'{"key":"a!"}', b'{"key":"a!","entityName":null}'])
def test_an_entity_from_an_option_is_written(raw: bytes) -> None:
    line = line_of(problem(16, raw, key="a!", entity="person"))
    assert line == b'{"key":"a!","entityName":"person"' + ADDED


def test_an_entity_of_the_record_is_kept() -> None:
    raw = b'{"key":"a!","entityName":"p"}'
    assert line_of(problem(16, raw, key="a!", entity="p")) == raw[:-1] + ADDED


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        (b"plain key!", True),
        (b'{"key":', False),
        (b'{"key":"a","key":"b"}', True),
        (b'{"key":"a","value":' + b"[" * 300 + b"]" * 300 + b"}", True),
        (b"name=Jos\xc3\xa9\n", False),
    ],
)
def test_input_that_is_not_a_json_record_is_kept_as_text(raw: bytes, readable: bool) -> None:
    line = line_of(problem(16, raw, readable=readable))
    assert line.endswith(ADDED)
    assert json.loads(line)["raw"] == raw.decode()


@pytest.mark.parametrize("raw", [b'{"key":', b"\xff\xfe{", b'{"raw":"x","key":1}'])
def test_raw_text_of_an_earlier_failures_file_is_not_nested(raw: bytes) -> None:
    once = line_of(problem(16, raw, readable=False))
    fed_back = once.rstrip(b"\n").replace(b"users.jsonl:17", b"failed.jsonl:1")
    assert line_of(problem(16, fed_back, readable=False)) == once


def test_input_that_is_not_text_is_kept_as_base64() -> None:
    found = json.loads(line_of(problem(16, b"\xff\xfe{", readable=False)))
    assert base64.b64decode(found["raw_base64"]) == b"\xff\xfe{"
    assert "raw" not in found


def test_lone_surrogates_are_kept() -> None:
    subject = Problem(
        16, Origin("\udc80.jsonl", 17), Identity("\ud800", "k"), "C", "m", b'{"key":"\\ud800"}'
    )
    found = json.loads(failure_line(subject, Failure("C", "\ud800")))
    assert found["key"] == found["entityName"] == found["error"]["message"] == "\ud800"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        ("2026-12-31T23:59:59.1233Z", b"2026-12-31T23:59:59.123300Z"),
        ("2026-12-31T23:59:59.5Z", b"2026-12-31T23:59:59.500Z"),
        ("2026-12-31T23:59:59Z", b"2026-12-31T23:59:59.000Z"),
    ],
)
def test_an_expiry_keeps_its_precision(moment: str, written: bytes) -> None:
    expires_at = parse_expire_time(moment)
    assert isinstance(expires_at, datetime)
    body = b'{"key":"a","value":1}'
    subject = Record(0, "in", 1, Identity(None, "a"), body, expires_at)
    line = failure_line(subject, Failure("C", "m"))
    assert b'"expireTime":"%b"' % written in line
    assert parse_expire_time(written.decode()) == expires_at
