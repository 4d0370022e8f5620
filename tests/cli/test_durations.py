"""Wherever seconds are taken, a duration such as 5s or 2m is."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from kvsctl.cli.app import command_line
from kvsctl.config.settings import RUNNING, resolve_running
from kvsctl.durations import fractional_seconds
from tests.support.commands.command import Command

_NOT_SECONDS = ("N", "N|auto", "BYTES")
"""Metavars of numbers that are counts."""


def _options() -> Iterator[tuple[str, Any]]:
    """Yield each option of each command, with the command."""
    waiting = [("kvsctl", get_command(command_line()))]
    while waiting:
        name, command = waiting.pop()
        waiting += [(f"{name} {n}", one) for n, one in getattr(command, "commands", {}).items()]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                yield name, parameter


def test_no_option_takes_bare_seconds() -> None:
    numbers = [
        (command, option.opts[0])
        for command, option in _options()
        if option.metavar == "S"
        or (
            option.type.name in ("float", "float range", "integer", "integer range")
            and not option.count
            and option.metavar not in _NOT_SECONDS
        )
    ]
    assert numbers == []
    assert "second" not in " ".join(
        option.help or ""
        for _, option in _options()
        if option.metavar in _NOT_SECONDS and "per second" not in (option.help or "")
    )


@pytest.mark.parametrize(
    ("command", "flag"),
    sorted(
        {
            (command.removeprefix("kvsctl "), option.opts[0])
            for command, option in _options()
            if option.metavar == "D"
        }
    ),
)
def test_an_option_of_a_duration_refuses_what_is_none(
    kvsctl: Command, command: str, flag: str
) -> None:
    words = {
        "apply": ["plan"],
        "clean": ["-f", "rules"],
        "diff": ["--from", "http://127.0.0.1:1"],
        "sync": ["--from", "http://127.0.0.1:1", "--all"],
        "expire": ["--all", "--ttl", "1h"],
        "delete": ["k"],
        "get": ["k"],
        "set": ["k=1"],
        "verify": ["file", "--against", "local"],
    }.get(command, [])
    rule = '[[rules]]\nname = "r"\nprefix = "p"\nolder_than = "30d"\naction = "delete"\n'
    for name in ("plan", "rules", "file"):
        (kvsctl.home / name).write_text(rule if name == "rules" else "", "utf-8")
    target = [] if command in ("serve", "verify") else ["-t", "local"]
    lock = ["--lock", "lock"] if flag == "--lock-wait" else []
    ended = kvsctl(
        *command.split(), *words, *target, *lock, flag, "soon", status=2, folder=kvsctl.home
    )
    assert b"not a duration" in ended.err, ended


def test_a_job_takes_them(kvsctl: Command) -> None:
    words = ["--timeout", "5s", "--patience", "2m", "--max-duration", "1h"]
    kvsctl("set", "-t", "local", "a=1", *words, status=0)
    kvsctl("ping", "-t", "local", "--timeout", "1.5s", status=0)


def test_every_setting_of_seconds_is_a_duration() -> None:
    assert {name for name, one in RUNNING.items() if one.is_duration} == {
        "timeout",
        "patience",
        "max_duration",
    }
    running = resolve_running({"timeout": "5s", "patience": "2m"}, {}, {}, "{}".format)
    assert (running.timeout, running.patience) == (5, fractional_seconds("2m", ""))
