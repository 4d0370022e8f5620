"""Read the small files that options name, such as a manifest."""

from pathlib import Path

from kvsctl.emulator.refusals import EmulatorError, reason_of

BYTES_MAX = 1_000_000


def read_option_file(path: Path) -> str:
    """Return the text of a file of at most 1 MB, without a byte order mark.

    Raise `EmulatorError` if it cannot be read, is larger, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise EmulatorError(f"cannot read {path}: {reason_of(error)}") from error
    if len(content) > BYTES_MAX:
        raise EmulatorError(f"cannot read {path}: larger than {BYTES_MAX:,} bytes")
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise EmulatorError(f"cannot read {path}: not valid UTF-8") from error
