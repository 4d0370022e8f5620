"""What a report says where the command that retries is too long, or has odd characters in it."""

from collections.abc import Sequence

import pytest

from tests.e2e.talk.pasting import line_of, lines_of, run_pasted
from tests.support.commands.command import Command
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on


@only_on(IS_POSIX, "lines are pasted into a POSIX shell")
@pytest.mark.parametrize("entity", [[], ["--entity", "person"]])
def test_keys_that_a_terminal_cannot_show_are_piped(kvsctl: Command, entity: list[str]) -> None:
    keys = ["tab\tkey", "line\nfeed", "sp ace ", "it-is", "\u2003wide"]
    with serving(kvsctl, "--faults", "only=batch/delete,500=1,first=1") as url:
        words = ["--url", url, *entity, "--retries", "0", "--no-checks", *keys]
        line = line_of(kvsctl("delete", *words, status=1, folder=kvsctl.home))
        assert line.startswith("printf '%s\\n' '\"tab\\tkey\"' '\"line\\nfeed\"' '\"sp ace \"' ")
        assert " | kvsctl delete " in line
        again = run_pasted(kvsctl, line)
    assert (again.status, b"5 succeeded" in again.err) == (0, True), again.err


def _many() -> list[str]:
    return [f"key-{n}" for n in range(600)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            _many(),
            "To read all of it again and keep what fails, run the same command with --failures "
            "failed.jsonl.",
        ),
        (
            [*_many(), "--journal", "j", "-o", "o", "--unordered"],
            "To retry what failed, run the same command with --retry-failed.",
        ),
        (
            ["tab\tkey", "--journal", "j", "-o", "o"],
            "To retry what failed, run the same command with --retry-failed --unordered.",
        ),
        (
            ["k" * 250, "m" * 250, "n" * 250, "o" * 250],
            "To read all of it again and keep what fails, run the same command with --failures "
            "failed.jsonl.",
        ),
    ],
)
def test_a_line_that_is_too_long_is_said_in_words(
    kvsctl: Command, words: Sequence[str], said: str
) -> None:
    local = kvsctl.having(KVSCTL_TARGET="local")
    ended = local("get", *words, status=1, folder=kvsctl.home)
    assert lines_of(ended) == []
    assert f"{said}\n" in ended.err.decode()
    *_, flag, value = [word.rstrip(".") for word in said.split()]
    added = [flag, value] if flag.startswith("--") else [value]
    again = local("get", *words, *added, status=1, folder=kvsctl.home)
    assert b"failed" in again.err


@only_on(IS_POSIX, "a shell makes the pipes")
@pytest.mark.parametrize(
    "words",
    [
        "set -t local -f <(cat bad.jsonl)",
        "mkfifo pipe; cat bad.jsonl >pipe & kvsctl set -t local -f pipe",
        "set -t local -f /dev/stdin <bad.jsonl",
        "set --url $URL -f bad.jsonl --token-file <(echo t)",
        "get --url $URL absent --token-file <(echo t)",
        "delete --url $URL --all --protect <(echo kept) --retries 0 --yes",
    ],
)
def test_a_pipe_cannot_be_read_again(kvsctl: Command, words: str) -> None:
    (kvsctl.home / "bad.jsonl").write_text('{"key":"with*star","value":1}\n', "utf-8")
    with serving(kvsctl, "--faults", "only=batch/delete,500=1") as url:
        kvsctl("set", "--url", url, "k=1", status=0)
        line = words if words.startswith("mkfifo") else f"kvsctl {words}"
        ended = run_pasted(kvsctl.having(URL=url), line)
    assert ended.status == 1, ended.err
    assert b"1 failed" in ended.err
    assert lines_of(ended) == []


@only_on(IS_POSIX, "a shell makes the pipe")
def test_what_a_pipe_has_given_is_retried_from_the_failures_file(kvsctl: Command) -> None:
    (kvsctl.home / "bad.jsonl").write_text('{"key":"with*star","value":1}\n', "utf-8")
    words = "kvsctl set -t local -f <(cat bad.jsonl) --failures f.jsonl"
    assert line_of(run_pasted(kvsctl, words)) == "kvsctl set -t local -f f.jsonl"
