"""A Forge app with the bridge, behind a gateway that calls it as Forge does."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

TOKEN: Final = "write-" + "0123456789abcdef" * 2
READ_TOKEN: Final = "reads-" + "fedcba9876543210" * 2
INSTALLATION: Final = "99999999-8888-7777-6666-555555555555"
_TOKENS: Final = {"KVSCTL_BRIDGE_TOKEN": TOKEN, "KVSCTL_BRIDGE_READ_TOKEN": READ_TOKEN}


class Response(NamedTuple):
    """What the gateway answered. `body` is parsed if it is JSON; None if there is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


@contextmanager
def gateway(folder: Path, service: str, **settings: str) -> Iterator[str]:
    """Serve the app in a folder, whose store is that of a service. Yield the web trigger's URL.

    `settings`: those of gateway.mjs, and the app's variables; an empty one is not set.
    """
    given = {"KVS_URL": service, "GATEWAY_INSTALLATION": INSTALLATION, **_TOKENS, **settings}
    process = subprocess.Popen(
        ["node", "gateway.mjs"],
        cwd=folder,
        env=os.environ | {name: value for name, value in given.items() if value},
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.kill()


def call(
    url: str,
    path: str,
    body: Any = None,
    *,
    token: str | None = TOKEN,
    method: str = "POST",
    **headers: str,
) -> Response:
    """Send a request to the gateway. `body` that is not bytes is sent as JSON."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return _response(response)
    except urllib.error.HTTPError as error:
        with error:
            return _response(error)


def _response(answer: Any) -> Response:
    text = answer.read()
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = text
    return Response(answer.status, body, answer.headers)
