"""Refuse to replace a file of another kind, before any file is opened for writing."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from kvsctl.errors import UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.job import Reporting
from kvsctl.report.document import holds_report

_ANOTHER: Final = "Give another file name, or add --force to replace it."


def require_replaceable(
    reporting: Reporting, *, writes_failures: bool = True, manifest_path: Path | None = None
) -> None:
    """Raise UsageError if a report, failures file or manifest would replace a file of another kind.

    Empty files and those of the same kind may be replaced. With `replaces_any`, any file may be.
    Streams are not replaced. Without `writes_failures`, the failures file stays as it is. Change
    nothing.
    """
    if reporting.replaces_any:
        return
    if reporting.report_path is not None:
        _require_kind("--report", reporting.report_path, "report", holds_report)
    if reporting.failures_path is not None and writes_failures:
        from kvsctl.outputs.failures import holds_failures  # few jobs write them

        _require_kind("--failures", reporting.failures_path, "failures file", holds_failures)
    if manifest_path is not None:
        require_manifest(manifest_path)


def require_manifest(path: Path, what: str = "--manifest", hint: str = _ANOTHER) -> None:
    """Raise UsageError if `what`, a manifest, would replace a file of another kind."""
    from kvsctl.backups.manifest import holds_manifest  # only exports write them

    _require_kind(what, path, "manifest", holds_manifest, hint)


def _require_kind(
    flag: str, path: Path, kind: str, is_of_kind: Callable[[Path], bool], hint: str = _ANOTHER
) -> None:
    if descriptor(path) is not None or not path.is_file():
        return
    try:
        if is_of_kind(path):
            return
    except OSError as error:
        raise UsageError(f"{flag}: cannot read {path}: {error.strerror}") from error
    raise UsageError(
        f"{flag} would replace {path}: it is not empty, and not an earlier {kind}",
        hint,
    )
