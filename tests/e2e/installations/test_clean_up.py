"""What selectors choose in several installations: listed first, asked about once, then deleted."""

import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installations.support import ALL, container, exit_codes, lines_by_name
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal, signalled_in_terminal

_SIZES = {"a": 3, "b": 40, "c": 0, "d": 7, "e": 120, "f": 1, "g": 12, "h": 2}
_TMP = ("--prefix", "tmp:")


@contextmanager
def _stores(kvsctl: Command, *words: str, sizes: Mapping[str, int] = _SIZES) -> Iterator[Command]:
    """Serve installations with so many keys to delete, and one to keep."""
    with container(kvsctl, list(sizes), *words) as inside:
        for name, size in sizes.items():
            records = [f"tmp:{number}=1" for number in range(size)]
            inside("set", "-t", "container", "--installation", name, "keep=1", *records, status=0)
        yield inside


def _left(inside: Command) -> dict[str, int]:
    """Return how many keys each store has."""
    counts = dict.fromkeys(_SIZES, 0)
    for line in inside("list", *ALL, status=0).lines:
        counts[line["installation"]] += 1
    return counts


def _whole(sizes: Mapping[str, int] = _SIZES) -> dict[str, int]:
    return {name: size + 1 for name, size in sizes.items()}


def test_all_are_cleaned_in_one_command(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        report = inside("delete", *ALL, *_TMP, "--yes", "--json", status=0).report
        left = _left(inside)
    assert {name: line["succeeded"] for name, line in lines_by_name(report).items()} == _SIZES
    assert report["succeeded"] == sum(_SIZES.values())
    assert left == dict.fromkeys(_SIZES, 1)


def test_one_question_has_the_totals_and_the_five_largest(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        screen = in_terminal(inside, "delete", *ALL, *_TMP, typed=b"n\n", columns=200)
        assert _left(inside) == _whole()
        consented = in_terminal(inside, "delete", *ALL, *_TMP, typed=b"y\n")
        assert _left(inside) == dict.fromkeys(_SIZES, 1)
    assert screen.status == 2
    lines = screen.text.replace("\r", "").splitlines()
    first = next(place for place, line in enumerate(lines) if "About to delete" in line)
    assert "About to delete 185 records (185 bytes) in container" in lines[first]
    assert lines[first].endswith("of 8 installations")
    assert lines[first + 1 : first + 7] == [
        "  e  120 records (120 bytes)",
        "  b  40 records (40 bytes)",
        "  g  12 records (12 bytes)",
        "  d  7 records (7 bytes)",
        "  a  3 records (3 bytes)",
        "  … and 2 more installations",
    ]
    assert "Secrets are not listed." in lines[first + 7]
    assert "not confirmed: nothing was deleted" in screen.text
    assert consented.text.count("Delete? [y/N]") == 1
    assert consented.status == 0
    assert "185 records" in consented.text


def test_nobody_is_asked_without_a_terminal(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        ended = inside("delete", *ALL, *_TMP, status=2)
        assert b"cannot ask" in ended.err
        assert b"succeeded" not in ended.err, "there are no totals of what was refused"
        assert _left(inside) == _whole()


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (("--max-delete", "100"), b"installation e: 120 records would be deleted"),
        (("--max-delete", "150"), b"in all installations: 185 records would be deleted"),
        (("--max-delete-bytes", "150"), b"in all installations: 185 bytes would be deleted"),
        (
            ("--max-delete", "98%"),
            rb"installation [a-e]: (\d+) records would be deleted, 100% of the \1 ",
        ),
    ],
)
def test_a_limit_holds_for_each_and_in_all(
    kvsctl: Command, most: tuple[str, str], said: bytes
) -> None:
    with _stores(kvsctl) as inside:
        ended = inside("delete", *ALL, *_TMP, "--yes", *most, "--json", status=2)
        assert re.search(said, ended.err), ended.err
        assert ended.report["records"] == 0
        assert ended.report["requests"] == sum(
            line["requests"] for line in lines_by_name(ended.report).values()
        )
        assert _left(inside) == _whole()
        ended = inside("delete", *ALL, *_TMP, "--yes", *most, status=2)
        assert re.fullmatch(rb"kvsctl: .*\n.*\n", ended.err), "the error and its hint alone"
        inside("delete", *ALL, *_TMP, "--yes", "--max-delete", "185", status=0)
        assert _left(inside) == dict.fromkeys(_SIZES, 1)


def test_a_limit_with_journals_is_refused(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        limited = (*_TMP, "--yes", "--max-delete", "500")
        ended = inside("delete", *ALL, *limited, "--journal", "j-{installation}", status=2)
        assert b"--max-delete counts all installations, and --journal resumes" in ended.err
        assert _left(inside) == _whole()


def test_one_that_cannot_be_listed_is_left_alone_and_the_others_are_not(kvsctl: Command) -> None:
    faults = ("--faults", "refuse-installation=z:403,refuse-installation=y:404")
    with container(kvsctl, [*_SIZES, "y", "z"], *faults) as inside:
        inside("set", "-t", "container", "--installation", "a", "tmp:1=1", status=0)
        words = (*_TMP, "--yes", "--max-delete", "5", "--json")
        report = inside("delete", *ALL, *words, status=1).report
    codes = exit_codes(report)
    assert (codes["y"], codes["z"], codes["a"]) == (4, 3, 0)
    assert report["succeeded"] == 1
    assert "refused to list keys" in lines_by_name(report)["y"]["error"]


def test_canaries_are_cleaned_first(kvsctl: Command) -> None:
    sizes = {"a": 3, "b": 2, "c": 4}
    with _stores(kvsctl, sizes=sizes) as inside:
        words = (*_TMP, "--yes", "--canary", "1", "--max-failures", "1", "--json")
        report = inside("delete", *ALL, *words, status=0).report
    assert report["succeeded"] == 9


def test_each_has_an_undo_and_a_plan_of_its_own(kvsctl: Command, tmp_path: Path) -> None:
    with _stores(kvsctl) as inside:
        planned = inside(
            "delete", *ALL, *_TMP, "--plan", "p-{installation}", status=0, folder=tmp_path
        )
        assert planned.out == b""
        assert _left(inside) == _whole()
        undo = ("--undo", "u-{installation}.jsonl")
        inside("delete", *ALL, *_TMP, "--yes", *undo, status=0, folder=tmp_path)
        inside("set", *ALL, "-f", "u-{installation}.jsonl", folder=tmp_path)
        lines: list[dict[str, Any]] = []
        for name in _SIZES:
            lines += map(json.loads, (tmp_path / f"p-{name}").read_text("utf-8").splitlines())
        assert _left(inside) == _whole()
    assert len(lines) == sum(_SIZES.values())
    assert {line["installation"] for line in lines} == _SIZES.keys() - {"c"}
    assert not (tmp_path / "u-c.jsonl").exists()


def test_a_plan_on_stdout_names_the_installation_of_each_line(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        lines = inside("delete", *ALL, *_TMP, "--plan", "-", status=0).lines
        keys = inside("delete", *ALL, *_TMP, "-n", status=0)
    assert sorted(line["installation"] for line in lines) == sorted(
        name for name, size in _SIZES.items() for _ in range(size)
    )
    assert len(keys.lines) == 185
    assert {"key", "installation"} == keys.lines[0].keys()
    assert b"DRY RUN" in keys.err


def test_records_get_a_ttl_in_all(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        words = ("expire", *ALL, *_TMP, "--ttl", "1d", "--yes", "--json")
        report = inside(*words, status=0).report
        read = inside("get", *ALL, "tmp:0", "--metadata", "expires", "--ignore-missing", status=0)
    assert report["succeeded"] == 185
    assert len(read.lines) == 7
    assert all("expireTime" in line for line in read.lines)


def test_both_phases_together_keep_to_the_quota(kvsctl: Command) -> None:
    sizes = {"a": 60, "b": 60}
    with _stores(kvsctl, "--quotas", sizes=sizes) as inside:
        report = inside("delete", *ALL, *_TMP, "--yes", "--max-delete", "200", "--json").report
    assert (report["exit_code"], report["throttled"], report["succeeded"]) == (0, 0, 120)


_RULES = """
[[rules]]
name = "temporary"
prefix = "tmp:"
action = "delete"

[[rules]]
name = "rest"
prefix = "keep"
action = "expire"
ttl = "30d"
"""


def test_the_rules_of_a_file_are_carried_out_in_all(kvsctl: Command, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(_RULES, "utf-8")
    with _stores(kvsctl) as inside:
        screen = in_terminal(inside, "clean", *ALL, "-f", rules, typed=b"n\n")
        assert screen.status == 2
        assert "About to change 193 records (193 bytes)" in screen.text
        assert "  temporary: delete 185 records (185 bytes)" in screen.text
        assert "  rest: give a ttl of 30d to 8 records (8 bytes)" in screen.text
        assert _left(inside) == _whole()
        planned = inside("clean", *ALL, "-f", rules, "-n", "--json", status=0)
        report = inside("clean", *ALL, "-f", rules, "--yes", "--json", status=0).report
        assert _left(inside) == dict.fromkeys(_SIZES, 1)
    lines_by_name(report)
    assert [(rule["name"], rule["succeeded"]) for rule in report["rules"]] == [
        ("temporary", 185), ("rest", 8),
    ]  # fmt: skip
    assert len(planned.lines) == 193
    assert [rule["unsent"] for rule in planned.report["rules"]] == [185, 8]


def test_a_limit_of_a_rule_holds_in_all(kvsctl: Command, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(_RULES.replace('"delete"', '"delete"\nmax_delete = 150'), "utf-8")
    with _stores(kvsctl) as inside:
        ended = inside("clean", *ALL, "-f", rules, "--yes", status=2)
        assert _left(inside) == _whole()
    assert b'in all installations: rule "temporary": 185 records would be deleted' in ended.err


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (None, 75)]
)
def test_signals_and_the_end_of_the_time_end_the_question(
    kvsctl: Command, number: signal.Signals | None, status: int
) -> None:
    limit = ("--max-duration", "3s") if number is None else ()
    with _stores(kvsctl) as inside:
        screen = signalled_in_terminal(inside, "delete", *ALL, *_TMP, *limit, number=number)
        assert _left(inside) == _whole()
    assert screen.status == status
    why = "interrupted" if number else "the time of --max-duration 3s was up"
    end = f"\r\nkvsctl: {why} before the question was answered: nothing was deleted\r\n"
    assert end in screen.text
    assert "[y/N] \r\n" in screen.text
    assert "stopping" not in screen.text


def test_listings_that_take_longer_than_the_time_change_nothing(kvsctl: Command) -> None:
    with _stores(kvsctl) as inside:
        words = ("--yes", "--max-delete", "500", "--max-duration", "2s", "--at-once", "1")
        slow = ("--rps", "0.3", "-c", "1", "--consistent")
        ended = inside("delete", *ALL, *_TMP, *words, *slow, status=75)
        assert _left(inside) == _whole()
    assert ended.err.endswith(
        b"kvsctl: the time of --max-duration 2s was up before all installations were listed: "
        b"nothing was deleted\nThe same command starts over: give it more time.\n"
    ), ended.err


@pytest.mark.parametrize("limit", [(), ("--max-delete", "9")])
@pytest.mark.parametrize("command", ["delete", "clean"])
def test_what_is_undecided_counts_where_nothing_is_changed(
    kvsctl: Command, tmp_path: Path, command: str, limit: tuple[str, ...]
) -> None:
    rules = tmp_path / "rules.toml"
    most = "max_delete = 9\n" if limit else ""
    rules.write_text(
        f'[[rules]]\nname = "old"\nall = true\nwhere = "value.n"\naction = "delete"\n{most}',
        "utf-8",
    )
    words = ["delete", "--all", "--where", "value.n", *limit]
    if command == "clean":
        words = ["clean", "-f", str(rules)]
    with container(kvsctl, ["a", "b"]) as inside:
        inside("set", *ALL, "u=1", "v=2", 'kept={"n":false}', status=0)
        inside("set", "-t", "container", "--installation", "b", 'old={"n":true}', status=0)
        report = inside(*words, *ALL, "--yes", "--json", status=0).report
    lines = lines_by_name(report)
    assert (report["skipped_by"], report["succeeded"]) == ({"undecided": 4}, 1)
    assert [lines[name]["skipped"] for name in "ab"] == [2, 2]
    if command == "clean":
        assert report["rules"][0]["skipped_by"] == {"undecided": 4}
