"""Every setting of a command, and where it came from.

The values come from the resolved target and running settings. Only the place where each was given
is looked up here, in the same order: option, environment, configuration file, default.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from kvsctl.config.base_urls import shown_host, shown_url
from kvsctl.config.built_in import BUILT_IN
from kvsctl.config.file import ConfigFile
from kvsctl.config.settings import Running
from kvsctl.config.targets import Target, TargetFlags

OPTION: Final = "option"
ENVIRONMENT: Final = "environment"
FILE: Final = "file"
DEFAULT: Final = "default"
_PING_URL: Final = "KVSCTL_PING_URL"


class Shown(NamedTuple):
    """A setting. `place` is the option, the variable, or the file with its line; "" for a default.

    `value` None: nothing is set. It is never a token, and a URL has no user, password or query.
    That of a ping has no path either.
    """

    name: str
    value: Any
    origin: str = DEFAULT
    place: str = ""


class Given(NamedTuple):
    """The sources of settings. `running`: the options that say how a run works."""

    flags: TargetFlags
    running: Mapping[str, Any]
    environ: Mapping[str, str]
    config: ConfigFile


def all_settings(given: Given, target: Target, running: Running) -> list[Shown]:
    """Return every setting of a command with this target."""
    return [
        *_of_target(given, target),
        *_of_running(given, target, running),
        _ping_url(given.environ),
    ]


def _of_target(given: Given, target: Target) -> Iterator[Shown]:
    flags, environ, config = given.flags, given.environ, given.config
    is_named = target.name in BUILT_IN or target.name in config.sections
    name = _first(given, flags.target, "--target", "KVSCTL_TARGET")
    if name is None and config.default is not None:
        name = FILE, config.place("default")
    yield Shown("target", target.name if is_named else None, *(name if is_named and name else ()))
    url = None if is_named else _first(given, flags.url, "--url", "KVSCTL_URL")
    if target.is_proxied:
        url = ENVIRONMENT, "FORGE_EGRESS_PROXY_URL"
    shown = None if target.url is None else shown_url(target.url)
    yield Shown("url", shown, *(url or _in_section(given, target, "url")))
    if target.local_path is not None:
        variable = "KVSCTL_LOCAL_DB"
        database = (ENVIRONMENT, variable) if environ.get(variable) else ()
        yield Shown("database", str(target.local_path), *database)
    yield Shown("kind", target.section.get("kind"), *_in_section(given, target, "kind"))
    installation = _first(given, flags.installation, "--installation")
    where: tuple[str, str] | tuple[()] = installation or _in_section(given, target, "installation")
    yield Shown("installation", target.installation, *where)
    yield _token(given, target)
    yield Shown("profile", target.section.get("profile"), *_in_section(given, target, "profile"))
    is_forbidden = target.is_read_only and not target.section.get("read_only", False)
    by_variable = (ENVIRONMENT, "KVSCTL_READ_ONLY") if is_forbidden else ()
    where = by_variable or _in_section(given, target, "read_only")
    yield Shown("read_only", target.is_read_only, *where)
    yield Shown("protected", target.is_protected, *_in_section(given, target, "protected"))


def _of_running(given: Given, target: Target, running: Running) -> Iterator[Shown]:
    for name, value in running._asdict().items():
        if name == "quota_share" and target.local_path is not None:
            yield Shown(name, None)  # the embedded emulator has no quota
            continue
        variable = f"KVSCTL_{name.upper()}"
        where: tuple[str, str] | tuple[()] = _in_section(given, target, name)
        if given.running.get(name) is not None:
            where = OPTION, "--" + name.replace("_", "-")
        elif variable in given.environ:
            where = ENVIRONMENT, variable
        yield Shown(name, value, *where)


def _ping_url(environ: Mapping[str, str]) -> Shown:
    """Return the default of `--ping-url`. Whoever knows its path can send pings: it is hidden."""
    url = environ.get(_PING_URL)
    if not url:
        return Shown("ping_url", None)
    return Shown("ping_url", shown_host(url), ENVIRONMENT, _PING_URL)


def _token(given: Given, target: Target) -> Shown:
    """Return where the token comes from. A command is not shown: its words may be secret."""
    if target.token_file is not None:
        where = _first(given, given.flags.token_file, "--token-file")
        found = where or _in_section(given, target, "token_file")
        return Shown("token", f"file {target.token_file}", *found)
    if target.token_command is not None:
        where = _first(given, given.flags.token_command, "--token-command")
        return Shown("token", "a command", *(where or _in_section(given, target, "token_command")))
    if target.token is not None:
        return Shown("token", "set", ENVIRONMENT, "KVSCTL_TOKEN")
    return Shown("token", None)


def _first(
    given: Given, flag: object, option: str, variable: str | None = None
) -> tuple[str, str] | None:
    if flag:
        return OPTION, option
    if variable is not None and given.environ.get(variable):
        return ENVIRONMENT, variable
    return None


def _in_section(given: Given, target: Target, name: str) -> tuple[str, str] | tuple[()]:
    if name not in target.section:
        return ()
    return FILE, given.config.place("targets", target.name, name)


class Listed(NamedTuple):
    """A target that can be chosen: what it is, where it is defined, and notes on it."""

    name: str
    what: str
    place: str
    notes: list[str]


def all_targets(config: ConfigFile) -> list[Listed]:
    """Return the built-in targets, and then those of the configuration file."""
    own = [name for name in config.sections if name not in BUILT_IN]
    found = []
    for name in (*BUILT_IN, *own):
        section = config.sections.get(name, {})
        place = config.place("targets", name) if name in config.sections else "built in"
        notes = [
            *(["default"] if config.default == name else []),
            *([str(section["kind"])] if "kind" in section else []),
            *(one.replace("_", "-") for one in ("read_only", "protected") if section.get(one)),
        ]
        what = shown_url(str(section["url"])) if "url" in section else BUILT_IN.get(name, "")
        found.append(Listed(name, what, place, notes))
    return found
