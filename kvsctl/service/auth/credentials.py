"""Who kvsctl is to the target: authorization headers and where tokens come from.

Tokens appear in no message and no repr, here and everywhere.
"""

import asyncio
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from kvsctl.errors import CredentialsError
from kvsctl.service.auth.token_output import (
    SaysTooMuchError,
    command_bytes,
    file_bytes,
    in_daemon_thread,
)

_COMMAND_TIMEOUT_SECONDS: Final = 60.0


class Secret:
    """A string that shows itself only to who asks `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The string itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"


class TokenSource(Protocol):
    """Where a token comes from. `name` says so in reports and errors."""

    @property
    def name(self) -> str:
        """For people: `KVSCTL_TOKEN`, `token file PATH`, `token command`."""
        ...

    def read(self) -> Secret:
        """The token as it is now. Raises CredentialsError."""
        ...


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that is what it is, such as an environment variable's."""

    name: str
    token: Secret

    def read(self) -> Secret:
        """The same each time."""
        return _checked(self.token.reveal(), self.name)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that holds a token, read again when the token is refused."""

    path: Path

    @property
    def name(self) -> str:
        """The file, by its path."""
        return f"token file {self.path}"

    def read(self) -> Secret:
        """The file's one line."""
        try:
            text = file_bytes(self.path).decode()
        except SaysTooMuchError:
            raise _too_much(self.name) from None
        except UnicodeDecodeError:
            raise CredentialsError(f"the {self.name} cannot be read: not UTF-8") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CredentialsError(f"the {self.name} cannot be read: {reason}") from None
        return _checked(text, self.name)


@dataclass(frozen=True, slots=True)
class TokenCommand:
    """A command that prints a token, run again when the token is refused.

    It is run without a shell, its words split as a shell splits them. What it prints on stdout
    is never shown; stderr goes to the terminal, so that it can ask or explain.
    """

    command: str = field(repr=False)
    timeout_seconds: float = _COMMAND_TIMEOUT_SECONDS

    @property
    def name(self) -> str:
        """Not the command itself: its arguments may be secret."""
        return "token command"

    def read(self) -> Secret:
        """Its one line of output. Raises CredentialsError where it fails, hangs or says nothing."""
        try:
            words = shlex.split(self.command)
            if not words:
                raise CredentialsError("the token command is empty")
            status, text = command_bytes(words, self.timeout_seconds)
        except SaysTooMuchError:
            raise _too_much(self.name) from None
        except subprocess.TimeoutExpired:
            raise CredentialsError(
                f"the token command did not end within {self.timeout_seconds:g} s"
            ) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CredentialsError(f"the token command cannot be run: {reason}") from None
        if status:
            raise CredentialsError(f"the token command ended with exit code {status}")
        return _checked(text.decode("utf-8", "replace"), self.name)


def _checked(text: str, name: str) -> Secret:
    token = text.strip()
    if not token:
        raise CredentialsError(f"the {name} gave no token", "It should be one line: the token.")
    if len(token.split()) > 1:
        raise _too_much(name)
    if not (token.isascii() and token.isprintable()):
        raise CredentialsError(f"the {name} gave characters that no token has")
    return Secret(token)


def _too_much(name: str) -> CredentialsError:
    return CredentialsError(f"the {name} gave more than a token on one line")


class Credentials:
    """The authorization header of every request, renewed once for all senders on a 401."""

    def __init__(
        self, source: TokenSource | None, header: Callable[[Secret], Mapping[str, str]]
    ) -> None:
        self._source = source
        self._header = header
        self._token: Secret | None = None
        self._failure: CredentialsError | None = None
        self._renewal = asyncio.Lock()

    @property
    def source_name(self) -> str | None:
        """Where the token comes from, for the report; None: requests carry none."""
        return self._source.name if self._source else None

    @property
    def are_at_hand(self) -> bool:
        """Whether `current` would give what there is at once."""
        return self._token is not None or self._source is None

    @property
    def at_hand(self) -> Secret | None:
        """The token to use now, as far as it was read."""
        return self._token

    async def current(self) -> Secret | None:
        """The token to use now, read at the first call. Raises CredentialsError."""
        if not self.are_at_hand and self._source is not None:
            async with self._renewal:
                if self._token is None:
                    await self._read(self._source)
        return self._token

    def headers(self, token: Secret | None) -> Mapping[str, str]:
        """What a request with this token carries."""
        return {} if token is None else self._header(token)

    async def renew(self, refused: Secret | None) -> bool:
        """Whether there is another token than the refused one; reads the source once for all.

        `refused` is the very object that `current` gave: one read before the last renewal says
        nothing of the token since, even if both have the same text.
        Raises CredentialsError where the source fails.
        """
        if self._source is None or refused is None:
            return False
        async with self._renewal:
            if self._token is refused:
                await self._read(self._source)
            return self._token != refused

    async def _read(self, source: TokenSource) -> None:
        """Reads the source; one that failed is not asked again by those who wait for it too."""
        if self._failure is None:
            try:
                self._token = await in_daemon_thread(source.read)
            except CredentialsError as error:
                self._failure = error
        if self._failure is not None:
            raise CredentialsError(self._failure.message, self._failure.hint)


def bearer(token: Secret) -> Mapping[str, str]:
    """The header of the public URL."""
    return {"authorization": f"Bearer {token.reveal()}"}


def container(installation: str) -> Mapping[str, str]:
    """The header of the Forge Container proxy, which needs no token."""
    return {"forge-proxy-authorization": f"Forge as=app,installationId={installation}"}
