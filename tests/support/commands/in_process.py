"""The command in this process: its whole way through `kvsctl.entry`, without a new interpreter.

A process takes 0.2 s to begin, most of it for imports. Here the command gets all that it would
have as a process: arguments, environment, folder and the descriptors 0, 1 and 2, which are pipes.
Whatever a command changes for its process (and so for the tests) is put back after it.

Tests of signals, terminals, closed streams, limits, kills and imports need a real process.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

from kvsctl.entry import main

_WAIT_SECONDS: Final = 60
_PIECE_BYTES: Final = 1 << 16
_HANDLED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MODULES: Final = ("rich",)
"""What `kvsctl.entry` keeps from being imported, by an entry in `sys.modules`."""
_ABSENT: Final = object()


def run_in_process(
    words: Sequence[str],
    environ: Mapping[str, str],
    stdin: bytes | Path | None = None,
    folder: Path | None = None,
) -> tuple[int, bytes, bytes]:
    """Run `kvsctl WORDS`; return its exit code and what it wrote to stdout and stderr.

    `stdin` None is the null device, a path is a file that is open as stdin. The command may leave
    no thread behind.
    """
    out, err = _Drain(), _Drain()
    with (
        out,
        err,
        _source(stdin) as source,
        _descriptors(source, out.writable, err.writable),
        _process_state(words, environ, folder),
        _text_streams(),
        _threads_joined(),
    ):
        out.close_writable()
        err.close_writable()
        status = _status_of_main()
    return status, out.content, err.content


def _status_of_main() -> int:
    try:
        main()
    except SystemExit as ended:
        code = ended.code
        assert code is None or isinstance(code, int), f"exit with {code!r}"
        return int(code or 0)
    return 0


class _Drain:
    """A pipe of which everything is read, by a thread."""

    def __init__(self) -> None:
        self._readable, self.writable = os.pipe()
        self._pieces: list[bytes] = []
        self._thread = threading.Thread(target=self._read, name="drain", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.close_writable()
        self._thread.join(_WAIT_SECONDS)
        assert not self._thread.is_alive(), "another process holds the command's output"
        os.close(self._readable)

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def close_writable(self) -> None:
        """Close this end: the command has its own by then."""
        if self.writable >= 0:
            os.close(self.writable)
            self.writable = -1

    def _read(self) -> None:
        while piece := os.read(self._readable, _PIECE_BYTES):
            self._pieces.append(piece)


@contextmanager
def _source(content: bytes | Path | None) -> Iterator[int]:
    """Give a descriptor to read from: of a file, or of a pipe, which a thread feeds."""
    if not isinstance(content, bytes):
        file = os.open(content or os.devnull, os.O_RDONLY)
        try:
            yield file
        finally:
            os.close(file)
        return
    readable, writable = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writable, content), name="feeder", daemon=True)
    feeder.start()
    try:
        yield readable
    finally:
        os.close(readable)  # a feeder that still writes is told so by the system
        feeder.join(_WAIT_SECONDS)


def _feed(writable: int, content: bytes) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[os.write(writable, rest) :]
    except BrokenPipeError:
        pass  # the command needs no more of it
    finally:
        os.close(writable)


@contextmanager
def _descriptors(*sources: int) -> Iterator[None]:
    """Make the descriptors 0, 1 and 2 others for a while."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with ExitStack() as stack:
        for fd, source in enumerate(sources):
            kept = os.dup(fd)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, fd)
            os.dup2(source, fd)
        yield


@contextmanager
def _text_streams() -> Iterator[None]:
    """Make `sys.stdin` and the others what a new interpreter makes of its descriptors."""
    with ExitStack() as stack:
        for fd, (name, mode, errors) in enumerate(
            (
                ("stdin", "r", "surrogateescape"),
                ("stdout", "w", "surrogateescape"),
                ("stderr", "w", "backslashreplace"),
            )
        ):
            stream = stack.enter_context(
                open(fd, mode, encoding="utf-8", errors=errors, closefd=False)
            )
            for attribute in (name, f"__{name}__"):
                stack.callback(setattr, sys, attribute, getattr(sys, attribute))
                setattr(sys, attribute, stream)
        yield


@contextmanager
def _process_state(
    words: Sequence[str], environ: Mapping[str, str], folder: Path | None
) -> Iterator[None]:
    """Give the command its words, variables and folder; put back what it changes besides."""
    variables, argv, here = dict(os.environ), sys.argv, Path.cwd()
    modules = {name: sys.modules.get(name, _ABSENT) for name in _MODULES}
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    thresholds, switch_seconds = gc.get_threshold(), sys.getswitchinterval()
    mask = os.umask(0)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["kvsctl", *words]
    if folder is not None:
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        sys.argv = argv
        os.environ.clear()
        os.environ.update(variables)
        os.umask(mask)
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(switch_seconds)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for name, module in modules.items():
            _put_module(name, module)


def _put_module(name: str, module: object) -> None:
    if module is _ABSENT:
        if name in sys.modules and sys.modules[name] is None:
            del sys.modules[name]
    else:
        sys.modules[name] = module  # type: ignore[assignment]


@contextmanager
def _threads_joined() -> Iterator[None]:
    """Wait at the end for the threads that the command began, which use its descriptors.

    Threads of a server in this process begin others in the meantime: those are let be.
    """
    start, ours = threading.Thread.start, [threading.current_thread()]

    def recorded_start(thread: threading.Thread) -> None:
        if threading.current_thread() in ours:
            ours.append(thread)
        start(thread)

    with patch.object(threading.Thread, "start", recorded_start):
        yield
    for thread in ours[1:]:
        thread.join(_WAIT_SECONDS)
        assert not thread.is_alive(), f"the command left its thread {thread.name} running"
