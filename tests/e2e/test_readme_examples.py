"""The examples of the README and of docs/ print what is shown, run as they stand."""

import re
from pathlib import Path
from typing import Final

from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.pseudo_terminal import run_with_terminal_stderr
from tests.support.needs import IS_POSIX, only_on, program

_ROOT: Final = Path(__file__).parents[2]
_README: Final = (_ROOT / "README.md").read_text("utf-8")
_WHOLE_STORE: Final = (_ROOT / "docs/whole-store.md").read_text("utf-8")
_CLEAN_UP: Final = (_ROOT / "docs/clean-up.md").read_text("utf-8")
_MANY_PROCESSES: Final = (_ROOT / "docs/many-processes.md").read_text("utf-8")
_PROBE: Final = (_ROOT / "docs/probe.md").read_text("utf-8")
_FENCE: Final = "```"

pytestmark = only_on(IS_POSIX, "the examples need a POSIX shell")


def _examples() -> list[tuple[str, str]]:
    """Return each command of the README's console blocks, with the output shown under it."""
    install = re.search(r"<!-- run -->\n```sh\n.*\.venv/bin/(kvsctl .*)\n```\n\n```\n", _README)
    assert install is not None
    first_output = _README[install.end() :].partition(_FENCE)[0]
    found = [(install[1], first_output)]
    for block in re.findall(
        rf"^{_FENCE}console\n(.*?)^{_FENCE}",
        _README + _WHOLE_STORE + _CLEAN_UP + _PROBE + _MANY_PROCESSES,
        re.M | re.S,
    ):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = step.partition("\n")
            found.append((command, output))
    return found


def _without_measurements(text: str, home: Path) -> str:
    """Replace paths, times and rates, which differ between runs."""
    text = text.replace(str(home), "/home/you")
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\d+\.\d+ ms\b", "0 ms", text)
    return re.sub(r"\d+\.\d+ s\b", "0 s", re.sub(r"[\d,]+ keys/s", "0 keys/s", text))


def test_every_example_prints_what_is_shown(kvsctl: Command) -> None:
    program("jq")
    home = kvsctl.home
    environ = kvsctl.environ | {"TERM": "dumb"}  # without colours and a progress bar
    environ["PATH"] = f"{KVSCTL.parent}:{environ['PATH']}"
    (home / "examples").symlink_to(_ROOT / "examples")
    ran = 0
    for command, shown in _examples():
        words = command.split()
        if words[0] == "cat":  # the content of a file that the next command reads
            (home / words[1]).write_text(shown, "utf-8")
        elif "serve" in words:
            continue  # has a port of its own, and never ends
        else:
            shell = ["bash", "-c", command]
            ended = run_with_terminal_stderr(shell, environ, folder=home)
            printed = _without_measurements((ended.out + ended.err).decode(), home)
            assert _without_measurements(shown, home) in printed, f"$ {command}\n{printed}"
            assert shown or ended.status == 0, command
            ran += 1
    assert ran >= 10
