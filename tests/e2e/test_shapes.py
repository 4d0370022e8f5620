"""Files whose objects and rows are no records as they stand, and which options go together."""

import gzip
import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command

CSV = b'id,name,age\r\n1,"Ada, L.",36\r\n2,"Al\nan",41\r\n'


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def values(local: Command, *keys: str) -> list[object]:
    return [json.loads(line) for line in local("get", *keys, "--values", status=0).out.splitlines()]


def test_a_table_becomes_records_by_a_template(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_bytes(CSV)
    local("set", "-f", path, "--key", "user:{id}", "--infer-types", status=0)
    assert values(local, "user:1") == [{"id": 1, "name": "Ada, L.", "age": 36}]
    local("set", "-f", path, "--key-field", "id", "--value-field", "name", status=0)
    assert values(local, "1", "2") == ["Ada, L.", "Al\nan"]
    printed = local("get", "-f", path, "--key", "user:{id}", "--ignore-missing", status=0).lines
    assert [record["key"] for record in printed] == ["user:1", "user:2"]
    local("delete", "-f", path, "--key-field", "id", status=0)
    local("get", "1", status=1)


def test_another_delimiter(local: Command) -> None:
    table = b"key;value\na;1\nb;[2,3]\n"
    local("set", "--format", "csv", "--delimiter", ";", "--infer-types", stdin=table, status=0)
    assert values(local, "a", "b") == [1, [2, 3]]
    local("set", "--format", "csv", "--delimiter", ";", stdin=table, status=0)
    assert values(local, "a", "b") == ["1", "[2,3]"]


def test_objects_become_records_and_keep_their_bytes(local: Command) -> None:
    line = b'{"id": 7, "n": 1.0, "big": 123456789012345678901234567890}'
    local("set", "--key", "t:{id}", stdin=line, status=0)
    assert local("get", "t:7", "--values", status=0).out == line + b"\n"


def test_the_form_that_was_found_is_named(local: Command, tmp_path: Path) -> None:
    array, table = tmp_path / "array.json", tmp_path / "table"
    array.write_bytes(b'[{"key":"a","value":1}]')
    table.write_bytes(gzip.compress(b"key,value\nb,2\n"))
    words = ("set", "c=3", "-f", array, "-f", table)
    assert local(*words, "--json", status=0).report["inputs"] == [
        {"source": str(array), "format": "json", "compression": None},
        {"source": str(table), "format": "csv", "compression": "gzip"},
    ]
    told = local(*words, "-v", status=0).err.decode()
    assert f"input {array}: json\n" in told
    assert f"input {table}: csv, gzip\n" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "-f", "FILE", "--key-field", "id", "--key", "{id}"], "--key"),
        (["set", "-f", "FILE", "--key", "user:{id"], "--key"),
        (["set", "-f", "FILE", "--key", "user"], "--key: the template names no member"),
        (["set", "-f", "FILE", "--delimiter", ";;"], '--delimiter ";;": not a valid delimiter'),
        (
            ["set", "-f", "FILE", "--delimiter", ";", "--format", "jsonl"],
            "--delimiter does not apply to --format jsonl",
        ),
        (
            ["set", "-f", "FILE", "--infer-types", "--format", "json"],
            "--infer-types does not apply to --format json",
        ),
        (["set", "-f", "FILE", "--format", "keys"], "keys have no values to set"),
        (
            ["set", "-f", "FILE", "--format", "xml"],
            'unknown format "xml"\nKnown: jsonl, json, csv, tsv.',
        ),
        (
            ["get", "-f", "FILE", "--format", "xml"],
            'unknown format "xml"\nKnown: jsonl, json, csv, tsv, keys.',
        ),
        (
            ["get", "-f", "FILE", "--key-field", "id", "--format", "keys"],
            "--key-field does not apply to --format keys",
        ),
        (["get", "-f", "FILE", "--format", "csv", "-0"], "--null reads plain keys"),
        (["delete", "-f", "FILE", "--key", "{id}", "-0"], "--null reads plain keys"),
        (
            ["set", "a=1", "--key-field", "id"],
            "--key and --key-field apply to files, and none is given",
        ),
        (["get", "a", "--key", "{id}"], "--key and --key-field apply to files, and none is given"),
    ],
    ids=lambda given: " ".join(given[2:]) if isinstance(given, list) else "",
)
def test_options_that_contradict_each_other(
    local: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    path = tmp_path / "in"
    path.write_bytes(CSV)
    ended = local(*(word.replace("FILE", str(path)) for word in words), status=2)
    assert message in ended.err.decode()
    assert not local.database.exists()


def test_help_of_set_names_no_form_that_it_refuses(local: Command) -> None:
    shown = {verb: local("help", verb, status=0).out.decode() for verb in ("set", "get")}
    assert "jsonl|json|csv|tsv|keys" in shown["get"]
    assert "jsonl|json|csv|tsv" in shown["set"]
    assert "tsv|keys" not in shown["set"]


@pytest.mark.parametrize("dry", [[], ["-n"], ["--check-first"]])
def test_a_column_of_strings_and_numbers_is_said_once(
    local: Command, tmp_path: Path, dry: list[str]
) -> None:
    path = tmp_path / "in.csv"
    rows = "".join(f"{n},{n:05},{n},x\n" for n in range(9990, 10_010))
    path.write_text(f"id,plz,n,name\n{rows}", "utf-8")
    words: list[str | Path] = ["set", "-f", path, "--key", "a:{id}", *dry]
    said = local(*words, "--infer-types", status=0).err.decode()
    warning = (
        f'column "plz": --infer-types left some cells strings (see {path}:2) and made numbers or '
        f"other JSON of others (see {path}:12); if that is not meant, name the columns to parse: "
        "--infer-types=COLUMN,…"
    )
    assert said.count("warning: ") == 1
    assert f"kvsctl: warning: {warning}\n" in said
    assert "09990" not in said
    assert b"warning" not in local(*words, "--infer-types=n", status=0).err
    said = local(*words, "--infer-types=n,plz", status=0).err.decode()
    assert "if that is not meant, leave the column out of --infer-types\n" in said


def test_only_the_named_columns_are_parsed(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,plz,n\n1,10115,2\n", "utf-8")
    local("set", "-f", path, "--key", "a:{id}", "--infer-types=n,id", status=0)
    assert local("get", "a:1", "--values", status=0).out == b'{"id":1,"plz":"10115","n":2}\n'
    for columns, why in (("N", b'no column "N"'), ("", b"not a list of columns")):
        words = ("set", "-f", path, "--key", "a:{id}", f"--infer-types={columns}")
        assert why in local(*words, status=2).err


@pytest.mark.parametrize("form", ["jsonl", "json"])
@pytest.mark.parametrize("is_second", [False, True])
def test_columns_to_parse_are_refused_for_what_is_not_a_table(
    local: Command, tmp_path: Path, form: str, is_second: bool
) -> None:
    table, path = tmp_path / "in.csv", tmp_path / "in.data"
    table.write_text("key,value\nb,1\n", "utf-8")
    path.write_text('[{"key":"a","value":"01"}]' if form == "json" else '{"key":"a","value":"01"}')
    files: list[str | Path] = ["-f", table, "-f", path] if is_second else ["-f", path]
    ended = local("set", *files, "--infer-types=value", status=2)
    assert f"--infer-types=value: {path} is {form}, not a table\n" in ended.err.decode()
    local("get", "a", status=1)
    local("get", "b", status=1)
    local("set", *files, "--infer-types", status=0)
    path.write_bytes(b"")
    local("set", "-f", table, "-f", path, "--infer-types=value", status=0)


def test_a_value_that_stands_apart_from_its_option_is_refused(
    local: Command, tmp_path: Path
) -> None:
    path = tmp_path / "in.csv"
    path.write_text("key,value\na,01\n", "utf-8")
    for option, value in (("--infer-types", "value"), ("--if-absent", "exact")):
        ended = local("set", "-f", path, option, value, status=2)
        assert f"{option} {value}: the value of this option follows a =\n" in ended.err.decode()
        assert f"Write {option}={value}." in ended.err.decode()
        assert ended.err == local("set", option, value, f"-qf{path}", status=2).err
    local("get", "a", status=1)
    local("set", "--infer-types", "b=1", "-f", path, "--if-absent", "c=1", status=0)
    assert values(local, "b", "c") == [1, 1]


def test_many_such_columns_are_counted(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    names, strings, numbers = (",".join(f"{one}{n}" for n in range(9)) for one in ("c", "s", ""))
    path.write_text(f"id,{names}\na,{strings}\nb,{numbers}\n", "utf-8")
    said = local("set", "-f", path, "--key", "{id}", "--infer-types", status=0).err.decode()
    assert said.count("left some cells strings") == 5
    assert "the same is true of 4 other columns\n" in said


def test_a_journal_goes_on_with_the_same_shape_only(local: Command, tmp_path: Path) -> None:
    path, journal = tmp_path / "in.csv", tmp_path / "j"
    path.write_bytes(CSV)
    words = ("set", "-f", path, "--journal", journal)
    local(*words, "--key", "user:{id}", status=0)
    for flag, more in (
        ("--key", ("--key", "u:{id}")),
        ("--infer-types", ("--key", "user:{id}", "--infer-types")),
        ("--value-field", ("--key", "user:{id}", "--value-field", "name")),
        ("--format", ("--key", "user:{id}", "--format", "csv")),
    ):
        ended = local(*words, *more, status=2)
        assert f"{flag} is " in ended.err.decode()
    local(*words, "--key", "user:{id}", status=0)


def test_failures_of_a_table_can_be_fed_back(local: Command, tmp_path: Path) -> None:
    path, failures = tmp_path / "in.csv", tmp_path / "failed.jsonl"
    path.write_bytes(b"id,n\na/b,1\nc,2\n")
    words = ("set", "-f", path, "--key-field", "id", "--infer-types", "--failures", failures)
    report = local(*words, "--json", status=1).report
    assert report["failures"][0]["source"] == f"{path}:2"
    mended = failures.read_bytes().replace(b"a/b", b"a:b", 1)
    local("set", stdin=mended, status=0)
    assert values(local, "a:b") == [{"id": "a/b", "n": 1}]
