"""The examples of the README and of docs/ print what is shown, run as they stand."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.e2e.documents.pages import PAGES, ROOT, block, blocks
from tests.e2e.documents.typed import with_pass
from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.pseudo_terminal import run_with_terminal_stderr
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program

_PAGES: Final = [
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "input", "journal", "targets", "selectors", "whole-store", "clean-up", "probe",
            "many-processes",
        )
    ),
]  # fmt: skip
"""In the order in which their examples are run, on one store."""
_ELSEWHERE: Final = {"docs/bridge.md": "$", "docs/emulator.md": "$"}
"""Pages with examples that other tests run, and how these begin."""
_CUT: Final = {"kvsctl set -t local -f examples/faulty.jsonl"}
"""Examples of which the page says that it shows the beginning."""
_REAL_URL: Final = "https://api.atlassian.com/forge/storage/kvs"
"""In the place of this URL, the commands get that of a served store."""

pytestmark = only_on(IS_POSIX, "the examples need a POSIX shell")


class _Example(NamedTuple):
    page: str
    command: str
    shown: str


def _examples() -> list[_Example]:
    """Return each command of the pages' console blocks, with the output shown under it."""
    install = block("README.md", "sh", "python3 -m venv .venv && .venv/bin/pip install -q . ")
    first = install.strip().rpartition(".venv/bin/")[2]
    found = [_Example("README.md", first, block("README.md", "", "set  LOCAL"))]
    for page in _PAGES:
        for one in blocks(page, "console"):
            if one.text.startswith(_ELSEWHERE.get(page, "-")):
                continue
            text = one.text.replace("\\\n", "")
            for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = step.partition("\n")
                found.append(_Example(page, command, output))
    return found


def test_no_page_with_examples_is_left_out() -> None:
    assert {page for page in PAGES if blocks(page, "console")} == {*_PAGES, *_ELSEWHERE}


def _without_measurements(text: str, home: Path, url: str) -> str:
    """Replace paths, times and rates, which differ between runs."""
    text = text.replace(str(home), "/home/you").replace(url, _REAL_URL)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"\d+\.\d+ ms\b", "0 ms", text)
    return re.sub(r"\d+\.\d+ s\b", "0 s", re.sub(r" · [\d.,]+ keys/s", "", text))


def test_every_example_prints_what_is_shown(kvsctl: Command) -> None:
    program("jq")
    kvsctl = with_pass(kvsctl, "t" * 40)
    with serving(kvsctl, "--token", "t" * 40) as url:
        ran = sum(_runs(kvsctl, url, example) for example in _examples())
    assert ran >= 10


def _runs(kvsctl: Command, url: str, example: _Example) -> bool:
    """Run a command of an example if it can be run, and require that all it prints is shown."""
    home, command, shown = kvsctl.home, example.command, example.shown
    environ = kvsctl.environ | {"TERM": "dumb"}  # without colours and a progress bar
    if example.page != "README.md":
        environ["KVSCTL_TARGET"] = "local"  # for readers without a configuration file
    environ["PATH"] = f"{KVSCTL.parent}:{environ['PATH']}"
    with suppress(FileExistsError):
        (home / "examples").symlink_to(ROOT / "examples")
    words = command.split()
    if words[0] == "cat":  # the content of a file that the next command reads
        (home / words[1]).write_text(shown, "utf-8")
        return False
    script = command.replace(_REAL_URL, url)
    ended = run_with_terminal_stderr(["bash", "-c", script], environ, folder=home)
    out, err = (_without_measurements(one.decode(), home, url) for one in (ended.out, ended.err))
    wanted = _without_measurements(shown, home, url)
    whole = (out + err, err + out)  # both streams end on the terminal of a reader
    is_cut = command in _CUT and err.startswith(wanted)
    assert wanted in whole or is_cut, f"$ {command}\n{out}{err}"
    assert shown or ended.status == 0, command
    return True
