"""Turn an answer, or the lack of one, into a reply or a fault. Hide the token in texts."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from kvsctl import codes
from kvsctl.model import Record, Verb
from kvsctl.service.auth.credentials import Secret
from kvsctl.service.faults import Fault, FaultKind, kind_of_status, retry_after
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.reply import AllDone, Reply, ReplyDecoder, decode_error
from kvsctl.service.transport.carrier import (
    CarrierAnswer,
    CarrierError,
    Misencoded,
    ProxyRefused,
    TooSlow,
    Unreached,
    Unsendable,
    Untrusted,
    http_status,
)

if TYPE_CHECKING:
    from kvsctl.service.queries import Page

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = int(HTTPStatus.OK)
_MESSAGE_CHARACTERS: Final = 500
_NAME_CHARACTERS: Final = 100
"""How much is shown of a code, a trace id or a host."""


def interpret(
    decoder: ReplyDecoder,
    verb: Verb,
    asked: Sequence[Record],
    answer: CarrierAnswer,
    trace_id: str | None,
    token: Secret | None,
    service_now: float,
    proxy: str | None = None,
) -> tuple[Reply | AllDone | None, Fault | None]:
    """Return the reply or the fault that an answer means, never both.

    `decoder` is that of the service, and `asked` are the records of the request. `service_now` is
    the service's time in epoch seconds. `proxy` is the proxy that may have answered in place of the
    service, if there is one.
    """
    if answer.status == _OK:
        try:
            reply = decoder.decode(verb, answer.body, trace_id, asked)
            if isinstance(reply, Reply):
                _bound_failures(token, reply)
            return reply, None
        except UnreadableAnswer as error:
            return None, unreadable_fault(error, trace_id, token)
    return None, refusal_fault(answer, trace_id, token, service_now, proxy)


def interpret_page(
    answer: CarrierAnswer,
    trace_id: str | None,
    token: Secret | None,
    service_now: float,
    proxy: str | None = None,
    *,
    of_entity: bool,
) -> "tuple[Page | None, Fault | None]":
    """Return the page or the fault that the answer to a query means, never both.

    `of_entity`: see `decode_page`. The other arguments are those of `interpret`.
    """
    from kvsctl.service.queries import decode_page  # only for queries, as in `client`

    if answer.status == _OK:
        try:
            return decode_page(answer.body, of_entity=of_entity), None
        except UnreadableAnswer as error:
            return None, unreadable_fault(error, trace_id, token)
    return None, refusal_fault(answer, trace_id, token, service_now, proxy)


def unreadable_fault(error: UnreadableAnswer, trace_id: str | None, token: Secret | None) -> Fault:
    """Return the fault of an answer whose body cannot be read."""
    message = _shown(token, f"cannot read the answer: {error}", _MESSAGE_CHARACTERS)
    return Fault(FaultKind.UNANSWERED, codes.UNREADABLE_ANSWER, message, _OK, trace_id)


def refusal_fault(
    answer: CarrierAnswer,
    trace_id: str | None,
    token: Secret | None,
    service_now: float,
    proxy: str | None,
) -> Fault:
    """Return the fault of an answer with a status other than 200."""
    status = answer.status
    error_body = decode_error(answer.body)
    code, message = error_body or (codes.http_code(status), http_status(status))
    kind = kind_of_status(status, code)
    is_forbidden_by_proxy = kind is FaultKind.FORBIDDEN and proxy is not None and error_body is None
    if kind is FaultKind.PROXY_REFUSED or is_forbidden_by_proxy:
        kind = FaultKind.PROXY_REFUSED
        message = f"the proxy {proxy or 'before the target'} refused the request: {message}"
    if status in _REDIRECTS and "location" in answer.headers:
        message += f", a redirect to {_redirect_host(answer.headers['location'])}"
        message += ": redirects are not followed"
    return Fault(
        kind,
        _shown(token, code, _NAME_CHARACTERS),
        _shown(token, message, _MESSAGE_CHARACTERS),
        status,
        trace_id,
        retry_after(answer.headers, service_now),
    )


def hide_token(token: Secret | None, text: str) -> str:
    """Replace the token in a text of the target, which may quote the token that it refuses."""
    return text if token is None else token.hidden_in(text)


def shown_trace_id(token: Secret | None, trace_id: str) -> str:
    """Return a trace id of the target for people: bounded, without the token."""
    return _shown(token, trace_id, _NAME_CHARACTERS)


def _shown(token: Secret | None, text: str, characters: int) -> str:
    # First hidden, then truncated: a part of a token would not be recognised.
    return hide_token(token, text)[:characters]


def _bound_failures(token: Secret | None, reply: Reply) -> None:
    if reply.failed:
        reply.failed = {
            identity: failure._replace(
                code=_shown(token, failure.code, _NAME_CHARACTERS),
                message=_shown(token, failure.message, _MESSAGE_CHARACTERS),
            )
            for identity, failure in reply.failed.items()
        }


def _redirect_host(location: str) -> str:
    try:
        return (urlsplit(location).hostname or "another path")[:_NAME_CHARACTERS]
    except ValueError:
        return "an invalid URL"


def fault_of(error: CarrierError, timeout_seconds: float) -> Fault:
    """Return the fault of a request without an answer."""
    if isinstance(error, Untrusted):
        return Fault(FaultKind.UNTRUSTED, codes.UNREACHABLE, str(error)[:_MESSAGE_CHARACTERS])
    if isinstance(error, ProxyRefused):
        return Fault(FaultKind.PROXY_REFUSED, codes.UNREACHABLE, str(error)[:_MESSAGE_CHARACTERS])
    if isinstance(error, Misencoded):
        message = f"cannot read the answer: {error}"
        return Fault(FaultKind.MISDIRECTED, codes.UNREADABLE_ANSWER, message, HTTPStatus.OK)
    if isinstance(error, Unreached):
        return Fault(FaultKind.UNREACHED, codes.UNREACHABLE, _reason(error, "no connection"))
    if isinstance(error, Unsendable):
        reason = _reason(error, "cannot make the request")
        return Fault(FaultKind.MISDIRECTED, codes.UNREACHABLE, reason)
    if isinstance(error, TooSlow):
        message = f"no answer within {timeout_seconds:g} s"
        return Fault(FaultKind.UNANSWERED, codes.TIMEOUT, message)
    return Fault(FaultKind.UNANSWERED, codes.CONNECTION_LOST, _reason(error, "connection lost"))


def _reason(error: Exception, otherwise: str) -> str:
    return str(error)[:_MESSAGE_CHARACTERS] or otherwise
