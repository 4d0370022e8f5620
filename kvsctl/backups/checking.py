"""Compare a file with its manifest, before it is used and for `kvsctl verify`."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from kvsctl.backups.digest import Digest, digest_of
from kvsctl.backups.manifest import manifest_path, read_manifest
from kvsctl.errors import StreamError, UsageError


def mismatch(expected: Digest, found: Digest) -> str | None:
    """Return how a file differs from its manifest; None if it does not."""
    if found == expected:
        return None
    if found.records != expected.records:
        return f"it has {found.records:,} of {expected.records:,} records"
    if found.size_bytes != expected.size_bytes:
        return f"its records have {found.size_bytes:,} of {expected.size_bytes:,} bytes"
    return f"its records have changed: sha256 is {found.sha256}, was {expected.sha256}"


def damage(
    path: Path, expected: Digest, is_stopped: Callable[[], bool] = lambda: False
) -> str | None:
    """Return how a file that is read now differs from its manifest; None if it does not.

    Reading stops early once `is_stopped` returns True; the result then means nothing. Raise
    UsageError if it cannot be opened.
    """
    try:
        return mismatch(expected, digest_of(path, is_stopped))
    except StreamError as error:
        return error.message


def require_matching(paths: Iterable[Path], is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Raise UsageError if a file does not match the manifest beside it.

    Files without a manifest are not read, and none is once `is_stopped` returns True. A file that
    cannot be looked up is left to its reader, which says why.
    """
    for path in paths:
        # Path.is_file() would raise an exception for a name that is too long.
        manifest = read_manifest(path) if os.path.isfile(path) else None  # noqa: PTH113
        why = None if manifest is None else damage(path, manifest.digest, is_stopped)
        if why is not None and not is_stopped():
            raise UsageError(
                f"{path} does not match {manifest_path(path).name}: {why}",
                "Restore the file, or add --ignore-manifest to use it as it is.",
            )
