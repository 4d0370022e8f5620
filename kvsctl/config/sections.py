"""Refuse unknown names and invalid values in a target's section of the configuration file.

The names in all sections are checked, whichever target is chosen: otherwise a misspelt setting
would go unnoticed until its target is used. Values are checked only for the chosen target.
"""

from collections.abc import Mapping
from typing import Final

from kvsctl.config.file import ConfigFile, Section
from kvsctl.config.settings import RUNNING
from kvsctl.errors import UsageError

BRIDGE: Final = "bridge"
TEXTS: Final = ("kind", "url", "token_file", "token_command", "installation", "profile")
"""The settings of a target that are text."""
SWITCHES: Final = ("read_only", "protected")
"""The settings of a target that are true or false."""
_KNOWN: Final = (*TEXTS, *SWITCHES, *RUNNING)
_WITHOUT_EFFECT: Final[Mapping[str, frozenset[str]]] = {
    "local": frozenset(TEXTS),
    "container": frozenset(TEXTS) - {"installation", "profile"},
}
_HINT_FOR_SECRETS: Final = (
    "No token belongs in this file. Name a file with token_file, or a command with token_command."
)


def check_names(config: ConfigFile) -> None:
    """Raise UsageError for an unknown name in any section, with its line and the nearest name.

    Raise UsageError, too, for a setting that has no effect because its target is built in.
    """
    for target, section in config.sections.items():
        for name in section:
            if name not in _KNOWN:
                place = config.place("targets", target, name)
                raise UsageError(
                    f'{place}: unknown setting "{name}" in [targets.{target}]', _hint_of(name)
                )
        for name in sorted(_WITHOUT_EFFECT.get(target, frozenset()) & section.keys()):
            raise UsageError(
                f"{config.section(target).place(name)} has no effect, as this target is built in",
                "Give your own target another name.",
            )


def _hint_of(name: str) -> str:
    if name == "token":
        return _HINT_FOR_SECRETS
    from kvsctl.config.nearest import hint_of  # not at the top: only errors need it

    return hint_of(name, _KNOWN)


def check_section(section: Section) -> None:
    """Raise UsageError for a value in the section of a target that cannot be used."""
    for key in sorted(set(TEXTS) & section.keys()):
        if not isinstance(section[key], str) or not section[key]:
            raise UsageError(f"{section.place(key)} must be a string that is not empty")
    if section.get("kind", BRIDGE) != BRIDGE:
        raise UsageError(
            f'{section.place("kind")}: unknown kind "{section["kind"]}"',
            f'The only kind is "{BRIDGE}". Other targets have none.',
        )
    if "kind" in section and "url" not in section:
        raise UsageError(
            f"{section.place('kind')}: a bridge needs a url",
            "Add the URL that forge webtrigger create prints.",
        )
    for key in sorted(set(SWITCHES) & section.keys()):
        if not isinstance(section[key], bool):
            raise UsageError(f"{section.place(key)} must be true or false")
    if "token_file" in section and "token_command" in section:
        raise UsageError(
            f"{section.place('token_command')} and token_file exclude each other", "Keep one."
        )
