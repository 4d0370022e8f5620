"""--shard with several installations: each is in one part, with all of its keys."""

import json
from pathlib import Path
from zlib import crc32

from tests.e2e.installations.support import ALL, container, lines_by_name
from tests.support.commands.command import Command, records_file

_NAMES = [f"i{number:02}" for number in range(20)]
_PARTS = 4


def _part(name: str) -> int:
    """Return the part of an installation, as the documentation says."""
    return crc32(name.rsplit("/", 1)[-1].lower().encode()) % _PARTS + 1


def test_the_parts_are_the_whole_and_their_reports_add_up(kvsctl: Command, tmp_path: Path) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(9)])
    reports = [tmp_path / f"part-{part}.json" for part in range(1, _PARTS + 1)]
    with container(kvsctl, _NAMES) as inside:
        for part, report in enumerate(reports, 1):
            words = ("--shard", f"{part}/{_PARTS}", "--report", report)
            inside("set", *ALL, "-f", path, *words, status=0)
            shown = json.loads(report.read_bytes())
            assert [*lines_by_name(shown)] == [name for name in _NAMES if _part(name) == part]
            assert shown["shard"] == f"{part}/{_PARTS}"
            assert shown["succeeded"] == 9 * len(shown["installations"])
        whole = inside("report", "merge", "--json", *reports, status=0).report
        assert len(inside("list", *ALL, status=0).lines) == 9 * len(_NAMES)
    assert sorted(lines_by_name(whole)) == _NAMES
    assert whole["succeeded"] == 9 * len(_NAMES)


def test_the_tasks_of_an_array_clean_each_installation_once(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES) as inside:
        inside("set", *ALL, "a=1", "b=2", status=0)
        words = ("delete", *ALL, "--all", "-y", "--json", "--shard", f"auto/{_PARTS}")
        found = []
        for index in range(_PARTS):
            report = inside.having(JOB_COMPLETION_INDEX=str(index))(*words, status=0).report
            assert {line["succeeded"] for line in report["installations"]} <= {2}
            found += [*lines_by_name(report)]
        assert sorted(found) == _NAMES
        assert inside("list", *ALL, status=0).lines == []


def test_an_ari_is_in_the_part_of_its_uuid(kvsctl: Command) -> None:
    uuid = "6D3C0000-0000-4000-8000-00000000000a"
    ari = f"ari:cloud:ecosystem::installation/{uuid}"
    part = f"{_part(uuid)}/{_PARTS}"
    for name in (uuid, uuid.lower(), ari):
        with container(kvsctl, [name, "other"]) as inside:
            words = ("set", "-t", "container", "--installation", name, "--installation", "other")
            report = inside(*words, "k=1", "--shard", part, "--json", status=0).report
            assert name in lines_by_name(report)


def test_a_part_without_an_installation_is_no_error(kvsctl: Command) -> None:
    empty = next(part for part in range(1, 5) if part not in {_part("a"), _part("b")})
    with container(kvsctl, ["a", "b"]) as inside:
        for words in (("set", *ALL, "k=1"), ("delete", *ALL, "--all", "-y")):
            ended = inside(*words, "--shard", f"{empty}/{_PARTS}", "--json", status=0)
            assert ended.report["installations"] == []
            assert ended.report["records"] == 0
            assert f"no installation is in shard {empty}/{_PARTS}".encode() in ended.err
        assert inside("list", *ALL, status=0).lines == []


def test_a_ledger_belongs_to_its_part(kvsctl: Command, tmp_path: Path) -> None:
    with container(kvsctl, _NAMES) as inside:
        words = ("set", *ALL, "k=1", "--ledger", tmp_path / "ledger")
        inside(*words, "--shard", "1/4", status=0)
        for other in (("--shard", "2/4"), ("--shard", "1/3"), ()):
            ended = inside(*words, *other, status=2)
            assert b"when the ledger was begun" in ended.err


def test_workers_divide_the_installations_of_a_part(kvsctl: Command) -> None:
    with container(kvsctl, _NAMES) as inside:
        words = ("set", *ALL, "k=1", "--workers", "2", "--json", "--shard", "1/4")
        report = inside.process(*words, status=0).report
    assert [*lines_by_name(report)] == [name for name in _NAMES if _part(name) == 1]
