"""--ping-url and --metrics-file: others are notified, and the job ends as it would."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.pinged import Pinged
from tests.support.commands.server import served
from tests.support.waiting import wait_until


@pytest.fixture
def app() -> Pinged:
    return Pinged()


@pytest.fixture
def url(app: Pinged) -> Iterator[str]:
    with served(app) as base:
        yield f"{base}/ping/secret-uuid"


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return tmp_path / "job.prom"


def test_start_and_end_are_signalled_with_the_totals_but_no_keys_and_values(
    kvsctl: Command, app: Pinged, url: str
) -> None:
    ended = kvsctl("set", "-q", "-t", "local", "a-key=a-value", "--ping-url", url, status=0)
    assert app.paths == ["/ping/secret-uuid/start", "/ping/secret-uuid/0"]
    (_, first), (_, last) = app.signals
    assert first == ""
    assert last.startswith("kvsctl set local: exit code 0; 1 record, 1 succeeded, ")
    assert "\n" not in last
    assert "a-key" not in last
    assert "a-value" not in last
    assert ended.err == b""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("get", "-t", "local", "missing"), 1, "1 record, 1 failed"),
        (("get", "-t", "nowhere", "k"), 2, 'exit code 2; --target: unknown target "nowhere"'),
        (
            ("set", "-t", "local", "-f", "missing.jsonl"),
            2,
            "exit code 2; cannot read missing.jsonl",
        ),
        (("get", "k", "--url", "http://127.0.0.1:{port}", "--retries", "0"), 4, "cannot reach"),
        (("set", "-t", "local", "a/b=1", "--check-first"), 1, "1 record, 1 failed"),
    ],
)
def test_every_end_is_signalled_and_measured(
    kvsctl: Command, app: Pinged, url: str, metrics: Path, words: tuple[str, ...], status: int,
    said: str,
) -> None:  # fmt: skip
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        given = [word.format(port=taken.getsockname()[1]) for word in words]
        kvsctl(*given, "--ping-url", url, "--metrics-file", metrics, status=status)
    assert app.paths[-1] == f"/ping/secret-uuid/{status}"
    assert said in app.signals[-1][1]
    assert f"}} {status}\n" in metrics.read_text().split("TYPE")[1]


def test_a_held_lock_and_an_ended_time_are_signalled(
    kvsctl: Command, app: Pinged, url: str, tmp_path: Path
) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(12)])
    slow = ("--max-duration", "1s", "--rps", "4", "--batch-size", "1", "-c", "1")
    kvsctl("set", "-t", "local", "-f", source, *slow, "--ping-url", url, status=75)
    assert app.paths[-1].endswith("/75")
    assert "work is left: the time of --max-duration 1s is up" in app.signals[-1][1]


def test_a_listing_is_signalled_and_measured_too(
    kvsctl: Command, app: Pinged, url: str, metrics: Path, tmp_path: Path
) -> None:
    kvsctl("set", "-t", "local", "a=1", "b=2", status=0)
    words = ("-t", "local", "-q", "--ping-url", url, "--metrics-file", metrics)
    kvsctl("export", *words, "-o", tmp_path / "out.jsonl", status=0)
    kvsctl("list", *words, status=0)
    assert [line[:36] for path, line in app.signals if path.endswith("/0")] == [
        "kvsctl export local: exit code 0; 2 r"[:36],
        "kvsctl list local: exit code 0; 2 re"[:36],
    ]
    assert 'kvsctl_last_run_records{command="list",target="local",outcome="succeeded"} 2' in (
        metrics.read_text()
    )


def test_a_clean_up_by_rules_is_signalled(
    kvsctl: Command, app: Pinged, url: str, tmp_path: Path
) -> None:
    rules = tmp_path / "retention.toml"
    rules.write_text('[[rules]]\nname = "old"\nprefix = "tmp:"\naction = "delete"\n')
    kvsctl("set", "-q", "-t", "local", "tmp:a=1", "tmp:b=2", "keep=3", status=0)
    words = ("clean", "-t", "local", "-f", rules, "-y", "--ping-url", url)
    kvsctl(*words, status=0)
    assert app.paths == ["/ping/secret-uuid/start", "/ping/secret-uuid/0"]
    assert "exit code 0; 2 records, 2 succeeded, " in app.signals[-1][1]
    rules.write_text(rules.read_text() + "max_delete = 1\n")
    kvsctl("set", "-q", "-t", "local", "tmp:a=1", "tmp:b=2", status=0)
    kvsctl(*words, status=2)
    assert app.paths[-1] == "/ping/secret-uuid/2"
    assert "max_delete is 1" in app.signals[-1][1]


def test_an_interrupted_run_is_signalled(kvsctl: Command, app: Pinged, url: str) -> None:
    process = kvsctl.start(
        "set", "-q", "-t", "local", "--ping-url", url,
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        process.stdin.write(b'{"key":"before","value":1}\n')
        process.stdin.flush()
        wait_until(lambda: kvsctl("get", "-t", "local", "before", "-q").status == 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert app.paths == ["/ping/secret-uuid/start", "/ping/secret-uuid/143"]


def test_a_journal_that_is_complete_is_a_success(
    kvsctl: Command, app: Pinged, url: str, tmp_path: Path
) -> None:
    source = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
    words = ("set", "-t", "local", "-f", source, "--journal", tmp_path / "journal")
    kvsctl(*words, status=0)
    kvsctl(*words, "--ping-url", url, status=0)
    assert "exit code 0; 1 record, 1 succeeded" in app.signals[-1][1]


@pytest.mark.parametrize(("more", "warns"), [((), True), (("-q",), False)])
def test_a_failed_ping_warns_and_changes_nothing_else(
    kvsctl: Command, more: tuple[str, ...], warns: bool
) -> None:
    app = Pinged(404, 404)
    with served(app) as base:
        words = ("set", "-t", "local", "a=1", "--ping-url", f"{base}/secret-uuid", *more)
        ended = kvsctl(*words, status=0)
    assert app.paths == ["/secret-uuid/start", "/secret-uuid/0"]
    for what in (b"start", b"end"):
        line = b"warning: cannot signal the %b to 127.0.0.1 (--ping-url): HTTP 404 Not Found" % what
        assert (line in ended.err) is warns
    assert b"secret" not in ended.err


def test_the_url_may_come_from_the_environment(kvsctl: Command, app: Pinged, url: str) -> None:
    kvsctl.having(KVSCTL_PING_URL=url)("set", "-t", "local", "a=1", status=0)
    kvsctl.having(KVSCTL_PING_URL="")("set", "-t", "local", "a=1", status=0)
    assert len(app.signals) == 2


def test_a_url_that_cannot_be_used_is_refused_before_anything_is_sent(kvsctl: Command) -> None:
    words = ("set", "-t", "local", "a=1", "--ping-url", "http://hc.example/secret")
    ended = kvsctl(*words, status=2)
    assert b"--ping-url: http:// to hc.example is refused" in ended.err
    assert b"secret" not in ended.err
    assert kvsctl("get", "-q", "-t", "local", "a").status == 1


def test_a_dry_run_notifies_nobody(kvsctl: Command, app: Pinged, url: str, metrics: Path) -> None:
    words = ("set", "-n", "-t", "local", "a=1", "--ping-url", url, "--metrics-file", metrics)
    kvsctl(*words, status=0)
    assert app.signals == []
    assert not metrics.exists()


class TestTheMetricsFile:
    def test_names_the_job_and_keeps_its_last_success(self, kvsctl: Command, metrics: Path) -> None:
        words = ("get", "-q", "-t", "local", "--shard", "1/1", "--metrics-file", metrics)
        kvsctl("set", "-t", "local", "a=1", status=0)
        kvsctl(*words, "a", status=0)
        labels = 'command="get",target="local",shard="1/1"'
        line = f"kvsctl_last_success_timestamp_seconds{{{labels}}} "
        (success,) = [one for one in metrics.read_text().splitlines() if one.startswith(line)]
        kvsctl(*words, "a", "missing", status=1)
        after = metrics.read_text()
        assert success in after.splitlines()
        assert f"kvsctl_last_run_exit_code{{{labels}}} 1\n" in after
        assert f'kvsctl_last_run_records{{{labels},outcome="succeeded"}} 1\n' in after
        assert "missing" not in after

    def test_that_cannot_be_written_warns_and_changes_nothing_else(
        self, kvsctl: Command, tmp_path: Path
    ) -> None:
        words = ("set", "-t", "local", "a=1", "--metrics-file")
        ended = kvsctl(*words, tmp_path / "missing" / "job.prom", status=0)
        assert b"warning: cannot write the metrics file" in ended.err
        other = records_file(tmp_path / "other", [1])
        before = other.read_bytes()
        assert b"cannot replace the metrics file" in kvsctl(*words, other, status=0).err
        assert other.read_bytes() == before

    def test_is_no_other_file_of_the_run(self, kvsctl: Command, tmp_path: Path) -> None:
        source = records_file(tmp_path / "in.jsonl", [{"key": "k", "value": 1}])
        words = ("set", "-t", "local", "-f", source, "--metrics-file")
        before = source.read_bytes()
        assert b"input and metrics file at once" in kvsctl(*words, source, status=2).err
        assert source.read_bytes() == before
        assert (
            b"--metrics-file -: not a file name"
            in kvsctl(*words, "-", folder=tmp_path, status=2).err
        )
        assert not (tmp_path / "-").exists()
