"""What the emulator serves beside the store: health, contexts, OpenAPI, control, the page.

The details of an installation, as the proxy of a container returns them, are served here, too.
"""

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from kvsctl.emulator.callers import (
    PROXY_HEADER,
    bound_installation,
    installation_of,
    lister_of,
)
from kvsctl.emulator.page import answers
from kvsctl.emulator.refusals import Refusal, malformed, other_method, unauthorized
from kvsctl.emulator.web.admin import AdminTarget, administer, check_admin
from kvsctl.emulator.web.bodies import Receive, Scope, read_body
from kvsctl.emulator.web.routes import (
    ADMIN_PREFIX,
    CONTEXT_PATH,
    DETAILS_PREFIX,
    GET_PATHS,
    HEALTH_PATH,
    OPENAPI_PATH,
    PAGE_PATH,
    PAGE_PREFIX,
    ROUTES,
)
from kvsctl.emulator.web.transfers import TRANSFERS, transfer
from kvsctl.emulator.wire import Response, encoded

if TYPE_CHECKING:
    # Not imported at run time: few emulators have quotas.
    from kvsctl.emulator.switches.quota import Quota

NOT_FOR_PAGES: Final = (
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""The headers that keep web pages of other servers from reading answers to control requests."""


class Target(AdminTarget, answers.Page, Protocol):
    """The parts of an emulator that control requests and the page read and change."""

    quota: "Quota | None"


async def answer_beside(
    emulator: Target, scope: Scope, headers: dict[bytes, bytes], receive: Receive
) -> Response:
    """Return the response to a request that is not for the store.

    Raise Refusal for a path that is not served (403), and for a wrong method (405).
    """
    path, method, options = scope["path"], scope["method"], emulator.options
    if (path == PAGE_PATH or path.startswith(PAGE_PREFIX)) and options.admin:
        answers.check_caller(scope, headers, options)
        body = await read_body(receive, answers.BODY_BYTES, options)
        return await answers.answer(emulator, scope, body)
    if path.startswith(ADMIN_PREFIX) and options.admin:
        check_admin(scope.get("client"), headers, options)
        found = await _control(emulator, scope, receive)
        return msgspec.structs.replace(found, headers=(*NOT_FOR_PAGES, *found.headers))
    if path in ROUTES:
        raise other_method("POST")
    is_details = path.startswith(DETAILS_PREFIX)
    if path not in GET_PATHS and not is_details:
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")
    methods = ("GET", "HEAD") if path == HEALTH_PATH else ("GET",)  # many health checks use HEAD
    if method not in methods:
        raise other_method(", ".join(methods))
    if is_details:
        return await _details(emulator, headers, path.removeprefix(DETAILS_PREFIX))
    if path == HEALTH_PATH:
        return await _health(emulator)
    if path == CONTEXT_PATH:
        return _context(emulator, headers)
    assert path == OPENAPI_PATH, path  # noqa: S101 - the application serves the installations
    return _document(emulator)


async def _control(emulator: Target, scope: Scope, receive: Receive) -> Response:
    action, method = scope["path"].removeprefix(ADMIN_PREFIX), scope["method"]
    if scope.get("query_string") and (method, action) != ("GET", "export"):
        # Ignored, `reset?installation=ID` would delete the records of all installations.
        raise malformed("Only GET export takes parameters in its URL; reset takes them in its body")
    if (method, action) in TRANSFERS:
        return await transfer(emulator, action, scope, receive)
    body = await read_body(receive, emulator.options.limits.batch_bytes, emulator.options)
    return await administer(emulator, method, action, body)


async def _health(emulator: AdminTarget) -> Response:
    """Answer any caller, once the store has answered a query: a failed store is not healthy."""
    connection = emulator.store.connection
    await emulator.store.run(lambda: connection.execute("SELECT 1 FROM setting").fetchone())
    return Response(body=encoded({"status": "ok"}))


def _context(emulator: AdminTarget, headers: dict[bytes, bytes]) -> Response:
    from kvsctl.emulator.operations.contexts import invocation_context

    if PROXY_HEADER not in headers:
        raise unauthorized()
    return Response(body=encoded(invocation_context(installation_of(headers, emulator.options))))


async def _details(emulator: Target, headers: dict[bytes, bytes], installation: str) -> Response:
    from kvsctl.emulator.operations.installations import installation_details

    lister_of(headers, emulator.options)
    only = bound_installation(headers, emulator.options)
    if emulator.quota is not None:
        emulator.quota.admit_details(installation, emulator.clock.now_ms())
    return await emulator.store.run(
        lambda: installation_details(emulator.service, installation, only)
    )


def _document(emulator: AdminTarget) -> Response:
    from kvsctl.emulator.web.openapi import document

    return Response(body=encoded(document(emulator.options)))
