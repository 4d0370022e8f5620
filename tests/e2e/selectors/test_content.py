"""Selectors that look into records, and keys that are never chosen, against a served emulator."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_AGES = ("--older-than", "2026-02-01")
_VALUES = {
    "log-2026-01-30": {"at": 1_769_817_600_000, "closed": True, "n": 9007199254740993},
    "log-2026-01-31": {"at": "2026-01-31T00:00:00Z", "closed": True, "n": 9007199254740992},
    "log-2026-02-01": {"at": 1_769_904_000, "closed": False, "n": 1.5},
    "log-2026-02-30": {"at": 0, "closed": "yes", "n": "1"},
    "misc": {"at": "soon", "n": True},
}
_LINES = "".join(json.dumps({"key": key, "value": one}) + "\n" for key, one in _VALUES.items())
_JANUARY = ["log-2026-01-30", "log-2026-01-31"]


@pytest.fixture(params=["current", "omitted"])
def store(kvsctl: Command, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Command]:
    """kvsctl with a target that holds these values, whose queries may leave out times."""
    options = EmulatorOptions(query_metadata=request.param)
    with served(embedded(tmp_path / "db", options)) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "-f", "-", stdin=_LINES.encode(), status=0)
        yield there


@pytest.mark.parametrize(
    ("words", "keys", "undecided"),
    [
        (["--age-from", "value.at", *_AGES], _JANUARY, 2),
        (["--age-from", "value.at", "--newer-than", "2026-02-01"], ["log-2026-02-01"], 2),
        (["--age-from", "key:log-%Y-%m-%d", *_AGES], _JANUARY, 2),
        (
            ["--age-from", "key:log-%Y-%m-%d", *_AGES, "--exclude", "misc"],
            ["log-2026-01-30", "log-2026-01-31"],
            1,
        ),
        (["--where", "value.closed"], _JANUARY, 2),
        (["--where", "value.closed == `true`"], _JANUARY, 0),
        (["--where", "value.n == `9007199254740993`"], ["log-2026-01-30"], 0),
        (
            ["--where", "value.n > `9007199254740992`", "--where", "value.closed"],
            ["log-2026-01-30"],
            2,
        ),
        (["--where", "updatedAt > time('2026-01-01') && key == 'misc'"], ["misc"], 0),
        (["--where", "expireTime == `null` && createdAt == updatedAt"], list(_VALUES), 0),
    ],
)
def test_records_are_chosen_by_what_they_hold(
    store: Command, words: list[str], keys: list[str], undecided: int
) -> None:
    listed = store("list", *words, "--json", status=0)
    assert listed.out.decode().splitlines() == keys
    skipped = listed.report["skipped_by"]
    assert skipped.get("undecided", 0) == undecided
    assert listed.report["records"] == len(keys) + sum(skipped.values())


def test_undecided_records_are_counted_once_whatever_is_read_again(store: Command) -> None:
    words = ("--where", "value.closed", "--consistent")
    listed = store("list", *words, "--json", status=0)
    assert listed.report["skipped_by"] == {"undecided": 2}
    assert listed.report["succeeded"] == 2
    limited = store("list", *words[:2], "--limit", "1", "--json", status=0)
    assert limited.out == b"log-2026-01-30\n"
    assert b"2 skipped (undecided 2)" in store("list", *words, status=0).err


def test_every_command_that_selects_counts_them(
    store: Command, kvsctl: Command, tmp_path: Path
) -> None:
    words = ("--where", "value.closed")
    backup, journal = tmp_path / "b.jsonl", tmp_path / "j"
    exported = store("export", *words, "-o", backup, "--journal", journal, "--json", status=0)
    assert exported.report["skipped_by"] == {"undecided": 2}
    assert [json.loads(line)["key"] for line in backup.read_bytes().splitlines()] == [
        "log-2026-01-30",
        "log-2026-01-31",
    ]
    summed = store("du", *words, "--as", "json", "--report", tmp_path / "report", status=0)
    assert json.loads(summed.out)["keys"] == 2
    report = json.loads((tmp_path / "report").read_bytes())
    assert report["skipped_by"] == {"undecided": 2}
    url = store.environ["KVSCTL_URL"]
    diff = ("diff", "--from", url, "-t", "local", *words)
    assert b"2 missing \xc2\xb7 2 undecided \xc2\xb7 " in kvsctl(*diff, status=1).err
    compared = kvsctl(*diff, "--json", status=1)
    assert compared.report["missing"] == 2
    assert compared.report["skipped_by"] == {"undecided": 2}
    sync = ("sync", "--from", url, "-t", "local", "--all", *words)
    rehearsed = kvsctl(*sync, "-n", "--json", status=0).report
    assert rehearsed["skipped_by"] == {"undecided": 2}
    assert (rehearsed["records"], rehearsed["unsent"]) == (4, 2)
    for report in (
        kvsctl(
            "sync", "-y", "--from", url, "-t", "local", "--all", *words, "--json", status=0
        ).report,
        kvsctl(
            "sync", "-y", "--from", url, "-t", "local", "--all", *words, "--json", status=0
        ).report,
    ):
        assert report["skipped_by"]["undecided"] == 2
        assert report["records"] == 4
    assert kvsctl("list", "-t", "local", status=0).out == b"log-2026-01-30\nlog-2026-01-31\n"


def test_an_entity_is_seen_by_expressions(store: Command) -> None:
    city = b'{"key":"a","value":{"n":1},"entityName":"city"}\n'
    store("set", "-f", "-", stdin=city, status=0)
    words = ("list", "--entity", "city", "--plain", "--where")
    assert store(*words, "entityName == 'city'", status=0).out == b"a\n"
    assert store(*words, "!entityName", "--count", status=0).out == b"5\n"
    recent = "entityName == 'city' && updatedAt > `1`"
    assert store(*words, recent, "--consistent", status=0).out == b"a\n"


def test_a_planned_deletion_looks_at_the_key_of_the_source(
    store: Command, kvsctl: Command, tmp_path: Path
) -> None:
    """Under another name, a record is judged as what it is a copy of."""
    url, plan = store.environ["KVSCTL_URL"], tmp_path / "plan"
    copy = kvsctl.having(KVSCTL_TARGET="local")
    copy("set", "copy:log-1=1", "copy:log-2=1", "copy:misc=1", "copy:gone=1", status=0)
    protected = tmp_path / "protected"
    protected.write_text("copy:log-2\n", "utf-8")
    words = ("--all", "--where", "starts_with(key, 'log-')", "--protect", protected)
    template = ("--key-template", "copy:{key}", "--plan", plan)
    copy("sync", "-y", "--from", url, *words, *template, status=0)
    planned = [json.loads(line)["key"] for line in plan.read_bytes().splitlines()]
    assert planned == ["copy:log-1"]


def test_protected_keys_are_never_chosen(store: Command, tmp_path: Path) -> None:
    protected = tmp_path / "protected.txt"
    protected.write_bytes(b'\xef\xbb\xbflog-*-3?\r\n\r\n"mi\\u0073c"\n#x\n')
    words = ("--all", "--protect", protected)
    assert store("list", *words, status=0).out == b"log-2026-02-01\n"
    assert store("list", *words, "--match", "misc", status=0).out == b""
    exported = store("export", *words, "-o", tmp_path / "out", status=0)
    manifest = json.loads((tmp_path / "out.manifest.json").read_bytes())
    assert manifest["selection"] == {"protect": str(protected)}
    assert exported.out == b""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a\nuser+1\n", 'protected:2: "user+1": not a key'),
        (b"a\nuser+*\n", 'protected:2: "user+*": no key has "+"'),
        (b'a\n"b\n', "protected:2: a key that starts with"),
        (b"a\n\xff\n", "protected:2: invalid UTF-8"),
        (b"a" * 600, "not a key"),
        (None, "No such file"),
    ],
)
def test_a_file_that_would_not_protect_is_refused(
    kvsctl: Command, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "protected"
    if content is not None:
        path.write_bytes(content)
    refused = kvsctl("list", "-t", "local", "--protect", path, status=2)
    assert message in refused.err.decode()
    assert refused.out == b""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--where", "value.n = `5`"], "  value.n = `5`\n          ^\n"),
        (["--where", "value.n > 5"], "  value.n > 5\n            ^\n"),
        (["--where", "städte == `5`"], "  städte == `5`\n    ^\n"),
        (["--where", "a\x1b == `5`"], "  a\\x1b == `5`\n   ^\n"),
        (["--where", "nothing(key)"], "  nothing(key)\n  ^\nKnown functions: abs, "),
        (["--age-from", "updatedAt", "--older-than", "1d"], "neither value.PATH nor key:FORMAT"),
        (["--age-from", "key:log", "--older-than", "1d"], '--age-from "key:log": no time without'),
        (["--age-from", "value.", "--older-than", "1d"], "  value.\n        ^\n"),
        (["--age-from", "value || key", "--older-than", "1d"], "neither value.PATH"),
        (["--age-from", "value.a || key", "--older-than", "1d"], 'has no member "key"'),
        (["--age-from", "value.at"], "--age-from needs an age"),
        (["--age-from", "value.at", "--by", "created", "--older-than", "1d"], "exclude each other"),
        (["--protect", "-"], "--protect -: not a file name"),
    ],
)
def test_what_is_wrong_is_shown_with_its_place(
    kvsctl: Command, words: list[str], message: str
) -> None:
    refused = kvsctl("list", "-t", "local", *words, status=2)
    assert message in refused.err.decode()
    assert refused.out == b""


def test_a_file_of_protected_keys_has_one_role(kvsctl: Command, tmp_path: Path) -> None:
    protected = tmp_path / "keys"
    protected.write_bytes(b"a\n")
    words: list[list[str | Path]] = [
        ["export", "-t", "local", "-o", protected],
        ["diff", "--from", "http://localhost:9", "-t", "local", "-o", protected],
        ["sync", "--from", "local", "--url", "http://localhost:9", "--all", "--plan", protected],
    ]
    for one in words:
        refused = kvsctl(*one, "--protect", protected, status=2)
        assert f"{protected} is " in refused.err.decode()
    assert protected.read_bytes() == b"a\n"


def test_a_regex_that_backtracks_ends_the_command_and_deletes_nothing(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", "a" * 499 + "b=1", "c=2", status=0)
    for words in (["list"], ["export"], ["delete", "-y"], ["delete", "-n"], ["du"]):
        ended = kvsctl(*words, "-t", "local", "--regex", "(a|aa)+$", status=2)
        assert b'--regex "(a|aa)+$": it takes too long' in ended.err
    assert kvsctl("list", "-t", "local", "--count", status=0).out == b"2\n"
