"""Run the server in a process of its own, for tests that signal or kill it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from kvsctl.emulator.web.serve import ServeOptions, serve
db = sys.argv[1]
number = serve(ServeOptions(port=0, db=db), lambda url: print(url, flush=True))
print("stopped by", number, flush=True)
"""


@contextlib.contextmanager
def server_process(db: Path | str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Start a server on a database file and yield its URL and process. Kill it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(db)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
