"""Measure what `set --changed-only` costs and saves against a plain set of the same file.

For each share of records that differ from the store, both commands write the same file to a store
that holds the old values, in turns. Units and bytes come from the reports. Prices come from the
documents, without the free part: 1.09 US dollars per GB written, 0.055 per GB read.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.cpu import cpu_seconds_of_ended
from benchmarks.result import parser, publish, spread

_SHARES = (0.01, 0.5, 1.0)
_KVSCTL = Path(sys.executable).with_name("kvsctl")
_WRITE_USD_PER_BYTE = 1.09e-9
_READ_USD_PER_BYTE = 0.055e-9
_LEAST_READ_BYTES = 1000


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--value-bytes", type=int, default=300)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    with tempfile.TemporaryDirectory() as folder:
        shares = {f"{share:.0%}": _measured(Path(folder), given, share) for share in _SHARES}
    about = {"records": given.records, "value_bytes": given.value_bytes, "rounds": given.rounds}
    publish(given, about | {"changed": shares})


def _measured(folder: Path, given: argparse.Namespace, share: float) -> dict[str, Any]:
    old, new = folder / "old.jsonl", folder / "new.jsonl"
    _write(old, given, 0.0)
    _write(new, given, share)
    runs: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for number in range(given.rounds):
        for is_changed_only in (number % 2 == 0, number % 2 == 1):
            _run(folder, old, is_changed_only=False)
            runs[is_changed_only].append(_run(folder, new, is_changed_only=is_changed_only))
    plain, changed = runs[False], runs[True]
    assert changed[0]["succeeded"] == round(given.records * share)
    written_bytes = plain[0]["bytes_sent"]
    usd = _usd(plain[0], written_bytes)
    # Not `bytes_sent` of the changed-only run, which includes requests that read.
    usd_changed = _usd(changed[0], written_bytes * changed[0]["succeeded"] / given.records)
    return {
        "plain": _shown(plain[0], usd),
        "changed_only": _shown(changed[0], usd_changed),
        "usd_ratio": round(usd_changed / usd, 4),
        "time_ratio": spread(_ratios(changed, plain, "elapsed_s")),
        "cpu_ratio": spread(_ratios(changed, plain, "cpu_s")),
    }


def _write(path: Path, given: argparse.Namespace, share: float) -> None:
    """Write the records, a share of them with other values, evenly spread."""
    pad = "x" * max(0, given.value_bytes - 20)
    with path.open("w") as file:
        for number in range(given.records):
            is_other = int((number + 1) * share) > int(number * share)
            value = {"n": number, "other": is_other, "pad": pad}
            file.write(json.dumps({"key": f"k{number:08}", "value": value}) + "\n")


def _run(folder: Path, source: Path, *, is_changed_only: bool) -> dict[str, Any]:
    words: list[str | Path] = [_KVSCTL, "set", "-t", "local", "-f", source, "--json"]
    words += ["--changed-only"] if is_changed_only else []
    before = cpu_seconds_of_ended()
    done = subprocess.run(
        words, env={"KVSCTL_LOCAL_DB": str(folder / "db")}, capture_output=True, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report | {"cpu_s": cpu_seconds_of_ended() - before}


def _shown(report: dict[str, Any], usd: float) -> dict[str, Any]:
    return {"units": report["units"], "usd": round(usd, 9)}


def _usd(report: dict[str, Any], written_bytes: float) -> float:
    """Return the cost of a run. A request that reads costs its answer's bytes, at least 1 KB."""
    reads = report["units"]["read"]
    read_bytes = max(report["bytes_received"], reads * _LEAST_READ_BYTES) if reads else 0
    return written_bytes * _WRITE_USD_PER_BYTE + read_bytes * _READ_USD_PER_BYTE


def _ratios(ones: list[dict[str, Any]], others: list[dict[str, Any]], member: str) -> list[float]:
    return [one[member] / other[member] for one, other in zip(ones, others, strict=True)]


if __name__ == "__main__":
    main()
