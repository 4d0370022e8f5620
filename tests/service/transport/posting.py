"""Post over a carrier."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from kvsctl.service.transport.carrier import (
    Carrier,
    CarrierAnswer,
)
from tests.service.wires import response

_T = TypeVar("_T")
HEADERS = {"authorization": "Bearer s3cret", "content-type": "application/json"}
OK = response("200 OK", b"{}")


async def post(carrier: Carrier, body: bytes = b"[]") -> CarrierAnswer:
    return await carrier.request("POST", "/v1/batch/set", HEADERS, body)


async def using(carrier: Carrier, work: Callable[[Carrier], Awaitable[_T]]) -> _T:
    try:
        return await work(carrier)
    finally:
        await carrier.aclose()
