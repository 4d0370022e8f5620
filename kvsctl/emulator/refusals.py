"""The errors of the emulator: refused requests, lost connections, unusable settings.

Codes and messages of refusals are the contract's (sections "Limits" and "Quotas"). Where the
contract names no code, the docstring of the refusal says so.
"""

from collections.abc import Mapping
from types import MappingProxyType

INVALID_BODY = "BAD_REQUEST"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """A refused request, or one refused item of a batch.

    `status` is the HTTP status if the whole request is refused. `code` and `message` are the two
    members of the response body, or of the item's `error` in `failedKeys`.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


class EmulatorError(Exception):
    """The emulator cannot work: its file, manifest, seed or options are unusable.

    The message is one line for the user; `hint` says what to do, if there is more to say. Neither
    ever contains a value of a record.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class DatabaseFailed(EmulatorError):
    """The database file cannot be read or written: a full disk, a damaged page.

    Nothing of the failed request was applied. A server answers 500; callers in the same process
    get the exception.
    """


class ConnectionLost(Exception):
    """A connection that ends without a complete response: by a fault, or because the caller left.

    The server then resets the TCP connection, or, if `gently`, closes it after the bytes already
    sent. Callers in the same process get the exception.
    """

    def __init__(self, when: str, *, gently: bool = False) -> None:
        super().__init__(f"the connection was closed {when}")
        self.gently = gently


def reason_of(error: OSError) -> str:
    """Return why the operating system refused, such as `permission denied`."""
    reason = error.strerror or str(error)
    return reason[:1].lower() + reason[1:]


def malformed(message: str) -> Refusal:
    """Return a 400 for a malformed request. The contract names no code for it."""
    return Refusal(400, "INVALID_REQUEST", message)


def invalid_body() -> Refusal:
    """Return the 400 for a body that the service's schema does not allow.

    Code and message come from the tests of the vendor's client, which use an unknown metadata
    field. A batch is refused as a whole.
    """
    return Refusal(400, INVALID_BODY, "Provided request body is invalid")


def key_not_found() -> Refusal:
    """Return a 404 for a missing key, with the message of the live service."""
    return Refusal(404, "KEY_NOT_FOUND", "Provided key does not exist")


def key_conflict() -> Refusal:
    """Return a 409 for `FAIL_IF_EXISTS` on an existing key."""
    return Refusal(409, "KEY_CONFLICT", "Provided key already exists and cannot be overwritten")


def unauthorized() -> Refusal:
    """Return a 401. The contract names the status but no code."""
    return Refusal(401, "UNAUTHORIZED", "The token is missing, invalid or expired")


def other_method(allowed: str) -> Refusal:
    """Return a 405 for a path that serves only another method."""
    return Refusal(405, "METHOD_NOT_ALLOWED", f"Use {allowed}", {"allow": allowed})
