"""Choose the store a command works on, and where its token comes from."""

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from kvsctl.config.base_urls import container_base_url, require_base_url, shown_url
from kvsctl.config.built_in import BUILT_IN
from kvsctl.config.file import ConfigFile, Place, Section, local_database, place_text
from kvsctl.config.sections import BRIDGE, check_names, check_section
from kvsctl.errors import UsageError

FORGE_URL: Final = "https://api.atlassian.com/forge/storage/kvs"
"""The public base URL; the contract's section "Where and who"."""
PROXY_VARIABLE: Final = "FORGE_EGRESS_PROXY_URL"
_INSTALLATION = re.compile(r"[\x21-\x7e]{1,300}")
# Even if empty: that is how a missing secret looks in a job of many CI services.
_SIGNS_OF_SETTINGS: Final = (
    "KVSCTL_TARGET",
    "KVSCTL_URL",
    "KVSCTL_TOKEN",
    PROXY_VARIABLE,
)
_READ_ONLY: Final = "KVSCTL_READ_ONLY"
_ON: Final = frozenset({"1", "true", "yes", "on"})
_OFF: Final = frozenset({"", "0", "false", "no", "off"})


class NoTargetError(UsageError):
    """No target is chosen."""


class TargetFlags(msgspec.Struct, frozen=True):
    """The options that choose a target; None: not given.

    `named_by` and `url_by` are the options that give a name and a URL. `has_installations`: the
    installations are chosen by other options than `installation`.
    """

    target: str | None = None
    url: str | None = None
    token_file: Path | None = None
    token_command: str | None = None
    installation: str | None = None
    named_by: str = "--target"
    url_by: str = "--url"
    has_installations: bool = False


class Target(msgspec.Struct, frozen=True):
    """A store: `local_path` is set for the embedded emulator, `url` for every other target.

    At most one of the three token fields is set; if none is, requests carry no token.
    `token_file_by`: the option that named the token file; "" if it was the section. `url_by`: the
    same for the URL, an option, a variable or a line of a file.
    `installation` owns the store, if that is known. `is_proxied`: it is the proxy of a Forge
    Container, which is told the installation and needs no token. `section` is the target's table in
    the configuration file. `is_read_only`: nothing may be written to it. `is_protected`: it may be
    written to only if the user gives its name. `is_bridge`: `url` is that of a web trigger, whose
    function passes requests on (docs/bridge.md), if it is in `installation`. `shown_as`: its name
    in reports, if it stands for several stores; else "".
    """

    name: str
    url: str | None = None
    local_path: Path | None = None
    token_file: Path | None = None
    token_command: str | None = None
    token: str | None = None
    installation: str | None = None
    token_file_by: str = ""
    url_by: str = ""
    section: Section = msgspec.field(default_factory=Section)
    is_read_only: bool = False
    is_protected: bool = False
    is_proxied: bool = False
    is_bridge: bool = False
    shown_as: str = ""

    def __repr__(self) -> str:
        """Return the name: the other fields may hold secrets."""
        return f"Target({self.display!r})"

    @property
    def display(self) -> str:
        """The target's name in reports; it contains no secret."""
        if self.shown_as:
            return self.shown_as
        if self.local_path is not None:
            return f"{self.name} ({self.local_path})"
        # A URL with a password is refused, but only when it is used.
        url = shown_url(str(self.url))
        return url if self.name == self.url else f"{self.name} ({url})"

    def is_same_store(self, other: "Target") -> bool:
        """Return whether both are certainly the same store.

        A token may choose the installation, so the tokens must be the same, too.
        """
        if self.local_path is not None or other.local_path is not None:
            return _real(self.local_path) == _real(other.local_path)
        return self._service == other._service

    def token_file_place(self) -> str:
        """Return where the token file was named."""
        return self.token_file_by or self.section.place("token_file")

    def url_place(self) -> str:
        """Return where the URL was given; an empty text if nowhere, as for a built-in target."""
        return self.url_by or (self.section.place("url") if "url" in self.section else "")

    @property
    def _service(self) -> tuple[object, ...]:
        url = (self.url or "").rstrip("/").casefold()
        tokens = self.token_file, self.token_command, self.token
        return url, self.installation, tokens


def _real(path: Path | None) -> str | None:
    return None if path is None else os.path.realpath(path)


def choose_target(
    flags: TargetFlags, environ: Mapping[str, str], config: ConfigFile, *, is_on_terminal: bool
) -> Target:
    """Return the target chosen by flag, environment or configuration file, else `local`.

    The first of these that names one wins. Raise UsageError for an unknown name and for options
    that contradict each other. Raise NoTargetError if no target is chosen, although settings for
    one are present or there is no terminal: a job may have lost its settings.
    """
    _require_no_empty_flag(flags)
    name, url = _choice(flags, environ, config, is_on_terminal=is_on_terminal)
    section = Section() if name is None else config.section(name)
    check_names(config)
    check_section(section)
    return structs.replace(
        _target(name, url, section, flags, environ, config),
        is_read_only=_is_read_only(environ) or section.get("read_only", False),
        is_protected=section.get("protected", False),
    )


def _is_read_only(environ: Mapping[str, str]) -> bool:
    given = environ.get(_READ_ONLY, "").lower()
    if given not in _ON | _OFF:
        raise UsageError(f"{_READ_ONLY}: expected 1 or 0", "Set it to 1 to forbid all writes.")
    return given in _ON


def _target(
    name: str | None,
    url: str | None,
    section: Section,
    flags: TargetFlags,
    environ: Mapping[str, str],
    config: ConfigFile,
) -> Target:
    installation, place = _installation(flags, section)
    if name in ("local", "container") and (flags.token_file or flags.token_command):
        flag = "--token-file" if flags.token_file else "--token-command"
        raise UsageError(f"target {name} uses no token", f"Remove {flag}.")
    if name == "container":
        return _container(environ, flags, section)
    is_bridge = section.get("kind") == BRIDGE
    if installation and not is_bridge:
        raise UsageError(
            f"{place_text(place)} {installation}: only the target container and bridges have "
            "installations",
            "Use -t container or a bridge, or remove it.",
        )
    if installation:
        checked_installation(installation, place)
    if name == "local":
        return Target("local", local_path=local_database(environ), section=section)
    base = url or section.get("url") or (FORGE_URL if name == "forge" else None)
    if base is None:
        place = f"{config.place('targets', str(name))}: [targets.{name}]"
        raise UsageError(f"{place} has no url", 'Add url = "https://…".')
    base = require_base_url(base, _place_of_url(flags, name, section))
    token_file, token_command, token = _token(flags, section, environ)
    return Target(
        name or base,
        url=base,
        token_file=token_file,
        token_command=token_command,
        token=token,
        installation=installation,
        token_file_by="--token-file" if flags.token_file else "",
        url_by="" if name is not None else _given_url_by(flags),
        section=section,
        is_bridge=is_bridge,
    )


def _installation(flags: TargetFlags, section: Section) -> tuple[str | None, Place]:
    """Return the installation, and where it was given."""
    if flags.installation:
        return flags.installation, "--installation"
    return section.get("installation"), partial(section.place, "installation")


def _place_of_url(flags: TargetFlags, name: str | None, section: Section) -> Place:
    if name is not None:
        return partial(section.place, "url")
    return _given_url_by(flags)


def _given_url_by(flags: TargetFlags) -> str:
    return flags.url_by if flags.url else "KVSCTL_URL"


def _require_no_empty_flag(flags: TargetFlags) -> None:
    """Raise UsageError for an empty option, which a script may have left empty by mistake."""
    for name, given in structs.asdict(flags).items():
        if given in ("", Path()):
            flag = flags.named_by if name == "target" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} is empty", "Give a value, or remove the option.")


def _choice(
    flags: TargetFlags, environ: Mapping[str, str], config: ConfigFile, *, is_on_terminal: bool
) -> tuple[str | None, str | None]:
    """Return the name of a target, or the URL of an unnamed one."""
    if flags.target and flags.url:
        raise UsageError("--target and --url exclude each other", "Give one of them.")
    if flags.url:
        return None, flags.url
    where: Place = flags.named_by
    name = flags.target
    if not name:
        name, url = environ.get("KVSCTL_TARGET"), environ.get("KVSCTL_URL")
        if name and url:
            raise UsageError("KVSCTL_TARGET and KVSCTL_URL are both set", "Unset one.")
        if url:
            return None, url
        where = "KVSCTL_TARGET"
    if not name:
        name = config.default
        where = lambda: f"{config.place('default')}: default"  # noqa: E731
    known = [*BUILT_IN, *(n for n in sorted(config.sections) if n not in BUILT_IN)]
    if name is None:
        _require_nothing_lost(environ, config, known, is_on_terminal=is_on_terminal)
        return "local", None
    if name not in known:
        from kvsctl.config.nearest import did_you_mean, near  # only errors need it

        guess = did_you_mean(near(name, known))
        raise UsageError(
            f'{place_text(where)}: unknown target "{name}"',
            f"{guess} Known targets: {', '.join(known)}.".lstrip(),
        )
    return name, None


def without_target(environ: Mapping[str, str]) -> Target:
    """Return a target for use where none is chosen, with the settings that hold for all."""
    return Target(
        "", token=environ.get("KVSCTL_TOKEN") or None, is_read_only=_is_read_only(environ)
    )


def _require_nothing_lost(
    environ: Mapping[str, str], config: ConfigFile, known: list[str], *, is_on_terminal: bool
) -> None:
    """Raise UsageError if the job may have lost its choice of a target.

    It may have if settings for a target are present, or if it was not started on a terminal.
    """
    signs = [name for name in _SIGNS_OF_SETTINGS if name in environ]
    if signs or config.exists:
        verb = "exists" if not signs else "is set" if environ[signs[0]] else "is set, but empty"
        problem = f"although {signs[0] if signs else config.path} {verb}"
    elif not is_on_terminal:
        problem = "and stderr is not a terminal"
    else:
        return
    raise NoTargetError(
        f"no target is chosen, {problem}",
        f"Choose one with --target or KVSCTL_TARGET ({', '.join(known)}), or with --url.",
    )


def _container(environ: Mapping[str, str], flags: TargetFlags, section: Section) -> Target:
    url = container_base_url(proxy_url(environ))
    installation, place = _installation(flags, section)
    if flags.has_installations:
        installation = None
    elif not installation:
        raise UsageError(
            "no installation is chosen", "Add --installation ID, or --all-installations."
        )
    else:
        checked_installation(installation, place)
    return Target(
        "container",
        url=url,
        installation=installation,
        section=section,
        is_proxied=True,
        url_by=PROXY_VARIABLE,
    )


def proxy_url(environ: Mapping[str, str]) -> str:
    """Return the URL of a container's proxy, without a final slash. Raise UsageError."""
    proxy = environ.get(PROXY_VARIABLE)
    if not proxy:
        raise UsageError(
            f"{PROXY_VARIABLE} is not set",
            "The target container works only inside a Forge Container.",
        )
    return proxy.rstrip("/")


def checked_installation(installation: str, where: Place) -> None:
    """Raise UsageError, naming where it was given, unless a header can hold the id."""
    if not _INSTALLATION.fullmatch(installation):
        raise UsageError(
            f"{place_text(where)}: the installation is not a valid id", "Give its UUID or ARI."
        )


def _token(
    flags: TargetFlags, section: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Path | None, str | None, str | None]:
    """Return the source of the token: a flag, the target's own source, or `KVSCTL_TOKEN`."""
    if flags.token_file and flags.token_command:
        raise UsageError("--token-file and --token-command exclude each other", "Give one of them.")
    if flags.token_file or flags.token_command:
        return flags.token_file, flags.token_command, None
    if "token_file" in section:
        return Path(section["token_file"]).expanduser(), None, None
    if "token_command" in section:
        return None, section["token_command"], None
    return None, None, environ.get("KVSCTL_TOKEN") or None
