"""Input that means harm, or was never looked at: it ends in problems with their places.

Nothing else suffers from it, and no memory is spent on it.
"""

import gzip
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.commands.command import Command, Ended
from tests.support.commands.measured import fed
from tests.support.commands.serving import serving
from tests.support.needs import IS_LINUX, IS_POSIX, only_on
from tests.support.waiting import wait_until

GOOD = b'{"key":"good","value":1}\n'
MB = 1_000_000
HUGE_BYTES = int(os.environ.get("KVSCTL_TEST_LINE_BYTES", str(100 * MB)))
"""How long a very long line is: KVSCTL_TEST_LINE_BYTES=2000000000 is the form for a quiet hour."""
MOST_MEMORY_KB = 110_000
"""Above the 50,000 to 70,000 that are taken, and below them with such an input in memory."""
needs_posix = only_on(IS_POSIX, "Windows has neither FIFOs nor getrusage")


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


LINES = {
    "open brackets": (b'{"key":"a","value":' + b"[" * 100_000, "MAX_DEPTH"),
    "open braces": (b'{"a":' * 100_000, "MAX_DEPTH"),
    "brackets alone": (b"[" * 100_000, "MAX_DEPTH"),
    "invalid UTF-8 in a value": (b'{"key":"a","value":"\xff"}', "INVALID_JSON"),
    "invalid UTF-8 in a key": (b'{"key":"\xc3\x28","value":1}', "INVALID_JSON"),
    "UTF-8 of a surrogate": (b'{"key":"a","value":"\xed\xa0\x80"}', "INVALID_JSON"),
    "overlong UTF-8": (b'{"key":"a","value":"\xc0\xaf"}', "INVALID_JSON"),
    "a lone surrogate in a key": (b'{"key":"\\ud800","value":1}', "INVALID_KEY"),
    "NaN": (b'{"key":"a","value":NaN}', "INVALID_JSON"),
    "Infinity": (b'{"key":"a","value":[-Infinity]}', "INVALID_JSON"),
    "a key of 10 MB": (b'{"key":"' + b"k" * 10 * MB + b'","value":1}', "KEY_TOO_LONG"),
    "a value of 10 MB": (b'{"key":"a","value":"' + b"v" * 10 * MB + b'"}', "MAX_SIZE"),
    "a ttl of 10,000 digits": (
        b'{"key":"a","value":1,"ttl":{"value":' + b"9" * 10_000 + b',"unit":"DAYS"}}',
        "INVALID_TTL",
    ),
    "a key that is a number": (b'{"key":' + b"1" * 10_000 + b',"value":1}', "INVALID_JSON"),
    "the same key twice": (b'{"key":"a","value":1,"key":"b"}', "INVALID_JSON"),
    "100,000 members": (
        b"{" + b",".join(b'"m%d":1' % n for n in range(100_000)) + b"}",
        "INVALID_JSON",
    ),
    "NUL": (b'{"key":"a\x00","value":1}', "INVALID_JSON"),
    "UTF-16": ('{"key":"a","value":1}'.encode("utf-16-le"), "INVALID_JSON"),
    "a picture": (b"\x89PNG\r" + bytes(range(256)).replace(b"\n", b"") * 40, "INVALID_JSON"),
}


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_fails_alone_at_its_place(local: Command, tmp_path: Path, name: str) -> None:
    line, code = LINES[name]
    path = tmp_path / "in.jsonl"
    path.write_bytes(GOOD + line + b"\n" + GOOD.replace(b"good", b"best"))
    ended = local("set", "-f", path, "--json", status=1)
    report = ended.report
    assert (report["succeeded"], report["failed"], report["records"]) == (2, 1, 3)
    (failure,) = report["failures"]
    assert (failure["source"], failure["code"]) == (f"{path}:2", code)
    assert len(failure["message"]) < 500
    assert local("get", "good", "best", "--values", status=0).out == b"1\n1\n"


@pytest.mark.parametrize(
    "value",
    [b"9" * 10_000, b"-0." + b"1" * 10_000, b"1e400", b'"\\ud800"', b'{"a":1,"a":2}'],
    ids=["digits", "fraction", "exponent", "surrogate", "repeated"],
)
def test_what_is_odd_but_legal_arrives_as_it_is(local: Command, value: bytes) -> None:
    local("set", stdin=b'{"key":"odd","value":%b}' % value, status=0)
    assert local("get", "odd", "--values", status=0).out == value + b"\n"


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_bad_keys_fail_alone(local: Command, verb: str) -> None:
    local("set", "a=1", "b=2", status=0)
    lines = [b"a", b"k" * 10 * MB, b"[" * 100_000, b"\xff", b'"\\ud800"', b'"a', b"b"]
    report = local(verb, "--json", stdin=b"\n".join(lines), status=1).report
    assert report["succeeded"] == 2
    assert [failure["source"] for failure in report["failures"]] == [f"-:{n}" for n in range(2, 7)]


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize("verb", ["set", "get"])
@pytest.mark.parametrize("start", [b'{"key":"a","value":"', b"["], ids=["record", "array"])
def test_a_line_without_end_takes_no_memory(local: Command, verb: str, start: bytes) -> None:
    def lines() -> Iterator[bytes]:
        yield GOOD + start
        for _ in range(HUGE_BYTES // MB):
            yield b"x" * MB
        yield b"\n" + GOOD

    local("set", "good=1", status=0)
    words = (verb, "--json", "--format", "jsonl")
    status, out, err, peak_kb = fed(local, words, lines())
    assert status == 1
    assert b'"failed":1,' in out + err
    assert b'"source":"-:2","code":"MAX_SIZE"' in out + err
    assert peak_kb < MOST_MEMORY_KB


@pytest.mark.slow
@needs_posix
def test_a_stream_of_short_lines_takes_no_memory(local: Command) -> None:
    def lines() -> Iterator[bytes]:
        yield b"x\n" * (MB // 10)

    status, out, _, peak_kb = fed(local, ("set", "-n", "--json", "--format", "jsonl"), lines())
    assert status == 1
    assert b'"failed":100000,' in out
    assert peak_kb < 60_000, "it takes 35,000, and 50,000 more if it keeps a problem per line"


@pytest.mark.slow
@needs_posix
@pytest.mark.parametrize(
    ("start", "fill"),
    [
        (GOOD + b'{"key":"a","value":"', b"x"),  # a line without end
        (b"[" + GOOD.rstrip() + b",", b" "),  # an array that goes on with nothing
        (b"[" + GOOD.rstrip() + b",", b"["),
        (b'key,value\ngood,1\na,"', b"x"),  # a cell without end
    ],
    ids=["line", "spaces", "brackets", "cell"],
)
def test_a_gzip_bomb_takes_no_memory(local: Command, start: bytes, fill: bytes) -> None:
    bomb = gzip.compress(start) + gzip.compress(fill * 10 * MB) * 10
    status, out, _, peak_kb = fed(local, ("set", "--json"), iter([bomb]))
    assert status in (1, 5)
    assert b'"succeeded":1,' in out
    assert peak_kb < MOST_MEMORY_KB


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_an_archive_that_is_cut_short_is_5_after_part_was_sent(
    local: Command, tmp_path: Path, verb: str
) -> None:
    path = tmp_path / "in.jsonl.gz"
    random = Random(3)
    lines = [b'{"key":"k%d","value":"%d"}\n' % (n, random.getrandbits(999)) for n in range(4000)]
    whole = gzip.compress(b"".join(lines))
    path.write_bytes(whole[: len(whole) // 2])
    ended = local(verb, "-f", path, "--json", status=5)
    assert str(path).encode() in ended.err
    assert 1000 < ended.report["succeeded"] < 4000
    checked = local(verb, "-f", path, "--json", "--check-first", status=2).report
    assert (checked["succeeded"], checked["requests"]) == (0, 0)
    local(verb, "-f", path, "-n", status=2)


def test_an_array_that_is_cut_short_is_5_after_part_was_sent(local: Command) -> None:
    whole = b"[" + b",".join(GOOD.replace(b"good", b"k%d" % n).rstrip() for n in range(500))
    report = local("set", "--json", stdin=whole, status=5).report
    assert report["succeeded"] >= 499


def test_a_directory_is_no_file(local: Command, tmp_path: Path) -> None:
    ended = local("set", "-f", tmp_path, status=2)
    assert b"is a directory" in ended.err
    assert not local.database.exists()


@needs_posix
def test_a_fifo_is_read_as_the_stream_it_is(local: Command, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.jsonl"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(GOOD + b"not\n" + GOOD))
    writer.start()
    report = local("set", "-f", fifo, "--json", status=1).report
    writer.join()
    assert (report["records"], report["failed"]) == (3, 1)
    assert report["failures"][0]["source"] == f"{fifo}:2"


@only_on(IS_LINUX, "only Linux counts what a process has read")
def test_a_device_without_end_is_one_line(local: Command) -> None:
    """/dev/zero never ends: a Ctrl-C does, and what was read is accounted for."""
    process = local.start(
        "set", "-f", "/dev/zero", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    counts = Path(f"/proc/{process.pid}/io")
    # More than it reads for anything but its input.
    wait_until(lambda: int(counts.read_text().split()[1]) >= 100 * MB)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b'"records":0' in out


def _changed_while_read(kvsctl: Command, path: Path, change: Callable[[], object]) -> Ended:
    """Run a set on a file, and change the file once the first request is answered.

    The service is slow, so that most of the file is still to be read then.
    """
    words = ("-c", "1", "-v", "--report", path.with_name("report"))
    with (
        serving(kvsctl, "--faults", "latency-ms=15") as url,
        kvsctl.start("set", "-f", path, "--url", url, *words, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"set 200")
        change()
        told = process.stderr.read()
    return Ended(process.returncode, path.with_name("report").read_bytes(), told)


MANY = 3000


def _many(path: Path) -> Path:
    padding = "x" * 1000
    lines = (f'{{"key":"k{n}","value":"{padding}"}}\n' for n in range(MANY))
    path.write_text("".join(lines))
    return path


@needs_posix
def test_a_file_that_shrinks_while_it_is_read_is_told(kvsctl: Command, tmp_path: Path) -> None:
    path = _many(tmp_path / "in.jsonl")
    size = path.stat().st_size
    ended = _changed_while_read(kvsctl, path, lambda: os.truncate(path, size * 3 // 4))
    assert ended.status == 5
    assert f"{path} shrank while it was read".encode() in ended.err
    assert 0 < ended.report["succeeded"] < MANY


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(
    kvsctl: Command, tmp_path: Path
) -> None:
    path = _many(tmp_path / "in.jsonl")

    def grow() -> None:
        with path.open("ab") as file:
            file.write(GOOD + b'{"key":"half')

    ended = _changed_while_read(kvsctl, path, grow)
    assert ended.status == 1
    (failure,) = ended.report["failures"]
    assert failure["source"] == f"{path}:{MANY + 2}"
    assert ended.report["succeeded"] == MANY + 1
