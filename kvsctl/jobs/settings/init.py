"""Add a target to the configuration file, once it has answered."""

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from kvsctl.config.built_in import BUILT_IN
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.sections import BRIDGE, check_names
from kvsctl.config.settings import DEFAULTS
from kvsctl.config.targets import FORGE_URL, TargetFlags, choose_target
from kvsctl.errors import Interrupted, UsageError
from kvsctl.jobs.ping.asking import Ping, ping
from kvsctl.jobs.question import typed_line
from kvsctl.jobs.settings.writing import BYTE_ORDER_MARK, text_of, with_target, write_private
from kvsctl.jobs.signals import interruptible
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import wrapped
from kvsctl.report.target.ping import pinged_lines
from kvsctl.service.transport.urls import is_loopback_url, require_safe

_PROBE: Final = "a name that no target has"
_NOTHING: Final = "nothing was written"
_YES: Final = frozenset({"y", "yes"})


class Wanted(msgspec.Struct, frozen=True):
    """The new target, as far as the options say what it is; None: to be asked."""

    name: str | None = None
    url: str | None = None
    bridge: bool | None = None
    token_file: Path | None = None
    token_command: str | None = None
    make_default: bool | None = None
    allow_http: bool = False

    @property
    def missing(self) -> list[str]:
        """What must be given if nobody can be asked."""
        needs_token = self.url is None or not is_loopback_url(self.url)
        has_token = self.token_file is not None or self.token_command is not None
        return [
            *(["NAME"] if self.name is None else []),
            *(["--url"] if self.url is None else []),
            *(["--token-file or --token-command"] if needs_token and not has_token else []),
        ]


async def init(wanted: Wanted, environment: Environment, environ: Mapping[str, str]) -> None:
    """Ask for what is not given, ping the target, and write it into the configuration file.

    Raise UsageError if that cannot be, or nobody can be asked, and the error of a ping that failed.
    Nothing was written then. Raise StreamError if the file cannot be written.
    """
    config = _config(environ)
    if config.exists and not config.path.is_file():
        raise UsageError(f"{config.path} is not a regular file: {_NOTHING}", "Name another file.")
    check_names(config)
    _require_sections(with_target(config.text, _PROBE, {}, is_default=False), config, _PROBE, {})
    if wanted.name is not None:
        _require_new(wanted.name, config)
    if wanted.url is not None:
        _require_url(wanted.url, wanted)
    if wanted.missing and not (environment.stdin_is_terminal and environment.stderr_is_terminal):
        raise UsageError(
            f"nobody can be asked, as this is not a terminal: {_NOTHING}",
            f"Give {', '.join(wanted.missing)}.",
        )
    if wanted.missing:
        try:
            wanted = await interruptible(_asked(wanted, config, environment), _NOTHING)
        except Interrupted:
            environment.write_stderr("\n")  # the error must not stand beside the question
            raise
    name, section = str(wanted.name), _section(wanted)
    if wanted.make_default and config.default is not None:
        raise UsageError(
            f"{config.place('default')}: the default is {config.default}: {_NOTHING}",
            "Change it there.",
        )
    extended = config._replace(exists=True, sections={**config.sections, name: section})
    flags = TargetFlags(target=name)
    target = choose_target(flags, {}, extended, is_on_terminal=True)
    pinged = await ping(Ping(target, wanted.allow_http, DEFAULTS.timeout, 1))
    environment.write_stderr("".join(f"{line}\n" for line in pinged_lines(pinged)))
    if pinged.error is not None:
        pinged.error.hint = f"{pinged.error.hint or ''} N{_NOTHING[1:]}.".lstrip()
        raise pinged.error
    _require_unchanged(config, environ)
    before = text_of(config.path)
    text = with_target(before, name, section, is_default=bool(wanted.make_default))
    _require_sections(text, config, name, section)
    write_private(config.path, text)
    environment.write_stderr(
        f"{visible(str(config.path))} has the target {visible(name)}: use it with "
        f"-t {shlex.quote(name)}\n"
    )
    _note_default(extended, environment)


def _note_default(config: ConfigFile, environment: Environment) -> None:
    """Say that the default of the file is not one of its targets: commands without -t fail."""
    default = config.default
    if default is not None and default not in {*config.sections, *BUILT_IN}:
        place = visible(config.place("default"))
        environment.note(f'{place}: there is no target "{visible(default)}": change it there')


def _config(environ: Mapping[str, str]) -> ConfigFile:
    """Read the configuration file, which need not exist, even if `KVSCTL_CONFIG` names it."""
    path = environ.get("KVSCTL_CONFIG")
    if path and not Path(path).exists():
        return ConfigFile(Path(path))
    return read_config(environ)


def _require_unchanged(config: ConfigFile, environ: Mapping[str, str]) -> None:
    """Raise UsageError if the file is not the one that was read before the questions."""
    now = _config(environ)
    if (now.exists, now.text) != (config.exists, config.text):
        raise UsageError(
            f"{config.path}: it was changed while the target was asked for: {_NOTHING}",
            "Run the command again.",
        )


def _require_sections(text: str, config: ConfigFile, name: str, section: Mapping[str, str]) -> None:
    """Raise UsageError if the new text is not the old settings and one more target.

    A section cannot follow `targets = {…}`, for instance.
    """
    import tomllib

    expected = {**config.sections, name: section}
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(text.removeprefix(BYTE_ORDER_MARK)).get("targets") == expected:
            return
    raise UsageError(
        f"{config.place('targets')}: no section can be added to this file: {_NOTHING}",
        "Write each target as a section of its own, such as [targets.staging].",
    )


def _require_new(name: str, config: ConfigFile) -> None:
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is not a name", "Give the target a name, such as staging.")
    if name in BUILT_IN:
        raise UsageError(f"the target {name} is built in", "Give your own another name.")
    if name in config.sections:
        raise UsageError(
            f"{config.place('targets', name)}: there is a target {name}",
            "Change it there, or give another name.",
        )


def _require_url(url: str, wanted: Wanted) -> None:
    """Raise UsageError for a URL that no target may have, before its token is asked for."""
    try:
        require_safe(url, allow_http=wanted.allow_http)
    except UsageError as error:
        raise UsageError(f"--url: {error.message}: {_NOTHING}", error.hint) from None


async def _asked(wanted: Wanted, config: ConfigFile, environment: Environment) -> Wanted:
    """Return the target with the answers to questions about what the options leave out."""

    async def ask(question: str, otherwise: str | None = None) -> str:
        for _ in range(3):
            hint = f" [{otherwise}]" if otherwise else ""
            width, _ = environment.terminal_size()
            environment.write_stderr(wrapped(f"{question}{hint}: ", width))
            typed = await typed_line()
            if typed is None:
                environment.write_stderr("\n")  # the error must not stand beside the question
                break
            answer = typed or otherwise
            if answer is not None:
                return answer
        raise UsageError(f"no answer: {_NOTHING}")

    name, url, bridge = wanted.name, wanted.url, wanted.bridge
    file, command = wanted.token_file, wanted.token_command
    if name is None:
        name = await ask("Name of the new target, such as staging")
        _require_new(name, config)
    if url is None:
        url = await ask("URL of its bridge, or base URL of the service", FORGE_URL)
        _require_url(url, wanted)
    if bridge is None and url != FORGE_URL:
        answer = await ask("Is that the URL of a bridge (y or n)", "n")
        bridge = answer.casefold() in _YES
    if file is None and command is None and not is_loopback_url(url):
        answer = await ask("File that holds its token; empty if a command prints it", "")
        file = Path(answer) if answer else None
        command = None if answer else await ask("Command that prints its token")
    default = wanted.make_default
    if default is None and config.default is None:
        answer = await ask("Work on it where no target is given (y or n)", "n")
        default = answer.casefold() in _YES
    return Wanted(name, url, bridge, file, command, default, wanted.allow_http)


def _section(wanted: Wanted) -> dict[str, str]:
    given = {
        "kind": BRIDGE if wanted.bridge else None,
        "url": wanted.url,
        "token_file": None if wanted.token_file is None else _from_everywhere(wanted.token_file),
        "token_command": wanted.token_command,
    }
    return {name: value for name, value in given.items() if value is not None}


def _from_everywhere(path: Path) -> str:
    """Return a path that names the same file whichever folder a command runs in."""
    return str(path) if str(path).startswith("~") else os.path.abspath(path)  # noqa: PTH100 - links stay
