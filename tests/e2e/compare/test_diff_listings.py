"""`kvsctl diff` of stores that are listed: with other stores, and with files."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from kvsctl.emulator import embedded
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture(name="other")
def _other(tmp_path: Path) -> Iterator[str]:
    """The URL of a second store beside the local one."""
    with served(embedded(tmp_path / "other.db")) as url:
        yield url


@pytest.fixture(name="local")
def _local(kvsctl: Command) -> Command:
    return kvsctl.having(KVSCTL_TARGET="local")


def _changes(command: Command, *words: str | Path, status: int = 1) -> dict[str, str]:
    lines = command("diff", *words, status=status).lines
    assert [line["key"] for line in lines] == sorted(line["key"] for line in lines)
    return {line["key"]: line["change"] for line in lines}


def test_two_stores_are_compared_whole(local: Command, other: str) -> None:
    local("set", "a=1", "b=2", 'c={"x":[1]}', status=0)
    local("set", "a=1.0", "b=3", 'd={"x":[1]}', "--url", other, status=0)
    words = ("--from", "local", "--url", other)
    expected = {"b": "changed", "c": "missing", "d": "added"}
    assert _changes(local, *words) == expected
    assert _changes(local, *words, "--consistent") == expected
    swapped = _changes(local, "--from", other, "-t", "local")
    assert swapped == {"b": "changed", "c": "added", "d": "missing"}


def test_one_store_is_made_like_the_other(local: Command, other: str, tmp_path: Path) -> None:
    random = Random(5)

    def records() -> list[dict[str, object]]:
        names = random.sample(range(2000), 1200)
        return [{"key": f"k:{n}", "value": random.randrange(3)} for n in names]

    local("set", "-f", records_file(tmp_path / "a.jsonl", records()), status=0)
    local("set", "-f", records_file(tmp_path / "b.jsonl", records()), "--url", other, status=0)
    words = ("diff", "--from", "local", "--url", other, "-c", "3")
    changed = local(*words, "--only", "missing,changed", "--as", "records", status=1).out
    extra = local(*words, "--only", "added", "--as", "keys", status=1).out
    local("set", "--url", other, stdin=changed, status=0)
    local("delete", "--url", other, stdin=extra, status=0)
    local(*words, status=0)


def test_selectors_choose_what_is_compared(local: Command, other: str, tmp_path: Path) -> None:
    local("set", "user:1=1", "user:2=2", "job:1=1", status=0)
    path = records_file(
        tmp_path / "in.jsonl",
        [
            {"key": "user:1", "value": 1},
            {"key": "user:3", "value": 3},
            {"key": "job:2", "value": 2},
        ],
    )
    assert _changes(local, "user:", "-f", path) == {"user:2": "added", "user:3": "missing"}
    assert _changes(local, "--all", "-f", path) == {
        "job:1": "added", "job:2": "missing", "user:2": "added", "user:3": "missing",
    }  # fmt: skip
    assert _changes(local, "--match", "user:[12]", "--from", "local", "--with", path) == {
        "user:2": "missing"
    }
    assert _changes(local, "job:", "-f", path, "--with", path, status=0) == {}
    assert _changes(local, "--from", "local", "--url", other, "--exclude", "job:*") == {
        "user:1": "missing", "user:2": "missing",
    }  # fmt: skip


def test_ages_choose_what_is_compared(local: Command, other: str) -> None:
    local("set", "a=1", status=0)
    words = ("--from", "local", "--url", other)
    assert _changes(local, *words, "--newer-than", "1h") == {"a": "missing"}
    assert _changes(local, *words, "--older-than", "1h", status=0) == {}


def test_entities_are_compared_instead_of_plain_keys(local: Command, other: str) -> None:
    city = b'{"key":"a","value":{"n":1},"entityName":"city"}\n'
    local("set", "plain=1", "-f", "-", stdin=city, status=0)
    shown = local("diff", "--from", "local", "--url", other, "--entity", "city", status=1)
    assert shown.lines == [
        {"change": "missing", "key": "a", "entityName": "city", "left": {"n": 1}}
    ]
    words = ("diff", "--from", "local", "--url", other, "--entity", "city", "--plain")
    copied = local(*words, "--as", "records", status=1).out
    local("set", "--url", other, stdin=copied, status=0)
    local(*words, status=0)


def test_expired_records_are_absent_and_ttls_are_kept(local: Command, other: str) -> None:
    local("set", "a=1", "--ttl", "1h", status=0)
    with serving(local, "--expiry", "lazy") as url:
        local("set", "gone=1", "--ttl", "1s", "--url", url, status=0)
        local("get", "gone", "--url", url, status=0)
        found = local("diff", "--from", url, "--url", other, "--only", "missing", status=None)
        while found.status == 1:  # until it has expired
            found = local("diff", "--from", url, "--url", other, "--only", "missing", status=None)
        local("get", "gone", "--url", url, status=0)
        record = b'{"key":"gone","value":1}\n'
        lost = local("diff", "--url", url, stdin=record, status=1)
        assert lost.lines == [{"change": "missing", "key": "gone", "left": 1}]
    [line] = local("diff", "--from", "local", "--url", other, "--as", "records", status=1).lines
    assert (line["key"], "expireTime" in line) == ("a", True)


def test_a_listing_that_fails_ends_the_comparison_before_it_prints(
    local: Command, other: str, tmp_path: Path
) -> None:
    path = records_file(tmp_path / "in.jsonl", [{"key": "a", "value": 1}])
    with serving(local, "--faults", "seed=1,500=1") as url:
        for words in (("-f", path, "--all"), ("--from", other)):
            ended = local(
                *("diff", *words, "--url", url, "--retries", "1", "--give-up-after", "2"), status=4
            )
            assert ended.out == b""


def test_the_token_of_the_right_side_is_not_used_for_the_left(
    local: Command, tmp_path: Path
) -> None:
    with (
        serving(local, "--token", "left=secret-left", "--token", "right=secret-right") as url,
    ):
        token = tmp_path / "token"
        token.write_text("secret-left")
        config = tmp_path / "config.toml"
        config.write_text(f'[targets.left]\nurl = "{url}"\ntoken_file = "{token}"\n')
        both = local.having(KVSCTL_CONFIG=str(config), KVSCTL_TOKEN="secret-right")
        both("set", "-t", "left", "a=1", status=0)
        assert _changes(both, "--from", "left", "--url", url) == {"a": "missing"}
        refused = both("diff", "--from", url, "--url", url, status=3)
        assert b"secret" not in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-f", "l", "--from", "local"], "--file and --from exclude each other"),
        (["-f", "l", "--older-than", "1d"], "are chosen by their keys only"),
        (["--from", "local", "--with", "l", "--no-expiry"], "are chosen by their keys only"),
        (["l", "--from", "local"], "l is a file, not a prefix of keys"),
        (["--from", "local"], "--from and the target are the same store"),
        (
            ["--from", "http://127.0.0.1:9/", "--url", "http://127.0.0.1:9"],
            "--from and the target are the same store",
        ),
        (["--from", "nowhere"], 'unknown target "nowhere"'),
        (["--from", "local", "--with", "l", "--index", "x"], "--index needs an entity"),
    ],
)
def test_wrong_sides_are_refused(
    local: Command, tmp_path: Path, words: list[str], message: str
) -> None:
    records_file(tmp_path / "l", [{"key": "a", "value": 1}])
    refused = local("diff", *words, status=2, folder=tmp_path)
    assert message in refused.err.decode()


def test_the_report_counts_what_was_compared_and_all_requests(local: Command, other: str) -> None:
    local("set", *[f"k{n}={n}" for n in range(150)], status=0)
    shown = local("diff", "--from", "local", "--url", other, "--json", "-c", "1", status=1)
    report = shown.report
    assert (report["records"], report["missing"], report["equal"]) == (150, 150, 0)
    assert report["requests"] == 3
    assert json.dumps(report["left"]).startswith('"LOCAL EMULATOR')
