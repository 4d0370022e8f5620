"""What is checked of input: limits of an installation, no checks, input that is required."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command

LONG = b'{"key":"a","value":"%b"}\n' % (b"x" * 300_000)


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_limits_of_a_file_take_the_place_of_the_documented_ones(
    local: Command, tmp_path: Path
) -> None:
    limits = tmp_path / "limits.toml"
    limits.write_text("value_bytes = 3\nbatch_records = 2\nttl_seconds = 60\n")
    lines = b"".join(b'{"key":"k%d","value":%d}\n' % (n, 10**n) for n in range(5))
    report = local("set", "--limits", limits, "--json", stdin=lines, status=1).report
    assert [failure["code"] for failure in report["failures"]] == ["MAX_SIZE"] * 2
    assert report["requests"] == 2  # of at most two records
    refused = local("set", "a=1", "--ttl", "61s", "--limits", limits, status=2)
    assert b"--ttl 61s: the ttl is 61 s" in refused.err
    too_many = local("set", "a=1", "--limits", limits, "--batch-size", "3", status=2)
    assert b"--batch-size: expected 1 to 2, not 3" in too_many.err


def test_a_bad_limits_file_is_a_usage_error(local: Command, tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text('{"value_size": 1}')
    ended = local("set", "a=1", "--limits", limits, status=2)
    assert b'unknown limit "value_size"' in ended.err
    assert not local.database.exists()
    assert b"--no-checks" in local("set", "a=1", "--limits", limits, "--no-checks", status=2).err


def test_without_checks_the_service_judges(local: Command) -> None:
    lines = LONG + b'{"key":"b/","value":1}\n{"key":"c","value":null}\n{"key":"d","value":1}\nnot\n'
    checked = local("set", "--json", stdin=lines, status=1).report
    judged = local("set", "--json", "--no-checks", stdin=lines, status=1).report
    assert checked["succeeded"] == judged["succeeded"] == 1
    sent = {failure["source"]: failure["attempts"] for failure in judged["failures"]}
    assert sent == {"-:1": 1, "-:2": 1, "-:3": 1, "-:5": 0}
    assert [failure["code"] for failure in judged["failures"]] == [
        failure["code"] for failure in checked["failures"]
    ]


def test_without_checks_what_cannot_be_sent_still_fails_alone(local: Command) -> None:
    lines = b'{"key":"\\ud800","value":1}\n{"key":"d","value":"\\ud800"}\n'
    lines += b'{"key":"e","value":' + b"[" * 100_000 + b"}\n"
    report = local("set", "--json", "--no-checks", stdin=lines, status=1).report
    assert report["succeeded"] == 1
    assert [failure["source"] for failure in report["failures"]] == ["-:1", "-:3"]
    keys = local("get", "--json", "--no-checks", stdin=b'"\\ud83d"\na/b\n', status=1).report
    assert [failure["source"] for failure in keys["failures"]] == ["-:1", "-:2"]


@pytest.mark.parametrize("verb", ["set", "get", "delete"])
def test_input_that_has_to_be_there(local: Command, verb: str) -> None:
    ended = local(verb, "--require-input", "--json", stdin=b"\n\n", status=2)
    assert b"the input has no records" in ended.err
    assert (ended.report["exit_code"], ended.report["records"]) == (2, 0)
    local(verb, "--json", stdin=b"\n\n", status=0)


def test_a_journal_of_input_that_was_not_there_is_not_complete(
    local: Command, tmp_path: Path
) -> None:
    records = tmp_path / "in.jsonl"
    records.write_bytes(b"\n")
    words = ("set", "-f", records, "--journal", tmp_path / "j", "--require-input")
    local(*words, status=2)
    local(*words, status=2)


def test_a_journal_goes_on_with_the_same_limits_only(local: Command, tmp_path: Path) -> None:
    records, journal = tmp_path / "in.jsonl", tmp_path / "j"
    records.write_text(json.dumps({"key": "a", "value": 1}) + "\n")
    (tmp_path / "l.toml").write_text("value_bytes = 9\n")
    words = ("set", "-f", records, "--journal", journal)
    local(*words, status=0)
    for more in (("--limits", tmp_path / "l.toml"), ("--no-checks",)):
        ended = local(*words, *more, status=2)
        assert more[0].encode() in ended.err
    local(*words, status=0)


def test_a_value_in_an_entity_must_be_an_object(local: Command) -> None:
    lines = b'{"key":"a","value":1,"entityName":"employee"}\n{"key":"b","value":{}}\n'
    ended = local("set", "--entity", "employee", "--json", stdin=lines, status=1)
    (failure,) = ended.report["failures"]
    assert (failure["code"], failure["source"]) == ("INVALID_ENTITY_VALUE", "-:1")
    assert failure["attempts"] == 0
    unchecked = local("set", "--no-checks", "--json", stdin=lines, status=1)
    (failure,) = unchecked.report["failures"]
    assert failure["attempts"] == 1  # the service refuses it as well


@pytest.mark.parametrize("depth", [200, 250, 5000])
@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("in.jsonl", '{{"key":"d","value":{0}}}\n', ()),
        ("in.json", '[{{"key":"d","value":{0}}}]', ()),
        ("in.csv", 'key,value\nd,"{0}"\n', ("--infer-types",)),
        ("shaped.jsonl", '{{"id":"d","more":{0}}}\n', ("--key-field", "id")),
    ],
)
def test_a_value_that_is_too_deep_to_be_read_has_one_message(
    kvsctl: Command, tmp_path: Path, name: str, text: str, options: tuple[str, ...], depth: int
) -> None:
    path = tmp_path / name
    path.write_text(text.format("[" * depth + "]" * depth))
    words: list[str | Path] = ["set", "-t", "local", "-f", path, *options, "--json"]
    for more, message in (
        ((), "the value nests deeper than 31 levels: flatten it"),
        (
            ("--no-checks",),
            "the value nests deeper than the 199 levels that kvsctl can read: flatten it",
        ),
    ):
        [failure] = kvsctl(*words, *more, status=1).report["failures"]
        assert (failure["code"], failure["message"]) == ("MAX_DEPTH", message)


def test_a_run_that_has_sent_nothing_has_no_rate(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"key":"a","value":1}\n{"key":"b"}\n' * 50, "utf-8")
    refused = local("set", "-f", path, "--check-first", status=1)
    assert b"Nothing was sent." in refused.err
    assert b"keys/s" not in refused.err
    assert b"keys/s" in local("set", "-f", path, status=1).err
