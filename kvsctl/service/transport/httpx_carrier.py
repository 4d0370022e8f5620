"""A carrier that uses a transport of httpx, for cases that `direct` does not support."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from http import HTTPStatus

import httpx

from kvsctl.service.transport.answer_memory import UNCOUNTED_BYTES, AnswerMemory
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
    refusal_of_proxy,
)
from kvsctl.service.transport.certificates import untrusted

_REFUSAL = re.compile(r"\d{3}(?!\d)")
"""The status with which a proxy refused, at the beginning of httpx's message."""
_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


class HttpxCarrier:
    """A Carrier that uses a transport of httpx without an httpx client around it."""

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport,
        timeout_seconds: float,
        proxy: str | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._proxy = proxy
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        connect_seconds = timeout_seconds * CONNECT_SHARE
        timeout = httpx.Timeout(timeout_seconds, connect=connect_seconds, pool=None)
        self._extensions = {"timeout": timeout.as_dict()}
        self._memory = AnswerMemory()

    @property
    def host(self) -> str:
        """See Carrier."""
        return httpx.URL(self._url).netloc.decode("ascii")

    @property
    def proxy(self) -> str | None:
        """See Carrier."""
        return None if self._url.startswith("https:") else self._proxy

    async def request(
        self, method: Method, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> CarrierAnswer:
        """See Carrier."""
        sent = headers_of(method, headers)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._exchange(method, f"{self._url}{path}", sent, body)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            if _is_protocol_switch(error):
                return CarrierAnswer(HTTPStatus.SWITCHING_PROTOCOLS, {}, b"")
            raise self._carrier_error(error) from error

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
        reader = _Reader()
        try:
            content = await self._read(response, reader)
        finally:
            self._memory.release(reader)
            await response.aclose()
        return CarrierAnswer(response.status_code, response.headers, content)

    async def _read(self, response: httpx.Response, reader: "_Reader") -> bytes:
        content = bytearray()  # chunks may be tiny, and each takes memory of its own
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                raise Unanswered(f"the answer is larger than {MAX_ANSWER_BYTES:,} bytes")
            if len(content) > UNCOUNTED_BYTES:
                self._memory.hold(reader, len(content))
                await reader.may_read.wait()
        return bytes(content)

    def _carrier_error(self, error: Exception) -> CarrierError:
        if (untrusted_by := _certificate_error(error)) is not None:
            return untrusted(httpx.URL(self._url).host, untrusted_by)
        refusal = _REFUSAL.match(str(error)) if isinstance(error, httpx.ProxyError) else None
        if refusal is not None and self._proxy is not None:
            return refusal_of_proxy(self._proxy, int(refusal[0]))
        if isinstance(error, _UNREACHED):
            return Unreached(str(error))
        if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
            return Unsendable(str(error))
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return TooSlow()
        return Unanswered(str(error))


class _Reader:
    """An AnswerReader that waits while it is paused."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()

    def pause_reading(self) -> None:
        self.may_read.clear()

    def resume_reading(self) -> None:
        self.may_read.set()


def _is_protocol_switch(error: Exception) -> bool:
    """Return whether the answer was a 101, which h11 refuses if nothing asked for it."""
    return isinstance(error, httpx.RemoteProtocolError) and "_SWITCH_UPGRADE" in str(error)


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return the certificate error that caused an error of httpx, if one did."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error
