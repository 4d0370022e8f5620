"""Unknown names in the configuration file are errors, with their line and the nearest name."""

from pathlib import Path

import pytest

from kvsctl.config.file import read_config
from kvsctl.config.targets import TargetFlags, choose_target
from kvsctl.errors import UsageError


def _refused(tmp_path: Path, text: str) -> tuple[str, str]:
    path = tmp_path / "config.toml"
    path.write_text(text)
    environ = {"KVSCTL_CONFIG": str(path)}
    with pytest.raises(UsageError) as caught:
        choose_target(
            TargetFlags(target="local"), environ, read_config(environ), is_on_terminal=True
        )
    return caught.value.message.removeprefix(f"{path}"), str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('# x\n\ndefalt = "a"\n', ':3: unknown setting "defalt"', "Did you mean default?"),
        (
            '[targets.a]\nurl = "u"\ntoken-fil = "t"\n',
            ':3: unknown setting "token-fil" in [targets.a]',
            "Did you mean token_file?",
        ),
        (
            '[targets."b c"]\nconcurency = 4\n',
            ':2: unknown setting "concurency" in [targets.b c]',
            "Did you mean concurrency?",
        ),
        (
            '[targets.a]\ntoken = "s3cret"\n',
            ':2: unknown setting "token" in [targets.a]',
            "No token belongs in this file. Name a file with token_file, or a command with "
            "token_command.",
        ),
        (
            '\n[staging]\nurl = "u"\n',
            ':2: unknown setting "staging"',
            "A target's section begins with [targets.staging].",
        ),
        ("default = 1\n", ":1: default must be the name of a target", "None"),
    ],
)
def test_an_unknown_name_is_refused_though_another_target_is_chosen(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    assert _refused(tmp_path, text) == (message, hint)


def test_a_name_like_no_other_gets_a_list(tmp_path: Path) -> None:
    message, hint = _refused(tmp_path, "[targets.a]\nxyzzy = 1\n")
    assert message == ':2: unknown setting "xyzzy" in [targets.a]'
    assert hint.startswith("Known: kind, url, token_file, ")
