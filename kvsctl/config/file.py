"""The configuration file: `default` and `[targets.NAME]`, in TOML."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from kvsctl.config.waiting import require_ready
from kvsctl.errors import UsageError

_TOP: Final = ("default", "targets")
Place: TypeAlias = str | Callable[[], str]
"""Where something was given. Finding the line of a setting takes time, so only errors do it."""


def place_text(place: Place) -> str:
    """Return a place as text."""
    return place if isinstance(place, str) else place()


class ConfigFile(NamedTuple):
    """The file's content. `sections`: the table of each target, not yet checked: see `sections`."""

    path: Path
    exists: bool = False
    default: str | None = None
    sections: Mapping[str, Mapping[str, Any]] = {}
    text: str = ""

    def place(self, *names: str) -> str:
        """Return the path, with the line on which a setting begins: `place("targets", "prod")`."""
        if not self.text:
            return str(self.path)
        from kvsctl.config.toml_lines import TomlLines  # not at the top: only errors need lines

        return f"{self.path}:{TomlLines(self.text).of(*names)}"

    def section(self, target: str) -> "Section":
        """Return the section of a target; an empty one if it has none."""
        return Section(self.sections.get(target, {}), self, target)


class Section(dict[str, Any]):
    """The settings of a target in the configuration file, and where each of them is."""

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        config: ConfigFile | None = None,
        target: str = "",
    ) -> None:
        super().__init__(settings or {})
        self._config = config
        self._target = target

    def place(self, name: str) -> str:
        """Return where a setting is: the file, its line, the section and its name."""
        where = f"[targets.{self._target}] {name}"
        if self._config is None:
            return where
        return f"{self._config.place('targets', self._target, name)}: {where}"


def config_path(environ: Mapping[str, str]) -> Path:
    """Return `KVSCTL_CONFIG`, else `kvsctl/config.toml` in the XDG configuration directory."""
    if given := environ.get("KVSCTL_CONFIG"):
        return Path(given)
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "kvsctl" / "config.toml"


def local_database(environ: Mapping[str, str]) -> Path:
    """Return `KVSCTL_LOCAL_DB`, else `kvsctl/local.db` in the XDG data directory."""
    if given := environ.get("KVSCTL_LOCAL_DB"):
        return Path(given)
    return _xdg(environ, "XDG_DATA_HOME", ".local/share") / "kvsctl" / "local.db"


def read_config(environ: Mapping[str, str]) -> ConfigFile:
    """Read the configuration file; a missing one counts as empty.

    Raise UsageError if it cannot be read, or if it is missing although `KVSCTL_CONFIG` names it.
    Raise UsageError, too, for a variable whose name is nearly that of a setting: see `variables`.
    """
    if any(name.startswith("KVSCTL_") for name in environ):
        from kvsctl.config.variables import require_known  # not at the top: it imports this module

        require_known(environ)
    path = config_path(environ)
    try:
        require_ready(path)
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        if environ.get("KVSCTL_CONFIG"):
            raise UsageError(f"cannot read {path}: not found", "KVSCTL_CONFIG names it.") from None
        return ConfigFile(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    import tomllib  # not at the top: most runs have no configuration file

    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    config = ConfigFile(path, exists=True, text=text)
    for name in parsed:
        if name not in _TOP:
            raise UsageError(
                f'{config.place(name)}: unknown setting "{name}"', _hint_at_top(name, parsed[name])
            )
    default, sections = parsed.get("default"), parsed.get("targets", {})
    if not isinstance(default, str | None):
        raise UsageError(f"{config.place('default')}: default must be the name of a target")
    tables = isinstance(sections, dict) and all(isinstance(s, dict) for s in sections.values())
    if not tables:
        raise UsageError(f"{path}: targets must consist of tables, such as [targets.staging]")
    return config._replace(default=default, sections=sections)


def _hint_at_top(name: str, value: object) -> str:
    from kvsctl.config.nearest import did_you_mean, near

    if guess := did_you_mean(near(name, _TOP)):
        return guess
    if isinstance(value, dict):
        return f"A target's section begins with [targets.{name}]."
    return "Known: default and [targets.NAME]. Other settings belong to the section of a target."


def _xdg(environ: Mapping[str, str], variable: str, otherwise: str) -> Path:
    given = environ.get(variable, "")
    # The XDG specification says to ignore a path that is not absolute.
    return Path(given) if given.startswith("/") else Path.home() / otherwise
