"""The receiver of examples/token-relay, with a vendor whose invocations are signed here."""

import importlib.util
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from tests.support.commands.raw_server import raw_server

FOLDER: Final = Path(__file__).parents[2] / "examples/token-relay"
APP: Final = "ari:cloud:ecosystem::app/8db33809-1f32-48bb-8c52-5877dab48107"
INSTALLATION: Final = "0a3a7799-53ae-4a5b-9e7e-03338980abb5"
KEY: Final = "relay-" + "0123456789abcdef" * 2


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("token_relay_receiver", FOLDER / "receiver.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


receiver: Final = _loaded()


class Vendor:
    """Signs invocations, and serves its public keys."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.fetched = 0
        self.add("first")

    def add(self, name: str) -> None:
        """Make another key."""
        self.keys[name] = generate_private_key(65537, 2048)

    def jwks(self) -> bytes:
        """Return the public keys as the vendor serves them."""
        algorithm = jwt.algorithms.RSAAlgorithm
        keys = [
            algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": "RS256"}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": keys}).encode()

    def signed(
        self, name: str = "first", *, by: Any = None, alg: str = "RS256", **changes: Any
    ) -> str:
        """Return an invocation token. A claim that is changed to None is left out."""
        now = int(time.time())
        claims = {
            "app": {
                "id": APP,
                "appVersion": "1.0.0",
                "installationId": f"ari:cloud:ecosystem::installation/{INSTALLATION}",
                "environment": {"type": "PRODUCTION"},
                "module": {"type": "core:endpoint", "key": "kvsctl-token-relay"},
            },
            "aud": APP,
            "iss": "forge/invocation-token",
            "iat": now,
            "nbf": now,
            "exp": now + 25,
        } | changes
        kept = {claim: value for claim, value in claims.items() if value is not None}
        key = self.keys[name] if by is None else by
        return jwt.encode(kept, key, algorithm="RS256", headers={"kid": name})

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the public keys; yield their URL."""

        def answer(_head: bytes, _body: bytes) -> bytes:
            self.fetched += 1
            body = self.jwks()
            return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

        with raw_server(answer) as server:
            yield f"http://127.0.0.1:{server.port}/.well-known/jwks.json"


class Response(NamedTuple):
    """An answer of the relay."""

    status: int
    text: str


class Served(NamedTuple):
    """A relay that listens, and the vendor whose invocations it takes."""

    url: str
    vendor: Vendor
    relay: Any
    clock: list[float]

    def invoke(
        self, invocation: str | None, token: str | None, path: str = "/forge/token"
    ) -> Response:
        """Send an invocation as Forge does."""
        headers = {} if invocation is None else {"authorization": f"Bearer {invocation}"}
        headers |= {} if token is None else {"x-forge-oauth-system": token}
        return self.ask(path, headers, b"{}")

    def get(self, path: str, key: str | None = KEY) -> Response:
        """Ask for something with the relay's key."""
        return self.ask(path, {} if key is None else {"authorization": f"Bearer {key}"}, None)

    def token(self, installation: str = INSTALLATION) -> Response:
        """Ask for the token of an installation."""
        return self.get(f"/token/{installation}")

    def ask(self, path: str, headers: dict[str, str], body: bytes | None) -> Response:
        """Send a request."""
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Response(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.read().decode())


@contextmanager
def served() -> Iterator[Served]:
    """Serve a relay in a thread. Times of keys are those of `clock`, in seconds."""
    vendor, clock = Vendor(), [1000.0]
    with vendor.serving() as url:
        keys = receiver.VendorKeys(url, now=lambda: clock[0])
        relay = receiver.Relay(APP, KEY, keys)
        with receiver.server_of(relay, "127.0.0.1", 0) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield Served(f"http://127.0.0.1:{server.server_address[1]}", vendor, relay, clock)
            finally:
                server.shutdown()
                thread.join()
