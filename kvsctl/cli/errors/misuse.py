"""A command line that cannot be read, as one of kvsctl's own errors."""

import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import typer

from kvsctl.config.nearest import did_you_mean, near
from kvsctl.errors import ExitStatus, UsageError

_MISUSE: Final[Any] = typer.BadParameter.__base__
"""What Typer raises for a command line that it cannot read. It has no public name."""
_NO_COMMAND: Final = re.compile(r"""No such command (['"])(.*?)\1\.""", re.DOTALL)
_NO_VALUE: Final = re.compile(r"""(['"])(.*)\1 is not (?:a valid (\w+)|one of .*)\.?""", re.DOTALL)
_NO_ROOM: Final = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)\.?", re.DOTALL)
_VALUE: Final = re.compile(r"Option '(.*)' (requires an argument|does not take a value)\.?")
_KINDS: Final = {"int": "a whole number", "float": "a number"}
_UNDIVIDED: Final = {
    "apply": "It checks the whole plan, and asks once, before anything changes. With --shard I/N, "
    "each of N processes carries out a part.",
    "diff": "With --shard I/N, each of N processes compares a part.",
    "sync": "Each part reads both stores whole. With --shard I/N, each of N processes writes a "
    "part.",
}
"""Why commands with `--shard` have no `--workers`."""
_SHOWS_HELP: Final = "NoArgsIsHelpError"
"""The kind that is raised for a group of commands without a command. It shows the help page."""


def call(app: typer.Typer, words: Sequence[str]) -> None:
    """Run the command line. Raise UsageError if Typer cannot read it; exit if Typer asks for it."""
    try:
        status = app(args=list(words), prog_name="kvsctl", standalone_mode=False)
    except _MISUSE as misuse:
        if type(misuse).__name__ == _SHOWS_HELP:
            misuse.show()
            sys.exit(ExitStatus.USAGE)
        raise _explained(misuse, words) from None
    if isinstance(status, int):
        sys.exit(status)


def _explained(misuse: Any, words: Sequence[str]) -> UsageError:
    message, guesses = _wrong_and_meant(misuse)
    if misuse.ctx is not None:
        command = misuse.ctx.command_path
    else:
        command = " ".join(["kvsctl", *(word for word in words[:1] if not word.startswith("-"))])
    every = f"{command} --help shows what there is."
    hint = _of_a_rule(misuse) or _of_workers(misuse) or did_you_mean(guesses)
    return UsageError(message, " ".join(filter(None, (hint, every))))


def _of_a_rule(misuse: Any) -> str:
    """Return a hint for an option that clean does not have, but its rules do; else ""."""
    option = getattr(misuse, "option_name", None)
    if option is None or misuse.ctx is None or misuse.ctx.info_name != "clean":
        return ""
    from kvsctl.retention.file import RuleTable  # not at the top: it takes long to import

    name = option.lstrip("-").replace("-", "_")
    is_of_rules = name in RuleTable.__struct_fields__
    return f"Write {name} in the file of rules, for each rule." if is_of_rules else ""


def _of_workers(misuse: Any) -> str:
    """Return why a command has no `--workers`, and what to do instead; else ""."""
    if getattr(misuse, "option_name", None) not in ("--workers", "--dask") or misuse.ctx is None:
        return ""
    return _UNDIVIDED.get(misuse.ctx.info_name, "")


def _wrong_and_meant(misuse: Any) -> tuple[str, Sequence[str]]:
    """Return what is wrong, and what may have been meant."""
    command = None if misuse.ctx is None else misuse.ctx.command
    if hasattr(misuse, "possibilities"):
        names = [
            name
            for parameter in (command.get_params(misuse.ctx) if command else ())
            if parameter.param_type_name == "option" and not parameter.hidden
            for name in (*parameter.opts, *parameter.secondary_opts)
            if name.startswith("--")
        ]
        return f"no such option: {misuse.option_name}", near(misuse.option_name, names)
    text = str(misuse.format_message())
    if (found := _NO_COMMAND.match(text)) is not None:
        known = [name for name, one in getattr(command, "commands", {}).items() if not one.hidden]
        return f"no such command: {found[2]}", near(found[2], known)
    if (found := _NO_ROOM.fullmatch(text)) is not None:
        return f"unexpected argument: {found[1]}", ()
    if (found := _VALUE.fullmatch(text)) is not None:
        wrong = "takes no value" if found[2].startswith("does not") else "needs a value"
        return f"{found[1]} {wrong}", ()
    if (parameter := getattr(misuse, "param", None)) is not None:
        return _wrong_value(misuse, parameter, text)
    return _sentence(text), ()


def _wrong_value(misuse: Any, parameter: Any, text: str) -> tuple[str, Sequence[str]]:
    """Return what is wrong with the value of a parameter, and what may have been meant."""
    is_option = parameter.param_type_name == "option"
    name = max(parameter.opts, key=len) if is_option else parameter.human_readable_name
    choices = [str(one) for one in getattr(parameter.type, "choices", ())]
    if (found := _NO_VALUE.fullmatch(str(misuse.message))) is not None:
        from kvsctl.jsontext import quoted  # not at the top: every command would import orjson

        expected = _one_of(choices) if choices else _KINDS.get(found[3], found[3])
        given = [name, quoted(found[2])] if is_option else [quoted(found[2])]
        return f"{' '.join(given)}: expected {expected}", near(found[2], choices)
    if not misuse.message:  # it is missing
        return f"missing argument: {_one_of(choices) if choices else name}", ()
    return _sentence(text), ()


def _one_of(choices: Sequence[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
