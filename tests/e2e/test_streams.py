"""Pipes, terminals and files as a user meets them."""

import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.command import KVSCTL, Command, records_file
from tests.support.server import served

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
            assert _read_within(process.stdout.fileno(), _WAIT_SECONDS) == value
        process.stdin.close()
        assert process.wait(_WAIT_SECONDS) == 0


def test_a_closed_pipe_ends_quietly_with_141(local: Command, tmp_path: Path) -> None:
    local("set", "k=" + "x" * 10_000, status=0)
    keys = tmp_path / "keys.txt"
    keys.write_text("k\n" * 5_000)
    process = local.start(
        "get", "-f", keys, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"key":"k"')
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(_WAIT_SECONDS) == 141
    assert complaint == b""


def test_a_full_disk_is_an_error_of_the_stream(local: Command) -> None:
    local("set", "k=1", status=0)
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "get", "k", stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE
        )
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert b"No space left on device" in complaint


def test_an_output_that_cannot_be_written_leaves_exit_code_5(local: Command) -> None:
    local("set", "k=1", status=0)
    ended = local("get", "k", "-o", "/dev/full", status=5)
    assert b"cannot write to /dev/full: No space left on device" in ended.err


@pytest.mark.parametrize("words", [("k=1",), ("k=1", "no pair")])
def test_a_report_that_cannot_be_printed_is_an_error_of_the_stream(
    local: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    saved = tmp_path / "report.json"
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "set", *words, "--json", "--report", saved,
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
        )  # fmt: skip
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5, complaint
    assert b"cannot write the report to stdout: No space left on device" in complaint
    assert json.loads(saved.read_bytes())["exit_code"] == 5


def test_a_report_that_nobody_reads_ends_quietly_with_141(local: Command, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    near, far = os.pipe()
    os.close(near)
    process = local.start(
        "set", "k=1", "--json", "--report", saved,
        stdin=subprocess.DEVNULL, stdout=far, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(far)
    _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, complaint) == (141, b"")
    assert json.loads(saved.read_bytes())["exit_code"] == 141


def test_a_run_that_is_killed_leaves_no_earlier_runs_report(local: Command, tmp_path: Path) -> None:
    saved = tmp_path / "report.json"
    saved.write_text('{"exit_code":0}\n')
    process = local.start("set", "--report", saved, stdin=subprocess.PIPE)
    with process:
        assert process.stdin is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        while local("get", "before", "-q").status != 0:
            assert process.poll() is None
        process.kill()
    assert saved.read_bytes() == b""


def test_a_report_file_that_cannot_be_opened_stops_the_run_before_it_sends(
    local: Command, tmp_path: Path
) -> None:
    for path in (tmp_path, tmp_path / "missing" / "report.json"):
        ended = local("set", "k=1", "--report", path, status=2)
        assert b"cannot write to" in ended.err
    assert not local.database.exists()


def test_a_failures_file_that_breaks_is_not_said_to_hold_failures(local: Command) -> None:
    ended = local("set", "k/=1", "--failures", "/dev/full", status=5)
    assert b"fed back" not in ended.err
    assert b"cannot write the failures file /dev/full" in ended.err


def test_a_report_of_records_that_nobody_reads_is_let_pass(local: Command) -> None:
    local("set", "k=1", status=0)
    with Path("/dev/full").open("wb") as full:
        process = local.start(
            "get", "k", "--json", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=full
        )
        out, _ = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, out) == (0, b'{"key":"k","value":1}\n')


def test_a_report_that_cannot_be_saved_is_told_all_the_same(local: Command) -> None:
    ended = local("set", "k=1", "--json", "--report", "/dev/full", status=5)
    assert (ended.report["exit_code"], ended.report["succeeded"]) == (5, 1)
    assert b"cannot write the report to /dev/full" in ended.err
    assert b"1 succeeded" in local("set", "k=1", "--report", "/dev/full", status=5).err


def test_nothing_to_work_on_shows_an_example(local: Command) -> None:
    ended = _in_terminal(local, "get")
    assert ended.status == 2
    assert "For example: kvsctl get greeting" in ended.text


def test_empty_input_is_a_warning(local: Command) -> None:
    ended = local("set", stdin=b"\n\n", status=0)
    assert b"the input has no records" in ended.err


@pytest.mark.parametrize(
    ("words", "said"), [("get", b"no input: give keys"), ("set -f -", b"--file -: stdin is closed")]
)
def test_a_closed_stdin_is_no_input(local: Command, words: str, said: bytes) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{KVSCTL}" {words} <&-'],
        env=local.environ,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr


def test_a_report_for_a_closed_stdout_is_refused_before_anything_is_sent(local: Command) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"{KVSCTL}" set k=1 --json >&-'],
        env=local.environ,
        capture_output=True,
        timeout=_WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert b"stdout is closed" in done.stderr
    assert not local.database.exists()


@pytest.mark.parametrize(
    ("closed", "status"),
    [("2>&-", 1), ("<&- 2>&-", 1), ("<&- >&- 2>&-", 1), (">&- 2>&- --json", 2)],
)
def test_streams_that_are_closed_change_no_exit_code(
    kvsctl: Command, tmp_path: Path, closed: str, status: int
) -> None:
    with served(embedded(tmp_path / "served.db")) as url:
        done = subprocess.run(
            ["/bin/sh", "-c", f'"{KVSCTL}" set a=1 bad/=2 --failures failed.jsonl {closed}'],
            env=kvsctl.having(KVSCTL_URL=url).environ,
            cwd=tmp_path,
            timeout=_WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == status
        kvsctl("get", "a", "--url", url, status=0 if status == 1 else 1)


def test_what_a_token_command_says_goes_into_no_file_of_a_run_with_closed_streams(
    kvsctl: Command, tmp_path: Path
) -> None:
    words = "set bad/=1 k=2 --failures failed.jsonl --report report.json --journal journal"
    command = "sh -c 'echo noise >&2; echo token'"
    with served(embedded(tmp_path / "served.db")) as url:
        subprocess.run(
            ["/bin/sh", "-c", f'"{KVSCTL}" {words} --token-command "$COMMAND" <&- >&- 2>&-'],
            env=kvsctl.having(KVSCTL_URL=url, COMMAND=command).environ,
            cwd=tmp_path,
            timeout=_WAIT_SECONDS,
            check=False,
        )
    for name in ("failed.jsonl", "report.json", "journal"):
        assert b"noise" not in (tmp_path / name).read_bytes()
    assert json.loads((tmp_path / "report.json").read_bytes())["succeeded"] == 1


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
    vanishing = tmp_path / "2.jsonl"
    os.mkfifo(vanishing)
    process = local.start(
        "set", "-f", first, "-f", vanishing, "-f", "/proc/self/mem", "--json",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with vanishing.open("wb") as pipe:
        pipe.write(b'{"key":"piped","value":2}\n')
    out, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5, complaint
    assert b'"succeeded":2' in out


def test_progress_is_drawn_on_a_terminal_and_gone_at_the_end(
    local: Command, tmp_path: Path
) -> None:
    many = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(2000)])
    ended = _in_terminal(local, "set", "-f", many)
    assert ended.status == 0
    assert "\x1b[2K" in ended.text
    assert "2,000 succeeded" in ended.text
    piped = local("set", "-f", many, status=0)
    assert b"\x1b" not in piped.err
    assert b"2,000 succeeded" in piped.err


def test_terminal_codes_in_keys_and_messages_are_shown_not_obeyed(local: Command) -> None:
    ended = _in_terminal(local, "get", "evil\x1b]0;title\x07[red]")
    assert ended.status == 1
    assert "\x1b]0;" not in ended.text
    assert "\\x1b]0;title" in ended.text
    assert "[red]" in ended.text


@pytest.mark.parametrize(
    ("variables", "has_colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_on_a_terminal(
    local: Command, variables: dict[str, str], *, has_colour: bool
) -> None:
    ended = _in_terminal(local.having(**{"TERM": "xterm", **variables}), "set", "a=1")
    assert bool(re.search(r"\x1b\[[0-9;]+m", ended.text)) is has_colour


def test_colour_can_be_forced(local: Command) -> None:
    assert b"\x1b[" in local.having(FORCE_COLOR="1")("set", "a=1", status=0).err


def test_quiet_says_nothing(local: Command) -> None:
    ended = local("set", "a=1", "-q", status=0)
    assert (ended.out, ended.err) == (b"", b"")


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


class _Screen:
    def __init__(self, status: int, text: str) -> None:
        self.status, self.text = status, text


def _in_terminal(command: Command, *words: str | Path) -> _Screen:
    """Runs with stdin, stdout and stderr on a pseudo-terminal."""
    near, far = pty.openpty()
    variables = {"TERM": "xterm", **command.variables}
    process = command.having(**variables).start(*words, stdin=far, stdout=far, stderr=far)
    os.close(far)
    shown = b""
    while chunk := _read_within(near, _WAIT_SECONDS):
        shown += chunk
    os.close(near)
    return _Screen(process.wait(_WAIT_SECONDS), shown.decode())


def _read_within(fd: int, seconds: float) -> bytes:
    if not select.select([fd], [], [], seconds)[0]:
        raise AssertionError("nothing came")
    try:
        return os.read(fd, 65536)
    except OSError:  # Linux says so when the last process has left the terminal
        return b""


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


@pytest.mark.parametrize("words", [["--help"], ["set", "--help"], ["--version"]])
def test_what_is_printed_for_nobody_ends_quietly_with_141(local: Command, words: list[str]) -> None:
    near, far = os.pipe()
    os.close(near)
    process = local.start(*words, stdout=far, stderr=subprocess.PIPE)
    os.close(far)
    _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert (process.returncode, complaint) == (141, b"")


@pytest.mark.parametrize("words", [["--help"], ["set", "--help"], ["--version"]])
def test_what_cannot_be_printed_is_exit_5(local: Command, words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        process = local.start(*words, stdout=full, stderr=subprocess.PIPE)
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 5
    assert complaint == b"kvsctl: cannot write to stdout: No space left on device\n"
