"""`kvsctl sync`: make a store like another one, both behind real servers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.fault_spec import read_faults
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served
from tests.support.examples import examples
from tests.support.jsontexts import LEGAL_KEYS, VALUES

pytestmark = pytest.mark.slow


def _values(command: Command, *words: str) -> dict[str, Any]:
    return {line["key"]: line["value"] for line in command("export", *words, status=0).lines}


def test_only_what_differs_is_written_and_nothing_is_deleted(source: str, target: Command) -> None:
    target("set", "same=1", 'other={"x":[1]}', "new=3", "--url", source, status=0)
    target("set", "same=1.0", "other=2", "extra=4", status=0)
    report = target("sync", "-y", "--from", source, "--all", "--json", status=0).report
    assert (report["command"], report["records"], report["succeeded"]) == ("sync", 3, 2)
    assert report["skipped_by"] == {"unchanged": 1}
    assert report["inputs"] == [{"source": source, "format": "listing", "compression": None}]
    assert _values(target) == {"same": 1, "other": {"x": [1]}, "new": 3, "extra": 4}
    again = target("sync", "-y", "--from", source, "--all", "--json", status=0).report
    assert (again["skipped_by"], again["units"]["write"]) == ({"unchanged": 3}, 0)


@given(
    st.dictionaries(LEGAL_KEYS, st.tuples(VALUES, VALUES, st.sampled_from("stb")), max_size=30),
    st.booleans(),
)
@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_sync_the_target_has_what_the_source_has(
    kvsctl: Command,
    tmp_path_factory: pytest.TempPathFactory,
    drawn: dict[str, tuple[str, str, str]],
    consistent: bool,
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    with (
        served(embedded(folder / "source.db")) as source,
        served(embedded(folder / "target.db")) as url,
    ):
        target = kvsctl.having(KVSCTL_URL=url)
        for words, place, side in ((["--url", source], 0, "s"), ([], 1, "t")):
            lines = [
                f'{{"key":{json.dumps(key)},"value":{entry[place]}}}'.replace("\n", " ")
                for key, entry in drawn.items()
                if entry[2] in (side, "b")
            ]
            target("set", *words, stdin="\n".join(lines).encode())
        extra = ["--consistent"] if consistent else []
        plan = folder / "deletions.plan"
        synced_by: tuple[str | Path, ...] = (
            "sync",
            "-y",
            "--from",
            source,
            "--all",
            *extra,
            "--plan",
            plan,
            "--json",
        )
        synced = target(*synced_by, status=0).report
        counts = target("diff", "--from", source, "--as", "jsonl", "--json")
        added = [json.loads(line)["key"] for line in counts.out.splitlines()]
        planned = [json.loads(line)["key"] for line in plan.read_bytes().splitlines()]
        assert planned == added
        assert (synced["planned"], counts.report["added"]) == (len(added), len(added))
        assert synced["succeeded"] + synced["skipped"] == synced["records"]
        assert (counts.report["changed"], counts.report["missing"]) == (0, 0)
        assert counts.report["equal"] == synced["records"]
        target("apply", plan, "-y", status=0)
        assert target("diff", "--from", source, "--as", "jsonl", status=0).out == b""


def test_what_is_left_of_a_ttl_is_kept_and_what_has_expired_is_skipped(
    source: str, target: Command
) -> None:
    target("set", "--ttl", "1h", "ttl=1", "--url", source, status=0)
    target("set", "ttl=1", status=0)
    assert (
        target("sync", "-y", "--from", source, "--all", "--json", status=0).report["succeeded"] == 1
    )
    one, other = (
        target("export", *words, status=0).lines[0]["expireTime"]
        for words in ([], ["--url", source])
    )
    assert one[:16] == other[:16]


@pytest.mark.parametrize("words", [[], ["--journal", "j", "--consistent"]])
def test_the_embedded_emulator_is_a_source_and_a_target(
    source: str, kvsctl: Command, tmp_path: Path, words: list[str]
) -> None:
    kvsctl("set", "-t", "local", "a=1", status=0)
    kvsctl("set", "--url", source, "b=2", status=0)
    for stores in (("--from", "local", "--url", source), ("--from", source, "-t", "local")):
        (tmp_path / "j").unlink(missing_ok=True)
        kvsctl("sync", "-y", *stores, "--all", *words, status=0, folder=tmp_path)
    for target in (("-t", "local"), ("--url", source)):
        assert kvsctl("get", *target, "a", "b", "--values", status=0).out == b"1\n2\n"


def test_keys_are_mapped(source: str, target: Command) -> None:
    target("set", "user:1=1", "user:2=2", "job:1=1", "--url", source, status=0)
    target("sync", "-y", "--from", source, "user:", "--key-template", "copy:{key}", status=0)
    words = ("sync", "-y", "--from", source, "--prefix", "user:", "--key-template")
    target(*words, "person:{rest}.x", status=0)
    assert sorted(_values(target)) == [
        "copy:user:1", "copy:user:2", "person:1.x", "person:2.x",
    ]  # fmt: skip


def test_a_key_that_becomes_too_long_fails_alone(source: str, target: Command) -> None:
    long = "a" * 500
    target("set", f"{long}=1", "b=2", "--url", source, status=0)
    ended = target(
        "sync", "-y", "--from", source, "--all", "--key-template", "x{key}", "--json", status=1
    )
    (failure,) = ended.report["failures"]
    assert (failure["code"], failure["key"]) == ("KEY_TOO_LONG", "x" + long)
    assert _values(target) == {"xb": 2}


def test_entities_are_synced(source: str, target: Command) -> None:
    city = b'{"key":"a","value":{"n":1},"entityName":"city"}\n'
    target("set", "plain=1", "-f", "-", "--url", source, stdin=city, status=0)
    target("sync", "-y", "--from", source, "--all", "--entity", "city", status=0)
    assert target("export", "--entity", "city", "--plain", status=0).out == city.replace(
        b',"value":{"n":1},"entityName":"city"', b',"entityName":"city","value":{"n":1}'
    )


def test_selectors_choose_what_is_synced(source: str, target: Command) -> None:
    target("set", "user:1=1", "user:2=22", "job:1=1", "--url", source, status=0)
    target("sync", "-y", "--from", source, "--match", "*:[12]", "--larger-than", "1", status=0)
    assert _values(target) == {"user:2": 22}
    target("sync", "-y", "--from", source, "--regex", "^user:", "--newer-than", "1h", status=0)
    assert sorted(_values(target)) == ["user:1", "user:2"]


def test_a_dry_run_reads_the_source_and_writes_nothing(source: str, target: Command) -> None:
    target("set", "a=1", "b=2", "--url", source, status=0)
    ended = target("sync", "-y", "--from", source, "--all", "-n", status=0)
    assert b"2 to send" in ended.err
    assert _values(target) == {}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--all"], b"no source: give --from"),
        (["--from", "local"], b"sync needs a selection"),
        (["--from", "local", ""], b"sync needs a selection"),
        (["--from", "local", "--exclude", "a*"], b"sync needs a selection"),
        (["--from", "local", "--older-than", "1d", "--entity", "city"], b"sync needs a selection"),
        (["--from", "local", "a", "--prefix", "b"], b"PREFIX and --prefix exclude each other"),
        (
            ["--from", "local", "--journal", "j", "--all", "--entity", "pet", "--index", "by-age"],
            b"--journal cannot resume a listing by an index",
        ),
        (["--from", "local", "--all", "--journal", "j", "--plan", "j"], b"at once"),
        (["--from", "local", "--all", "--journal-force"], b"--journal-force needs a journal"),
        (["--from", "local", "--all", "--check-first"], b"--check-first cannot be used with sync"),
        (["--from", "local", "--all", "--key-template", "x"], b"the template names no member"),
        (["--from", "local", "--all", "--key-template", "{id}"], b"must name {key} or {rest}"),
        (["--from", "local", "--all", "--key-template", "{key}{key}"], b"must name {key}"),
        (["--from", "local", "--all", "--key-template", "{rest}"], b"what follows PREFIX"),
        (["--from", "nowhere", "--all"], b'unknown target "nowhere"'),
    ],
)
def test_what_cannot_be_synced_is_refused(
    target: Command, words: list[str], complaint: bytes
) -> None:
    assert complaint in target("sync", "-y", *words, status=2).err


def test_a_source_that_is_the_target_is_refused(source: str, kvsctl: Command) -> None:
    same = b"--from and the target are the same store"
    assert same in kvsctl("sync", "-y", "--from", "local", "-t", "local", "--all", status=2).err
    assert (
        same in kvsctl("sync", "-y", "--from", source + "/", "--url", source, "--all", status=2).err
    )


def test_the_token_of_the_environment_is_never_sent_to_the_source(
    kvsctl: Command, tmp_path: Path
) -> None:
    options = EmulatorOptions(tokens=(Token("secret-of-source", "default"),))
    with (
        served(embedded(tmp_path / "source.db", options)) as source,
        served(embedded(tmp_path / "target.db")) as url,
    ):
        target = kvsctl.having(KVSCTL_URL=url, KVSCTL_TOKEN="secret-of-source")
        ended = target("sync", "-y", "--from", source, "--all", status=3)
        assert b"reading from " + source.encode() in ended.err
        assert b"secret" not in ended.err


def test_a_listing_that_breaks_half_way_is_a_failure(kvsctl: Command, tmp_path: Path) -> None:
    options = EmulatorOptions(faults=read_faults("script=ok:ok:ok,503=1"))
    records = [{"key": f"k:{n:04}", "value": n} for n in range(1500)]
    with served(embedded(tmp_path / "source.db")) as source:
        path = records_file(tmp_path / "in.jsonl", records)
        kvsctl("set", "-f", path, "--url", source, status=0)
    with (
        served(embedded(tmp_path / "source.db", options)) as source,
        served(embedded(tmp_path / "target.db")) as url,
    ):
        words = ("--give-up-after", "2", "--retries", "1", "--json")
        ended = kvsctl("sync", "-y", "--from", source, "--all", *words, "--url", url, status=4)
    assert b"reading from " + source.encode() in ended.err
    assert 0 < ended.report["succeeded"] < 1500
