"""diff and verify that are interrupted, refused, or drawn on a terminal."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command, records_file
from tests.support.commands.pinged import Pinged
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on

pytestmark = pytest.mark.slow

_WAIT_SECONDS = 60


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_comparison_of_files_ends_in_good_order(
    kvsctl: Command, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    value = "x" * 5_000
    files = [
        records_file(tmp_path / name, [{"key": f"{name}{n}", "value": value} for n in range(4_000)])
        for name in ("l", "r")
    ]
    report, app = tmp_path / "report.json", Pinged()
    with served(app) as url:
        process = kvsctl.start(
            "diff", "-f", files[0], "--with", files[1], "--report", report, "--ping-url", url,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            process.send_signal(number)
            notice = process.stderr.readline()  # before the rest of the output is read
            lines = process.stdout.read().splitlines()
            said = process.stderr.read()
            assert process.wait(_WAIT_SECONDS) == status
    assert notice == b"kvsctl: stopping: no request is in flight\n"
    assert b"kvsctl: interrupted: not everything was compared\n" in said
    document = json.loads(report.read_bytes())
    assert (document["exit_code"], document["interrupted"]) == (status, True)
    assert 1 + len(lines) == document["added"] + document["missing"] < 8_000
    assert app.paths == ["/start", f"/{status}"]


def test_a_refused_target_leaves_no_part_of_the_output(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "l", [{"key": "a", "value": 1}])
    for url in ("http://example.com", "https://example.com"):
        words = ("diff", "-f", source, "--url", url, "-o", tmp_path / "out", "--json")
        kvsctl(*words, status=2)
        kvsctl("diff", "--from", url, "--with", source, "-o", tmp_path / "out", status=2)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["l"]


@only_on(IS_POSIX, "a terminal")
def test_a_listing_shows_its_progress_where_differences_are_printed(
    kvsctl: Command, tmp_path: Path
) -> None:
    records = [{"key": f"k{n:04}", "value": n} for n in range(1_500)]
    source = records_file(tmp_path / "l", records)
    with served(embedded(tmp_path / "served.db")) as url:
        kvsctl("set", "-q", "--url", url, "-f", source, "more=1", status=0)
        words = ("--url", url, "--all", "-c", "1", "--rps", "8")
        screen = in_terminal(kvsctl, "diff", "-f", source, *words)
    before, found, _ = screen.text.partition("+ more")
    assert found
    assert "keys" in before
    assert "\r" in before.replace("\r\n", "")
