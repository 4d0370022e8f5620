"""The findings of a probe as a profile: a file that clients and emulators load.

The emulator reads it by code of its own, `emulator.switches.profile`.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from kvsctl import __version__
from kvsctl.config.limitsfile import PROFILE_FORMAT, holds_profile
from kvsctl.config.targets import Target
from kvsctl.errors import StreamError, UsageError
from kvsctl.files.descriptors import descriptor
from kvsctl.files.sinks import open_output
from kvsctl.jobs.probe.asking import Asked
from kvsctl.texts import utc_text

_FIRST: Final = "profile"


class Profile(msgspec.Struct, frozen=True):
    """What was found out about a target, and when."""

    target: Target
    probed_at: datetime
    asked: Sequence[Asked]

    def document(self) -> dict[str, Any]:
        """Return the profile as one JSON object."""
        answers: dict[str, Any] = {}
        limits: dict[str, int] = {}
        for _, finding in self.asked:
            answers |= finding.answers
            limits |= finding.limits
        return {
            _FIRST: PROFILE_FORMAT,
            "version": __version__,
            "target": self.target.display,
            "installation": self.target.installation,
            "probed_at": utc_text(self.probed_at, timespec="seconds"),
            "answers": answers,
            "limits": limits,
            "notes": {one.question.name: list(one.finding.notes) for one in self.asked},
        }

    def save(self, path: Path) -> None:
        """Write the profile to a file, which appears once it is complete. Raise StreamError."""
        sink = open_output(path)
        sink.write(json.dumps(self.document(), indent=2, ensure_ascii=False).encode() + b"\n")
        sink.complete()
        if sink.broken is not None:
            raise StreamError(f"cannot write the profile to {path}: {sink.broken.strerror}")


def require_place(path: Path) -> None:
    """Raise UsageError if a profile must not be written to a path, which has other content."""
    if str(path) == "-":
        raise UsageError("--output -: not a file name", "Give it the name of a file.")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: {path.parent} is not a directory")
    if descriptor(path) is not None or not path.is_file() or path.stat().st_size == 0:
        return
    if not holds_profile(path):
        raise UsageError(
            f"--output would replace {path}: it is not empty, and not an earlier profile",
            "Give another file name.",
        )
