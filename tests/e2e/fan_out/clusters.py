"""Dask clusters of the tests."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.commands.command import Command


@contextmanager
def cluster(kvsctl: Command, workers: int) -> Iterator[dict[str, Any]]:
    """Run a cluster with the command's settings; yield its address and process ids.

    `scheduler` is that of the process with the scheduler, and `pids` are those of the workers.
    """
    program = [sys.executable, "-m", "tests.e2e.fan_out.cluster", str(workers)]
    environ = {**kvsctl.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        program, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            yield {**json.loads(process.stdout.readline()), "scheduler": process.pid}
        finally:
            process.communicate(timeout=60)
