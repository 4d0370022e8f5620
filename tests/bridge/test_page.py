"""docs/bridge.md: every block does what the page says."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Final

import pytest

from kvsctl.bridge.steps import MANIFEST_LINES, steps_after_init
from tests.bridge.apps import TOKEN, gateway
from tests.support.commands.command import Command
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program

_PAGE: Final = (Path(__file__).parents[2] / "docs" / "bridge.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", _PAGE, re.M | re.S)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def steps(block: str) -> list[tuple[list[str], str]]:
    """Return the words of each command in a console block, and what is shown under it."""
    parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(shlex.split(command)[1:], shown) for command, _, shown in parts]


def test_every_block_is_tested() -> None:
    languages = re.findall(r"^ *```(\w+)\n", _PAGE, re.MULTILINE)
    assert sorted(languages) == ["console"] * 3 + ["sh", "toml"]


def test_init_and_remove_print_what_is_shown(kvsctl: Command, tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").touch()
    [(init, lines)], _, [(remove, nothing)] = map(steps, blocks("console"))
    assert kvsctl(*init, folder=tmp_path, status=0).out.decode() == lines == MANIFEST_LINES
    assert kvsctl(*remove, folder=tmp_path, status=0).out.decode() == nothing
    assert list((tmp_path / "src").iterdir()) == []


@only_on(IS_POSIX, "the shell commands need a POSIX shell")
def test_the_token_that_is_made_is_long_enough(kvsctl: Command) -> None:
    program("openssl")
    [script] = blocks("sh")
    make, forge = script.splitlines()
    subprocess.run(["bash", "-ec", make], env=kvsctl.environ, check=True)
    token = kvsctl.home / "my-app-token"
    assert len(token.read_text().strip()) >= 32
    assert token.stat().st_mode & 0o077 == 0
    printed = steps_after_init(Path("src/kvsctl-bridge.js"), Path("config.toml"))
    for line in (make, forge):
        assert line in printed


@pytest.mark.slow
def test_the_target_works_as_any_other(kvsctl: Command, app: Path) -> None:
    [section] = blocks("toml")
    shown = tomllib.loads(section)["targets"]["my-app"]
    (kvsctl.home / "my-app-token").write_text(TOKEN, "utf-8")
    config = kvsctl.home / ".config/kvsctl/config.toml"
    config.parent.mkdir(parents=True)
    with serving(kvsctl) as service, gateway(app, service) as url:
        config.write_text(section.replace(shown["url"], url), "utf-8")
        for words, printed in steps(blocks("console")[1]):
            assert kvsctl(*words, status=0).out.decode() == printed
