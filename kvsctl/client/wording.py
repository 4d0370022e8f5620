"""The advice of errors in the words of Python: names of arguments in place of options."""

import re
from typing import Final

from kvsctl.client.opening import Settings
from kvsctl.errors import KvsctlError

_TRUE: Final = frozenset({"allow_http", "consistent", "ignore_manifest"})
"""The arguments that are options without a value."""
_ARGUMENTS: Final = _TRUE | {"installation"} | Settings.__annotations__.keys()
_PHRASES: Final = {
    "KVSCTL_TOKEN, --token-file or --token-command": "the argument token, or the target's section",
    "Set KVSCTL_TOKEN, or use --token-file or --token-command.": (
        "Give the argument token, or name a token_file or token_command in the target's section."
    ),
    "With --ignore-manifest, set reads": "With ignore_manifest=True, diff reads",
    "Use -t container": "Choose the target container",
    "Give a value, or remove the option.": "Give a value, or leave it out.",
    "Run the same command again": "Call it again",
    "Run the command again": "Call it again",
}
"""Parts of messages and hints, and what the library says in their place."""
_OPTION: Final = re.compile(r"--([a-z][a-z-]+)")


def in_python(error: KvsctlError) -> KvsctlError:
    """Return the same error, in whose message and hint the options are named as arguments.

    An option that is not an argument of the library keeps its name.
    """
    error.message = _translated(error.message)
    error.args = (error.message, *error.args[1:])
    if error.hint is not None:
        error.hint = _translated(error.hint)
    return error


def _translated(text: str) -> str:
    for phrase, instead in _PHRASES.items():
        text = text.replace(phrase, instead)
    return _OPTION.sub(_argument, text)


def _argument(option: re.Match[str]) -> str:
    name = option[1].replace("-", "_")
    if name not in _ARGUMENTS:
        return option[0]
    return f"{name}=True" if name in _TRUE else name
