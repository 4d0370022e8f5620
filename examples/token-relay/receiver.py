"""Receive an app system token for each installation every hour, and hand it out to kvsctl.

Forge calls `POST /forge/token` (see manifest.yml). The call is genuine if its Forge Invocation
Token is signed with a key of the vendor and meant for this app. Its `x-forge-oauth-system` header
is the token of the installation that the invocation token names.

With the relay's key, `GET /token/INSTALLATION` answers with that token as one line, and
`GET /installations` with the installations that have one. Tokens are in memory only: after a
restart, new ones arrive within an hour.

Put it behind a proxy that terminates TLS: the signature does not cover the token, and the key must
not be readable in transit.
"""

import hmac
import http.client
import json
import logging
import math
import os
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt

JWKS_URL = "https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json"
ISSUER = "forge/invocation-token"
ALGORITHMS = ["RS256"]
INVOCATION_PATH = "/forge/token"
LEEWAY_SECONDS = 10
KEYS_SECONDS = 3600.0
KEYS_PAUSE_SECONDS = 30.0
"""How long fetched keys are used, and how long to wait before an unknown key is fetched."""
JWKS_TIMEOUT_SECONDS = 3
"""Forge waits five seconds for an answer."""
BODY_BYTES = 1_000_000
TOKEN_CHARACTERS = 16_384
KEY_CHARACTERS = 32
LIFETIME_SECONDS = 55 * 60
"""How long to keep a token that does not state its expiry: the least that the vendor promises."""
MOST_PORT = 65_535
_BROKEN_ANSWERS = (
    OSError,
    http.client.HTTPException,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    jwt.PyJWTError,
)
"""The errors of an answer that does not arrive, or does not hold the vendor's keys."""
log = logging.getLogger("relay")


class Refused(Exception):
    """A refused request. The message contains nothing from the request."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class VendorKeys:
    """The public keys of the vendor, fetched when needed, but not often."""

    def __init__(self, url: str, now: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._now = now
        self._lock = threading.Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched: float | None = None

    def key(self, name: str) -> jwt.PyJWK:
        """Return the key of this name. Raise Refused if the vendor has none."""
        with self._lock:
            age = float("inf") if self._fetched is None else self._now() - self._fetched
            # Anyone can send unknown names: each of them must not cause a request.
            if age > KEYS_SECONDS or (name not in self._keys and age > KEYS_PAUSE_SECONDS):
                self._fetch()
            if name not in self._keys:
                raise Refused(HTTPStatus.UNAUTHORIZED, "the key of the invocation is not known")
            return self._keys[name]

    def _fetch(self) -> None:
        self._fetched = self._now()
        try:
            with urllib.request.urlopen(self._url, timeout=JWKS_TIMEOUT_SECONDS) as answer:  # noqa: S310
                found = jwt.PyJWKSet.from_dict(json.load(answer))
        except _BROKEN_ANSWERS as error:
            log.warning("cannot fetch the vendor's keys: %s", type(error).__name__)
            return
        self._keys = {key.key_id: key for key in found}


@dataclass(frozen=True)
class Held:
    """A token and its expiry in epoch seconds. `is_assumed`: the token does not state it."""

    token: str
    ends_at: float
    is_assumed: bool

    def __repr__(self) -> str:
        return f"Held(ends_at={self.ends_at})"

    def is_later_than(self, other: "Held") -> bool:
        """Return whether both state their expiry, and this one expires later."""
        return not (self.is_assumed or other.is_assumed) and self.ends_at > other.ends_at


class Relay:
    """The newest token of each installation of one app."""

    def __init__(
        self,
        app_id: str,
        key: str,
        keys: VendorKeys,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        if len(key) < KEY_CHARACTERS:
            raise ValueError(f"the key of the relay must have at least {KEY_CHARACTERS} characters")
        self._app_id = app_id
        self._key = key.encode()
        self._keys = keys
        self._epoch = epoch
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}

    def receive(self, authorization: str | None, token: str | None) -> str:
        """Keep the token of an invocation, and return its installation. Raise Refused."""
        installation = self._installation_of(bearer_of(authorization))
        if token is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "the invocation brings no app system token")
        is_word = token.isascii() and token.isprintable() and " " not in token
        if not is_word or not 0 < len(token) <= TOKEN_CHARACTERS:
            raise Refused(HTTPStatus.BAD_REQUEST, "the app system token is not valid")
        held = held_of(token, self._epoch() + LIFETIME_SECONDS)
        with self._lock:
            self._forget_ended()
            before = self._held.get(installation)
            if before is None or not before.is_later_than(held):  # a retry may come late
                self._held[installation] = held
        return installation

    def token(self, authorization: str | None, installation: str) -> str:
        """Return the token of an installation. Raise Refused."""
        self._require_key(authorization)
        with self._lock:
            self._forget_ended()
            held = self._held.get(short(installation))
        if held is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no token of this installation")
        return held.token

    def installations(self, authorization: str | None) -> list[dict[str, Any]]:
        """Return each installation and when its token ends. Raise Refused."""
        self._require_key(authorization)
        with self._lock:
            self._forget_ended()
            held = sorted(self._held.items())
        return [{"installation": name, "ends_at": int(one.ends_at)} for name, one in held]

    def _installation_of(self, invocation: str) -> str:
        """Return the installation of an invocation token. Raise Refused unless it is genuine."""
        try:
            name = jwt.get_unverified_header(invocation).get("kid")
            if not isinstance(name, str):
                raise Refused(HTTPStatus.UNAUTHORIZED, "the invocation token names no key")
            claims = jwt.decode(
                invocation,
                self._keys.key(name),
                algorithms=ALGORITHMS,
                audience=self._app_id,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            reason = f"the invocation token is refused: {type(error).__name__}"
            raise Refused(HTTPStatus.UNAUTHORIZED, reason) from None
        app = claims.get("app")
        installation = app.get("installationId") if isinstance(app, dict) else None
        if not isinstance(installation, str) or not short(installation):
            raise Refused(HTTPStatus.BAD_REQUEST, "the invocation names no installation")
        return short(installation)

    def _require_key(self, authorization: str | None) -> None:
        if not hmac.compare_digest(bearer_of(authorization).encode(), self._key):
            raise Refused(HTTPStatus.UNAUTHORIZED, "the key of the relay is missing or wrong")

    def _forget_ended(self) -> None:
        now = self._epoch()
        self._held = {name: held for name, held in self._held.items() if held.ends_at > now}


def bearer_of(authorization: str | None) -> str:
    """Return the token of an `Authorization` header; "" if there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def length_of(text: str) -> int:
    """Return the length of a body, as its header says. Raise Refused if it is not a small number.

    Its digits are counted first: Python refuses to parse more than 4,300.
    """
    if not (text.isascii() and text.isdecimal()):
        raise Refused(HTTPStatus.BAD_REQUEST, "the content length is not a number")
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(BODY_BYTES)) or int(digits) > BODY_BYTES:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    return int(digits)


def short(installation: str) -> str:
    """Return an installation's UUID; an ARI names it in its last part."""
    return installation.rsplit("/", 1)[-1]


def held_of(token: str, otherwise: float) -> Held:
    """Return a token with the expiry that it states. It comes from the vendor: nothing is verified.

    `otherwise`: the assumed expiry of a token that states none.
    """
    try:
        ends_at = float(jwt.decode(token, options={"verify_signature": False})["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
        return Held(token, otherwise, is_assumed=True)
    if not math.isfinite(ends_at):
        return Held(token, otherwise, is_assumed=True)
    return Held(token, ends_at, is_assumed=False)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of Forge and of kvsctl. Lines of the log hold no token and no key."""

    relay: Relay
    timeout = 10
    server_version, sys_version = "relay", ""

    def do_POST(self) -> None:
        """Take a token from Forge."""
        self._answered(self._received)

    def do_GET(self) -> None:
        """Hand out a token, or the list of installations."""
        self._answered(self._asked)

    def _received(self) -> tuple[HTTPStatus, str, str]:
        if urlsplit(self.path).path != INVOCATION_PATH:
            raise Refused(HTTPStatus.NOT_FOUND, "no such path")
        self.rfile.read(length_of(self.headers.get("content-length", "0")))  # none of it is needed
        authorization = self.headers.get("authorization")
        installation = self.relay.receive(authorization, self.headers.get("x-forge-oauth-system"))
        log.info("received a token of installation %s", installation)
        return HTTPStatus.OK, "{}", "application/json"

    def _asked(self) -> tuple[HTTPStatus, str, str]:
        authorization, path = self.headers.get("authorization"), urlsplit(self.path).path
        if path == "/installations":
            found = self.relay.installations(authorization)
            return HTTPStatus.OK, json.dumps(found) + "\n", "application/json"
        if path.startswith("/token/"):
            token = self.relay.token(authorization, unquote(path.removeprefix("/token/")))
            return HTTPStatus.OK, token + "\n", "text/plain"
        raise Refused(HTTPStatus.NOT_FOUND, "no such path")

    def _answered(self, work: Callable[[], tuple[HTTPStatus, str, str]]) -> None:
        try:
            status, text, kind = work()
        except Refused as refused:
            log.warning("refused with %d: %s", refused.status, refused)
            status, kind = refused.status, "application/json"
            text = json.dumps({"message": str(refused)}) + "\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: a path could hold a secret."""


def server_of(relay: Relay, host: str, port: int) -> ThreadingHTTPServer:
    """Return a listening server that answers with this relay."""
    handler = type("RelayHandler", (Handler,), {"relay": relay})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def port_of(text: str) -> int:
    """Return the number of a port. End the process if it is not one."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PORT))
    if not is_number or int(text) > MOST_PORT:
        sys.exit(f"receiver.py: RELAY_PORT: expected a number from 0 to {MOST_PORT}, not {text!r}")
    return int(text)


def main() -> None:
    """Serve until the process ends. Everything is set by environment variables."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    environ = os.environ
    missing = [name for name in ("RELAY_APP_ID", "RELAY_KEY") if not environ.get(name)]
    if missing:
        sys.exit(f"receiver.py: {missing[0]} is not set")
    keys = VendorKeys(environ.get("RELAY_JWKS_URL", JWKS_URL))
    try:
        relay = Relay(environ["RELAY_APP_ID"], environ["RELAY_KEY"], keys)
    except ValueError as error:
        sys.exit(f"receiver.py: RELAY_KEY: {error}")
    host, port = environ.get("RELAY_HOST", "127.0.0.1"), port_of(environ.get("RELAY_PORT", "8790"))
    try:
        server = server_of(relay, host, port)
    except OSError as error:
        sys.exit(f"receiver.py: cannot listen on {host}:{port}: {error.strerror}")
    with server:
        log.info("listening on http://%s:%d", *server.server_address[:2])
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("stopped")


if __name__ == "__main__":
    main()
