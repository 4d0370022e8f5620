"""What the failures file holds is retried as the command would have done it, by the line for it."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.talk.pasting import line_of, lines_of
from tests.support.commands.command import Command, Ended
from tests.support.commands.serving import serving


def _retried(kvsctl: Command, line: str, status: int = 0) -> Ended:
    """Return how a line ends that only has words for kvsctl."""
    name, *words = shlex.split(line)
    assert name == "kvsctl"
    return kvsctl(*words, status=status, folder=kvsctl.home)


def _write_raw_lines_as(record: str, failures: Path) -> None:
    """Write a record in place of each line with `raw`."""
    lines = failures.read_text("utf-8").splitlines()
    assert any(line.startswith('{"raw"') for line in lines)
    mended = (record if line.startswith('{"raw"') else line for line in lines)
    failures.write_text("".join(f"{line}\n" for line in mended), "utf-8")


def _filled(kvsctl: Command) -> Command:
    """Fill the embedded emulator with records of the same keys, plain ones and of two entities."""
    local = kvsctl.having(KVSCTL_TARGET="local")
    records = (
        {"key": key, "value": {"old": key}} | ({"entityName": entity} if entity else {})
        for key in ("a", "b")
        for entity in (None, "person", "other")
    )
    local("set", "-q", stdin="".join(f"{json.dumps(one)}\n" for one in records).encode(), status=0)
    return local


def _held(local: Command, key: str) -> dict[str | None, bool]:
    """Return, by entity, whether a key has the value that it was filled with; None is plain."""
    found = {}
    for entity in (None, "person", "other"):
        got = local("get", key, *(["--entity", entity] if entity else []))
        found[entity] = [one["value"] for one in got.lines] == [{"old": key}]
    return found


def test_a_key_that_is_written_in_place_of_a_raw_line_is_deleted_in_the_entity(
    kvsctl: Command,
) -> None:
    local = _filled(kvsctl)
    (kvsctl.home / "in.jsonl").write_text(
        '{"key":"n/1"}\n{"key":"b*","entityName":"other"}\n{"key":"a"\n', "utf-8"
    )
    words = ["-f", "in.jsonl", "--entity", "person", "--failures", "f.jsonl"]
    line = line_of(local("delete", *words, status=1, folder=kvsctl.home))
    failures = kvsctl.home / "f.jsonl"
    _write_raw_lines_as('{"key":"a"}', failures)
    failures.write_text(failures.read_text("utf-8").replace("b*", "b").replace("n/1", "n"), "utf-8")
    _retried(local, line)
    assert _held(local, "a") == {None: True, "person": False, "other": True}
    assert _held(local, "b") == {None: True, "person": True, "other": False}


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.json"])
def test_a_record_that_is_written_in_place_of_a_raw_line_gets_the_defaults_of_set(
    kvsctl: Command, name: str
) -> None:
    local = _filled(kvsctl)
    texts = {
        "in.jsonl": '{"id":"c/d","n":1}\n{"id":"a"\n',
        "in.csv": "id,n\nc/d,1\na,1,1\n",
        "in.json": '[{"id":"c/d","n":1},{"n":1}]',
    }
    (kvsctl.home / name).write_text(texts[name], "utf-8")
    words = ["-f", name, "--key", "{id}", "--entity", "person", "--ttl", "7d"]
    first = local("set", *words, "--failures", "f.jsonl", status=1, folder=kvsctl.home)
    assert 'write the lines with "raw" as records first.' in first.err.decode()
    _write_raw_lines_as('{"key":"a","value":{"new":1}}', kvsctl.home / "f.jsonl")
    _retried(local, line_of(first), status=1)  # c/d is still no key
    assert _held(local, "a") == {None: True, "person": False, "other": True}
    [got] = local("get", "a", "--entity", "person", "--metadata=expires", status=0).lines
    assert got["value"] == {"new": 1}
    assert got["expireTime"]


def test_a_key_that_is_written_in_place_of_a_raw_line_is_read_in_the_entity(
    kvsctl: Command,
) -> None:
    local = _filled(kvsctl)
    (kvsctl.home / "keys").write_text('"a\nmissing\n', "utf-8")
    words = ["-f", "keys", "--entity", "person", "--failures", "f.jsonl"]
    line = line_of(local("get", *words, status=1, folder=kvsctl.home))
    _write_raw_lines_as('"a"', kvsctl.home / "f.jsonl")
    got = _retried(local, line, status=1)
    assert [one["entityName"] for one in got.lines] == ["person"]


def test_the_defaults_are_named_where_the_options_are_secret(kvsctl: Command) -> None:
    words = ["--url", "http://127.0.0.1:1", "--token-command", "echo t", "--failures", "f.jsonl"]
    more = ["--entity", "person", "--ttl", "7d"]
    ended = kvsctl("set", *words, *more, "a/b=1", status=1, folder=kvsctl.home)
    said = "Failed records are in f.jsonl. Retry them with kvsctl set --ttl 7d --entity person -f."
    assert said in ended.err.decode()


@pytest.mark.parametrize("name", ["f.csv", "f.keys", "f.txt", "failed", "f.csv.gz"])
def test_the_failures_file_is_read_as_json_lines_whatever_its_name(
    kvsctl: Command, name: str
) -> None:
    local = kvsctl.having(KVSCTL_TARGET="local")
    words = ["get", "a", "b", "--failures", name]
    line = line_of(local(*words, status=1, folder=kvsctl.home))
    local("set", "a=1", "b=2", status=0)
    assert len(_retried(local, line).lines) == 2


_FAULTS = "500=1,first=1"


def test_with_a_journal_the_input_is_retried_or_the_corrected_file_is_sent(
    kvsctl: Command,
) -> None:
    (kvsctl.home / "in.csv").write_text("id,n\n1,1\n2,2\nx/3,3\n", "utf-8")
    with serving(kvsctl, "--faults", _FAULTS) as url:
        words = ["-f", "in.csv", "--url", url, "--key", "{id}", "--retries", "0", "--ttl", "7d"]
        kept = ["--journal", "j", "--failures", "f.jsonl"]
        first = kvsctl("set", *words, *kept, status=1, folder=kvsctl.home)
        as_it_is, corrected = lines_of(first)
        said = first.err.decode()
        assert "To retry what failed, as it is in the input:\n  kvsctl set " in said
        assert (
            "Failed records are in f.jsonl. To retry them from there, once they are corrected:\n"
            in said
        )
        assert as_it_is.endswith("--journal j --retry-failed")
        assert corrected.endswith("--ttl 7d -f f.jsonl")
        failures = kvsctl.home / "f.jsonl"
        mended = failures.read_text("utf-8").replace('"x/3"', '"3"')
        failures.write_text(mended, "utf-8")
        again = _retried(kvsctl, as_it_is, status=1)
        assert b"2 succeeded" in again.err
        assert failures.read_text("utf-8") == mended, "what was corrected is still there"
        _retried(kvsctl, corrected)
        got = kvsctl("get", "--url", url, "1", "2", "3", "--values", status=0)
        assert len(got.lines) == 3


def test_a_failures_file_that_the_same_job_will_continue_is_not_sent(kvsctl: Command) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"a","value":1}\n{"key":"b"\n' * 9, "utf-8")
    with serving(kvsctl, "--faults", "500=1") as url:
        words = ["--url", url, "-f", "in.jsonl", "--retries", "0", "--max-failures", "1"]
        kept = ["--journal", "j", "--failures", "f.jsonl", "--batch-size", "1"]
        ended = kvsctl("set", *words, *kept, status=4, folder=kvsctl.home)
    assert line_of(ended).endswith("--retry-failed")
    assert b"Failed records are in f.jsonl. To retry what failed:" in ended.err


def test_keys_that_were_read_in_order_are_retried_out_of_order(kvsctl: Command) -> None:
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-q", "a=1", status=0)
    words = ["get", "a", "b", "-o", "out.jsonl", "--journal", "j"]
    line = line_of(local(*words, status=1, folder=kvsctl.home))
    local("set", "-q", "b=2", status=0)
    _retried(local, line)
    assert (kvsctl.home / "out.jsonl").read_bytes().count(b"\n") == 2


@pytest.mark.parametrize(
    ("name", "wrong", "has_raw"),
    [
        ("in.jsonl", '{"id":"a/b","value":1}', False),
        ("in.jsonl", '{"id":7]', True),
        ("in.csv", ",2", True),  # EMPTY_KEY
    ],
)
def test_lines_to_mend_are_known_of_earlier_runs(
    kvsctl: Command, name: str, wrong: str, has_raw: bool
) -> None:
    """The report of a job that is resumed does not depend on the codes of its failures."""
    right = ('{"id":1}', '{"id":2}') if name == "in.jsonl" else ("1,1", "2,2")
    header = "" if name == "in.jsonl" else "id,n\n"
    (kvsctl.home / name).write_text(header + "\n".join([wrong, *right, ""]), "utf-8")
    with serving(kvsctl, "--faults", "500=1,first=1") as url:
        words = ["set", "--url", url, "-f", name, "--key", "u:{id}", "--retries", "0", "-c", "1"]
        kept = ["--batch-size", "1", "--journal", "j", "--failures", "f.jsonl"]
        kvsctl(*words, *kept, "--give-up-after", "1", status=4, folder=kvsctl.home)
        ended = kvsctl(*words, *kept, folder=kvsctl.home)
        assert b"1 succeeded" in ended.err
    assert ((kvsctl.home / "f.jsonl").read_bytes().count(b'{"raw"') == 1) == has_raw
    assert (b'write the lines with "raw"' in ended.err) == has_raw


def test_the_lock_is_held_again(kvsctl: Command) -> None:
    words: Sequence[str] = ["-t", "local", "a", "--lock", "l", "--lock-wait", "1m"]
    for more in ([], ["--failures", "f.jsonl"]):
        line = line_of(kvsctl("get", *words, *more, status=1, folder=kvsctl.home))
        assert "--lock l --lock-wait 1m" in line
