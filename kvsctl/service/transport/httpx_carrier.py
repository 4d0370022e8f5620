"""A carrier on a transport of httpx, for what `direct` does not support."""

import asyncio
from collections.abc import Mapping

import httpx

from kvsctl.service.transport.carrier import (
    CONNECT_SHARE,
    MAX_ANSWER_BYTES,
    CarrierAnswer,
    CarrierError,
    Method,
    TooSlow,
    Unanswered,
    Unreached,
    Unsendable,
    headers_of,
)

_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


class HttpxCarrier:
    """A Carrier that uses a transport of httpx without an httpx client around it."""

    def __init__(
        self, url: str, transport: httpx.AsyncBaseTransport, timeout_seconds: float
    ) -> None:
        self._url = url.rstrip("/")
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        connect_seconds = timeout_seconds * CONNECT_SHARE
        timeout = httpx.Timeout(timeout_seconds, connect=connect_seconds, pool=None)
        self._extensions = {"timeout": timeout.as_dict()}

    @property
    def host(self) -> str:
        """See Carrier."""
        return httpx.URL(self._url).netloc.decode("ascii")

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """See Carrier."""
        sent = headers_of(method, headers)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(method, f"{self._url}{path}", sent, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _carrier_error(error) from error

    async def aclose(self) -> None:
        """See Carrier."""
        await self._transport.aclose()

    async def _exchange(
        self, method: Method, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> CarrierAnswer:
        request = httpx.Request(
            method, url, headers=headers, content=body, extensions=self._extensions
        )
        response = await self._transport.handle_async_request(request)
        try:
            content = await _read(response)
        finally:
            await response.aclose()
        return CarrierAnswer(response.status_code, response.headers, content)


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    body_bytes = 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        body_bytes += len(chunk)
        if body_bytes > MAX_ANSWER_BYTES:
            raise Unanswered(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
    return b"".join(chunks)


def _carrier_error(error: Exception) -> CarrierError:
    if isinstance(error, _UNREACHED):
        return Unreached(str(error))
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Unsendable(str(error))
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return TooSlow()
    return Unanswered(str(error))
