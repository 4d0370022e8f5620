"""kvsctl verify: check an export against its manifest."""

from pathlib import Path
from typing import Annotated

import typer


def verify_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The export.")],
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Check that an export still matches the manifest beside it, FILE.manifest.json.

    Nothing is sent. The exit code is 1 if the file was truncated or altered.
    """
    import sys

    from kvsctl.jobs.verifying import verify
    from kvsctl.report.console import Environment

    sys.exit(verify(path, Environment.of_process(), as_json=json))
