"""The man pages are those that the program would write, and render without warnings."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from kvsctl.cli.help.manual import main, manual
from kvsctl.cli.help.topics import TOPICS
from tests.cli.help.pages import COMMANDS
from tests.support.needs import IS_POSIX, needs, only_on

_FOLDER: Final = Path(__file__).parents[3] / "man"
_PATHS: Final = sorted(_FOLDER.glob("man?/*"))
_LINTERS: Final = {"groff": ["-man", "-Tutf8", "-ww", "-z"], "mandoc": ["-Tlint", "-Wstyle"]}
_FOUND: Final = [name for name in _LINTERS if shutil.which(name)]


def test_the_pages_are_current(tmp_path: Path) -> None:
    """Write them again with `python -m kvsctl.cli.help.manual man`."""
    main(tmp_path)
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.?")}
    assert {path.relative_to(_FOLDER): path.read_bytes() for path in _PATHS} == written


def test_every_command_and_topic_has_a_page() -> None:
    commands = {f"{'-'.join(('kvsctl', *words))}.1" for words in COMMANDS}
    assert manual().keys() == commands | {f"kvsctl-{name}.7" for name in TOPICS}


@only_on(IS_POSIX, "Windows has no man pages")
@needs(bool(_FOUND), "neither groff nor mandoc is installed")
def test_the_pages_render_without_warnings() -> None:
    for name in _FOUND:
        done = subprocess.run(
            [name, *_LINTERS[name], *_PATHS], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), name


@only_on(IS_POSIX, "Windows has no man pages")
@needs(bool(_FOUND), "neither groff nor mandoc is installed")
@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("man1/kvsctl-set.1", ["kvsctl set [OPTIONS] [KEY=VALUE]...", "-f, --file FILE"]),
        ("man1/kvsctl-set.1", [r"    printf 'id,name\n1,Ada\n2,Alan\n' > users.csv"]),
        ("man1/kvsctl-du.1", ["(default: the first of : # . _ - that the key has)"]),
        ("man1/kvsctl-delete.1", ["'value.plan == `\"free\"`'", "kvsctl(1), kvsctl-selectors(7)"]),
        ("man7/kvsctl-exit-codes.7", ["no-such-key || echo exit code $?"]),
    ],
)
def test_a_page_shows_the_characters_of_the_help(page: str, texts: list[str]) -> None:
    options = {"groff": ["-man", "-Tascii", "-P-cbou"], "mandoc": ["-Tascii"]}
    for name in _FOUND:
        shown = subprocess.run(
            [name, *options[name], _FOLDER / page], capture_output=True, text=True, check=True
        ).stdout
        # mandoc prints a bold or underlined character over itself or a line.
        plain = " ".join(_without_overstrikes(shown).split())
        assert [one for one in texts if " ".join(one.split()) not in plain] == [], name


def _without_overstrikes(text: str) -> str:
    kept: list[str] = []
    for one in text:
        if one == "\b":
            kept.pop()
        else:
            kept.append(one)
    return "".join(kept)
