"""A damaged installation: the command says so, and what to do, in two lines."""

import compileall
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kvsctl as package
from tests.support.commands.command import Command, Ended

_HINT = b"Reinstall kvsctl, or delete the __pycache__ folders of its environment."
_RUN = "import sys; sys.path.insert(0, {!r})\nfrom kvsctl.__main__ import main; main()"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package and its byte code."""
    folder = tmp_path_factory.mktemp("installed")
    source = Path(package.__file__).parent
    shutil.copytree(source, folder / "kvsctl", ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(folder, quiet=1)
    return folder


def _ended(kvsctl: Command, folder: Path, *words: str) -> Ended:
    program = [sys.executable, "-c", _RUN.format(str(folder)), *words]
    done = subprocess.run(
        program, env=kvsctl.environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


def _byte_code(folder: Path, module: str) -> Path:
    path = folder / "kvsctl" / module
    return path.parent / "__pycache__" / f"{path.name}.{sys.implementation.cache_tag}.pyc"


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize(
    ("module", "start", "status"),
    [
        ("entry", b"kvsctl: cannot start: ", 2),
        ("errors", b"kvsctl: cannot start: ", 2),
        ("unexpected", b"kvsctl: cannot start: ", 2),
        ("cli/app", b"kvsctl: cannot start: %s: ", 2),
        ("cli/commands/records/set", b"kvsctl: cannot start: %s: ", 2),
        ("jobs/job", b"kvsctl: cannot start: %s: ", 2),
        ("emulator/storage/rows", b"kvsctl: cannot continue: %s: ", 5),
        ("report/failures_table", b"kvsctl: cannot continue: %s: ", 5),
    ],
)
def test_torn_byte_code_is_named(
    kvsctl: Command, copy: Path, module: str, start: bytes, status: int, part: float
) -> None:
    torn = _byte_code(copy, module)
    code = torn.read_bytes()
    torn.write_bytes(code[: int(len(code) * part)])
    ended = _ended(kvsctl, copy, "set", "-t", "local", "a=1", f"{'k' * 600}=1")
    start = start.replace(b"%s", bytes(torn))
    lines = ended.err.splitlines()
    assert lines[-2].startswith(start), ended
    assert (lines[-1], ended.status) == (_HINT, status)
    assert b"Traceback" not in ended.err
    if status == 2:
        assert len(lines) == 2


@pytest.mark.parametrize("content", [None, "def broken(:\n", "import no_such_module\n"])
def test_a_missing_or_damaged_module_is_reported(
    kvsctl: Command, copy: Path, content: str | None
) -> None:
    source = copy / "kvsctl/jobs/job.py"
    source.unlink()
    if content is not None:
        source.write_text(content, "utf-8")
    ended = _ended(kvsctl, copy, "set", "-t", "local", "a=1")
    first, second = ended.err.splitlines()
    assert first.startswith(b"kvsctl: cannot start: "), ended
    assert (second, ended.status) == (_HINT, 2)


def test_the_copy_works(kvsctl: Command, whole: Path) -> None:
    """Otherwise the other tests would show nothing."""
    ended = _ended(kvsctl, whole, "set", "-t", "local", "a=1", f"{'k' * 600}=1")
    assert ended.status == 1, ended
    assert b"KEY_TOO_LONG" in ended.err
