"""Every example of every help page works as it stands, pasted into a shell."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final

import pytest

from kvsctl.cli.help.about import about_of
from kvsctl.cli.help.about.form import Example
from kvsctl.cli.help.topics import TOPICS
from tests.cli.help.pages import COMMANDS, HELP, TOPIC_PAGES, page
from tests.support.commands.command import KVSCTL, Command
from tests.support.needs import program

_PAGES: Final = {
    **{" ".join(("kvsctl", *words)): about_of(words).examples for words in COMMANDS},
    **{f"kvsctl help {name}": topic.examples for name, topic in TOPICS.items()},
}
_SECONDS: Final = 120


@pytest.mark.parametrize("words", [*HELP, *TOPIC_PAGES], ids=" ".join)
def test_a_page_begins_with_a_sentence_and_two_or_three_examples(words: tuple[str, ...]) -> None:
    first, empty, heading, *rest = page(*words).splitlines()
    assert re.fullmatch(r"[A-Z][^.]+\.", first)
    assert (empty, heading) == ("", "Examples:")
    texts = [line for line in rest[: rest.index("")] if not line.startswith("    ")]
    assert len(texts) in (2, 3)
    assert all(re.fullmatch(r"  [A-Z].*:", text) for text in texts)


@pytest.mark.parametrize("name", _PAGES)
def test_the_examples_fit_on_80_columns(name: str) -> None:
    lines = [line for _, *commands in _PAGES[name] for line in commands]
    assert [line for line in lines if len(line) > 76] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", _PAGES)
def test_the_examples_of_a_page_work_one_after_the_other(
    kvsctl: Command, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    for example in _PAGES[name]:
        _run(example, kvsctl, folder)


def _run(example: Example, kvsctl: Command, folder: Path) -> None:
    """Run an example in a shell of its own, in an empty folder, without a terminal.

    Only the port differs: another program may use it on the machine of the tests.
    """
    _, *commands = example
    port = str(_free_port())
    script = "\n".join(commands).replace("8787", port)
    serves = script.startswith("kvsctl serve") and "&" not in script
    if serves and port not in script:
        script += f" --port {port}"
    started = subprocess.Popen(
        [program("bash"), "-e", "-c", script],
        cwd=folder,
        env=kvsctl.environ | {"PATH": f"{KVSCTL.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    first = ""
    try:
        if serves and started.stdout is not None:
            first = started.stdout.readline()
            os.killpg(started.pid, signal.SIGTERM)
        out, err = started.communicate(timeout=_SECONDS)
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
    assert started.returncode == 0, (script, out, err)
    if serves:
        assert first == f"http://127.0.0.1:{port}\n"
    assert "Traceback" not in err


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
