"""The Homebrew formula installs the files of a release, in a form that Ruby can read."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from packages.homebrew.formula import DESCRIPTION, LOCK, formula
from tests.support.needs import IS_LINUX, only_on, program, shared

_PROGRAM: Final = Path(__file__).parents[2] / "packages/homebrew/formula.py"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "kvsctl-1.2.3-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def test_it_names_the_wheel_and_the_lock_with_their_hashes(wheel: Path) -> None:
    text = formula(wheel, LOCK, "someone/kvsctl")
    release = "https://github.com/someone/kvsctl/releases/download/v1.2.3"
    assert re.findall(r'^ +(url|sha256|version) "(.+?)"', text, re.MULTILINE) == [
        ("url", f"{release}/{wheel.name}"),
        ("version", "1.2.3"),
        ("sha256", hashlib.sha256(b"a wheel").hexdigest()),
        ("url", f"{release}/requirements.lock"),
        ("sha256", hashlib.sha256(LOCK.read_bytes()).hexdigest()),
    ]


def test_it_links_what_the_wheel_installs(wheel: Path) -> None:
    """A file that the formula names is where the package puts it."""
    paths = re.findall(r'libexec/"(\S+)"', formula(wheel, LOCK, "someone/kvsctl"))
    assert len(paths) == 5
    shared("zsh/site-functions/_kvsctl")
    missing = [one for one in paths if not Path(sys.prefix, one).exists()]
    assert missing == []


def test_its_description_is_as_homebrew_wants_it() -> None:
    assert len(f"kvsctl: {DESCRIPTION}") <= 80
    assert re.fullmatch(r"(?!An? |The )[A-Z].*[a-z]", DESCRIPTION)


def test_ruby_can_read_it(wheel: Path, tmp_path: Path) -> None:
    words = [sys.executable, str(_PROGRAM), "--repository", "someone/kvsctl", str(wheel)]
    printed = subprocess.run(words, capture_output=True, check=True)
    path = tmp_path / "kvsctl.rb"
    path.write_bytes(printed.stdout)
    read = subprocess.run([program("ruby"), "-wc", str(path)], capture_output=True, check=False)
    assert (read.returncode, read.stdout.strip(), read.stderr) == (0, b"Syntax OK", b"")


@only_on(IS_LINUX, "RuboCop is a package of Debian")
def test_it_has_the_style_of_homebrew(wheel: Path, tmp_path: Path) -> None:
    """Homebrew's own cops, of `brew style`, need Homebrew."""
    text = formula(wheel, LOCK, "someone/kvsctl")
    for name, formed, status in [
        ("kvsctl.rb", text, 0),
        ("other.rb", text.replace('"MIT"', "'MIT'"), 1),
    ]:
        (tmp_path / name).write_text(formed)
        words = ["--cache", "false", "--config", str(_PROGRAM.with_name("rubocop.yml")), name]
        checked = subprocess.run(
            [program("rubocop"), *words], cwd=tmp_path, capture_output=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (status, b""), checked.stdout.decode()


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("other-1.2.3-py3-none-any.whl", "someone/kvsctl"),
        ("kvsctl-1.2.3.tar.gz", "someone/kvsctl"),
        ("kvsctl-1.2.3-py3-none-any.whl", 'x"/kvsctl'),
    ],
)
def test_what_is_no_wheel_or_repository_is_refused(
    tmp_path: Path, name: str, repository: str
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match="not "):
        formula(tmp_path / name, LOCK, repository)
