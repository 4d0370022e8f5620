"""What the service answers when it does not do what was asked.

Codes and messages are the contract's (sections "Limits" and "Quotas"); where it names none, the
comment at the code says so.
"""

from collections.abc import Mapping
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):
    """A request, or one record of a batch, that the service refuses.

    `status` is the HTTP status when the whole request is refused; `code` and `message` are the
    two members of the body, or of the record's `error` in `failedKeys`.
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
    """The emulator cannot be set up as asked: its file, manifest, seed or options are unusable.

    The message is one line for people and holds no value of a record.
    """


class ConnectionLost(Exception):
    """The connection ends without an answer, or in the midst of one: a fault, or the caller left.

    A server answers it by resetting the TCP connection, or `gently` closing it after what was
    sent; in-process callers see it raised.
    """

    def __init__(self, when: str, *, gently: bool = False) -> None:
        super().__init__(f"the connection was ended {when}")
        self.gently = gently


def malformed(message: str) -> Refusal:
    """400 for a body that is not what the endpoint takes. The contract names no code for it."""
    return Refusal(400, "INVALID_REQUEST", message)


def key_not_found() -> Refusal:
    """404, with the message that was measured on the live service."""
    return Refusal(404, "KEY_NOT_FOUND", "Provided key does not exist")


def key_conflict() -> Refusal:
    """409 for `FAIL_IF_EXISTS` on a key that exists."""
    return Refusal(409, "KEY_CONFLICT", "Provided key already exists and cannot be overwritten")


def unauthorized() -> Refusal:
    """401; the contract names the status and no code."""
    return Refusal(401, "UNAUTHORIZED", "The token is missing, invalid or expired")
