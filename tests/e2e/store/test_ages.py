"""Ages count back from the time of the service, whatever this machine's clock says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock, wall_ms
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served

pytestmark = pytest.mark.slow

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@pytest.fixture(name="clock", params=[-40 * _DAY_MS, 40 * _DAY_MS], ids=["behind", "ahead"])
def _clock(request: pytest.FixtureRequest) -> Clock:
    skew_ms: int = request.param
    return Clock(lambda: wall_ms() + skew_ms)


@pytest.fixture(name="url")
def _url(kvsctl: Command, tmp_path: Path, clock: Clock) -> Iterator[str]:
    """The URL of a service that holds a record of two days ago, and one of now."""
    with served(embedded(tmp_path / "skewed.db", None, clock)) as url:
        kvsctl("set", "--url", url, "old=1", status=0)
        clock.advance(2 * _DAY_MS)
        kvsctl("set", "--url", url, "new=1", status=0)
        yield url


@pytest.mark.parametrize("by", ["created", "updated"])
@pytest.mark.parametrize("words", [[], ["--consistent"]])
def test_of_a_listing(kvsctl: Command, url: str, words: list[str], by: str) -> None:
    for age, keys in ((["--older-than", "1d"], b"old\n"), (["--newer-than", "1d"], b"new\n")):
        listed = kvsctl("list", "--url", url, *age, "--by", by, *words, status=0)
        assert listed.out == keys


def test_of_sums_and_exports(kvsctl: Command, url: str) -> None:
    (exported,) = kvsctl("export", "--url", url, "--older-than", "1d", status=0).lines
    assert exported["key"] == "old"
    (sums,) = kvsctl("du", "--url", url, "--newer-than", "1d", "--as", "json", status=0).lines
    assert sums["keys"] == 1


def test_of_each_side_of_a_comparison(kvsctl: Command, tmp_path: Path, url: str) -> None:
    with served(embedded(tmp_path / "other.db")) as other:
        kvsctl("set", "--url", other, "old=1", "new=1", status=0)
        compared = kvsctl("diff", "--from", url, "--url", other, "--newer-than", "1d", status=1)
    assert compared.lines == [{"change": "added", "key": "old", "right": 1}]


def test_of_the_source_of_a_sync(kvsctl: Command, tmp_path: Path, url: str) -> None:
    with served(embedded(tmp_path / "other.db")) as other:
        target = kvsctl.having(KVSCTL_URL=other)
        target("sync", "-y", "--from", url, "--all", "--older-than", "1d", status=0)
        assert target("list", status=0).out == b"old\n"


def test_of_a_service_without_times_in_its_queries(
    kvsctl: Command, tmp_path: Path, clock: Clock
) -> None:
    options = EmulatorOptions(query_metadata="omitted")
    with served(embedded(tmp_path / "db", options, clock)) as url:
        kvsctl("set", "--url", url, "old=1", status=0)
        clock.advance(2 * _DAY_MS)
        kvsctl("set", "--url", url, "new=1", status=0)
        assert kvsctl("list", "--url", url, "--newer-than", "1d", status=0).out == b"new\n"


@pytest.mark.parametrize(("words", "only"), [([], ""), (["--consistent"], ",only=batch/get")])
def test_of_the_first_run_of_a_job_that_is_resumed(
    kvsctl: Command, tmp_path: Path, clock: Clock, words: list[str], only: str
) -> None:
    output = tmp_path / "out.jsonl"
    records = [{"key": f"k:{n:04}", "value": n} for n in range(1500)]
    export = ("export", "--newer-than", "1h", "--journal", tmp_path / "j", "-o", output, "-c", "1")
    emulator = embedded(tmp_path / "db", None, clock)
    with served(emulator) as url:
        kvsctl("set", "-f", records_file(tmp_path / "in", records), "--url", url, status=0)
        emulator.arm(read_faults(f"script=ok:ok:ok:ok:ok:ok:ok:ok,503=1{only}"))
        once = ("--retries", "1", "--give-up-after", "2")
        kvsctl(*export, *words, *once, "--url", url, status=4)
        assert output.with_name("out.jsonl.part").read_bytes().count(b"\n") > 0
        emulator.arm(None)
        clock.advance(2 * _HOUR_MS)  # by now, every record is older than an hour
        assert kvsctl(*export, *words, "--url", url, "--json", status=0).report["records"] == 1500
        # The journal is complete: it starts anew.
        assert kvsctl(*export, *words, "--url", url, "--json", status=0).report["records"] == 0
