"""The options and the output of every benchmark, so that all are run, saved and compared alike.

A benchmark is a script `benchmarks/NAME/run.py`. It takes `--save FILE`, and `--short`, which runs
all parts of the script in a few seconds; the times then mean nothing. It prints one JSON object and
nothing else on stdout. It exits 0 unless a result was wrong: a slow machine is not an error.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kvsctl

_SPEED_OPTIONS = {
    "--disable-gil",
    "--enable-experimental-jit",
    "--enable-optimizations",
    "--enable-shared",
    "--with-lto",
    "--with-pydebug",
    "--with-tail-call-interp",
}


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--short", action="store_true", help="run in a few seconds, to check that it works"
    )
    made.add_argument("--save", type=Path, metavar="FILE", help="write the result to FILE as well")
    return made


def publish(given: argparse.Namespace, measured: Mapping[str, Any]) -> None:
    """Print the result with the conditions of the measurement, and save it if requested."""
    name = Path(sys.argv[0]).resolve().parent.name
    text = json.dumps({"benchmark": name, **measured, "conditions": _conditions(given)}, indent=2)
    print(text)
    if given.save is not None:
        given.save.write_text(text + "\n", "utf-8")


def skip_outside_ci(what: str) -> None:
    """Report a part that is skipped because a tool is missing. In CI, exit instead."""
    if os.environ.get("CI") == "true":
        sys.exit(f"not skipped in CI: {what}")
    print(f"skipped: {what}", file=sys.stderr)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return the median of several runs, with the least and the most."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 4),
        "least": round(ordered[0], 4),
        "most": round(ordered[-1], 4),
    }


def _build_options() -> list[str]:
    """Return the configuration options of this interpreter that affect its speed."""
    given = shlex.split(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return [option for option in given if option.partition("=")[0] in _SPEED_OPTIONS]


def _conditions(given: argparse.Namespace) -> dict[str, Any]:
    load = getattr(os, "getloadavg", lambda: (None,))()[0]
    return {
        "version": kvsctl.__version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "python_build": [platform.python_compiler(), *_build_options()],
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load_at_the_end": None if load is None else round(load, 2),
        "short": given.short,
    }
