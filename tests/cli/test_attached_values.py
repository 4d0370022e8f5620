"""Values that must follow their options after a =, told from words that stand apart."""

from typing import Any

import pytest
from typer.main import get_command

from kvsctl.cli.app import command_line
from kvsctl.cli.arguments import require_attached_values
from kvsctl.errors import UsageError


@pytest.mark.parametrize(
    "words",
    ["-f FILE", "-fFILE", "-qf FILE", "-qnvfFILE", "-q0f FILE", "--file FILE", "--file=FILE"],
)
def test_a_word_is_no_argument_beside_a_file(words: str) -> None:
    with pytest.raises(UsageError, match="--infer-types c: the value of this option follows"):
        require_attached_values(["set", "--infer-types", "c", *words.split()])


@pytest.mark.parametrize("words", ["-tf", "-qcf 4", "-of FILE", "--failures FILE", "-- -f"])
def test_other_options_give_no_file(words: str) -> None:
    require_attached_values(["set", "--infer-types", "c", *words.split()])


def test_short_options_with_values_are_known() -> None:
    command: Any = get_command(command_line())
    found = {
        name[1:]
        for option in command.commands["set"].params
        for name in option.opts
        if option.param_type_name == "option"
        and len(name) == 2
        and not option.is_flag
        and not option.count
    }
    assert found <= set("cotf")
