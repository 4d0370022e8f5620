"""Refusals, failing services and tokens that expire: the command against `kvsctl serve`."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving


def _records(path: Path, count: int, size: int = 1) -> Path:
    return records_file(path, [{"key": f"k{n}", "value": "x" * size} for n in range(count)])


def test_seven_poison_records_among_5000_cost_under_100_more_requests(
    kvsctl: Command, tmp_path: Path
) -> None:
    poison = {5, 6, 777, 1500, 2222, 4000, 4999}
    records = [{"key": f"{'bad' if n in poison else 'k'}{n}", "value": n} for n in range(5000)]
    source = records_file(tmp_path / "in.jsonl", records)
    refusing = ("--bad-record", "refuses-batch", "--faults", "refuse=bad:INVALID_KEY")
    with serving(kvsctl, *refusing) as url:
        report = kvsctl("set", "-f", source, "--url", url, "--json", status=1).report
    assert (report["succeeded"], report["failed"]) == (4993, 7)
    assert {failure["key"] for failure in report["failures"]} == {f"bad{n}" for n in poison}
    assert report["requests"] < 200 + 100


@pytest.mark.parametrize("status", ["413", "400"])
def test_a_lower_payload_limit_is_learnt(kvsctl: Command, tmp_path: Path, status: str) -> None:
    source = _records(tmp_path / "in.jsonl", 150, 150_000)
    limited = ("--payload-status", status, "--faults", "payload-limit=1000000")
    with serving(kvsctl, *limited) as url:
        report = kvsctl("set", "-f", source, "--url", url, "--json", "-c", "2", status=0).report
    assert report["succeeded"] == 150
    assert report["requests"] <= 150 / 6 + 2 + 4


def test_what_is_learnt_is_told(kvsctl: Command, tmp_path: Path) -> None:
    source = _records(tmp_path / "in.jsonl", 50, 150_000)
    limited = ("--payload-status", "413", "--faults", "payload-limit=1000000")
    learnt = b"the target accepts at most 25 records and 1,000,000 bytes per request"
    with serving(kvsctl, *limited) as url:
        ended = kvsctl("set", "-f", source, "--url", url, "-v", "-c", "1", status=0)
    assert b"learnt: " + learnt in ended.err
    assert b"Learnt from refusals: " + learnt in ended.err


def test_4_when_all_is_throttled(kvsctl: Command, tmp_path: Path) -> None:
    source = _records(tmp_path / "in.jsonl", 2000)
    with serving(kvsctl, "--faults", "429=1") as url:
        ended = kvsctl("set", "-f", source, "--url", url, "--json", "--patience", "1", status=4)
    assert b"of nothing but 429 responses" in ended.err
    assert ended.report["unsent"] == ended.report["records"] > 0


def test_4_when_all_is_refused(kvsctl: Command, tmp_path: Path) -> None:
    source = _records(tmp_path / "in.jsonl", 5000)
    with serving(kvsctl, "--faults", "refuse=k:INVALID_KEY") as url:
        words = ("-f", source, "--url", url, "--json", "--give-up-after", "2", "-c", "8")
        ended = kvsctl("set", *words, status=4)
    report = ended.report
    assert report["failed"] + report["unsent"] == report["records"] > 0
    assert report["requests"] <= 100 + 8
    assert b"without a success" in ended.err


@pytest.mark.parametrize("code", ["KEY_NOT_FOUND", "NOT_FOUND"])
@pytest.mark.parametrize("more", [[], ["--verify"]])
def test_deleting_a_key_that_the_service_calls_gone_succeeds(
    kvsctl: Command, code: str, more: list[str]
) -> None:
    with serving(kvsctl, "--faults", f"refuse=gone:{code}") as url:
        words = ("delete", "k1", "gone", "k2", "--url", url, "--json", *more)
        deleted = kvsctl(*words, status=0).report
        kept = kvsctl("get", "gone", "--ignore-missing", "--url", url, "--json", status=0).report
        missing = kvsctl("get", "gone", "--url", url, "--json", status=1).report
    assert (deleted["succeeded"], deleted["failed"]) == (3, 0)
    assert kept["skipped_by"] == {"missing": 1}
    assert missing["failures"][0]["code"] == "KEY_NOT_FOUND"


# Tokens


def _token_command(folder: Path, *then: str) -> str:
    """A command that prints token-0, token-1, …, and after them what `then` says."""
    script, count = folder / "token.sh", folder / "count"
    script.write_text(
        f'n=$(cat "{count}" 2>/dev/null || echo 0)\n'
        f'echo $((n + 1)) > "{count}"\n'
        f"case $n in\n{''.join(f'{line}{chr(10)}' for line in then)}*) echo token-$n;;\nesac\n"
    )
    return f"sh {script}"


def _served_tokens(lifetime: str) -> list[str]:
    tokens = [word for n in range(60) for word in ("--token", f"app=token-{n}")]
    return [*tokens, "--faults", f"token-lifetime={lifetime},latency-ms=20"]


@pytest.mark.parametrize("retries", ["0", "8"])
def test_tokens_that_expire_in_mid_run_are_renewed_once_for_all(
    kvsctl: Command, tmp_path: Path, retries: str
) -> None:
    source = _records(tmp_path / "in.jsonl", 2000)
    with serving(kvsctl, *_served_tokens("0.5")) as url:
        ended = kvsctl(
            "set", "-f", source, "--url", url, "--json", "--batch-size", "5", "-c", "4", "-vv",
            "--retries", retries, "--token-command", _token_command(tmp_path), status=0,
        )  # fmt: skip
        got = kvsctl(
            "get", "k0", "k1999", "--values", "--url", url,
            "--token-command", _token_command(tmp_path), status=0,
        )  # fmt: skip
    assert ended.report["succeeded"] == 2000
    assert ended.report["ambiguous"] == 0
    read = int((tmp_path / "count").read_text()) - 1
    refused = ended.err.count(b"UNAUTHORIZED")
    assert read >= 3
    assert read - 1 <= refused <= (read - 1) * 4
    assert b"token-" not in ended.err + ended.out.replace(b"token-command", b"")
    assert got.out == b'"x"\n' * 2


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("echo hidden-marker; exit 7", b"ended with exit code 7"),
        (":", b"gave no token"),
        ("printf 'hidden-marker\\nhidden-marker\\n'", b"gave more than one token"),
        ("echo token-0", b"refused the credentials"),
    ],
)
def test_3_when_a_token_cannot_be_renewed_in_mid_run(
    kvsctl: Command, tmp_path: Path, then: str, said: bytes
) -> None:
    source = _records(tmp_path / "in.jsonl", 2000)
    with serving(kvsctl, *_served_tokens("0.3")) as url:
        ended = kvsctl(
            "set", "-f", source, "--url", url, "--json", "--batch-size", "1", "-vv",
            "--token-command", _token_command(tmp_path, f"1) {then};;"), status=3,
        )  # fmt: skip
    assert said in ended.err
    assert b"hidden-marker" not in ended.err + ended.out
    report = json.loads(ended.out)
    assert report["failed"] == 0
    assert report["succeeded"] > 0
    assert report["succeeded"] + report["unsent"] == report["records"]
    # A request that left between the reading and the end may have it read once more.
    assert int((tmp_path / "count").read_text()) in (2, 3)


# --verify


@pytest.mark.parametrize("switches", [[], ["--normalise"], ["--missing-keys", "left-out"]])
def test_what_was_set_and_deleted_is_verified(
    kvsctl: Command, tmp_path: Path, switches: list[str]
) -> None:
    value = b'{"z":1.0,"10":1e2,"a":{"9":[true,null,"\\u00e9"],"1":-0.0},"n":9007199254740991}'
    lines = b"".join(b'{"key":"k%d","value":%b}\n' % (n, value) for n in range(100))
    with serving(kvsctl, *switches) as url:
        report = kvsctl("set", "--verify", "--url", url, "--json", stdin=lines, status=0).report
        keys = b"".join(b"k%d\n" % n for n in range(100))
        gone = kvsctl("delete", "--verify", "--url", url, "--json", stdin=keys, status=0).report
    assert report["succeeded"] == gone["succeeded"] == 100
    assert report["units"]["write"] == 4
    assert report["units"]["read"] >= 4
    assert gone["units"]["read"] > 0


def test_a_number_that_the_service_rounds_fails_and_says_so(kvsctl: Command) -> None:
    with serving(kvsctl, "--normalise") as url:
        words = ("set", "--url", url, "--json", "big=9007199254740993", "ok=1.0")
        assert kvsctl(*words, status=0).report["failed"] == 0
        report = kvsctl(*words, "--verify", status=1).report
    [failure] = report["failures"]
    assert (failure["key"], failure["code"]) == ("big", "VERIFY_FAILED")
    assert "rounded" in failure["message"]


def test_verify_through_faults_and_over_repeated_keys(kvsctl: Command, tmp_path: Path) -> None:
    records = [{"key": f"k{n % 150}", "value": n} for n in range(1500)]
    source = records_file(tmp_path / "in.jsonl", records)
    faults = "seed=5,429=0.05,500-after=0.05,reset-after=0.05,cut=0.05,leave-out=0.02"
    with serving(kvsctl, "--faults", faults) as url:
        report = kvsctl(
            "set", "--verify", "-f", source, "--url", url, "--json", "--retries", "50", status=0
        ).report
    assert report["succeeded"] + report["duplicates"] == 1500
    assert report["ambiguous"] > 0
