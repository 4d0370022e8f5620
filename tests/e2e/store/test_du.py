"""`kvsctl du` as a user runs it."""

import json
import signal
import time
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.emulator.support import FakeTime
from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.server import served
from tests.support.commands.serving import serving

_CITIES = Path(__file__).parents[3] / "examples" / "cities.jsonl"


@pytest.fixture
def store(kvsctl: Command) -> Command:
    """kvsctl with a local store of the cities and of some users, who have a ttl."""
    kvsctl("set", "-t", "local", "-f", _CITIES, status=0)
    users = "".join(f'{{"key":"user:{n % 3}:{n}","value":"{"x" * n}"}}\n' for n in range(90))
    kvsctl("set", "-t", "local", "--ttl", "1h", stdin=users.encode(), status=0)
    return kvsctl.having(KVSCTL_TARGET="local")


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    """A database that holds the cities."""
    path = tmp_path / "cities.db"
    with served(embedded(path)) as url:
        Command(tmp_path)("set", "--url", url, "-f", _CITIES, status=0)
    return path


def test_the_sums_are_those_of_an_export(store: Command) -> None:
    exported = store("export", "-c", "1", "--json", status=0)
    used = store("du", "-c", "1", "--json", status=0)
    (document,) = used.lines
    assert document["complete"] is True
    assert document["covers"] == "plain keys"
    assert [(one["prefix"], one["keys"]) for one in document["prefixes"]] == [
        ("city:", 3043),
        ("user:", 90),
    ]
    assert document["keys"] == exported.report["succeeded"] == 3133
    values = [line.split(b'"value":', 1)[1] for line in exported.out.splitlines()]
    sizes = [len(value.partition(b',"expireTime":"20')[0].rstrip(b"}")) for value in values]
    assert abs(document["bytes"] - sum(sizes)) < 3 * 3133  # closing braces of the values
    assert document["without_ttl"] == 3043
    report = json.loads(used.err.splitlines()[-1])
    assert report["command"] == "du"
    assert report["units"] == exported.report["units"]
    assert abs(document["read_units"] - exported.report["units"]["read"]) <= 1
    assert abs(document["answer_bytes"] - exported.report["bytes_received"]) < 32 * 200


def test_bytes_are_those_of_the_values(kvsctl: Command) -> None:
    kvsctl("set", "-t", "local", 'a:1={"x":1}', "a:2=12345", "b=[]", status=0)
    (document,) = kvsctl("du", "-t", "local", status=0).lines
    assert document["bytes"] == 7 + 5 + 2
    assert [(one["prefix"], one["bytes"]) for one in document["prefixes"]] == [("a:", 12), ("", 2)]
    assert kvsctl("list", "-t", "local", "--larger-than", "6", status=0).out == b"a:1\n"


def test_depth_separator_and_top_divide_keys(store: Command) -> None:
    def rows(*words: str) -> list[tuple[str, int]]:
        (document,) = store("du", "--as", "json", *words, status=0).lines
        found = [(one["prefix"], one["keys"]) for one in document["prefixes"]]
        if document["others"] is not None:
            found.append(("others", document["others"]["keys"]))
        assert sum(keys for _, keys in found) == document["keys"]
        return found

    assert rows("--depth", "0") == [("", 3133)]
    assert rows("user:", "--depth", "0") == [("user:", 90)]
    users = [("user:2:", 30), ("user:1:", 30), ("user:0:", 30)]
    assert rows("user:") == users
    assert rows("us", "--depth", "2") == users
    assert rows("--depth", "2", "--match", "user:*", "--top", "1") == [users[0], ("others", 60)]
    assert rows("--separator", "r:") == [("", 3043), ("user:", 90)]
    assert rows("--top", "0") == [("others", 3133)]
    assert rows("--no-expiry") == [("city:", 3043)]


def test_a_terminal_gets_a_table(store: Command) -> None:
    slow = ("--rps", "20", "-c", "1")  # a line of progress is drawn only where a run takes time
    shown = in_terminal(store.having(COLUMNS="90"), "du", *slow)
    assert shown.status == 0
    assert "\x1b[1m" in shown.text
    assert "user:" in shown.text
    assert "LOCAL EMULATOR" in shown.text
    is_drawn = "\x1b[J"  # it is erased, with all below it
    assert is_drawn in shown.text
    assert is_drawn in in_terminal(store, "list", "--count", *slow).text
    assert is_drawn not in in_terminal(store, "list", *slow).text
    plain = in_terminal(store.having(NO_COLOR="1", COLUMNS="40"), "du", "-q")
    lines = plain.text.split("total")[-1].splitlines()
    assert "\x1b[1m" not in plain.text
    assert lines
    assert max(map(len, lines)) <= 40
    table = store("du", "--as", "table", "user:", "--depth", "1", status=0).out.decode()
    assert table.split()[:6] == ["Prefix", "Keys", "Bytes", "Units", "USD", "No"]
    assert "user:2:" in table


def test_several_entities_have_rows_of_their_own(kvsctl: Command, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(
        "app:\n  id: x\n  storage:\n    entities:\n"
        "      - {name: pet, attributes: {kind: {type: string}}}\n"
        "      - {name: toy, attributes: {kind: {type: string}}}\n",
        "utf-8",
    )
    with serving(kvsctl, "--manifest", manifest) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "--entity", "pet", 'a:1={"kind":"cat"}', 'a:2={"kind":"dog"}', status=0)
        there("set", "--entity", "toy", 'a:1={"kind":"ball"}', status=0)
        there("set", "a:1=1", status=0)
        words = ["--entity", "pet", "--entity", "toy", "--plain"]
        for more in ([], ["--consistent"]):
            (document,) = there("du", *words, *more, status=0).lines
            rows = [
                (one.get("entityName"), one["prefix"], one["keys"]) for one in document["prefixes"]
            ]
            assert rows == [("pet", "a:", 2), ("toy", "a:", 1), (None, "a:", 1)]
            assert document["covers"] == "plain keys, entity pet, entity toy"
        (document,) = there("du", "--entity", "toy", "--depth", "0", status=0).lines
        assert document["keys"] == 1


@pytest.mark.parametrize("words", [[], ["--consistent"]])
def test_a_listing_that_is_not_finished_says_that_its_sums_are_partial(
    kvsctl: Command, cities: Path, words: list[str]
) -> None:
    failing = EmulatorOptions(faults=read_faults(f"script={'ok:' * 19}ok,503=1"))
    with served(embedded(cities, failing)) as url:
        failed = kvsctl("du", "--url", url, "--retries", "1", "-c", "1", *words, status=4)
        (document,) = failed.lines
        assert document["complete"] is False
        assert 0 < document["keys"] < 3043
    with served(embedded(cities, failing)) as url:
        words = [*words, "--as", "table"]
        failed = kvsctl("du", "--url", url, "--retries", "1", "-c", "1", *words, status=4)
        assert b"PARTIAL: the listing ended early" in failed.out


def test_a_listing_that_finds_nothing_before_it_fails_prints_no_sums(
    kvsctl: Command, cities: Path
) -> None:
    with served(embedded(cities, EmulatorOptions(faults=read_faults("503=1")))) as url:
        failed = kvsctl("du", "--url", url, "--retries", "1", status=4)
        assert failed.out == b""
        assert b"gave up listing keys" in failed.err


def test_an_interrupted_listing_says_that_its_sums_are_partial(
    kvsctl: Command, cities: Path
) -> None:
    slow = EmulatorOptions(faults=read_faults("script=ok:ok:ok,503=1"))
    with served(embedded(cities, slow)) as url:
        running = kvsctl.start(
            "du", "--url", url, "-v", "-c", "1", "--retries", "99", stdout=-1, stderr=-1
        )
        assert running.stderr is not None
        for _ in range(4):
            running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    assert json.loads(out)["complete"] is False
    assert b"The same command starts over.\n" in err


def test_ages_are_read_again_where_queries_leave_them_out(kvsctl: Command, tmp_path: Path) -> None:
    clock = FakeTime(time.time_ns() // 1_000_000)
    options = EmulatorOptions(query_metadata="omitted")
    with served(embedded(tmp_path / "db", options, Clock(clock))) as url:
        there = kvsctl.having(KVSCTL_URL=url)
        there("set", "a:1=1", "--ttl", "1d", status=0)
        (document,) = there("du", "--newer-than", "1h", status=0).lines
        assert (document["keys"], document["without_ttl"]) == (1, 0)


def test_what_cannot_be_summed_up_is_refused(kvsctl: Command) -> None:
    local = ["du", "-t", "local"]
    assert b"--separator: must not be empty" in kvsctl(*local, "--separator", "", status=2).err
    refused = kvsctl(*local, "--json", "--as", "table", status=2)
    assert b"--json and --as table exclude each other" in refused.err
    assert kvsctl(*local, "--depth", "-1", status=2)
    assert kvsctl(*local, "--partition", "x", status=2)


def test_an_empty_store_has_sums(kvsctl: Command) -> None:
    used = kvsctl("du", "-t", "local", status=0)
    assert used.lines[0]["keys"] == 0
    assert b"no keys were found" in used.err
