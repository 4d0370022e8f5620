"""Add a target to the configuration file, once it has answered."""

import os
import shlex
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from kvsctl.config.base_urls import require_base_url
from kvsctl.config.built_in import BUILT_IN
from kvsctl.config.file import ConfigFile, read_config
from kvsctl.config.sections import BRIDGE, check_names
from kvsctl.config.settings import DEFAULTS
from kvsctl.config.targets import TargetFlags, choose_target
from kvsctl.errors import CredentialsError, Interrupted, KvsctlError, UsageError
from kvsctl.jobs.ping.asking import Ping, ping
from kvsctl.jobs.settings.dialogue import NOTHING, Checks, Wanted, asked, asked_for_token
from kvsctl.jobs.settings.writing import BYTE_ORDER_MARK, text_of, with_target, write_private
from kvsctl.jobs.signals import interruptible
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.target.ping import pinged_lines
from kvsctl.service.transport.urls import require_safe

_PROBE: Final = "a name that no target has"


async def init(wanted: Wanted, environment: Environment, environ: Mapping[str, str]) -> None:
    """Ask for what is not given, ping the target, and write it into the configuration file.

    Raise UsageError if that is not possible, or if there is no terminal to ask on, and the error of
    a failed ping. Nothing was written then. Raise StreamError if the file cannot be written.
    """
    config = _config(environ)
    if config.exists and not config.path.is_file():
        raise UsageError(f"{config.path} is not a regular file: {NOTHING}", "Name another file.")
    check_names(config)
    _require_sections(with_target(config.text, _PROBE, {}, is_default=False), config, _PROBE, {})
    checks = Checks(
        partial(_require_new, config=config), partial(_require_url, allow_http=wanted.allow_http)
    )
    if wanted.name is not None:
        checks.name(wanted.name)
    if wanted.url is not None:
        try:
            checks.url(wanted.url)
        except UsageError as wrong:
            raise UsageError(f"--url: {wrong.message}: {NOTHING}", wrong.hint) from None
    can_ask = environment.stdin_is_terminal and environment.stderr_is_terminal
    if wanted.missing and not can_ask:
        raise UsageError(
            f"cannot ask, because this is not a terminal: {NOTHING}",
            f"Give {', '.join(wanted.missing)}.",
        )
    if wanted.missing:
        has_default = config.default is not None
        asking = asked(wanted, checks, environment, has_default=has_default)
        wanted = await _in_dialogue(asking, environment)
    if wanted.make_default and config.default is not None:
        raise UsageError(
            f"{config.place('default')}: the default is {config.default}: {NOTHING}",
            "Change it there.",
        )
    error = await _ping_error(wanted, config, environment)
    if isinstance(error, CredentialsError) and not wanted.has_token:
        if can_ask:  # a service on this machine may need a token, too
            environment.note(visible(error.message))
            wanted = await _in_dialogue(asked_for_token(wanted, environment), environment)
            error = await _ping_error(wanted, config, environment)
        else:
            error.hint = "Give --token-file or --token-command."
    if error is not None:
        error.hint = f"{error.hint or ''} N{NOTHING[1:]}.".lstrip()
        raise error
    _write(wanted, config, environment, environ)


async def _in_dialogue(asking: Coroutine[Any, Any, Wanted], environment: Environment) -> Wanted:
    try:
        return await interruptible(asking, NOTHING)
    except Interrupted:
        environment.write_stderr("\n")  # the error must not be on the question's line
        raise


async def _ping_error(
    wanted: Wanted, config: ConfigFile, environment: Environment
) -> KvsctlError | None:
    """Ping the target, show what was found out, and return the error that it amounts to."""
    name = str(wanted.name)
    extended = config._replace(exists=True, sections={**config.sections, name: _section(wanted)})
    target = choose_target(TargetFlags(target=name), {}, extended, is_on_terminal=True)
    pinged = await ping(Ping(target, wanted.allow_http, DEFAULTS.timeout, 1))
    environment.write_stderr("".join(f"{line}\n" for line in pinged_lines(pinged)))
    return pinged.error


def _write(
    wanted: Wanted, config: ConfigFile, environment: Environment, environ: Mapping[str, str]
) -> None:
    name, section = str(wanted.name), _section(wanted)
    _require_unchanged(config, environ)
    text = with_target(text_of(config.path), name, section, is_default=bool(wanted.make_default))
    _require_sections(text, config, name, section)
    write_private(config.path, text)
    environment.write_stderr(
        f"{visible(str(config.path))} has the target {visible(name)}: use it with "
        f"-t {shlex.quote(name)}\n"
    )
    _note_default(config._replace(sections={**config.sections, name: section}), environment)


def _note_default(config: ConfigFile, environment: Environment) -> None:
    """Note that the default of the file is not one of its targets: commands without -t fail."""
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
            f"{config.path}: it has changed since the command began: {NOTHING}",
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
        f"{config.place('targets')}: no section can be added to this file: {NOTHING}",
        "Write each target as a section of its own, such as [targets.staging].",
    )


def _require_new(name: str, config: ConfigFile) -> None:
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} is not a name", "Give the target a name, such as staging.")
    if name in BUILT_IN:
        raise UsageError(f"the target {name} is built in", "Give your own another name.")
    if name in config.sections:
        raise UsageError(
            f"{config.place('targets', name)}: the target {name} exists already",
            "Change it there, or give another name.",
        )


def _require_url(url: str, *, allow_http: bool) -> None:
    """Raise UsageError for a URL that a target must not have, before asking for its token."""
    require_safe(url, allow_http=allow_http)
    require_base_url(url, "the URL cannot be used")


def _section(wanted: Wanted) -> dict[str, str]:
    given = {
        "kind": BRIDGE if wanted.bridge else None,
        "url": wanted.url,
        "token_file": None if wanted.token_file is None else _from_everywhere(wanted.token_file),
        "token_command": wanted.token_command,
    }
    return {name: value for name, value in given.items() if value is not None}


def _from_everywhere(path: Path) -> str:
    """Return a path that names the same file in any folder."""
    return str(path) if str(path).startswith("~") else os.path.abspath(path)  # noqa: PTH100 - links stay
