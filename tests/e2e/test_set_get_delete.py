"""The main job as a user does it: the installed command, real streams, real targets."""

import json
import stat
from pathlib import Path

from tests.support.commands.command import Command, records_file

_CITIES = Path(__file__).parents[2] / "examples" / "cities.jsonl"


def test_what_is_set_is_got_until_it_is_deleted(target: Command) -> None:
    target("set", "greeting=hello", 'user:1={"n": 1.0}', status=0)
    got = target("get", "user:1", "greeting", status=0)
    assert got.out == b'{"key":"user:1","value":{"n": 1.0}}\n{"key":"greeting","value":"hello"}\n'
    target("delete", "greeting", status=0)
    missing = target("get", "greeting", "--json", status=1)
    assert missing.out == b""
    assert missing.report["failures"][0]["code"] == "KEY_NOT_FOUND"


def test_a_whole_data_set_goes_in_and_comes_out_in_order(target: Command, tmp_path: Path) -> None:
    report = target("set", "-f", _CITIES, "--json", status=0).report
    records = _CITIES.read_bytes().splitlines(keepends=True)
    assert report["succeeded"] == report["records"] == len(records)
    keys = tmp_path / "keys.txt"
    keys.write_text("".join(json.loads(line)["key"] + "\n" for line in records))
    got = target("get", "-f", keys, "-c", "16", "--batch-size", "7", status=0)
    assert got.out.splitlines(keepends=True) == records


def test_unordered_output_is_the_same_set(target: Command) -> None:
    target("set", *[f"k{n}={n}" for n in range(60)], status=0)
    got = target("get", "--unordered", "--values", *[f"k{n}" for n in range(60)], status=0)
    assert sorted(map(int, got.out.split())) == list(range(60))


def test_exact_values(target: Command) -> None:
    value = (
        b'{"big":123456789012345678901234567890,"f":1.0,"e":1e400,'
        b'"z":-0.0,"b":2,"a":1,"s":"\\u00e9\\/"}'
    )
    target("set", stdin=b'{"key":"exact","value":' + value + b"}\n", status=0)
    assert target("get", "exact", "--values", status=0).out == value + b"\n"


def test_bad_records_fail_alone_with_code_and_place(target: Command, tmp_path: Path) -> None:
    source = tmp_path / "users.jsonl"
    source.write_bytes(
        b'{"key":"good","value":1}\n'
        b"{broken\n"
        b'{"key":"bad/key","value":1}\n'
        b'{"key":"null","value":null}\n'
        b'{"key":"ttl","value":1,"ttl":"0s"}\n'
        b"\n"
        b'{"key":"also good","value":2}\n'
    )
    ended = target("set", "-f", source, "--json", status=1)
    failures = {f["source"]: f["code"] for f in ended.report["failures"]}
    assert failures == {
        f"{source}:2": "INVALID_JSON",
        f"{source}:3": "INVALID_KEY",
        f"{source}:4": "INVALID_VALUE",
        f"{source}:5": "INVALID_TTL",
    }
    assert ended.report["succeeded"] == 2
    assert target("get", "good", "also good", "--values", status=0).out == b"1\n2\n"


def test_the_later_record_of_a_key_wins(target: Command) -> None:
    lines = [b'{"key":"k%d","value":%d}\n' % (n % 7, n) for n in range(2000)]
    report = target("set", "--json", "-c", "16", stdin=b"".join(lines), status=0).report
    assert report["succeeded"] + report["duplicates"] == 2000
    got = target("get", *[f"k{n}" for n in range(7)], "--values", status=0)
    last = {n % 7: n for n in range(2000)}
    assert got.out.split() == [b"%d" % last[n] for n in range(7)]


def test_failures_can_be_fed_back(target: Command, tmp_path: Path) -> None:
    failures = tmp_path / "failures.jsonl"
    source = records_file(
        tmp_path / "in.jsonl", [{"key": "a/b", "value": 1.5}, {"key": "ok", "value": 2}]
    )
    target("set", "-f", source, "--failures", failures, status=1)
    assert stat.S_IMODE(failures.stat().st_mode) == 0o600
    (line,) = failures.read_text().splitlines()
    failed = json.loads(line)
    assert failed["error"]["code"] == "INVALID_KEY"
    assert failed["source"] == f"{source}:1"
    failures.write_text(line.replace("a/b", "a:b") + "\n")
    target("set", "-f", failures, status=0)
    assert target("get", "a:b", "--values", status=0).out == b"1.5\n"


def test_metadata_and_expiry(target: Command) -> None:
    target("set", "--ttl", "1h", "k=1", status=0)
    (record,) = target("get", "k", "--metadata", status=0).lines
    assert set(record) == {"key", "value", "createdAt", "updatedAt", "expireTime"}
    (record,) = target("get", "--metadata", "created", "k", status=0).lines
    assert set(record) == {"key", "value", "createdAt"}


def test_what_get_prints_with_metadata_can_be_set_again(target: Command) -> None:
    target("set", "--ttl", "1h", "k=1", status=0)
    printed = target("get", "k", "--metadata", status=0)
    (before,) = printed.lines
    target("set", stdin=printed.out, status=0)
    (after,) = target("get", "k", "--metadata", status=0).lines
    assert abs(_seconds(after["expireTime"]) - _seconds(before["expireTime"])) <= 5


def test_missing_keys_can_be_ignored(target: Command) -> None:
    target("set", "there=1", status=0)
    got = target("get", "there", "not-there", "--ignore-missing", "--values", status=0)
    assert got.out == b"1\n"


def test_raw_values_lose_their_quotes(target: Command) -> None:
    target("set", "a=plain text", 'b=["x"]', "--string", status=0)
    target("set", 'c=["x"]', status=0)
    assert target("get", "a", "b", "c", "--raw", status=0).out == b'plain text\n["x"]\n["x"]\n'


def test_output_file_is_complete_and_private(target: Command, tmp_path: Path) -> None:
    target("set", "k=1", status=0)
    output = tmp_path / "out.jsonl"
    target("get", "k", "-o", output, status=0)
    assert output.read_bytes() == b'{"key":"k","value":1}\n'
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert not output.with_name("out.jsonl.part").exists()


def test_entities_are_other_records_than_keys(target: Command) -> None:
    target("set", "k=1", status=0)
    target("set", 'k={"n":2}', "--entity", "employee", status=0)
    got = target("get", "k", "--entity", "employee", status=0)
    assert got.out == b'{"key":"k","entityName":"employee","value":{"n":2}}\n'
    target("delete", stdin=b'{"key":"k","entityName":"employee"}\n', status=0)
    assert target("get", "k", "--values", status=0).out == b"1\n"


def test_keys_with_odd_characters_are_json_strings(target: Command) -> None:
    target("set", stdin=b'{"key":" a\\tb ","value":1}\n', status=0)
    assert target("get", stdin=b'" a\\tb "\n', status=0).out == b'{"key":" a\\tb ","value":1}\n'
    assert target("get", "-0", "--values", stdin=b" a\tb \0", status=0).out == b"1\n"


def _seconds(iso: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(iso).timestamp()
