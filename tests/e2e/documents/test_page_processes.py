"""The blocks on many processes and many installations, run as they stand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.documents.pages import block
from tests.e2e.documents.typed import run_lines, run_typed
from tests.e2e.fan_out.clusters import cluster
from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, package

_PAGE: Final = "docs/many-processes.md"
_USERS: Final = [{"key": f"user:{number}", "value": {"n": number}} for number in range(40)]
_LOGS: Final = [{"key": f"log:{number}", "value": number} for number in range(10)]
_INSTALLATIONS: Final = ["a", "b", "c", "d", "e", "f"]

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "the blocks need a POSIX shell and a terminal")]


@pytest.fixture
def users(kvsctl: Command) -> Iterator[Command]:
    """kvsctl on a served store that has logs; users.jsonl and keys.txt hold the users."""
    records_file(kvsctl.home / "users.jsonl", _USERS)
    (kvsctl.home / "keys.txt").write_text("".join(f"{one['key']}\n" for one in _USERS))
    with serving(kvsctl) as url:
        served = kvsctl.having(KVSCTL_URL=url)
        served("set", "-q", "-f", "-", stdin=_lines(_LOGS), status=0)
        yield served


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in records).encode()


def _records_of(paths: Iterator[Path]) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return sorted(lines, key=lambda one: int(one["key"].split(":")[1]))


def test_workers_set_get_and_export(users: Command) -> None:
    run_lines(users, block(_PAGE, "sh", "kvsctl set -f users.jsonl --workers 4 --failures"))
    assert len(list(users.home.glob("failed-[1-4].jsonl"))) == 4
    assert _records_of(users.home.glob("users-[1-4].jsonl")) == _USERS
    assert _records_of(users.home.glob("logs-[1-4].jsonl")) == _LOGS


def test_each_worker_has_a_journal(users: Command) -> None:
    run_lines(users, block(_PAGE, "sh", "kvsctl set -f users.jsonl --workers 4 --journal"))
    assert len(list(users.home.glob("users-[1-4].journal"))) == 4
    assert int(users("list", "user:", "--count", status=0).out) == len(_USERS)


def test_workers_divide_installations(kvsctl: Command) -> None:
    with container(kvsctl, _INSTALLATIONS) as inside:
        inside("set", *ALL, "-q", "tmp:1=1", "kept=1", status=0)
        run_lines(inside, block(_PAGE, "sh", "kvsctl delete"))
        left = inside("list", *ALL, "-q", status=0).lines
        assert [one["key"] for one in left] == ["kept"] * len(_INSTALLATIONS)
        assert '{"complete":true}' in (inside.home / "clean.ledger").read_text()


def test_a_cluster_works_on_the_parts(users: Command) -> None:
    package("distributed")
    script = block(_PAGE, "sh", "kvsctl set -f /shared/users.jsonl --workers")
    with cluster(users, 2) as dask:
        run_lines(
            users,
            script.replace("/shared", str(users.home)).replace(
                "tcp://scheduler:8786", dask["address"]
            ),
        )
    assert len(list(users.home.glob("users-*.journal"))) == 16
    assert int(users("list", "user:", "--count", status=0).out) == len(_USERS)


def test_the_tasks_of_an_array_are_the_whole(users: Command) -> None:
    script = block(_PAGE, "sh", "kvsctl set -f /shared/users.jsonl --shard auto")
    for index in range(8):
        run_lines(
            users.having(JOB_COMPLETION_INDEX=str(index)),
            script.replace("/shared", str(users.home)),
        )
    reports = [json.loads((users.home / f"part-{n}.json").read_text()) for n in range(8)]
    assert sum(report["succeeded"] for report in reports) == len(_USERS)


def test_the_page_on_targets_sets_in_all_installations(kvsctl: Command) -> None:
    with container(kvsctl, _INSTALLATIONS) as inside:
        run_lines(inside, block("docs/targets.md", "sh"))
        assert len(inside("list", *ALL, "-q", status=0).lines) == len(_INSTALLATIONS)


def test_installations_are_restored_and_compared(kvsctl: Command) -> None:
    page, begin = "docs/installations.md", "kvsctl set -t container --all-installations -f golden"
    golden, restore = block(page, "sh", begin).splitlines()
    each, same = block(page, "sh", "kvsctl diff -t container --all-installations -f").splitlines()
    with container(kvsctl, _INSTALLATIONS) as inside:
        records_file(inside.home / "golden.jsonl", _LOGS)
        assert "60 succeeded" in run_typed(inside, golden)
        assert "60 skipped" in run_typed(inside, golden), "nothing has changed"
        inside("export", *ALL, "-o", inside.home / "backup-{installation}.jsonl.gz", status=0)
        inside("delete", *ALL, "--all", "--yes", status=0)
        run_typed(inside, restore)
        assert "changed" not in run_typed(inside, each)
        inside("set", "-t", "container", "--installation", "c", "log:1=other", status=0)
        assert "  c  " in run_typed(inside, each, status=1)
        inside("set", *ALL, "config:new=1", status=0)
        shown = run_typed(inside, same, status=1)
        assert f"{len(_INSTALLATIONS)} added" in shown
        assert len(list(inside.home.glob("differs-?.jsonl"))) == len(_INSTALLATIONS)
