"""Pipes and files as a user meets them."""

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.commands.command import KVSCTL, Command, records_file
from tests.support.commands.pseudo_terminal import read_within
from tests.support.waiting import wait_for

_WAIT_SECONDS = 30


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target."""
    return kvsctl.having(KVSCTL_TARGET="local")


def test_a_pipe_that_does_not_end_flows_through(local: Command) -> None:
    local("set", "a=1", "b=2", status=0)
    process = local.start(
        "get", "--values", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for key, value in ((b"a", b"1\n"), (b"b", b"2\n")):
            process.stdin.write(key + b"\n")
            process.stdin.flush()
            assert read_within(process.stdout.fileno(), _WAIT_SECONDS) == value
        process.stdin.close()
        assert process.wait(_WAIT_SECONDS) == 0


def test_a_run_that_is_killed_leaves_no_earlier_runs_report(local: Command, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    local("set", "earlier=1", "--report", saved, status=0)
    assert saved.read_bytes() != b""
    process = local.start("set", "--report", saved, stdin=subprocess.PIPE)
    with process:
        assert process.stdin is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        while local("get", "before", "-q").status != 0:
            assert process.poll() is None
        process.kill()
    assert saved.read_bytes() == b""


def test_empty_input_is_a_warning(local: Command) -> None:
    ended = local("set", stdin=b"\n\n", status=0)
    assert b"the input has no records" in ended.err


def test_a_path_of_a_descriptor_is_written_as_the_stream_it_is(
    local: Command, tmp_path: Path
) -> None:
    """A file behind it keeps what others wrote, before and after; a pipe takes all."""
    script = """
        echo before > out; {
            "$KVSCTL" set k=1 -q
            "$KVSCTL" get k -q --raw -o /dev/stdout
            "$KVSCTL" get k -q --raw -o /dev/fd/1
            "$KVSCTL" get k -q --raw -o link --report /dev/stderr
            echo after
        } >> out 2> err
        "$KVSCTL" set bad/=1 -q --failures /dev/stdout | cat > failed
        "$KVSCTL" set bad/=1 -q --failures /dev/stdout >> out 2> refused; echo $? > status
        "$KVSCTL" get k -q -o /dev/stdout --journal j >> out 2> journalled || echo $? >> status
    """
    (tmp_path / "link").symlink_to("/dev/stdout")
    subprocess.run(
        ["/bin/sh", "-c", script],
        env={**local.environ, "KVSCTL": str(KVSCTL)},
        cwd=tmp_path,
        timeout=_WAIT_SECONDS,
        check=True,
    )
    assert (tmp_path / "out").read_text() == "before\n1\n1\n1\nafter\n"
    assert json.loads((tmp_path / "err").read_text())["succeeded"] == 1
    assert json.loads((tmp_path / "failed").read_text())["key"] == "bad/"
    assert (tmp_path / "status").read_text() == "2\n2\n"
    assert "Name the file itself" in (tmp_path / "refused").read_text()
    assert "must be a regular file" in (tmp_path / "journalled").read_text()


def test_files_are_read_in_order_and_dash_is_stdin(local: Command, tmp_path: Path) -> None:
    first = records_file(tmp_path / "1.jsonl", [{"key": "k", "value": "first"}])
    local("set", "-f", first, "-f", "-", stdin=b'{"key":"k","value":"stdin"}\n', status=0)
    assert local("get", "k", "--raw", status=0).out == b"stdin\n"


def test_stdin_is_left_alone_beside_arguments(local: Command) -> None:
    local("set", "k=1", stdin=b"this is no record\n", status=0)


def test_byte_order_mark_crlf_and_missing_last_line_end(local: Command) -> None:
    text = b'\xef\xbb\xbf{"key":"a","value":1}\r\n\r\n{"key":"b","value":2}'
    local("set", stdin=text, status=0)
    assert local("get", stdin=b"a\r\nb", status=0).out.count(b"\n") == 2


def test_places_on_stdin_and_arguments(local: Command) -> None:
    report = local("set", "--json", stdin=b'{"key":"a","value":1}\n\nnope\n', status=1).report
    assert report["failures"][0]["source"] == "-:3"
    report = local("set", "--json", "a=1", "no pair", status=1).report
    assert report["failures"][0]["source"] == "arg:2"
    assert report["failures"][0]["code"] == "INVALID_JSON"


def test_an_input_that_fails_half_way_is_exit_5(local: Command, tmp_path: Path) -> None:
    first = records_file(tmp_path / "1.jsonl", [{"key": "k", "value": 1}])
    vanishing = records_file(tmp_path / "3.jsonl", [{"key": "gone", "value": 3}])
    fifo = tmp_path / "2.jsonl"
    os.mkfifo(fifo)
    process = local.start(
        "set", "-f", first, "-f", fifo, "-f", vanishing, "--json",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with _opened_for_reader(fifo, process) as pipe:
        vanishing.unlink()
        pipe.write(b'{"key":"piped","value":2}\n')
    out, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5, complaint
    assert b'"succeeded":2' in out


def _opened_for_reader(fifo: Path, process: "subprocess.Popen[bytes]") -> BinaryIO:
    """Open a FIFO for writing once the process reads it. Fail if the process ends before that."""

    def opened() -> BinaryIO | None:
        try:
            return open(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb")
        except OSError as error:
            assert error.errno == errno.ENXIO  # noqa: PT017 - it has no reader yet
        assert process.poll() is None, process.communicate()
        return None

    return wait_for(opened)


def test_the_same_file_in_two_roles_is_refused_untouched(local: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
    before = source.read_bytes()
    link = tmp_path / "link"
    link.symlink_to(source)
    for role in ("--failures", "--report"):
        local("set", "-f", source, role, link, status=2)
    local("get", "-f", source, "-o", tmp_path / "sub/../in.jsonl", status=2)
    local("get", "k", "--failures", tmp_path / "new", "--report", tmp_path / "new", status=2)
    assert source.read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_redirected_input_is_not_written_over(local: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": "a/b", "value": 1}])
    before = source.read_bytes()
    for role in ("--failures", "--report"):
        ended = local("set", role, source, stdin=source, status=2)
        assert b"at once" in ended.err
        assert source.read_bytes() == before


def test_the_part_of_an_output_is_no_other_file(local: Command, tmp_path: Path) -> None:
    keys = tmp_path / "out.part"
    keys.write_bytes(b"k\n")
    local("get", "-f", keys, "-o", tmp_path / "out", status=2)
    local("get", "k", "--failures", keys, "-o", tmp_path / "out", status=2)
    assert keys.read_bytes() == b"k\n"


def test_the_files_of_the_local_store_are_no_place_for_anything_else(local: Command) -> None:
    local("set", "k=1", status=0)
    for end in ("", "-wal", "-shm"):
        place = local.database.with_name(local.database.name + end)
        local("get", "k", "-o", place, status=2)
    assert local("get", "k", "--values", status=0).out == b"1\n"


def test_keys_and_pairs_that_fail_can_be_mended_and_fed_back(
    local: Command, tmp_path: Path
) -> None:
    failures = tmp_path / "failed.jsonl"
    local("set", "a/b=[1.0]", "--ttl", "1d", "--failures", failures, status=1)
    mended = failures.read_bytes().replace(b"a/b", b"a:b", 1)
    local("set", stdin=mended, status=0)
    printed = local("get", "a:b", "--metadata", "expires", status=0).lines[0]
    assert printed["value"] == [1.0]
    assert "expireTime" in printed

    local("delete", stdin=b"a/b\n", status=1)  # a plain key is refused as it was
    ended = local("delete", "--failures", failures, stdin=b"a/b\n", status=1)
    assert b"INVALID_KEY" in ended.err
    local("delete", stdin=failures.read_bytes().replace(b"a/b", b"a:b", 1), status=0)
    local("get", "a:b", status=1)


@pytest.mark.parametrize("flag", ["--failures", "--report", "--journal"])
def test_a_dash_is_no_file_that_is_written(local: Command, tmp_path: Path, flag: str) -> None:
    ended = local("set", "k=1", flag, "-", folder=tmp_path, status=2)
    assert f"{flag} -: not a file name".encode() in ended.err
    assert not (tmp_path / "-").exists()
