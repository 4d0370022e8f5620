"""Ask on the terminal for what the options leave out about a new target.

A question whose answer cannot be used is asked again: the earlier answers are not lost. Answers
about tokens, and to yes or no, are not repeated: a token may have been pasted in the wrong place.
"""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from kvsctl.config.targets import FORGE_URL
from kvsctl.errors import UsageError
from kvsctl.jobs.question import typed_line
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import wrapped
from kvsctl.service.transport.urls import is_loopback_url

NOTHING: Final = "nothing was written"
_TRIES: Final = 3
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"n", "no"})


class Wanted(msgspec.Struct, frozen=True):
    """The new target, as far as the options describe it; None: to be asked for."""

    name: str | None = None
    url: str | None = None
    bridge: bool | None = None
    token_file: Path | None = None
    token_command: str | None = None
    make_default: bool | None = None
    allow_http: bool = False

    @property
    def has_token(self) -> bool:
        """Whether a source of the token is given."""
        return self.token_file is not None or self.token_command is not None

    @property
    def missing(self) -> list[str]:
        """The options that must be given if there is no terminal to ask on."""
        needs_token = self.url is None or not is_loopback_url(self.url)
        return [
            *(["NAME"] if self.name is None else []),
            *(["--url"] if self.url is None else []),
            *(["--token-file or --token-command"] if needs_token and not self.has_token else []),
        ]


class Checks(msgspec.Struct, frozen=True):
    """Functions that raise UsageError for a name or a URL that a new target must not have."""

    name: Callable[[str], None]
    url: Callable[[str], None]


async def asked(
    wanted: Wanted, checks: Checks, environment: Environment, *, has_default: bool
) -> Wanted:
    """Return the target with the answers to questions about what the options leave out.

    `has_default`: the configuration file has a default target. Raise UsageError if there is no
    usable answer.
    """
    dialogue = _Dialogue(environment)
    name, url, bridge = wanted.name, wanted.url, wanted.bridge
    if name is None:
        name = await dialogue.answer("Name of the new target, such as staging", checks.name)
    if url is None:
        question = "URL of its bridge, or base URL of the service"
        url = await dialogue.answer(question, checks.url, FORGE_URL)
    if bridge is None and url != FORGE_URL:
        bridge = await dialogue.agrees("Is that the URL of a bridge")
    wanted = msgspec.structs.replace(wanted, name=name, url=url, bridge=bridge)
    if not wanted.has_token and not is_loopback_url(url):
        wanted = await asked_for_token(wanted, environment)
    if wanted.make_default is None and not has_default:
        is_default = await dialogue.agrees("Make it the default target")
        wanted = msgspec.structs.replace(wanted, make_default=is_default)
    return wanted


async def asked_for_token(wanted: Wanted, environment: Environment) -> Wanted:
    """Return the target with the source of its token. Raise UsageError: see `asked`."""
    dialogue = _Dialogue(environment)
    question = "File that holds its token; empty if a command prints it"
    file = await dialogue.answer(question, _require_file, "")
    if file:
        return msgspec.structs.replace(wanted, token_file=Path(file))
    command = await dialogue.answer("Command that prints its token", _require_program)
    return msgspec.structs.replace(wanted, token_command=command)


class _Dialogue:
    """Questions on the terminal, each of which is asked at most three times."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def answer(
        self, question: str, check: Callable[[str], None], otherwise: str | None = None
    ) -> str:
        """Return the answer that `check` accepts; `otherwise` for an empty one.

        Raise UsageError if the input ends, and the last error of `check`.
        """
        wrong: UsageError | None = None
        for _ in range(_TRIES):
            answer = await self._typed(question, otherwise)
            if answer is None:
                continue
            try:
                check(answer)
            except UsageError as error:
                wrong = error
                self._environment.note(visible(error.message), error.hint)
            else:
                return answer
        raise (
            _without_answer()
            if wrong is None
            else UsageError(f"{wrong.message}: {NOTHING}", wrong.hint)
        )

    async def agrees(self, question: str) -> bool:
        """Return whether the answer is yes. An empty one is no."""
        answer = await self.answer(f"{question} (y or n)", _require_yes_or_no, "n")
        return answer.casefold() in _YES

    async def _typed(self, question: str, otherwise: str | None) -> str | None:
        hint = f" [{otherwise}]" if otherwise else ""
        width, _ = self._environment.terminal_size()
        self._environment.write_stderr(wrapped(f"{question}{hint}: ", width))
        typed = await typed_line()
        if typed is None:
            self._environment.write_stderr("\n")  # the error must not be on the question's line
            raise _without_answer()
        return typed or otherwise


def _without_answer() -> UsageError:
    return UsageError(f"no answer: {NOTHING}")


def _require_yes_or_no(answer: str) -> None:
    if answer.casefold() not in _YES | _NO:
        raise UsageError("the answer is neither y nor n")


def _require_file(answer: str) -> None:
    if answer and not Path(answer).expanduser().exists():
        raise UsageError("no file has that name", "Give the name of a file, not the token itself.")


def _require_program(answer: str) -> None:
    try:
        words = shlex.split(answer)
    except ValueError as error:
        raise UsageError(f"that is not a command: {error}".lower()) from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(
            "no program has that name", "Give a command that prints the token, not the token."
        )
