"""Compare reading each format into records with the fastest plain reading of a script.

JSON Lines, arrays and archives are compared with orjson over the same records line by line, an
indented array also with orjson over the same file at once, and tables with Python's csv module over
the same file; see ../README.md. The two sides take turns, and each format has a process of its own.
Then a process of its own reads each format at two sizes, to measure peak memory.
"""

import csv
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import orjson

from benchmarks.result import parser, publish, spread
from kvsctl.model import Record
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File

FORMS = {"lines": "r.jsonl", "array": "r.json", "indented": "i.json", "table": "r.csv"}
FORMS |= {"quoted table": "q.csv", "gzip": "r.jsonl.gz", "zstd": "r.jsonl.zst"}


def write(folder: Path, count: int) -> None:
    """Write the same records in each format; tables contain the values as strings."""
    records = [
        {
            "key": f"user:{number:08}",
            "value": {"name": f"Name {number}", "n": number, "tags": ["a", "b"], "is_on": True},
        }
        for number in range(count)
    ]
    lines = b"".join(orjson.dumps(record) + b"\n" for record in records)
    (folder / "r.jsonl").write_bytes(lines)
    (folder / "r.json").write_bytes(orjson.dumps(records))
    (folder / "i.json").write_text(json.dumps(records, indent=2))
    (folder / "r.jsonl.gz").write_bytes(gzip.compress(lines, 6))
    zstd(folder / "r.jsonl.zst", lines)
    for name, template in (("r.csv", "Name {} of many, which is text; "), ("q.csv", 'N "{}", ')):
        with (folder / name).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("key", "value"))
            for number in range(count):
                text = template.format(number).replace(",", "" if name == "r.csv" else ",")
                rows.writerow((f"user:{number:08}", text * 3))


def zstd(path: Path, text: bytes) -> None:
    """Write a zstd archive."""
    if sys.version_info >= (3, 14):
        from compression.zstd import compress
    else:
        from backports.zstd import compress
    path.write_bytes(compress(text))


def by_kvsctl(path: Path) -> int:
    """Return the number of records."""
    reader = Reader([File(path)], set_parsers(Rules(), string=False))
    return sum(type(piece) is Record for pieces in reader for piece in pieces)


def by_orjson(path: Path) -> int:
    """Parse each line of JSON; return the number of lines."""
    count = 0
    with path.open("rb") as file:
        for line in file:
            orjson.loads(line)
            count += 1
    return count


def by_orjson_at_once(path: Path) -> int:
    """Parse an array at once; return the number of elements."""
    return len(orjson.loads(path.read_bytes()))


def by_csv(path: Path) -> int:
    """Return the number of rows after the header."""
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def seconds(read: Callable[[Path], int], path: Path, count: int) -> float:
    """Return the CPU time of a reading; end the benchmark if a record is missing."""
    began = time.process_time()
    found = read(path)
    taken = time.process_time() - began
    if found != count:
        raise SystemExit(f"{path.name}: {found} records of {count}")
    return taken


def yardsticks(form: str) -> dict[str, tuple[Callable[[Path], int], str]]:
    """Return the readings a format is compared with: by name, the function and its file."""
    if "table" in form:
        return {"csv": (by_csv, FORMS[form])}
    found: dict[str, tuple[Callable[[Path], int], str]]
    found = {"orjson": (by_orjson, FORMS["lines"])}
    if form == "indented":
        found["orjson at once"] = (by_orjson_at_once, FORMS[form])
    return found


def compare(folder: Path, count: int, runs: int, form: str) -> dict[str, Any]:
    """Compare a format with its yardsticks, in turns."""
    path = folder / FORMS[form]
    ours: list[float] = []
    theirs: dict[str, list[float]] = {against: [] for against in yardsticks(form)}
    for _ in range(runs):
        for against, (read, base) in yardsticks(form).items():
            theirs[against].append(seconds(read, folder / base, count))
        ours.append(seconds(by_kvsctl, path, count))
    return {
        "us_per_record": spread(taken / count * 1e6 for taken in ours),
        "ratio": {
            against: spread(one / other for one, other in zip(ours, taken, strict=True))
            for against, taken in theirs.items()
        },
    }


def compare_all(folder: Path, count: int, runs: int) -> dict[str, Any]:
    """Compare each format in a process of its own: memory left by one would slow the next."""
    own = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with own as pool:
        return dict(zip(FORMS, pool.map(partial(compare, folder, count, runs), FORMS), strict=True))


def peaks(folder: Path, counts: tuple[int, int]) -> dict[str, dict[str, float]]:
    """Return the peak memory in MB of a reading process, by format and number of records."""
    found: dict[str, dict[str, float]] = {form: {} for form in FORMS}
    for count in counts:
        write(folder, count)
        for form, name in FORMS.items():
            command = [sys.executable, __file__, "--peak", str(folder / name)]
            shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            found[form][str(count)] = float(shown)
    return found


def peak_mb() -> float:
    """Return the peak memory of this process; outside Linux it may include its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return round(int(peak.split()[1]) / 1024, 1)
    import resource

    peak_units = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak_units / 1024 / (1024 if sys.platform == "darwin" else 1), 1)


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument(
        "--peak", type=Path, metavar="FILE", help="read FILE and print the peak memory in MB"
    )
    given = options.parse_args()
    if given.peak is not None:
        by_kvsctl(given.peak)
        print(peak_mb())
        return
    count, runs = (2000, 1) if given.short else (200_000, 7)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        compared = compare_all(folder, count, runs)
        memory = peaks(folder, (count // 10, count))
    publish(given, {"records": count, "forms": compared, "peak_mb": memory})


if __name__ == "__main__":
    main()
