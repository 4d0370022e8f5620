"""The outermost function: every end of a command becomes an exit code and at most two lines."""

import os
import sys
from typing import Final

from kvsctl import __version__
from kvsctl.errors import Defect, ExitStatus, KvsctlError, StreamError

_COMPLETION: Final = "_KVSCTL_COMPLETE"
"""What the completion scripts set when a shell asks what may come next."""


def main() -> None:
    """Runs the command line and exits with a code of `ExitStatus`. No traceback reaches anyone.

    With `KVSCTL_DEBUG` set, a defect of kvsctl shows where it is.
    """
    try:
        _run(sys.argv[1:])
    except KvsctlError as error:
        _tell(error.message, error.hint)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(ExitStatus.INTERRUPTED)
    except Exception as error:
        if os.environ.get("KVSCTL_DEBUG"):
            raise
        defect = Defect(f"kvsctl has a defect: {type(error).__name__}")
        _tell(defect.message, defect.hint)
        sys.exit(defect.status)


def _run(words: list[str]) -> None:
    is_completion = _COMPLETION in os.environ
    if words == ["--version"] and sys.stdout is not None and not is_completion:
        _print_version()  # the rest of the command line would take most of the time
        return
    if is_completion:
        # Typer passes descriptions through rich if there is one, which takes longer than the rest.
        sys.modules["rich"] = None  # type: ignore[assignment]
    from kvsctl.cli.app import app
    from kvsctl.cli.arguments import prepared

    app(args=prepared(words), prog_name="kvsctl")


def _print_version() -> None:
    try:
        os.write(1, f"kvsctl {__version__}\n".encode())
    except OSError as error:
        raise StreamError(f"the version cannot be printed: {error.strerror}") from error


def _tell(message: str, hint: str | None) -> None:
    from kvsctl.report.escape import visible

    lines = [f"kvsctl: {visible(message)}"] + ([visible(hint)] if hint else [])
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        return  # nobody is left to tell


if __name__ == "__main__":
    main()
