"""The line that a report gives to retry failures works when it is pasted."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.talk.pasting import line_of, run_pasted
from tests.support.commands.command import Command
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

pytestmark = only_on(IS_POSIX, "lines are pasted into a POSIX shell")

_CSV = "id,age\n1,36\n2,41\n3,50\n4,60\n"
_SHAPE = ["--key", "user:{id}", "--infer-types", "--ttl", "7d"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--failures", "failed.jsonl"], "--retries 0 --ttl 7d -f failed.jsonl"),
        (["--failures", "my failed; $records.jsonl"], "-f 'my failed; $records.jsonl'"),
        ([], "--failures failed.jsonl"),
        (["--journal", "j"], "--journal j --retry-failed"),
    ],
)
def test_of_a_load(kvsctl: Command, words: Sequence[str], line: str) -> None:
    (kvsctl.home / "users.csv").write_text(_CSV, "utf-8")
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        given = ["--url", url, "-f", "users.csv", *_SHAPE, "--batch-size", "2", "--retries", "0"]
        first = kvsctl("set", *given, *words, "-c", "1", status=1, folder=kvsctl.home)
        assert b"2 succeeded" in first.err
        pasted = line_of(first)
        assert pasted.endswith(line)
        again = run_pasted(kvsctl, pasted)
        assert (again.status, b"failed" in again.err.split(b"\n")[1]) == (0, False), again
        got = kvsctl("get", "--url", url, *(f"user:{n}" for n in (1, 2, 3, 4)), "--metadata")
    assert [one["value"]["age"] for one in got.lines] == [36, 41, 50, 60]
    assert all("expireTime" in one for one in got.lines)


@pytest.mark.parametrize("option", ["--infer-types", "--infer-types=age", "--infer-types='a b,c'"])
def test_the_columns_that_are_parsed_are_given_again(kvsctl: Command, option: str) -> None:
    (kvsctl.home / "users.csv").write_text("id,age,a b,c\n1,36,1,2\n", "utf-8")
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        given = ["--url", url, "-f", "users.csv", "--key", "{id}", "--retries", "0"]
        first = kvsctl("set", *given, option.replace("'", ""), status=1, folder=kvsctl.home)
        assert option in line_of(first).replace("'--infer-types=a b,c'", option)
        assert run_pasted(kvsctl, line_of(first)).status == 0


def test_of_keys_that_were_missing(kvsctl: Command) -> None:
    local = kvsctl.having(KVSCTL_TARGET="local")
    (kvsctl.home / "keys.txt").write_text("a\nb c\nd\n", "utf-8")
    local("set", "a=1", status=0)
    first = local("get", "-f", "keys.txt", "--values", status=1, folder=kvsctl.home)
    assert line_of(first) == "kvsctl get -t local --values 'b c' d"
    local("set", "b c=2", "d=3", status=0)
    again = run_pasted(local, line_of(first))
    assert (again.status, again.out, again.err) == (0, b"2\n3\n", b"")


def test_the_store_is_named_that_a_variable_chose_for_one_command(kvsctl: Command) -> None:
    """The shell into which the line is pasted does not have that variable."""
    (kvsctl.home / "config.toml").write_text('default = "local"\n', "utf-8")
    at = kvsctl.having(KVSCTL_CONFIG=str(kvsctl.home / "config.toml"))
    at("set", "a=1", status=0)
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        once = at.having(KVSCTL_URL=url)
        pasted = line_of(once("delete", "a", "--retries", "0", status=1))
        assert run_pasted(at, pasted).status == 0
    assert at("get", "a", "--values", status=0).out == b"1\n"


def test_of_a_deletion_in_an_entity(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        first = at("delete", "a", "b", "--entity", "session", "--retries", "0", status=1)
        assert line_of(first) == f"kvsctl delete --url {url} --retries 0 --entity session a b"
        assert run_pasted(at, line_of(first)).status == 0


def test_a_file_that_is_there_already_is_not_named(kvsctl: Command) -> None:
    source = kvsctl.home / "in.jsonl"
    source.write_text('{"key":"a/b","value":1}\n', "utf-8")
    (kvsctl.home / "failed.jsonl").write_text("mine", "utf-8")
    words = ["set", "-t", "local", "-f", "in.jsonl"]
    first = kvsctl(*words, status=1, folder=kvsctl.home)
    assert line_of(first).endswith("--failures failed-2.jsonl")
    source.write_text('{"key":"a","value":1}\n', "utf-8")
    assert run_pasted(kvsctl, line_of(first)).status == 0


def test_many_failures_have_a_line_too(kvsctl: Command) -> None:
    (kvsctl.home / "keys.txt").write_text("".join(f"k{n}\n" for n in range(30)), "utf-8")
    words = ["get", "-t", "local", "-f", "keys.txt"]
    first = kvsctl(*words, status=1, folder=kvsctl.home)
    assert line_of(first) == "kvsctl get -f keys.txt -t local --failures failed.jsonl"
    again = run_pasted(kvsctl, line_of(first))
    assert (again.status, line_of(again)) == (1, "kvsctl get -t local -f failed.jsonl")
    kvsctl("set", "-t", "local", *(f"k{n}=1" for n in range(30)), status=0)
    assert run_pasted(kvsctl, line_of(again)).status == 0


@pytest.mark.parametrize(
    "words",
    [
        ["set", "-t", "local", "a/b=hidden-value"],
        ["set", "-t", "local", "-f", "-"],
        ["set", "--token-command", "echo hidden-value", "--url", "http://127.0.0.1:1", "a/b=1"],
    ],
)
def test_no_line_shows_a_value_or_a_token(kvsctl: Command, words: list[str]) -> None:
    ended = kvsctl(*words, stdin=b'{"key":"a/b","value":"hidden-value"}\n', status=1)
    assert b"  kvsctl " not in ended.err
    assert b"hidden-value" not in ended.err


def test_a_line_that_sends_all_again_says_so(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"a/b","value":1}\n', "utf-8")
    (kvsctl.home / "keys.txt").write_text("".join(f"k{n}\n" for n in range(30)), "utf-8")
    local = kvsctl.having(KVSCTL_TARGET="local")
    ended = local("set", "-f", "in.jsonl", status=1, folder=kvsctl.home)
    assert b"To send all of it again and keep what fails:\n  kvsctl set -f" in ended.err
    ended = local("get", "-f", "keys.txt", status=1, folder=kvsctl.home)
    assert b"To read all of it again and keep what fails:\n  kvsctl get -f" in ended.err


def test_the_name_of_a_protected_target_must_be_given_again(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"a","value":1}\n', "utf-8")
    config = kvsctl.home / "config.toml"
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        config.write_text(f'[targets.prod]\nurl = "{url}"\nprotected = true\n', "utf-8")
        at = kvsctl.having(KVSCTL_CONFIG=str(config), KVSCTL_TARGET="prod")
        words = ["--confirm", "prod", "--retries", "0", "-f", "in.jsonl"]
        first = at("set", *words, status=1, folder=kvsctl.home)
        pasted = line_of(first)
        assert "--confirm" not in pasted
        again = run_pasted(at, pasted)
        assert (again.status, b"protected" in again.err) == (2, True)
        assert run_pasted(at, f"{pasted} --confirm prod").status == 0


def test_of_an_export(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "only=batch/get,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "--ttl", "7d", "a=1", "b=2", status=0)
        words = ["--consistent", "--retries", "0", "--failures", "failed.jsonl"]
        first = at("export", *words, status=1, folder=kvsctl.home)
        pasted = line_of(first)
        assert pasted.endswith("--metadata=expires -f failed.jsonl")
        again = run_pasted(at, pasted)
        assert again.status == 0
        assert all(line["expireTime"] for line in again.lines)
        assert len(again.lines) == 2
        (kvsctl.home / "all.jsonl").write_bytes(again.out)
        at("set", "-f", "all.jsonl", status=0, folder=kvsctl.home)
        assert "expireTime" in at("get", "a", "--metadata=expires", status=0).lines[0]


def test_an_export_without_a_failures_file_has_none(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "only=batch/get,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "a=1", status=0)
        ended = at("export", "--consistent", "--retries", "0", status=1)
    assert b"  kvsctl " not in ended.err


@pytest.mark.parametrize("journal", [[], ["--journal", "j"]])
def test_of_a_sync(kvsctl: Command, journal: list[str]) -> None:
    kvsctl("set", "-t", "local", "s:1=1", "s:2=2", status=0)
    with serving(kvsctl, "--faults", "only=batch/set,500=1,first=1") as url:
        words = ["--from", "local", "--url", url, "-y", "--retries", "0", *journal, "s:"]
        pasted = line_of(kvsctl("sync", *words, status=1, folder=kvsctl.home))
        given = ["--from", "local", "--url", url, "-y", "--retries", "0", *journal]
        assert pasted.split() == ["kvsctl", "sync", *given, "s:"]
        assert run_pasted(kvsctl, pasted).status == 0
        assert len(kvsctl("list", "--url", url, status=0).out.split()) == 2


def test_of_a_sync_with_a_failures_file(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", "s:1=1", status=0)
    with serving(kvsctl, "--faults", "only=batch/set,500=1,first=1") as url:
        words = ["--from", "local", "--url", url, "-y", "--retries", "0", "--failures", "f.jsonl"]
        first = kvsctl("sync", "--all", *words, status=1, folder=kvsctl.home)
        assert b"Failed records are in f.jsonl. To retry what failed:\n" in first.err
        assert run_pasted(kvsctl, line_of(first)).status == 0


@pytest.mark.parametrize("more", [[], ["--journal", "j"], ["--undo", "undo.jsonl"]])
def test_of_a_plan(kvsctl: Command, more: list[str]) -> None:
    with serving(kvsctl, "--faults", "only=batch/delete,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "tmp:1=1", "tmp:2=2", status=0)
        at("delete", "--prefix", "tmp:", "--plan", "-plan", status=0, folder=kvsctl.home)
        words = ["-y", "--retries", "0", *more, "./-plan"]
        first = at("apply", *words, status=1, folder=kvsctl.home)
        if "--undo" in more:
            assert b"  kvsctl " not in first.err
            return
        pasted = line_of(first)
        assert pasted.startswith("kvsctl apply ")
        assert "./-plan" in pasted.split()
        assert ("--retry-failed" in pasted) == ("--journal" in more)
        assert run_pasted(at, pasted).status == 0
        assert at("list", status=0).out == b""


def test_a_plan_from_stdin_has_none(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "only=batch/delete,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "tmp:1=1", status=0)
        at("delete", "--prefix", "tmp:", "--plan", "p", status=0, folder=kvsctl.home)
        plan = (kvsctl.home / "p").read_bytes()
        ended = at("apply", "-", "-y", "--retries", "0", stdin=plan, status=1)
    assert b"  kvsctl " not in ended.err


def test_one_line_reads_the_files_of_all_parts(kvsctl: Command) -> None:
    """It names the files that have failures, and needs no workers."""
    lines = '{"key":"a","value":1}\n{"key":"b/c","value":1}\n'
    source, failures = kvsctl.home / "in.jsonl", kvsctl.home / "f-{shard}.jsonl"
    source.write_text(lines, "utf-8")
    words: list[str | Path] = ["set", "-t", "local", "-f", source, "--workers", "2"]
    ended = kvsctl.process(*words, "--failures", failures, status=1)
    assert b"1 failed" in ended.err
    files = [kvsctl.home / f"f-{number}.jsonl" for number in (1, 2)]
    [failed] = [file for file in files if file.read_bytes()]
    assert line_of(ended) == f"kvsctl set -t local -f {failed}"


def test_the_line_of_several_installations_has_no_token_command(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"b/c","value":1}\n', "utf-8")
    with serving(kvsctl, "--token", "one=t1", "--token", "two=t2") as url:
        entries = [
            {"installation": name, "url": url, "token_command": f"echo t{number}"}
            for number, name in enumerate(("one", "two"), 1)
        ]
        installations = kvsctl.home / "installations"
        installations.write_text("".join(f"{json.dumps(one)}\n" for one in entries), "utf-8")
        words = ["-t", "forge", "--installations-file", str(installations), "-f", "in.jsonl"]
        ended = kvsctl("set", *words, status=1, folder=kvsctl.home)
    assert b"2 failed" in ended.err
    assert b"To send all of it again and keep what fails:\n" in ended.err
    pasted = shlex.split(line_of(ended))
    assert sorted(pasted) == sorted(
        ["kvsctl", "set", *words, "--failures", "failed-{installation}.jsonl"]
    )


def test_what_passed_its_checks_and_failed_then_has_one(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"a","value":1}\n', "utf-8")
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        words = ["--check-first", "--retries", "0", "-f", "in.jsonl", "--failures", "f.jsonl"]
        first = at("set", *words, status=1, folder=kvsctl.home)
        assert line_of(first) == f"kvsctl set --url {url} --retries 0 -f f.jsonl"
        assert run_pasted(at, line_of(first)).status == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.jsonl", '{"id":"a","age":1}\n{"id":\n'),
        ("in.csv", "id,age\na,1\n,2\n"),  # EMPTY_KEY
        ("many.csv", "id,age\n" + ",2\n" * 3000),
    ],
)
def test_lines_that_must_be_mended_first_are_said_with_the_failures_file(
    kvsctl: Command, name: str, text: str
) -> None:
    (kvsctl.home / name).write_text(text, "utf-8")
    words = ["-t", "local", "--key", "user:{id}", "-f", name, "--failures", "f.jsonl"]
    ended = kvsctl("set", *words, status=1, folder=kvsctl.home)
    assert (
        b'Failed records are in f.jsonl: write the lines with "raw" as records first.' in ended.err
    )
    assert b'"raw"' in (kvsctl.home / "f.jsonl").read_bytes()


def test_failed_records_that_were_read_are_not_called_lines_to_mend(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"with*star","value":1}\n', "utf-8")
    words = ["-t", "local", "-f", "in.jsonl", "--failures", "f.jsonl"]
    ended = kvsctl("set", *words, status=1, folder=kvsctl.home)
    assert b"Failed records are in f.jsonl. To retry what failed:" in ended.err
    assert b'"raw"' not in (kvsctl.home / "f.jsonl").read_bytes()


@pytest.mark.parametrize("where", [["--token-command", "echo t"], []])
def test_a_failures_file_is_named_where_the_options_are_secret(
    kvsctl: Command, where: list[str]
) -> None:
    words = ["-t", "local", "a/b=1"] if not where else ["--url", "http://127.0.0.1:1", *where]
    words = words if not where else [*words, "a/b=1"]
    ended = kvsctl("set", *words, "--failures", "f.jsonl", status=1, folder=kvsctl.home)
    text = ended.err.decode()
    assert "Failed records are in f.jsonl." in text
    assert ("Retry them with kvsctl set -f." in text) == bool(where)
    assert "echo t" not in text


def test_a_run_without_failures_and_programs_have_none(kvsctl: Command) -> None:
    assert b"To retry" not in kvsctl("set", "-t", "local", "a=1", status=0).err
    ended = kvsctl("get", "-t", "local", "b", "--json", status=1)
    assert b"To retry" not in ended.err
    assert json.loads(ended.err)["failed"] == 1


def test_nothing_of_a_check_is_retried_alone(kvsctl: Command, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"key":"a/b","value":1}\n{"key":"c","value":1}\n', "utf-8")
    ended = kvsctl("set", "-t", "local", "--check-first", "-f", source, status=1)
    assert b"To retry" not in ended.err, "the record that is right was not sent either"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--where", "value.old"], "--prefix tmp: --where value.old -y --retries 0"),
        (["--match", "tmp:*", "--max-delete", "3"], "--match 'tmp:*' --prefix tmp: -y"),
        (["--protect", "safe.txt"], "--protect safe.txt"),
        (["--failures", "failed.jsonl"], "--failures failed.jsonl"),
        (["--undo", "undo-{date}.jsonl"], "--undo 'undo-{date}.jsonl'"),
        (["--undo", "undo.jsonl", "--journal", "j"], None),
        (["--journal", "j"], "--journal j"),
        (["--undo", "undo.jsonl", "--failures", "failed.jsonl"], None),
        (["--undo", "undo.jsonl"], None),
    ],
)
def test_of_a_command_that_chooses_what_it_deletes(
    kvsctl: Command, words: Sequence[str], line: str | None
) -> None:
    (kvsctl.home / "safe.txt").write_text("tmp:9\n", "utf-8")
    with serving(kvsctl, "--faults", "only=batch/delete,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        for key in "tmp:1", "tmp:2", "tmp:9":
            at("set", "-q", f'{key}={{"old":true}}', status=0)
        given = ["--prefix", "tmp:", "-y", "--retries", "0", *words]
        first = at("delete", *given, status=1, folder=kvsctl.home)
        if line is None:
            assert b"  kvsctl " not in first.err
            assert b"-f" not in first.err
            return
        pasted = line_of(first)
        assert pasted.startswith("kvsctl delete ")
        for word in line.split():
            assert word in pasted.split()
        assert "tmp:1" not in pasted
        for undo in kvsctl.home.glob("undo-*"):
            undo.unlink()  # the time in its name has seconds
        assert run_pasted(at, pasted).status == 0


def test_of_ttls_that_were_not_given(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "script=ok:ok:ok:500") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "log:1=1", "log:2=2", status=0)
        words = ["--ttl", "30d", "--no-expiry", "-y", "--retries", "0"]
        first = at("expire", "log:", *words, status=1)
        pasted = line_of(first)
        assert pasted.startswith("kvsctl expire ")
        assert pasted.endswith(" log:")
        assert {"--no-expiry", "30d", "-y"} <= set(pasted.split())
        assert run_pasted(at, pasted).status == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--consistent"], "kvsctl export --url URL --retries 0 -o out.jsonl --consistent tmp:"),
        (["--consistent", "--journal", "j"], None),
        (
            ["--consistent", "--failures", "f"],
            "kvsctl export --url URL --retries 0 -o out.jsonl --consistent --failures f tmp:",
        ),
    ],
)
def test_of_a_whole_export(kvsctl: Command, words: Sequence[str], line: str | None) -> None:
    with serving(kvsctl, "--faults", "only=batch/get,500=1,first=1") as url:
        at = kvsctl.having(KVSCTL_URL=url)
        at("set", "-q", "tmp:1=1", "tmp:2=2", "keep=3", status=0)
        given = ["tmp:", "-o", "out.jsonl", "--retries", "0", *words]
        pasted = line_of(at("export", *given, status=1, folder=kvsctl.home))
        if line is not None:
            assert sorted(pasted.split()) == sorted(line.replace("URL", url).split())
        assert run_pasted(at, pasted).status == 0
    assert (kvsctl.home / "out.jsonl").read_bytes().count(b"\n") == 2
