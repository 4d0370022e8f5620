"""Send batch requests and queries. One call is one request: no retry, no sleep, no redirect."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from kvsctl import __version__
from kvsctl.errors import KvsctlError
from kvsctl.jsonequal import changes_in_javascript
from kvsctl.model import GET, Identity, Record, Verb
from kvsctl.service.auth.credentials import HIDDEN, Credentials, Secret
from kvsctl.service.auth.lifetime import TokenNeed
from kvsctl.service.bridges import Bridge, Lookout
from kvsctl.service.faults import Fault, http_date
from kvsctl.service.interpret import fault_of, hide_token, interpret, interpret_page, shown_trace_id
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder
from kvsctl.service.transport.carrier import Carrier, CarrierAnswer, CarrierError
from kvsctl.service.transport.encoding import decompressed
from kvsctl.service.wire import ENTITY_QUERY, PLAIN_QUERY, MetadataRequest, encode, key_body

if TYPE_CHECKING:
    # Imported at run time only for queries: every command imports this module.
    from kvsctl.service.queries import Page, Query

_Client = TypeVar("_Client", bound="StoreClient")
_TRACE_HEADERS = ("x-b3-traceid", "x-trace-id", "atl-traceid")
_PROXY_HEADER = "forge-proxy-authorization"
_SECRET_HEADERS = frozenset(
    {"authorization", _PROXY_HEADER, "cookie", "set-cookie", "proxy-authorization"}
)
_HEADER_CHARACTERS = 1000
_PATHS = {verb: f"/v1/batch/{verb.value}" for verb in Verb}
_NO_METADATA = MetadataRequest()
_ASKED = Identity(None, "kvsctl-bridge")
_QUESTION = Record(0, "", 0, _ASKED, key_body(_ASKED), None)
"""A read that any store answers."""
_READ_PATHS = frozenset({_PATHS[Verb.GET], PLAIN_QUERY, ENTITY_QUERY})
"""The endpoints that change nothing. Every other one counts as a write."""


class Answer(msgspec.Struct, gc=False):
    """The end of one request: a `reply` or a `fault`, never both.

    `headers`, filled if the client `wants_headers`, are lines for people: sent headers begin with
    `> `, received ones with `< `. Secrets are hidden. `may_lack_numbers`: a bridge may have written
    `null` for numbers that are too large. `ending`: the error with which the run must end, once
    this answer is handled.
    """

    reply: Reply | AllDone | None
    fault: Fault | None
    status: int | None
    elapsed_seconds: float
    bytes_sent: int
    bytes_received: int
    trace_id: str | None
    token: Secret | None
    headers: Sequence[str] = ()
    may_lack_numbers: bool = False
    ending: KvsctlError | None = None


class QueryAnswer(msgspec.Struct):
    """The end of one query: a `page` or a `fault`, never both. The rest is as in `Answer`."""

    page: "Page | None"
    fault: Fault | None
    status: int | None
    elapsed_seconds: float
    bytes_sent: int
    bytes_received: int
    trace_id: str | None
    token: Secret | None
    headers: Sequence[str] = ()


class AskFirst(Exception):
    """A write was not sent: a bridge would change its numbers, and the target may be one.

    `ask` sends a read. If `lookout` is cleared after it, the target is not a bridge, even if the
    read failed. `ask` raises UndescribedBridge if the target is a bridge.
    """

    def __init__(self, lookout: Lookout, ask: Callable[[], Awaitable[Answer]]) -> None:
        super().__init__("ask first whether the target is a bridge")
        self.lookout = lookout
        self.ask = ask


class _Sent(msgspec.Struct, frozen=True, gc=False):
    """A request that was sent, and its answer; `lost` if there is none."""

    answer: CarrierAnswer | None
    lost: Fault | None
    elapsed_seconds: float
    token: Secret | None
    trace_id: str | None = None


class StoreClient:
    """The batch and query endpoints of one store, reached over one carrier.

    `timeout_seconds` only appears in messages; the carrier enforces it. If there is a
    `write_refusal`, a request that may change something is not sent, but raises that error.
    `bridge`: the one between the client and the store. `lookout`: finds out whether an undescribed
    target is a bridge.
    """

    def __init__(
        self,
        carrier: Carrier,
        credentials: Credentials,
        *,
        fixed_headers: Mapping[str, str],
        timeout_seconds: float,
        metadata: MetadataRequest,
        wants_headers: bool = False,
        write_refusal: KvsctlError | None = None,
        bridge: Bridge | None = None,
        lookout: Lookout | None = None,
        epoch: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._carrier = carrier
        self._proxy = carrier.proxy
        self._credentials = credentials
        self._timeout_seconds = timeout_seconds
        self._metadata = metadata
        self._wants_headers = wants_headers
        self._write_refusal = write_refusal
        self._bridge = bridge
        self._lookout = lookout
        self._epoch = epoch
        self._monotonic = monotonic
        self._decoder = ReplyDecoder()
        self._clock_offset_seconds = 0.0
        self._date = ""
        self._date_epoch: float | None = None
        self._fixed_headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"kvsctl/{__version__}",
            **fixed_headers,
        }
        self._token: Secret | None = None
        self._headers: Mapping[str, str] = self._fixed_headers

    def of_kind(self, kind: Callable[..., _Client], metadata: MetadataRequest) -> _Client:
        """Return a client of this kind over the same connections. Closing one closes both."""
        return kind(
            self._carrier,
            self._credentials,
            fixed_headers=self._fixed_headers,
            timeout_seconds=self._timeout_seconds,
            metadata=metadata,
            wants_headers=self._wants_headers,
            write_refusal=self._write_refusal,
            bridge=self._bridge,
            lookout=self._lookout,
        )

    def now(self) -> float:
        """Return the service's time in epoch seconds, corrected by its latest `Date` header."""
        return self._epoch() + self._clock_offset_seconds

    @property
    def clock_offset_seconds(self) -> float | None:
        """How far the service's clock is ahead of this machine's; None while it is not known.

        0 if it is less than 2 seconds, because a `Date` header has whole seconds.
        """
        return None if self._date_epoch is None else self._clock_offset_seconds

    @property
    def may_lack_numbers(self) -> bool:
        """Whether a bridge may have written `null` for numbers that are too large."""
        return self._bridge is not None and self._bridge.makes_nulls

    async def prepare(self) -> None:
        """Load the token, or the next one if it is due, without a request.

        Raise CredentialsError if the source gives none.
        """
        await self._credentials.current(self.now())

    @property
    def token_need(self) -> TokenNeed:
        """Whether `prepare` has a token to get."""
        return self._credentials.need(self.now())

    @property
    def has_quick_token(self) -> bool:
        """Whether tokens need no command, so that `renew` takes no time."""
        return self._credentials.is_quick

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        """Send one batch. Return failed requests as faults. Call `prepare` before.

        Raise CredentialsError only if the token is not loaded yet and cannot be: see `prepare`.
        Raise StreamError, with nothing applied, if the files under an embedded target fail. Raise
        the client's `write_refusal`, if it has one and this is a write. Raise UndescribedBridge,
        with nothing applied by this call, if the target has shown that it is a bridge. Raise
        AskFirst, with nothing sent, if the target must first show that it is not a bridge.
        """
        path, body = self._request_of(verb, records)
        sent = await self._post(path, body)
        answer, token = sent.answer, sent.token
        if answer is None:
            return Answer(None, sent.lost, None, sent.elapsed_seconds, len(body), 0, None, token)
        reply, fault = self._meaning(verb, records, answer, sent.trace_id, token)
        return Answer(
            reply,
            fault,
            answer.status,
            sent.elapsed_seconds,
            len(body),
            len(answer.body),
            sent.trace_id,
            token,
            self._header_lines(len(body), answer, token) if self._wants_headers else (),
            self.may_lack_numbers,
            None if self._lookout is None else self._lookout.found,
        )

    async def query(self, query: "Query") -> QueryAnswer:
        """Send one query. Return a failed one as a fault. Raise as `call` does."""
        from kvsctl.service.queries import encode_query

        body = encode_query(query, self._metadata)
        sent = await self._post(query.path, body)
        answer, token = sent.answer, sent.token
        if answer is None:
            elapsed = sent.elapsed_seconds
            return QueryAnswer(None, sent.lost, None, elapsed, len(body), 0, None, token)
        page, fault = interpret_page(
            answer,
            sent.trace_id,
            token,
            self.now(),
            self._proxy,
            of_entity=query.entity is not None,
        )
        return QueryAnswer(
            page,
            None if fault is None else self._of_target(fault),
            answer.status,
            sent.elapsed_seconds,
            len(body),
            len(answer.body),
            sent.trace_id,
            token,
            self._header_lines(len(body), answer, token) if self._wants_headers else (),
        )

    async def _post(self, path: str, body: bytes) -> _Sent:
        if self._write_refusal is not None and path not in _READ_PATHS:
            raise self._write_refusal
        if self._lookout is None or self._lookout.is_cleared:
            return await self._exchange(path, body)
        return await self._post_warily(path, body, self._lookout)

    async def _post_warily(self, path: str, body: bytes, lookout: Lookout) -> _Sent:
        """Send a request to a target that may be a bridge.

        Raise AskFirst if a bridge would change its numbers.
        """
        lookout.require_none()
        is_write = path not in _READ_PATHS
        if is_write and changes_in_javascript(body):
            raise AskFirst(lookout, lambda: self.call(GET, [_QUESTION]))
        sent = await self._exchange(path, body)
        lookout.note(sent.answer)
        if not is_write:
            lookout.require_none()
        return sent

    async def _exchange(self, path: str, body: bytes) -> _Sent:
        credentials = self._credentials
        token = credentials.token
        if not credentials.is_loaded:
            token = await credentials.current(self.now())
        started = self._monotonic()
        try:
            headers = self._headers_with(token)
            answer = await self._carrier.request("POST", path, headers, body)
            if "content-encoding" in answer.headers:
                answer = decompressed(answer)
        except CarrierError as error:
            elapsed = self._monotonic() - started
            return _Sent(None, fault_of(error, self._timeout_seconds), elapsed, token)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It would pass for the end of this task, and a part of a listing for the whole.
            raise RuntimeError("the transport raised CancelledError") from error
        elapsed = self._monotonic() - started
        trace_id: str | None = None
        for name in _TRACE_HEADERS:
            if name in answer.headers:
                trace_id = shown_trace_id(token, answer.headers[name])
                break
        self._learn_clock(answer.headers)
        if self._bridge is not None:
            self._bridge.note(answer.headers)
        return _Sent(answer, None, elapsed, token, trace_id)

    def _request_of(self, verb: Verb, records: Sequence[Record]) -> tuple[str, bytes]:
        """Return the path and the body of a request. Only reads ask for metadata."""
        metadata = self._metadata if verb is GET else _NO_METADATA
        return _PATHS[verb], encode(records, metadata, self.now())

    def _meaning(
        self,
        verb: Verb,
        records: Sequence[Record],
        answer: CarrierAnswer,
        trace_id: str | None,
        token: Secret | None,
    ) -> tuple[Reply | AllDone | None, Fault | None]:
        """Return the reply or the fault that an answer means, never both."""
        reply, fault = interpret(
            self._decoder, verb, records, answer, trace_id, token, self.now(), self._proxy
        )
        return reply, None if fault is None else self._of_target(fault)

    def _of_target(self, fault: Fault) -> Fault:
        """Return the fault, which says whether the target takes a token."""
        return replace(fault, takes_no_token=_PROXY_HEADER in self._fixed_headers)

    async def renew(self, refused: Secret | None) -> bool:
        """Return whether there is now a token other than the refused one: see Credentials."""
        return await self._credentials.renew(refused, self.now())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._carrier.aclose()

    def _headers_with(self, token: Secret | None) -> Mapping[str, str]:
        """Return the same mapping while the token stays the same, as carriers prepare it once."""
        if token is not self._token:
            self._headers = self._fixed_headers | dict(self._credentials.headers(token))
            self._token = token
        return self._headers

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        date = headers.get("date", "")
        if date != self._date:  # thousands of answers carry the same second
            self._date, self._date_epoch = date, http_date(date)
        if self._date_epoch is None:
            return
        offset = self._date_epoch - self._epoch()
        # A Date header is truncated to the second, so a difference below 2 s means nothing.
        self._clock_offset_seconds = offset if abs(offset) >= 2 else 0.0

    def _header_lines(
        self, body_bytes: int, answer: CarrierAnswer, token: Secret | None
    ) -> list[str]:
        sent = {"host": self._carrier.host, **self._headers, "content-length": str(body_bytes)}
        lines = []
        for mark, headers in ((">", sent), ("<", answer.headers)):
            for name, value in headers.items():
                shown = f"{name}: {HIDDEN if name in _SECRET_HEADERS else value}"
                lines.append(f"{mark} {hide_token(token, shown)[:_HEADER_CHARACTERS]}")
        return lines
