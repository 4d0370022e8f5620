"""Check an export against its manifest."""

from pathlib import Path

from kvsctl.backups.checking import damage
from kvsctl.backups.manifest import manifest_path, read_manifest
from kvsctl.errors import ExitStatus, StreamError, UsageError
from kvsctl.files.raw import write_all
from kvsctl.report.console import Environment
from kvsctl.report.schema import document_line
from kvsctl.report.store.verification import Verified, verified_document, verified_lines


def verify(path: Path, environment: Environment, *, as_json: bool) -> ExitStatus:
    """Check a file against its manifest, print the result, and return the exit status.

    Raise UsageError if the file or its manifest cannot be read, and StreamError if the result
    cannot be printed.
    """
    manifest = read_manifest(path)
    if not path.is_file():
        raise UsageError(f"cannot read {path}: not a file")
    if manifest is None:
        raise UsageError(
            f"{path} has no manifest: {manifest_path(path).name} is missing",
            "An export to a file writes one beside it. Keep both together.",
        )
    verified = Verified(path, manifest, damage(path, manifest.digest))
    if as_json:
        _print(environment, document_line(verified_document(verified)))
    elif verified.damage is None:
        _print(environment, "".join(f"{line}\n" for line in verified_lines(verified)).encode())
    else:
        for line in verified_lines(verified):
            environment.tell(line)
    return verified.status


def _print(environment: Environment, text: bytes) -> None:
    if environment.stdout_fd is None:
        raise UsageError("cannot print the result: stdout is closed")
    try:
        write_all(environment.stdout_fd, text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StreamError(f"cannot write to stdout: {error.strerror}") from error
