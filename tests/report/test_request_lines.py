"""`-v` prints one line for each request, without secrets."""

import pytest

from kvsctl.bulk.events import RecordsRead, RequestEnded, SizeLearnt, Waiting, WaitReason
from kvsctl.model import Verb
from kvsctl.report.request_lines import RequestLines


@pytest.mark.parametrize(
    ("request_ended", "line"),
    [
        (
            RequestEnded(Verb.SET, 25, 200, 0.0841, 9000, 400, 3, False, "abc123"),
            "set 200, 84 ms, 25 records, 3 units, trace abc123",
        ),
        (
            RequestEnded(Verb.GET, 1, None, 30.0, 90, 0, 0, True, None, "no answer within 30 s"),
            "get no answer, 30000 ms, 1 record, 0 units, retry, no answer within 30 s",
        ),
        (
            RequestEnded(Verb.DELETE, 2, 500, 0.001, 9, 9, 1, False, "a\x1b[2J", "b\nc"),
            "delete 500, 1 ms, 2 records, 1 unit, b\\nc, trace a\\x1b[2J",
        ),
    ],
)
def test_a_request_is_a_line(request_ended: RequestEnded, line: str) -> None:
    lines: list[str] = []
    listener = RequestLines(lines.append)
    listener(RecordsRead(5))
    listener(request_ended)
    listener(Waiting(WaitReason.THROTTLED, 1.0))
    listener(SizeLearnt(1, 999_999))
    learnt = "learnt: the target accepts at most 1 record and 999,999 bytes per request"
    assert lines == [line, learnt]
