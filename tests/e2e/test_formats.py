"""Every form of input, through the installed command."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from backports import zstd

from tests.support.commands.command import Command

_RECORDS = [
    ("a", '{"n": 12345678901234567890, "n": 1.0}'),
    ("b", r'"x\ny\u00e9\/"'),
    ("c", "[1e400, {}]"),
    ("bad/", "1"),
    ("d", "-0.0"),
]
_JSONL = "".join(f'{{"key":"{key}","value":{value}}}\n' for key, value in _RECORDS)
_ARRAY = "[\n" + ",\n".join(_JSONL.splitlines()) + "\n]\n"
_GOOD = "".join(line + "\n" for line in _JSONL.splitlines() if "bad/" not in line)
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd.compress,
}
_CSV = 'key,value\r\na,"1\r\n2"\r\nbad/,2\r\nb,3'


@pytest.fixture
def local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


@pytest.mark.parametrize("ending", list(_PACKERS))
@pytest.mark.parametrize(
    ("name", "content", "place", "expected"),
    [
        ("r.jsonl", _JSONL, 4, _GOOD),
        ("r.json", _ARRAY, 4, _GOOD),
        ("r.csv", _CSV, 4, '{"key":"a","value":"1\\r\\n2"}\n{"key":"b","value":"3"}\n'),
        ("r.tsv", _CSV.replace(",", "\t"), 4, None),
    ],
)
def test_each_is_known_by_its_name_and_by_what_it_holds(
    local: Command,
    tmp_path: Path,
    name: str,
    content: str,
    place: int,
    expected: str | None,
    ending: str,
) -> None:
    packed = _PACKERS[ending](content.encode())
    path = tmp_path / (name + ending)
    path.write_bytes(packed)
    failures = tmp_path / "failures"
    named = local("set", "-f", path, "--json", "--failures", failures, status=1)
    assert named.report["failures"][0]["source"] == f"{path}:{place}"
    kept = failures.read_bytes()
    unnamed = local("set", "--json", "--failures", failures, stdin=packed, status=1)
    assert unnamed.report["failures"][0]["source"] == f"-:{place}"
    assert failures.read_bytes().replace(b'"-:', f'"{path}:'.encode()) == kept
    if expected is not None:
        keys = [json.loads(line)["key"] for line in expected.splitlines()]
        assert local("get", *keys, status=0).out.decode() == expected


def test_keys_come_in_arrays_and_tables_as_well(local: Command) -> None:
    local("set", "a=1", "b=2", status=0)
    for given in (b'["a", {"key": "b"}]', b"n,key\n1,a\n2,b\n"):
        assert local("get", "--values", stdin=given, status=0).out == b"1\n2\n"


@pytest.mark.parametrize("kept_share", [0.5, 0.99])
def test_an_archive_cut_short_sends_what_is_in_it_and_ends_with_5(
    local: Command, tmp_path: Path, kept_share: float
) -> None:
    records = "".join(f'{{"key":"k{n * 7919}","value":{n * n}}}\n' for n in range(20_000))
    packed = gzip.compress(records.encode())
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(packed[: int(len(packed) * kept_share)])
    ended = local("set", "-f", path, "--json", status=5)
    assert b"the gzip archive is truncated" in ended.err
    report = ended.report
    # What the cut made of the line that it is in is no record.
    assert report["records"] - 1 <= report["succeeded"] < 20_000
    assert report["succeeded"] > 5_000


def test_an_array_cut_short_sends_what_is_in_it_and_ends_with_5(local: Command) -> None:
    ended = local("set", "--json", stdin=_ARRAY.encode()[:-60], status=5)
    assert b"-: the array is truncated" in ended.err
    assert ended.report["records"] == ended.report["succeeded"] + ended.report["failed"] == 3


def test_a_table_without_keys_sends_nothing(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("id,value\n1,2\n")
    ended = local("set", "-f", path, status=2)
    assert b'r.csv:1: no column "key"' in ended.err
    local("set", "x=1", "-f", path, status=2)
    local("get", "x", status=1)
    assert local("set", "x=1", "-f", "-", "--json", "--format", "csv", stdin=b"a\n1\n", status=5)
    local("get", "x", status=0)


@pytest.mark.parametrize("name", ["r.json.gz", "r.csv.zst", "r.csv"])
def test_a_job_goes_on_from_its_journal(local: Command, tmp_path: Path, name: str) -> None:
    pairs = [(f"k{n}/" if n % 10 == 9 else f"k{n}", f"{n}\n") for n in range(60)]
    content = json.dumps([{"key": key, "value": value} for key, value in pairs])
    if "csv" in name:
        content = "key,value\n" + "".join(f'{key},"{value}"\n' for key, value in pairs)
    path = tmp_path / name
    pack = _PACKERS.get(path.suffix, bytes)
    path.write_bytes(pack(content.encode()))
    job = ("set", "-f", path, "--journal", tmp_path / "j", "--json", "--batch-size", "1", "-c", "1")
    stopped = local(*job, "--max-failures", "2", status=4).report
    assert stopped["unsent"] > 0
    report = local(*job, "--max-failures", "100", status=1).report
    sums = ("records", "succeeded", "failed", "unsent", "unknown")
    assert [report[name] for name in sums] == [60, 54, 6, 0, 0]
    keys = [key for key, _ in pairs if "/" not in key]
    got = local("get", *keys, status=0)
    assert [(line["key"], line["value"]) for line in got.lines] == [
        (key, value) for key, value in pairs if "/" not in key
    ]


@pytest.mark.parametrize("limit", [[], ["--max-failures", "50"]], ids=["", "limited"])
def test_every_file_is_written_whether_failures_are_limited_or_not(
    local: Command, tmp_path: Path, limit: list[str]
) -> None:
    failures, output, journal = (tmp_path / name for name in ("failures", "output", "journal"))
    files = ["--failures", str(failures), "--journal", str(journal), *limit]
    local("set", *files, stdin=_JSONL.encode(), status=1)
    [failed] = failures.read_bytes().splitlines()
    assert failed.startswith(b'{"key":"bad/","value":1,')
    shown = local("journal", "show", "--json", journal, status=0).report
    assert (shown["succeeded"], shown["failed"]) == (4, 1)
    local("get", "-o", output, *limit, stdin=_JSONL.encode(), status=1)
    found = [json.loads(line)["key"] for line in output.read_bytes().splitlines()]
    assert found == ["a", "b", "c", "d"]


@pytest.mark.parametrize("verb", ["set", "get", "delete"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_an_archive_is_not_read_line_by_line(
    local: Command, tmp_path: Path, verb: str, compress: Callable[[bytes], bytes]
) -> None:
    local("set", "k1=1", "k2=2", status=0)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("keys.txt")
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"k1\nk2\n"))
    path, good = tmp_path / "keys.tar", tmp_path / "good.txt"
    path.write_bytes(compress(packed.getvalue()))
    good.write_bytes(b'{"key":"k1","value":0}\n')
    for given in (("-f", path), ("-f", good, "-f", path)):
        ended = local(verb, *given, status=2)
        assert f"{path}: this is a tar archive".encode() in ended.err
        assert b"tar -xOf" in ended.err
        assert local("get", "k1", "k2", "--values", status=0).out == b"1\n2\n"


def test_an_archive_in_an_archive_is_not_read(local: Command) -> None:
    packed = gzip.compress(gzip.compress(_JSONL.encode()))
    ended = local("set", "--json", stdin=packed, status=2)
    assert b"-: this is a gzip archive inside a gzip archive" in ended.err
    assert ended.report["exit_code"] == 2


def test_a_plain_file_named_as_an_archive_is_read(local: Command, tmp_path: Path) -> None:
    path = tmp_path / "r.csv.gz"
    path.write_text("key,value\na,1\n")
    report = local("set", "-f", path, "--json", status=0).report
    assert report["inputs"] == [{"source": str(path), "format": "csv", "compression": None}]


@pytest.mark.parametrize("cut", [0, 5, 15, 40])
def test_a_broken_archive_that_gave_nothing_is_2(local: Command, tmp_path: Path, cut: int) -> None:
    path, good = tmp_path / "r.jsonl.gz", tmp_path / "good.jsonl"
    random = Random(1)
    line = b'{"key":"a","value":"%d"}\n' % random.getrandbits(999)
    path.write_bytes(gzip.compress(line)[:cut])
    good.write_text('{"key":"b","value":1}\n')
    ended = local("set", "-f", path, "--json", status=2)
    assert b"the gzip archive is truncated" in ended.err
    assert (ended.report["records"], ended.report["exit_code"]) == (0, 2)
    local("set", "-f", good, "-f", path, status=2)
    local("get", "b", status=1)


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.jsonl.zst"])
def test_a_compressed_output_is_input_again(local: Command, tmp_path: Path, name: str) -> None:
    local("set", "a=1", 'b="2"', status=0)
    out = tmp_path / name
    local("get", "a", "b", "-o", out, status=0)
    assert not out.read_bytes().isascii()
    local("delete", "a", "b", status=0)
    local("set", "-f", out, status=0)
    assert (
        local("get", "a", "b", status=0).out == b'{"key":"a","value":1}\n{"key":"b","value":"2"}\n'
    )


def test_an_output_that_cannot_be_compressed_is_refused(local: Command, tmp_path: Path) -> None:
    ended = local("get", "a", "-o", tmp_path / "out.xz", status=2)
    assert b"compressed as gzip or zstd only" in ended.err
    assert not list(tmp_path.glob("out*"))
