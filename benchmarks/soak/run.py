"""Load records into a faulty service with a client that is killed and resumes; check every record.

`kvsctl set --journal --failures` runs against a served emulator with seeded faults. It is killed
(SIGKILL) at points chosen by the seed and started again with the same arguments. Every second run
splits each slab into records at once, the others only where that is needed. After each kill, every
record that the journal calls settled must be in the store. At the end, the store, failures file,
journal and report must be what the seed determines, down to every key and value. Exits with code 1
if anything differs. POSIX only.
"""

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.memory.client import emulated
from benchmarks.result import parser, publish
from benchmarks.soak.audit import (
    Mismatches,
    audit_numbers,
    audit_store,
    audit_whole,
    stored_rows,
)
from benchmarks.soak.processes import Client, Ended, await_noted, requests_met
from benchmarks.soak.workload import POISON_CODE, POISON_PREFIX, piece
from kvsctl.journal.file import read_journal

# A 429 delays all requests for a second: with many of them, the soak would mostly sleep.
_FAULTS: Final = (
    "429={few},throttled={few},retry-after=0.2,500={r},500-after={r},503={r},503-after={r},"
    "502-html={r},502-empty={r},504={r},reset-before={r},reset-after={r},cut={r},"
    "leave-out=0.0002,latency-ms={latency}"
)
_SOME_FAILED: Final = 1
_KILLED: Final = -9


def main() -> None:
    """Run the soak and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--kills", type=int, default=4)
    options.add_argument("--seed", type=int, default=20)
    options.add_argument(
        "--fault-rate",
        type=float,
        default=0.001,
        help="rate of each kind of fault; a tenth of it for 429",
    )
    options.add_argument(
        "--folder", type=Path, help="folder to work in (default: a temporary folder)"
    )
    given = options.parse_args()
    if given.short:
        given.records, given.kills = 25_000, 2
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        soak = Soak(Path(folder), given.seed, given.records, is_slow=given.short)
        found, result = soak.run(given.kills, given.fault_rate)
    publish(given, result)
    sys.exit(1 if found.count else 0)


class Soak:
    """One job from its first record to its last.

    `is_slow`: the job takes some seconds even with few records, so that there is time to kill it.
    """

    def __init__(self, folder: Path, seed: int, records: int, *, is_slow: bool) -> None:
        self.folder = folder
        self.seed = seed
        self.records = records
        self.latency_ms, self.pace = "0..2", ["--rps", "0", "--units-per-min", "0"]
        if is_slow:
            self.latency_ms, self.pace = "15..25", [*self.pace, "-c", "4"]
        self.journal = folder / "journal"
        self.failures = folder / "failures.jsonl"
        self.database = folder / "server.db"
        self.found = Mismatches()
        self.peak_mb = 0.0
        self.client_seconds = 0.0
        self._runs = 0

    def run(self, kills: int, fault_rate: float) -> tuple[Mismatches, dict[str, Any]]:
        """Run the job, and return the mismatches and the result."""
        started = time.monotonic()
        chance = random.Random(self.seed)
        source = self.folder / "in.jsonl"
        with source.open("wb") as file:
            file.writelines(
                piece(self.seed, position).line + b"\n" for position in range(self.records)
            )
        kinds = _FAULTS.format(r=fault_rate, few=fault_rate / 10, latency=self.latency_ms)
        faults = f"seed={self.seed},{kinds},refuse={POISON_PREFIX}:{POISON_CODE}"
        served = ("--db", str(self.database), "--bad-record", "refuses-batch", "--faults", faults)
        with emulated(self.folder, *served) as url:
            words = ["set", "-f", str(source), "--url", url, "--json", "-q", *self.pace]
            words += ["--journal", str(self.journal), "--failures", str(self.failures)]
            points = sorted(chance.uniform(0.05, 0.8) for _ in range(kills))
            killed_at = [
                noted
                for point in points
                if (noted := self.kill(words, int(point * self.records), chance.random() / 4))
            ]
            report = self.finish(words)
            met = requests_met(url)
        self.audit(report, sum(met.values()))
        self.found.expect("kills", len(killed_at), kills)
        return self.found, {
            "seed": self.seed,
            "records": self.records,
            "kills": len(killed_at),
            "settled_at_kills": killed_at,
            **{name: report[name] for name in ("requests", "retries", "throttled", "ambiguous")},
            **{name: report[name] for name in ("succeeded", "failed", "duplicates")},
            "failures_by_code": dict(sorted(read_journal(self.journal).state.totals.codes.items())),
            "requests_by_fault": dict(sorted(met.items())),
            "input_bytes": source.stat().st_size,
            "elapsed_s": round(time.monotonic() - started, 1),
            "client_s": round(self.client_seconds, 1),
            "peak_rss_mb": self.peak_mb,
            "mismatches": self.found.count,
            "first_mismatches": self.found.shown,
        }

    def kill(self, words: list[str], records: int, delay_seconds: float) -> int:
        """Kill a run shortly after `records` are in the journal; return how many are settled."""
        started = time.monotonic()
        client = Client(words, self.folder, splits_slabs=self._takes_turn())
        if not await_noted(client, self.journal, records):
            self._note_end(client.wait(), started, _KILLED)
            return 0
        time.sleep(delay_seconds)
        self._note_end(client.kill(), started, _KILLED)
        settled = read_journal(self.journal).state.settled
        audit_store(self.seed, self.records, stored_rows(self.database), settled, self.found)
        return len(settled)

    def _takes_turn(self) -> bool:
        self._runs += 1
        return self._runs % 2 == 0

    def finish(self, words: list[str]) -> dict[str, Any]:
        """Run the job to its end, and check that another run has nothing left to do."""
        started = time.monotonic()
        ended = Client(words, self.folder, splits_slabs=self._takes_turn()).wait()
        self._note_end(ended, started, _SOME_FAILED)
        again = Client(words, self.folder).wait()
        self.found.expect("status of a run of a complete journal", again.status, 0)
        report: dict[str, Any] = json.loads(ended.out)
        return report

    def audit(self, report: dict[str, Any], requests_met: int) -> None:
        """Compare the store and every file at the end."""
        with self.failures.open("rb") as lines:
            sums, standing = audit_whole(
                self.seed, self.records, stored_rows(self.database), lines, self.found
            )
        audit_numbers(report, read_journal(self.journal).state, sums, standing, self.found)
        if report["requests"] > requests_met:
            self.found.note(f"requests: {report['requests']}, the server had {requests_met}")

    def _note_end(self, ended: Ended, started: float, status: int) -> None:
        self.client_seconds += time.monotonic() - started
        self.peak_mb = max(self.peak_mb, ended.peak_mb)
        if ended.status != status:
            said = ended.err.decode(errors="replace")[-500:]
            self.found.note(f"a run ended with {ended.status}, expected {status}: {said}")


if __name__ == "__main__":
    main()
