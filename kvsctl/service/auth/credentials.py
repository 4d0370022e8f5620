"""Authorization headers and the sources of tokens.

No message and no repr contains a token, in this module or elsewhere.
"""

import asyncio
import math
import os
import re
import shlex
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from kvsctl.errors import CredentialsError, UsageError
from kvsctl.service.auth.lifetime import TokenNeed, due_again_at, due_at, end_of
from kvsctl.service.auth.terminal_use import lent
from kvsctl.service.auth.token_output import (
    CommandStopper,
    TooMuchOutputError,
    command_bytes,
    file_bytes,
)
from kvsctl.service.daemon_thread import in_daemon_thread

INSTALLATION_HEADER: Final = "x-kvsctl-installation"
"""In a request to a bridge, the intended installation; in its answer, the bridge's own."""
_COMMAND_TIMEOUT_SECONDS: Final = 60.0
HIDDEN: Final = "…"
_SHORT_CHARACTERS: Final = 8
_SCHEME: Final = re.compile(r"[\"']?(authorization:\s*)?bearer(\s|$)", re.IGNORECASE)
_QUOTES: Final = "\"'`"
_HINT: Final = "It must give one line that holds only the token."
_NO_SHELL: Final = (
    "It is run without a shell: for pipes, variables or several commands, give sh -c '...'."
)
_TRY_IT: Final = f"Run it by itself to see why. {_NO_SHELL}"
_COMMAND_HINT: Final = f"{_HINT} {_NO_SHELL}"


class Secret:
    """A string that only `reveal()` shows: its repr does not contain it."""

    __slots__ = ("_pattern", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._pattern: re.Pattern[str] | None = None

    def reveal(self) -> str:
        """Return the string itself."""
        return self._text

    def hidden_in(self, text: str) -> str:
        """Return `text` with `…` in place of the secret, whatever the case of its letters.

        A secret of fewer than 8 characters is replaced only where it is a whole word.
        """
        if len(text) < len(self._text):
            return text
        if self._pattern is None:
            pattern = re.escape(self._text)
            if len(self._text) < _SHORT_CHARACTERS:
                pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
            self._pattern = re.compile(pattern, re.IGNORECASE)
        return self._pattern.sub(HIDDEN, text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"


class TokenSource(Protocol):
    """Where a token comes from. Reports and errors call it by its `name`."""

    @property
    def name(self) -> str:
        """The name shown to users: `KVSCTL_TOKEN`, `token file PATH` or `token command`."""
        ...

    @property
    def may_change(self) -> bool:
        """Whether reading it again at any time may give another token, and does not block."""
        ...

    def read(self) -> Secret:
        """Return the current token. Raise CredentialsError if there is none."""
        ...


class GivenToken(msgspec.Struct, frozen=True):
    """A token that does not change, such as that of an environment variable."""

    name: str
    token: Secret

    @property
    def may_change(self) -> bool:
        """See TokenSource."""
        return False

    def read(self) -> Secret:
        """Return the same token each time."""
        return _checked(self.token.reveal(), self.name)


class TokenFile(msgspec.Struct, frozen=True):
    """A file that holds a token, read again when the token is refused.

    `named_by` returns the option or the setting that names it.
    """

    path: Path
    named_by: Callable[[], str] = "--token-file".format

    @property
    def name(self) -> str:
        """The name shown to users, with the path."""
        return f"token file {self.path}"

    @property
    def may_change(self) -> bool:
        """See TokenSource. A pipe gives one token."""
        try:
            return self.path.is_file()
        except (OSError, ValueError):
            return False

    def require_readable(self) -> None:
        """Raise UsageError if the file cannot be opened, or if every user may read it.

        A pipe is not opened, because it can be read only once.
        """
        try:
            mode = self.path.stat().st_mode
            if not stat.S_ISFIFO(mode):
                self.path.open("rb").close()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(
                f"cannot read {self.name}: {reason}", f"Check {self.named_by()}."
            ) from None
        # Windows has no such modes.
        if os.name == "posix" and stat.S_ISREG(mode) and mode & stat.S_IROTH:
            raise UsageError(
                f"{self.name} can be read by every user of this machine (mode {mode & 0o777:03o})",
                f"Make it yours alone: chmod 600 {shlex.quote(str(self.path))}. "
                "For a mounted secret, set its mode (defaultMode: 0440), or use a token command.",
            )

    def read(self) -> Secret:
        """Return the token: the only line of the file. Raise CredentialsError."""
        try:
            text = file_bytes(self.path).decode("utf-8-sig")
        except TooMuchOutputError:
            raise _too_much(self.name) from None
        except UnicodeDecodeError:
            raise CredentialsError(f"cannot read {self.name}: not UTF-8") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CredentialsError(f"cannot read {self.name}: {reason}") from None
        return _checked(text, self.name)


class TokenCommand(msgspec.Struct, frozen=True):
    """A command that prints a token, run again when the token is refused.

    The command is split into words as a shell splits them, and run without a shell. Its stdout is
    never shown. Its stderr goes to the terminal, so that it can prompt or explain. Nothing is drawn
    there meanwhile.
    """

    command: str
    timeout_seconds: float = _COMMAND_TIMEOUT_SECONDS

    def __repr__(self) -> str:
        """Return the name of the class only: the command may hold secrets."""
        return "TokenCommand(…)"

    @property
    def name(self) -> str:
        """The name shown to users. It omits the command, whose arguments may be secret."""
        return "token command"

    @property
    def may_change(self) -> bool:
        """See TokenSource."""
        return True

    def read(self, stopper: CommandStopper | None = None) -> Secret:
        """Return the token: the only line that the command prints.

        Raise CredentialsError if the command fails, hangs or prints anything else. `stopper` can
        end it earlier.
        """
        program = ""
        try:
            words = shlex.split(self.command)
            if not words:
                raise CredentialsError("token command is empty", _COMMAND_HINT)
            program = f' "{words[0]}"'
            with lent():
                status, text = command_bytes(words, self.timeout_seconds, stopper)
        except TooMuchOutputError:
            raise _too_much(self.name, _COMMAND_HINT) from None
        except subprocess.TimeoutExpired:
            raise CredentialsError(
                f"token command did not end within {self.timeout_seconds:g} s", _TRY_IT
            ) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CredentialsError(
                f"cannot run token command{program}: {reason}", _TRY_IT
            ) from None
        if status:
            raise CredentialsError(f"token command ended with exit code {status}", _TRY_IT)
        return _checked(text.decode("utf-8", "replace"), self.name, _COMMAND_HINT)


def _checked(text: str, name: str, hint: str = _HINT) -> Secret:
    token = text.strip()
    if not token:
        raise CredentialsError(f"{name} gave no token", hint)
    if _SCHEME.match(token):
        raise CredentialsError(
            f'{name} gave a token with "Bearer" before it',
            'Give only the token: "Bearer" is added to it.',
        )
    if token[0] in _QUOTES or token[-1] in _QUOTES:
        raise CredentialsError(f"{name} gave a token in quotes", "Give the token without quotes.")
    if len(token.split()) > 1:
        raise _too_much(name, hint)
    if not (token.isascii() and token.isprintable()):
        raise CredentialsError(f"{name} gave characters other than printable ASCII", hint)
    return Secret(token)


def _too_much(name: str, hint: str = _HINT) -> CredentialsError:
    return CredentialsError(f"{name} gave more than one token", hint)


class Credentials:
    """The token and authorization header of all requests.

    After a 401, one renewal serves all requests. If a token says when it ends, its source is asked
    for the next one before that (see `lifetime`). Times are in epoch seconds by the service's
    clock, as far as the caller knows it. Without a given time, this machine's clock is used.
    """

    def __init__(
        self,
        source: TokenSource | None,
        header: Callable[[Secret], Mapping[str, str]],
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._header = header
        self._epoch = epoch
        self._token: Secret | None = None
        self._failure: CredentialsError | None = None
        self._renewal = asyncio.Lock()
        self.due_at = math.inf
        """When `current` must be awaited again: from then on, another token is asked for."""
        self.ends_at = math.inf
        """When the token ends; infinity if it does not say so or is not loaded."""

    @property
    def source_name(self) -> str | None:
        """The name of the token's source, for the report. None if requests carry no token."""
        return self._source.name if self._source else None

    @property
    def is_loaded(self) -> bool:
        """Whether `token` can be used before `due_at`, without awaiting `current`."""
        return self._token is not None or self._source is None

    @property
    def is_quick(self) -> bool:
        """Whether reading the source takes no time."""
        return not isinstance(self._source, TokenCommand)

    def need(self, now: float) -> TokenNeed:
        """Return whether `current` must be awaited."""
        if not self.is_loaded:
            return TokenNeed.NOW
        if now < self.due_at:
            return TokenNeed.NONE
        return TokenNeed.SOON if now < self.ends_at else TokenNeed.NOW

    @property
    def token(self) -> Secret | None:
        """The token to use now. None if it is not loaded, or requests carry none."""
        return self._token

    async def current(self, now: float | None = None) -> Secret | None:
        """Return the token to use now. Raise CredentialsError.

        The first call reads it. From `due_at` on, one caller reads the next one. Meanwhile, the
        others use the old one, unless it has ended. If the source fails, the old one stays in use.
        """
        if self._source is None:
            return None
        now = self._epoch() if now is None else now
        is_held = self._token is not None and now < self.ends_at and self._renewal.locked()
        if not is_held and (self._token is None or now >= self.due_at):
            async with self._renewal:
                if self._token is None:
                    await self._read(self._source, now)
                elif now >= self.due_at:
                    await self._read_early(self._source, now)
        return self._token

    def headers(self, token: Secret | None) -> Mapping[str, str]:
        """Return the headers of a request with this token."""
        return {} if token is None else self._header(token)

    async def renew(self, refused: Secret | None, now: float | None = None) -> bool:
        """Return whether there is now a token other than the refused one.

        Concurrent calls read the source once. `refused` must be the object that `current`
        returned: if it was read before the last renewal, its refusal does not count against the
        token that replaced it, even if both have the same text. Raise CredentialsError if the
        source fails.
        """
        if self._source is None or refused is None:
            return False
        async with self._renewal:
            if self._token is refused:
                await self._read(self._source, self._epoch() if now is None else now)
            return self._token != refused

    async def _read(self, source: TokenSource, now: float) -> None:
        """Read the source. After a failure, raise it again instead of reading once more."""
        if self._failure is None:
            try:
                self._take(await _read_from(source), source, now)
            except CredentialsError as error:
                self._failure = error
        if self._failure is not None:
            raise CredentialsError(self._failure.message, self._failure.hint)

    async def _read_early(self, source: TokenSource, now: float) -> None:
        """Read the source before the token ends. The old token stays if that gives no other."""
        token = self._token
        with suppress(CredentialsError):  # a refusal will ask again, and then fail
            token = await _read_from(source)
        if token is not None and token != self._token:
            self._take(token, source, now)
        else:
            self.due_at = due_again_at(self.ends_at, now)

    def _take(self, token: Secret, source: TokenSource, now: float) -> None:
        self._token = token
        self.ends_at = end_of(token.reveal())
        self.due_at = due_at(self.ends_at, now) if source.may_change else math.inf


async def _read_from(source: TokenSource) -> Secret:
    """Read the source in a thread. If this is cancelled, end a command."""
    if not isinstance(source, TokenCommand):
        return await in_daemon_thread(source.read)
    stopper = CommandStopper()
    try:
        return await in_daemon_thread(partial(source.read, stopper))
    except asyncio.CancelledError:
        stopper.end()
        raise


def bearer(token: Secret) -> Mapping[str, str]:
    """Return the authorization header for the public URL."""
    return {"authorization": f"Bearer {token.reveal()}"}


def container(installation: str) -> Mapping[str, str]:
    """Return the header for the Forge Container proxy, which needs no token."""
    return {"forge-proxy-authorization": f"Forge as=app,installationId={installation}"}


def bridged(installation: str) -> Mapping[str, str]:
    """Return the header by which a bridge refuses requests for another installation."""
    return {INSTALLATION_HEADER: installation}
