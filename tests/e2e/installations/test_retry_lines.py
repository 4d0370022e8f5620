"""The line that retries failures in several installations works when it is pasted."""

import shlex

import pytest

from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command, Ended, records_file

_FAILING = ("--faults", "only=batch/set,500=1,first=1")


def _lines(ended: Ended) -> list[str]:
    return [one.strip() for one in ended.err.decode().splitlines() if one.startswith("  kvsctl ")]


@pytest.mark.parametrize("notes", [("--ledger", "l"), ("--journal", "j-{installation}")], ids=str)
def test_a_ledger_or_journals_know_what_has_failed(
    kvsctl: Command, notes: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(3)])
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        words = ("set", *ALL, "-f", "in.jsonl", *notes, "--retries", "0")
        (line,) = _lines(inside(*words, status=1))
        pasted = shlex.split(line)
        assert pasted[-1] == "--retry-failed"
        again = inside(*pasted[1:], status=0)
        assert _lines(again) == []
        assert len(inside("list", *ALL, status=0).lines) == 6


def test_a_command_that_chooses_its_records_chooses_them_anew(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], "--faults", "only=batch/delete,500=1,first=1") as inside:
        inside("set", *ALL, "tmp:1=1", "keep=2", status=0)
        words = ("delete", *ALL, "--prefix", "tmp:", "-y", "--retries", "0")
        (line,) = _lines(inside(*words, status=1))
        inside(*shlex.split(line)[1:], status=0)
        assert [one["key"] for one in inside("list", *ALL, status=0).lines] == ["keep", "keep"]


def test_a_sync_is_repeated_without_its_plans(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        inside("set", "-t", "local", "a=1", "b=2", status=0)
        words = ("sync", "--from", "local", *ALL, "--all", "-y", "--retries", "0")
        (line,) = _lines(inside(*words, "--plan", "plan-{installation}", status=1))
        again = inside(*shlex.split(line)[1:], status=0)
        assert _lines(again) == []
        assert len(inside("list", *ALL, status=0).lines) == 4


def test_reads_that_failed_are_not_repeated_by_a_line(kvsctl: Command) -> None:
    with container(kvsctl, ["i0", "i1"], "--faults", "only=batch/get,refuse=b:ODD") as inside:
        inside("set", *ALL, "a=1", "b=2", status=0)
        files = kvsctl.home / "{installation}.jsonl"
        inside("export", *ALL, "-o", files, status=0)
        words = ("verify", files, "--against", "container", "--all-installations")
        ended = inside(*words, status=1)
        assert b"2 failed" in ended.err
        assert _lines(ended) == []


@pytest.mark.parametrize(
    "words",
    [("set", "-f", "in.jsonl"), ("set", "k1=1", "--ttl", "7d"), ("set", "k1=1", "--ledger", "l")],
    ids=str,
)
def test_the_failures_files_of_all_are_read_again(
    kvsctl: Command, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": "k1", "value": 1}])
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        given = (words[0], *ALL, *words[1:], "--failures", "f-{installation}.jsonl")
        ended = inside(*given, "--retries", "0", status=1)
        assert b"Failed records are in f-{installation}.jsonl. To retry what failed:" in ended.err
        (pasted,) = _lines(ended)
        assert shlex.split(pasted) == [
            *("kvsctl", "set", *ALL, "--retries", "0", *words[2:4] * ("--ttl" in words)),
            *("-f", "f-{installation}.jsonl"),
        ]
        inside(*shlex.split(pasted)[1:], status=0)
        assert [one["key"] for one in inside("list", *ALL, status=0).lines] == ["k1", "k1"]


@pytest.mark.parametrize("notes", [(), ("--ledger", "l"), ("--journal", "j-{installation}")])
def test_keys_that_are_deleted_are_input(
    kvsctl: Command, notes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without notes, the same command would also delete what has succeeded and was set anew.

    The line says that it sends all of it again.
    """
    monkeypatch.chdir(kvsctl.home)
    (kvsctl.home / "keys.txt").write_text("k1\nk2\n", "utf-8")
    with container(kvsctl, ["i0"], "--faults", "only=batch/delete,500=1,first=1") as inside:
        inside("set", *ALL, "k1=1", "k2=2", status=0)
        words = ("delete", *ALL, "-f", "keys.txt", *notes, "--retries", "0", "-c", "1")
        ended = inside(*words, "--batch-size", "1", status=1)
        assert (b"To retry what failed:" in ended.err) is bool(notes)
        assert (b"To send all of it again and keep what fails:" in ended.err) is not bool(notes)
        (line,) = _lines(ended)
        assert ("--failures" in line) is not bool(notes)
        inside(*shlex.split(line)[1:], status=0)
        assert inside("list", *ALL, status=0).lines == []


def test_the_plans_of_all_are_applied_again(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], "--faults", "only=batch/delete,500=1,first=1") as inside:
        inside("set", *ALL, "tmp:1=1", "keep=2", status=0)
        inside("delete", *ALL, "--prefix", "tmp:", "--plan", "p-{installation}", status=0)
        ended = inside("apply", *ALL, "p-{installation}", "-y", "--retries", "0", status=1)
        (line,) = _lines(ended)
        inside(*shlex.split(line)[1:], status=0)
        assert [one["key"] for one in inside("list", *ALL, status=0).lines] == ["keep", "keep"]


def test_an_export_to_stdout_has_no_line(kvsctl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0"], "--faults", "only=batch/get,500=1") as inside:
        inside("set", *ALL, "a=1", status=0)
        words = ("export", *ALL, "--consistent", "--retries", "0")
        assert _lines(inside(*words, status=1)) == []
        (line,) = _lines(inside(*words, "-o", "e-{installation}", status=1))
        assert "-o 'e-{installation}'" in line


@pytest.mark.parametrize("suffix", ["", "-2"])
def test_input_can_be_sent_again_with_a_file_for_each(
    kvsctl: Command, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are there are left alone."""
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": "k1", "value": 1}])
    if suffix:
        (kvsctl.home / "failed-i1.jsonl").touch()
    with container(kvsctl, ["i0", "i1"], "--faults", "refuse=k1:SOME_CODE") as inside:
        ended = inside("set", *ALL, "-f", "in.jsonl", "--canary", "1", status=4)
        assert b"To send all of it again and keep what fails:\n" in ended.err
        (line,) = _lines(ended)
        failures = f"failed-{{installation}}{suffix}.jsonl"
        words = ("kvsctl", "set", "-f", "in.jsonl", *ALL, "--canary", "1", "--failures", failures)
        assert sorted(shlex.split(line)) == sorted(words)
        inside(*shlex.split(line)[1:], status=4)
        assert b"k1" in (kvsctl.home / f"failed-i0{suffix}.jsonl").read_bytes()


def test_shards_of_installations_stay_apart(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of a shard reads its own failures files, and not those of the others."""
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": "k1", "value": 1}])
    faults = "only=batch/set,500=1,first=3"
    with container(kvsctl, ["i0", "i1", "i4"], "--faults", faults) as inside:
        pasted = []
        for shard in ("1/3", "2/3", "3/3"):
            words = ("set", *ALL, "--shard", shard, "-f", "in.jsonl", "--retries", "0")
            ended = inside(*words, "--failures", "f-{installation}.jsonl")
            pasted += [shlex.split(line)[1:] for line in _lines(ended)]
        assert [one[one.index("--shard") + 1] for one in pasted] == ["1/3", "2/3", "3/3"]
        for count, retrying in enumerate(pasted, 1):
            inside(*retrying, status=0)
            assert len(inside("list", *ALL, status=0).lines) == count


_STOPPED = ("--canary", "1", "--retries", "0")


@pytest.mark.parametrize("notes", [(), ("--ledger", "l"), ("--journal", "j-{installation}")])
def test_installations_that_were_not_begun_are_begun(
    kvsctl: Command, notes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no failures file with the records that they lack."""
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": "k1", "value": 1}])
    with container(kvsctl, ["i0", "i1", "i2"], *_FAILING) as inside:
        words = ("set", *ALL, "-f", "in.jsonl", *_STOPPED, "--failures", "f-{installation}.jsonl")
        ended = inside(*words, *notes, status=4)
        if not notes:
            does = "To send all of it again, to all installations:"
            assert f"Failed records are in f-{{installation}}.jsonl. {does}" in ended.err.decode()
        (line,) = _lines(ended)
        assert "--canary 1" in line
        assert "--failures 'f-{installation}.jsonl'" in line
        inside(*shlex.split(line)[1:], status=0)
        found = inside("list", *ALL, status=0).lines
        assert {one["installation"] for one in found} == {"i0", "i1", "i2"}


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ((), "To send all of it again, to all installations, run the same command again."),
        (
            ("--ledger", "l"),
            "To retry what failed and what was not begun, run the same command with "
            "--retry-failed.",
        ),
    ],
    ids=str,
)
def test_a_command_with_values_is_repeated_in_words(
    kvsctl: Command, notes: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        words = ("set", *ALL, "a=1", *_STOPPED, *notes, "--failures", "f-{installation}.jsonl")
        ended = inside(*words, status=4)
        assert _lines(ended) == []
        assert f"Failed records are in f-{{installation}}.jsonl. {said}" in ended.err.decode()


def test_an_installation_that_was_refused_has_no_file_to_read(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    records_file(kvsctl.home / "in.jsonl", [{"key": "k1", "value": 1}])
    faults = "refuse=k1:SOME_CODE,refuse-installation=i1:403"
    with container(kvsctl, ["i0", "i1"], "--faults", faults) as inside:
        words = ("set", *ALL, "-f", "in.jsonl", "--failures", "f-{installation}.jsonl")
        (line,) = _lines(inside(*words, status=1))
        assert inside(*shlex.split(line)[1:], status=1).err.count(b"cannot read") == 0


def test_what_nothing_noted_has_no_line(kvsctl: Command) -> None:
    with container(kvsctl, ["i0", "i1"], *_FAILING) as inside:
        assert _lines(inside("set", *ALL, "a=1", "--retries", "0", status=1)) == []


def test_what_is_written_in_place_of_raw_lines_goes_into_the_entity(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kvsctl.home)
    (kvsctl.home / "in.jsonl").write_text('{"key":"a"\n', "utf-8")
    with container(kvsctl, ["i0", "i1"]) as inside:
        for plain in (["a=1"], ["--entity", "person", 'a={"n":1}']):
            inside("set", *ALL, *plain, status=0)
        words = ("delete", *ALL, "-f", "in.jsonl", "--entity", "person")
        ended = inside(*words, "--failures", "f-{installation}.jsonl", status=1)
        assert b'write the lines with "raw" as records first.' in ended.err
        (line,) = _lines(ended)
        for name in ("i0", "i1"):
            (kvsctl.home / f"f-{name}.jsonl").write_text('{"key":"a"}\n', "utf-8")
        inside(*shlex.split(line)[1:], status=0)
        assert len(inside("list", *ALL, status=0).lines) == 2
        assert inside("list", *ALL, "--entity", "person", status=0).lines == []
