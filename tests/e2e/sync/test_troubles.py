"""What goes wrong while one store is made like another, and that it is mended afterwards."""

import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.app import Emulator
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

Words: TypeAlias = tuple[str | Path, ...]
_COUNT = 1500
_SECRET = "secret-of-source"
_GIVES_UP = ("--retries", "1", "--give-up-after", "2")
_KEYS = [f"k:{number:04}" for number in range(_COUNT)]
_DIES = "script=ok:ok:ok:ok:ok:ok,503=1"


@pytest.fixture(name="emulators")
def _emulators(tmp_path: Path) -> dict[str, Emulator]:
    """What serves the source, with a token, and what serves the target."""
    options = EmulatorOptions(tokens=(Token(_SECRET, "default"),))
    return {
        "source": embedded(tmp_path / "source.db", options),
        "target": embedded(tmp_path / "target.db"),
    }


@pytest.fixture(name="stores")
def _stores(kvsctl: Command, tmp_path: Path, emulators: dict[str, Emulator]) -> Iterator[Command]:
    """kvsctl with the targets `source`, which holds records, and `target`, which holds one."""
    (tmp_path / "token").write_text(_SECRET)
    records = [{"key": key, "value": key} for key in _KEYS]
    config = tmp_path / "config.toml"
    with served(emulators["source"]) as source, served(emulators["target"]) as target:
        config.write_text(
            'default = "target"\n'
            f'[targets.source]\nurl = "{source}"\ntoken_file = "{tmp_path / "token"}"\n'
            f'[targets.bare]\nurl = "{source}"\n'
            f'[targets.target]\nurl = "{target}"\n'
        )
        stores = kvsctl.having(KVSCTL_CONFIG=str(config))
        stores("set", "-t", "source", "-f", records_file(tmp_path / "in", records), status=0)
        stores("set", "gone=1", status=0)
        yield stores


def _listed(stores: Command, *words: str) -> list[str]:
    return stores("list", *words, status=0).out.decode().splitlines()


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_store_that_dies_half_way(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path, which: str
) -> None:
    plan = tmp_path / "plan"
    command: Words = (
        "sync", "-y", "--from", "source", "--all", "--journal", tmp_path / "j", "--plan", plan,
    )  # fmt: skip
    emulators[which].arm(read_faults(_DIES))
    died = stores(*command, *_GIVES_UP, "-c", "1", status=4)
    assert (b"reading from source (" in died.err) == (which == "source")
    assert list(tmp_path.glob("plan*")) == []
    emulators[which].arm(None)
    assert 0 < len(_listed(stores)) < _COUNT
    ended = stores(*command, "--json", status=0).report
    assert (ended["records"], ended["failed"]) == (_COUNT, 0)
    assert _listed(stores) == ["gone", *_KEYS]
    assert [json.loads(line)["key"] for line in plan.read_bytes().splitlines()] == ["gone"]


def test_a_source_whose_token_expires(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path
) -> None:
    command: Words = ("sync", "-y", "--from", "source", "--all", "--journal", tmp_path / "j")
    emulators["source"].arm(read_faults("token-lifetime=0.3,latency-ms=60"))
    refused = stores(*command, "-c", "1", status=3)
    assert b"reading from source (" in refused.err
    assert b"has a token_file or a token_command: KVSCTL_TOKEN," in refused.err
    assert b"secret" not in refused.err
    emulators["source"].arm(None)
    assert stores(*command, "--json", status=0).report["records"] == _COUNT


@pytest.mark.parametrize("command", [["sync", "-y", "--all"], ["diff"]])
def test_a_source_without_a_token_of_its_own(stores: Command, command: list[str]) -> None:
    """A token of the environment is for the target: the advice names what is for the source."""
    with_token = stores.having(KVSCTL_TOKEN="token-of-target")
    refused = with_token(*command, "--from", "bare", status=3)
    assert b"reading from bare (" in refused.err
    assert b"Give --from a target of the configuration file" in refused.err
    far = with_token(*command, "--from", "https://store.example/kvs", status=2)
    assert b"https://store.example/kvs has no token" in far.err
    assert b"Give --from a target of the configuration file" in far.err


def test_a_target_that_refuses_some_records(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path
) -> None:
    failures = tmp_path / "failures.jsonl"
    command: Words = (
        "sync", "-y", "--from", "source", "--all", "--journal", tmp_path / "j",
        "--failures", failures,
    )  # fmt: skip
    emulators["target"].arm(read_faults("refuse=k:00:MAX_SIZE"))
    ended = stores(*command, "--plan", tmp_path / "plan", status=1)
    line = f"Failed records are in {failures}. To retry what failed:\n  kvsctl sync --from source"
    assert line.encode() in ended.err
    assert (tmp_path / "plan").exists()  # what failed is in the source: it is not planned
    failed = [json.loads(line)["key"] for line in failures.read_bytes().splitlines()]
    assert failed == _KEYS[:100]
    emulators["target"].arm(None)
    again = stores(*command, "--json", status=0).report
    assert (again["records"], again["succeeded"]) == (_COUNT, 100)
    assert failures.read_bytes() == b""


def _limited(stores: Command, words: Words, room_bytes: int) -> bytes:
    """Run a command whose files may not grow past the room; return what it says."""
    prelude = (
        "import resource, sys; sys.dont_write_bytecode = True; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room_bytes},) * 2)"
    )
    process = stores.start(*words, prelude=prelude, stdout=-1, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert b"Traceback" not in said
    return said


def test_a_disk_without_room_for_the_journal(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path
) -> None:
    command: Words = ("sync", "-y", "--from", "source", "--all", "--journal", tmp_path / "j")
    emulators["source"].arm(read_faults("latency-ms=100"))  # the journal is written several times
    assert b"cannot write the journal" in _limited(stores, (*command, "-c", "1"), 1200)
    emulators["source"].arm(None)
    ended = stores(*command, "--json", status=0).report
    assert ended["records"] == ended["succeeded"] + ended["skipped"] == _COUNT
    assert _listed(stores) == ["gone", *_KEYS]


def test_a_disk_without_room_for_the_plan(stores: Command, tmp_path: Path) -> None:
    others = [{"key": f"other:{number}", "value": 1} for number in range(100)]
    stores("set", "-f", records_file(tmp_path / "others", others), status=0)
    plan = tmp_path / "plan"
    command: Words = ("sync", "-y", "--from", "source", "--all", "--plan", plan)
    assert b"cannot write the plan to" in _limited(stores, command, 4000)
    assert list(tmp_path.glob("plan*")) == []
    stores(*command, status=0)
    assert len(plan.read_bytes().splitlines()) == 101


def test_keys_that_the_template_maps_to_keys_of_the_source(stores: Command, tmp_path: Path) -> None:
    """A mapped key may be the name of another key of the source: each is written once."""
    stores("set", "-t", "source", "a=1", "xa=2", "xxa=3", status=0)
    stores("set", "a=0", "xxxxa=0", status=0)
    words = ("--match", "*a", "--key-template", "x{key}", "--plan", tmp_path / "plan")
    ended = stores("sync", "-y", "--from", "source", *words, "--json", status=0).report
    assert (ended["records"], ended["duplicates"]) == (3, 0)
    assert stores("get", "xa", "xxa", "xxxa", "--values", status=0).out == b"1\n2\n3\n"
    planned = [json.loads(line)["key"] for line in (tmp_path / "plan").read_bytes().splitlines()]
    assert planned == ["xxxxa"]  # `a` is not a key that the template makes


def test_records_that_expire_on_the_way(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path
) -> None:
    """What expires between its listing and its turn is skipped, and not planned."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    records = [
        {"key": "t:always", "value": 1},
        {"key": "t:late", "value": 1, "ttl": "1d"},
        {"key": "t:soon", "value": 1, "expireTime": soon.isoformat()},
    ]
    stores("set", "-t", "source", "-f", records_file(tmp_path / "ttl", records), status=0)
    stores("set", "t:soon=1", "t:late=1", status=0)
    emulators["target"].clock.advance(2 * 3_600_000)  # the clock of the target is ahead
    words = ("sync", "-y", "--from", "source", "t:", "--plan", tmp_path / "plan", "--json")
    ended = stores(*words, "-c", "1", status=0).report
    assert (ended["records"], ended["skipped_by"]) == (3, {"expired": 1})
    assert (tmp_path / "plan").read_bytes() == b""
    _, late, left = stores("export", "t:", "-c", "1", status=0).lines
    assert "expireTime" in late
    assert left == {"key": "t:soon", "value": 1}


def test_headers_of_both_stores_are_shown_without_the_token(stores: Command) -> None:
    said = stores("sync", "-y", "--from", "source", "k:000", "-vv", status=0).err
    assert b"query 200" in said
    assert b"authorization" in said.lower()
    assert _SECRET.encode() not in said


@pytest.mark.parametrize("ends", ["signal", "time"])
def test_a_sync_that_is_ended_before_it_writes_says_so(
    stores: Command, emulators: dict[str, Emulator], ends: str
) -> None:
    emulators["source"].arm(read_faults("only=query,503=1"))
    limit = () if ends == "signal" else ("--max-duration", "2s")
    words = ("sync", "-y", "--from", "source", "--all", "--give-up-after", "999", *limit)
    process = stores.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ends == "signal":
        wait_until(lambda: emulators["source"].statuses.get(503, 0) > 0)
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == (130 if ends == "signal" else 75), err
    why = "interrupted" if ends == "signal" else "the time of --max-duration 2s was up"
    assert f"kvsctl: {why} before the source was listed: nothing was written\n".encode() in err
    more = b"give it more time, or use --journal FILE to resume.\n"
    assert err.endswith(more) is (ends == "time")
    assert b"what is left" not in err
    emulators["source"].arm(None)
    assert _listed(stores) == ["gone"]


def test_a_plan_of_deletions_that_takes_longer_than_the_time_is_not_written(
    stores: Command, emulators: dict[str, Emulator], tmp_path: Path
) -> None:
    emulators["target"].arm(read_faults("only=query,503=1"))
    words: Words = ("sync", "-y", "--from", "source", "--all", "--plan", tmp_path / "plan")
    ended = stores(*words, "--max-duration", "4s", "--give-up-after", "999", status=75)
    emulators["target"].arm(None)
    assert len(_listed(stores)) == _COUNT + 1
    assert ended.err.endswith(
        b"kvsctl: the time of --max-duration 4s was up before the deletions were planned: no plan "
        b"was written\nThe same command starts over: give it more time.\n"
    ), ended.err
    assert not list(tmp_path.glob("plan*"))
