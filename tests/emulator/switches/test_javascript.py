"""Values as a JavaScript service returns them."""

from typing import Any

import pytest

from kvsctl.emulator.switches.javascript import normalised
from tests.emulator.support import OpenClient


@pytest.mark.parametrize(
    ("value", "returned"),
    [
        (b'{ "b" : 1.0, "10": 1, "2": 2, "a": [ ] }', b'{"2":2,"10":1,"b":1,"a":[]}'),
        (b'{"01":1,"4294967295":2,"4294967294":3}', b'{"4294967294":3,"01":1,"4294967295":2}'),
        (b'{"a":1,"b":2,"a":3}', b'{"a":3,"b":2}'),
        (b"9007199254740993", b"9007199254740992"),
        (b"[1e400, -1e400, -0.0, 0.10]", b"[null,null,0,0.1]"),
        (
            b"[1e20,1e21,123456789012345680000]",
            b"[100000000000000000000,1e+21,123456789012345680000]",
        ),
        (b"[1e-6,1.5e-7,123.456,5e-324,-2.5e-10]", b"[0.000001,1.5e-7,123.456,5e-324,-2.5e-10]"),
        (b"[1.7976931348623157e308, 0.00001234, 12]", b"[1.7976931348623157e+308,0.00001234,12]"),
        (b'"\\u00e9\\/\\u0001\\ud83d\\ude00\\ud800"', '"é/\\u0001😀\\ud800"'.encode()),
        (b"[true,false,null]", b"[true,false,null]"),
    ],
)
def test_values_go_through_javascript(value: Any, returned: Any) -> None:
    assert bytes(normalised(value)) == returned


def test_the_option_normalises_answers(open_client: OpenClient) -> None:
    client = open_client(normalise=True)
    client.post("/v1/batch/set", content=b'[{"key":"a","value":{"b":1.0,"1":2}}]')
    assert b'"value":{"1":2,"b":1}' in client.post("/v1/batch/get", [{"key": "a"}]).content
