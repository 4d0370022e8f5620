"""One call is one request: no retry, no sleep, no redirect."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from kvsctl import __version__
from kvsctl.model import Record, Verb
from kvsctl.service.answers import Reply, UnreadableAnswer, decode, decode_error
from kvsctl.service.auth import Credentials, Secret
from kvsctl.service.faults import Fault, FaultKind, http_date, kind_of_status, retry_after
from kvsctl.service.wire import Metadata, encode

_TRACE_HEADERS = ("x-b3-traceid", "x-trace-id", "atl-traceid")
_SECRET_HEADERS = frozenset(
    {"authorization", "forge-proxy-authorization", "cookie", "set-cookie", "proxy-authorization"}
)
_HIDDEN = "…"
_MESSAGE_CHARACTERS = 500
_CONNECT_SHARE = 0.5


@dataclass(slots=True)
class Answer:
    """How one request ended: with a `reply`, or with a `fault`, never both.

    `headers` are lines that show what went (`> `) and came (`< `), secrets hidden, if they were
    asked for.
    """

    reply: Reply | None
    fault: Fault | None
    status: int | None
    elapsed_seconds: float
    bytes_sent: int
    bytes_received: int
    trace_id: str | None
    token: Secret | None
    headers: Sequence[str] = ()


class Service:
    """The batch endpoints of one store, over one connection pool."""

    def __init__(
        self,
        base_url: str,
        transport: httpx.AsyncBaseTransport,
        credentials: Credentials,
        *,
        fixed_headers: Mapping[str, str],
        timeout_seconds: float,
        metadata: Metadata,
        wants_headers: bool = False,
        epoch: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._metadata = metadata
        self._wants_headers = wants_headers
        self._epoch = epoch
        self._monotonic = monotonic
        self._clock_offset_seconds = 0.0
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": f"kvsctl/{__version__}",
        }
        self._client = httpx.AsyncClient(
            transport=transport,
            headers=headers | dict(fixed_headers),
            # A connection that takes too long has to be seen as that before the whole request
            # counts as unanswered: nothing was sent.
            timeout=httpx.Timeout(
                timeout_seconds, connect=timeout_seconds * _CONNECT_SHARE, pool=None
            ),
            follow_redirects=False,
            trust_env=False,
        )

    def now(self) -> float:
        """The service's clock, epoch seconds, as far as its `Date` headers have told."""
        return self._epoch() + self._clock_offset_seconds

    async def prepare(self) -> None:
        """Has the token at hand. Nothing is sent. Raises CredentialsError if there is none."""
        await self._credentials.current()

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Sends one batch, once prepared. Never raises for trouble on the way."""
        token = await self._credentials.current()
        body = encode(records, self._metadata, self.now())
        started = self._monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._client.post(
                    f"{self._base_url}/v1/batch/{verb.value}",
                    content=body,
                    headers=self._credentials.headers(token),
                )
        except (httpx.HTTPError, OSError) as error:
            trouble = _fault_of(error, self._timeout_seconds)
            elapsed = self._monotonic() - started
            return Answer(None, trouble, None, elapsed, len(body), 0, None, token)
        elapsed = self._monotonic() - started
        trace_id = next(
            (response.headers[h] for h in _TRACE_HEADERS if h in response.headers), None
        )
        self._learn_clock(response.headers)
        reply, fault = self._read(verb, response, trace_id, token)
        received = len(response.content)
        return Answer(
            reply,
            fault,
            response.status_code,
            elapsed,
            len(body),
            received,
            trace_id,
            token,
            _header_lines(response, token) if self._wants_headers else (),
        )

    async def renew(self, refused: Secret | None) -> bool:
        """Whether another token than the refused one could be had. Raises CredentialsError."""
        return await self._credentials.renew(refused)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def _read(
        self, verb: Verb, response: httpx.Response, trace_id: str | None, token: Secret | None
    ) -> tuple[Reply | None, Fault | None]:
        status = response.status_code
        if status == httpx.codes.OK:
            try:
                reply = decode(verb, response.content, trace_id)
                _hide_in_failures(token, reply)
                return reply, None
            except UnreadableAnswer as error:
                message = f"the answer cannot be read: {error}"
                return None, Fault(
                    FaultKind.UNANSWERED, "UNREADABLE_ANSWER", message, status, trace_id
                )
        code, message = decode_error(response.content) or (
            f"HTTP_{status}",
            f"HTTP {status} {response.reason_phrase}".rstrip(),
        )
        if response.has_redirect_location:
            host = httpx.URL(response.headers["location"]).host or "another path"
            message += f", a redirect to {host}: redirects are not followed"
        fault = Fault(
            kind_of_status(status, code),
            code,
            _without(token, message)[:_MESSAGE_CHARACTERS],
            status,
            trace_id,
            retry_after(response.headers, self.now()),
        )
        return None, fault

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        told = http_date(headers.get("date", ""))
        if told is None:
            return
        offset = told - self._epoch()
        # A Date header is cut to the second: less than two apart is no difference.
        self._clock_offset_seconds = offset if abs(offset) >= 2 else 0.0


def _without(token: Secret | None, text: str) -> str:
    """For text of a target's own: one that refuses a token may say which."""
    return text if token is None else text.replace(token.reveal(), _HIDDEN)


def _hide_in_failures(token: Secret | None, reply: Reply) -> None:
    if token is not None and reply.failed:
        reply.failed = {
            identity: failure._replace(message=_without(token, failure.message))
            for identity, failure in reply.failed.items()
        }


def _header_lines(response: httpx.Response, token: Secret | None) -> list[str]:
    lines = []
    for mark, headers in ((">", response.request.headers), ("<", response.headers)):
        for name, value in headers.items():
            shown = _HIDDEN if name in _SECRET_HEADERS else _without(token, value)
            lines.append(f"{mark} {name}: {shown}")
    return lines


def _fault_of(error: Exception, timeout_seconds: float) -> Fault:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return Fault(FaultKind.UNREACHED, "UNREACHABLE", _reason(error, "no connection"))
    if isinstance(error, httpx.UnsupportedProtocol):
        return Fault(FaultKind.MISDIRECTED, "UNREACHABLE", str(error))
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        message = f"no answer within {timeout_seconds:g} s"
        return Fault(FaultKind.UNANSWERED, "TIMEOUT", message)
    return Fault(FaultKind.UNANSWERED, "CONNECTION_LOST", _reason(error, "the connection broke"))


def _reason(error: Exception, otherwise: str) -> str:
    return str(error)[:_MESSAGE_CHARACTERS] or otherwise
