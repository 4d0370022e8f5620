"""The outermost function: every end of a command becomes an exit code and at most two lines."""

import os
import sys

from kvsctl.errors import Defect, ExitStatus, KvsctlError


def main() -> None:
    """Runs the command line and exits with a code of `ExitStatus`. No traceback reaches anyone.

    With `KVSCTL_DEBUG` set, a defect of kvsctl shows where it is.
    """
    from kvsctl.cli.app import app
    from kvsctl.cli.arguments import prepared

    try:
        app(args=prepared(sys.argv[1:]), prog_name="kvsctl")
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
