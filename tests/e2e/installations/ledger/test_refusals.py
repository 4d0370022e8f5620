"""What refuses the rest of a job says whether earlier runs, by its ledger, have changed records."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.e2e.installations.support import ALL, let_fail
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, signalled_in_terminal
from tests.support.commands.server import served
from tests.support.commands.serving import serving

_ONE_BY_ONE = ("--at-once", "1", "--stop-after-failed-installations", "1")
_DELETE = ("delete", *ALL, "--prefix", "tmp:", *_ONE_BY_ONE, "--ledger")
_RULE = '[[rules]]\nname = "old"\nprefix = "tmp:"\naction = "delete"\n'


@contextmanager
def _stores(kvsctl: Command) -> Iterator[tuple[Command, str]]:
    """Serve three stores, each with two records to delete. Yield the command, and the URL."""
    names = [word for name in "abc" for word in ("--installation", name)]
    with serving(kvsctl, *names) as url:
        inside = kvsctl.having(FORGE_EGRESS_PROXY_URL=url)
        inside("set", *ALL, "-q", "tmp:1=1", "tmp:2=2", status=0)
        yield inside, url


def _stop_after_first(inside: Command, url: str, *words: str | Path, folder: Path) -> None:
    """Carry out the job on the first store. The second one refuses, so the third is not begun."""
    let_fail(url, "refuse-installation=b:403")
    ended = inside(*words, "--yes", status=4, folder=folder)
    assert b"gave up after 1 installation failed" in ended.err
    let_fail(url, "")


def test_a_limit_says_that_nothing_more_was_deleted(kvsctl: Command, tmp_path: Path) -> None:
    words = (*_DELETE, "ledger")
    with _stores(kvsctl) as (inside, url):
        _stop_after_first(inside, url, *words, folder=tmp_path)
        for most, where in (("1", "installation b: 2"), ("3", "in all installations: 4")):
            ended = inside(*words, "--yes", "--max-delete", most, status=2, folder=tmp_path)
            said = f"kvsctl: {where} records would be deleted, and --max-delete is {most}: "
            assert f"{said}nothing more was deleted\n".encode() in ended.err
        assert len(inside("list", *ALL, status=0).lines) == 4


def test_a_job_of_which_nothing_was_done_says_so(kvsctl: Command, tmp_path: Path) -> None:
    words = (*_DELETE, "ledger", "--yes", "--max-delete", "1")
    with _stores(kvsctl) as (inside, _):
        for _ in range(2):
            ended = inside(*words, status=2, folder=tmp_path)
            assert b"and --max-delete is 1: nothing was deleted\n" in ended.err


def test_a_complete_ledger_that_starts_anew_has_no_earlier_run(
    kvsctl: Command, tmp_path: Path
) -> None:
    words = (*_DELETE, "ledger", "--yes")
    with _stores(kvsctl) as (inside, _):
        inside(*words, status=0, folder=tmp_path)
        inside("set", *ALL, "-q", "tmp:1=1", "tmp:2=2", status=0)
        ended = inside(*words, "--max-delete", "1", status=2, folder=tmp_path)
    assert b"and --max-delete is 1: nothing was deleted\n" in ended.err


def test_an_answer_of_no_and_a_signal_say_so(kvsctl: Command, tmp_path: Path) -> None:
    words = (*_DELETE, tmp_path / "ledger")
    with _stores(kvsctl) as (inside, url):
        _stop_after_first(inside, url, *words, folder=tmp_path)
        refused = in_terminal(inside, *words, typed=b"n\n", columns=200)
        ended = signalled_in_terminal(inside, *words, number=signal.SIGINT)
    assert "not confirmed: nothing more was deleted" in refused.text
    assert "before the question was answered: nothing more was deleted" in ended.text
    assert (refused.status, ended.status) == (2, 130)


@pytest.mark.parametrize("command", ["expire", "clean"])
def test_other_clean_ups_say_so(kvsctl: Command, tmp_path: Path, command: str) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(_RULE, "utf-8")
    options = {"expire": ("--prefix", "tmp:", "--ttl", "1d"), "clean": ("-f", str(rules))}
    done = {"expire": "changed", "clean": "deleted"}[command]
    words = [command, *ALL, *options[command], *_ONE_BY_ONE, "--ledger", str(tmp_path / "ledger")]
    with _stores(kvsctl) as (inside, url):
        _stop_after_first(inside, url, *words, folder=tmp_path)
        refused = in_terminal(inside, *words, typed=b"n\n", columns=200)
    assert f"not confirmed: nothing more was {done}" in refused.text


def test_plans_say_so(kvsctl: Command, tmp_path: Path) -> None:
    plans = tmp_path / "p-{installation}.jsonl"
    words = ("apply", *ALL, plans, *_ONE_BY_ONE, "--ledger", tmp_path / "ledger")
    with _stores(kvsctl) as (inside, url):
        inside("delete", *ALL, "--prefix", "tmp:", "--plan", plans, status=0)
        _stop_after_first(inside, url, *words, folder=tmp_path)
        refused = in_terminal(inside, *words, typed=b"n\n", columns=200)
        limited = inside(*words, "--yes", "--max-delete", "1", status=2)
    assert "not confirmed: nothing more was changed" in refused.text
    assert b"and --max-delete is 1: nothing more was changed\n" in limited.err


def test_a_sync_says_so(kvsctl: Command, tmp_path: Path) -> None:
    source = embedded(tmp_path / "golden.db")
    with _stores(kvsctl) as (inside, url), served(source) as golden:
        kvsctl("set", "--url", golden, "new=1", status=0)
        words = ["sync", "--from", golden, *ALL, "--all", *_ONE_BY_ONE]
        words += ["--ledger", str(tmp_path / "ledger")]
        _stop_after_first(inside, url, *words, folder=tmp_path)
        refused = in_terminal(inside, *words, typed=b"n\n", columns=200)
        source.arm(read_faults("latency-ms=1500"))
        ended = inside(*words, "--yes", "--max-duration", "1s", status=75)
    assert "not confirmed: nothing more was written" in refused.text
    assert b" was up before the source was read: nothing more was written\n" in ended.err
