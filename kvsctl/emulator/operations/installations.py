"""GET /v1/installations as the proxy of a Forge Container answers it, and the older /v0.

Path and limit of GET /v1/installation/ID come from the contract, which does not describe the
answer. Its members come from the vendor's page "Installation Details API", on another path.
"""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from kvsctl.emulator.operations.cursors import cursor_of, position_of
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.options import DEFAULT_INSTALLATION
from kvsctl.emulator.refusals import Refusal, malformed, unauthorized
from kvsctl.emulator.wire import Response, encoded

PAGE_MOST = 100


def list_installations(
    service: Service, query: bytes, only: str | None, *, plain: bool
) -> Response:
    """Return a page of the app's installations; with `plain` all of them in an array, as /v0 does.

    The list holds the installations that the options name and those that were ever written to, or
    the default installation if there are none. With `only`, the installation of the caller's token,
    it holds just that one.
    """
    known = _known(service, only)
    if plain:
        return Response(body=encoded([_described(one) for one in known]))
    parameters = dict(parse_qsl(query.decode("latin-1")))
    size = _page_size(parameters)
    position = position_of(parameters.get("cursor"), 1)
    if position is not None:
        known = [one for one in known if one > str(position[0])]
    page = known[:size]
    cursor = cursor_of(page[-1]) if len(known) > size else None
    answer = {"installations": [_described(one) for one in page], "cursor": cursor}
    return Response(body=encoded(answer))


def _known(service: Service, only: str | None) -> list[str]:
    if only is not None:
        return [only]
    found = sorted({*service.options.installations, *service.rows.installations()})
    return found or [DEFAULT_INSTALLATION]


def installation_details(service: Service, installation: str, only: str | None) -> Response:
    """Return the version, contexts and permissions of an installation. Call it in the store's work.

    Raise Refusal if the caller's token belongs to another installation (401), or if there is no
    such installation (404).
    """
    if only not in (None, installation):
        raise unauthorized()
    if installation not in _known(service, only):
        raise Refusal(404, "INSTALLATION_NOT_FOUND", "There is no such installation")
    described = _described(installation)
    return Response(
        body=encoded(
            {
                "version": described["version"],
                "installationContext": {"id": described["installationContext"]},
                "secondaryInstallationContexts": [],
                "permissions": {"scopes": ["storage:app"], "external": {}},
                "isSandbox": False,
            }
        )
    )


def _page_size(parameters: Mapping[str, str]) -> int:
    text = parameters.get("pageSize", str(PAGE_MOST))
    if not text.isdecimal() or not 1 <= int(text) <= PAGE_MOST:
        raise malformed(f"pageSize must be a number from 1 to {PAGE_MOST}")
    return int(text)


def site_of(installation: str) -> uuid.UUID:
    """Return the id of the site that the emulator gives to an installation."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"installation:{installation}")


def _described(installation: str) -> dict[str, Any]:
    return {
        "id": installation,
        "installationContext": f"ari:cloud:jira::site/{site_of(installation)}",
        "version": "1.0.0",
        "secondaryInstallationContexts": [],
    }
