"""Prepare the process of a command before the rest of kvsctl is imported."""

import os
import sys

# The values of `ExitStatus`, which is not imported yet.
_USAGE = 2
_STREAM = 5
_INTERRUPTED = 130

# The same text as in `kvsctl.unexpected`, which may be the module that cannot be imported.
_DAMAGE_HINT = "Reinstall kvsctl, or delete the __pycache__ folders of its environment."
_STDERR = 2
_LAST_WORDS = b"kvsctl: out of memory\nRaise the limits of the process (ulimit -a).\n"


def main() -> None:
    """Run the command line and exit with a code of `ExitStatus`: see `kvsctl.entry`."""
    shows_traces = bool(os.environ.get("KVSCTL_DEBUG"))
    try:
        _let_ctrl_c_end_the_process()
        _hide_traces()
        try:
            from kvsctl.entry import main as run
        except MemoryError:
            raise
        except Exception as error:
            sys.exit(_cannot_start(error))
        run()
    except Exception:
        if shows_traces:
            raise
        # No memory is left to handle the exception with, so only built-in functions are called.
        try:
            os.write(_STDERR, _LAST_WORDS)
        finally:
            os._exit(_STREAM)


def _cannot_start(error: Exception) -> int:
    """Print why kvsctl cannot be loaded. Return the exit code."""
    if sys.stderr is not None:
        sys.stderr.write(f"kvsctl: cannot start: {error}\n{_DAMAGE_HINT}\n")
    return _USAGE


def _let_ctrl_c_end_the_process() -> None:
    """Give SIGINT its default action until a run has a handler of its own.

    Python's handler raises KeyboardInterrupt anywhere: amid imports, where C modules crash on it,
    or in a callback, where it is lost. Until a run begins nothing is in flight, so the process can
    just end. A signal that is ignored stays ignored.
    """
    try:
        # signal without its enums, which take several milliseconds to make.
        import _signal as signals  # type: ignore[import-not-found]
    except ImportError:  # it is private to CPython
        import signal as signals
    try:
        if signals.getsignal(signals.SIGINT) is signals.default_int_handler:
            signals.signal(signals.SIGINT, signals.SIG_DFL)
    except KeyboardInterrupt:  # it arrived just before
        sys.exit(_INTERRUPTED)


def _hide_traces() -> None:
    """Suppress Python's own messages on stderr, unless `KVSCTL_DEBUG` is set.

    Such messages are "Exception ignored in", "coroutine was never awaited" and the tracebacks of
    threads. They are about work that was cut off. kvsctl itself says in a line how a command ends.
    """
    import threading
    import warnings

    if os.environ.get("KVSCTL_DEBUG"):
        return
    # A built-in function without effect: calling it needs no memory, and there may be none left.
    sys.unraisablehook = callable
    threading.excepthook = callable
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
