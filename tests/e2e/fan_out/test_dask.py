"""--dask: the parts go to the workers of a cluster, here Dask's own on loopback."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fan_out.clusters import cluster
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_COUNT = 200
_SLOWLY = ("--batch-size", "1", "--rps", "50", "--units-per-min", "0")

pytestmark = only_on(IS_POSIX, "workers are killed by signals of POSIX")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_file(
        tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(_COUNT)]
    )


def _keys(served: Command) -> int:
    return int(served("list", "--count", status=0).out)


def test_a_worker_is_killed_in_mid_run_and_the_union_is_whole(
    served: Command, records: Path, tmp_path: Path
) -> None:
    with cluster(served, 2) as dask:
        words = ("set", "-f", records, "--workers", "4", "--dask", dask["address"], "--json")
        process = served.start(
            *(*words, *_SLOWLY, "--journal", tmp_path / "{shard}.journal"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_until(lambda: _keys(served) > 8)
        os.kill(dask["pids"][0], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        report = json.loads(out)
        assert report["records"] == report["succeeded"] == _COUNT
        assert _keys(served) == _COUNT
        journals = [tmp_path / f"{number}.journal" for number in range(1, 5)]
        shown = [served("journal", "show", path, "--json", status=0).lines[0] for path in journals]
        assert sum(journal["records"] for journal in shown) == _COUNT


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSTOP])
def test_a_scheduler_that_is_gone_or_silent_ends_the_run(
    served: Command, records: Path, death: signal.Signals
) -> None:
    """If it is only silent, a second signal ends the run."""
    with cluster(served, 2) as dask:
        process = served.start(
            *("set", "-f", records, "--workers", "3", "--dask", dask["address"], "--json"),
            *_SLOWLY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_until(lambda: _keys(served) > 8)
        os.kill(dask["scheduler"], death)
        try:
            if death is signal.SIGSTOP:
                process.send_signal(signal.SIGTERM)
                assert process.stderr is not None
                assert any(b"stopping" in line for line in process.stderr)
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            os.kill(dask["scheduler"], signal.SIGCONT)
        report = json.loads(out)
        assert len(report["parts"]) == 3
        if death is signal.SIGSTOP:
            assert process.returncode == report["exit_code"] == 143, err
            assert report["interrupted"]
        else:
            assert process.returncode == report["exit_code"] == 4, err
            assert {part["exit_code"] for part in report["parts"]} == {4}
            assert b"lost the connection to the Dask scheduler" in err
            assert b"given to another one" not in err


def test_a_signal_stops_the_parts_on_the_cluster(served: Command, records: Path) -> None:
    with cluster(served, 2) as dask:
        process = served.start(
            *("set", "-f", records, "--workers", "2", "--dask", dask["address"], "--json"),
            *_SLOWLY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_until(lambda: _keys(served) > 8)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 143, err
        report = json.loads(out)
        assert report["interrupted"]
        assert report["succeeded"] == _keys(served) < _COUNT


def test_no_token_goes_through_thecluster(served: Command, kvsctl: Command, records: Path) -> None:
    """Workers have their own: here they have none, so the service refuses them."""
    with serving(kvsctl, "--token", "abcdefgh-secret") as url:
        own = kvsctl.having(KVSCTL_URL=url, KVSCTL_TOKEN="abcdefgh-secret")
        with cluster(kvsctl, 1) as dask:
            ended = own.process("set", "-f", records, "--workers", "1", "--dask", dask["address"])
        assert ended.status in (2, 3)
        with cluster(own, 1) as dask:
            own.process(
                *("set", "-f", records, "--workers", "1", "--dask", dask["address"]), status=0
            )
    assert _keys(served) == 0


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            ["--workers", "2", "--dask", "tcp://127.0.0.1:9"],
            4,
            "cannot reach the Dask scheduler at tcp://127.0.0.1:9\nCheck the address",
        ),
        (["--workers", "2", "--dask", "x://y"], 2, "--dask x://y: not the address of a scheduler"),
        (["--dask", "tcp://127.0.0.1:9"], 2, "--dask needs --workers"),
        (
            ["--workers", "2", "--dask", "tcp://127.0.0.1:9", "--if-absent"],
            2,
            "--dask: a cluster may carry out a part twice",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(
    served: Command, records: Path, words: list[str], status: int, message: str
) -> None:
    ended = served.process("set", "-f", records, *words, status=status)
    assert message in ended.err.decode()
    assert _keys(served) == 0


def test_without_the_extra_it_is_named(served: Command, records: Path) -> None:
    process = served.start(
        *("set", "-f", records, "--workers", "2", "--dask", "tcp://127.0.0.1:9"),
        prelude="import sys; sys.modules['distributed'] = None",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines() == [
        b"kvsctl: --dask needs Dask, which is not installed",
        b"Install kvsctl[dask].",
    ]


def test_only_a_job_on_a_cluster_imports_dask(served: Command, records: Path) -> None:
    process = served.start(
        *("set", "-f", records, "--workers", "1"),
        prelude="import sys; sys.modules['distributed'] = sys.modules['dask'] = None",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
