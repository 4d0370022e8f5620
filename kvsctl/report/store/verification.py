"""What `kvsctl verify` prints of an export and its manifest."""

from pathlib import Path
from typing import Any

import msgspec

from kvsctl import __version__
from kvsctl.backups.manifest import Facts, Manifest
from kvsctl.errors import ExitStatus
from kvsctl.report.escape import visible
from kvsctl.report.schema import VERIFY_SCHEMA
from kvsctl.report.summary import plural


class Verified(msgspec.Struct, frozen=True):
    """An export that was compared with its manifest. `damage`: how it differs; None: not at all."""

    path: Path
    manifest: Manifest
    damage: str | None

    @property
    def status(self) -> ExitStatus:
        """The exit status of the command."""
        return ExitStatus.OK if self.damage is None else ExitStatus.FAILURES


def verified_document(verified: Verified) -> dict[str, Any]:
    """Return the result as one JSON object."""
    digest, facts = verified.manifest.digest, verified.manifest.facts
    return {
        "schema": VERIFY_SCHEMA,
        "version": __version__,
        "command": "verify",
        "exit_code": int(verified.status),
        "file": str(verified.path),
        "matches": verified.damage is None,
        "damage": verified.damage,
        "records": digest.records,
        "bytes": digest.size_bytes,
        "sha256": digest.sha256,
        "target": facts.target,
        "installation": facts.installation,
        "selection": dict(facts.selection),
        "entities": list(facts.entities),
        "plain_keys": facts.has_plain_keys,
        "read_from": facts.read_from.isoformat(),
        "read_until": facts.read_until.isoformat(),
    }


def verified_lines(verified: Verified) -> list[str]:
    """Return the result as lines for people, escaped for a terminal."""
    if verified.damage is not None:
        return [f"kvsctl: {visible(f'{verified.path} does not match: {verified.damage}')}"]
    digest, facts = verified.manifest.digest, verified.manifest.facts
    installation = f" installation {facts.installation}" if facts.installation else ""
    rows = [
        ("file", f"{verified.path} matches its manifest"),
        ("records", f"{digest.records:,} {plural('record', digest.records)}, "
         f"{digest.size_bytes:,} bytes uncompressed"),
        ("target", f"{facts.target}{installation}"),
        ("covers", _covered(facts)),
        ("read", f"{facts.read_from.isoformat()} to {facts.read_until.isoformat()}"),
    ]  # fmt: skip
    return [f"{name:<9} {visible(text)}" for name, text in rows]


def _covered(facts: Facts) -> str:
    kinds = [f"entity {name}" for name in facts.entities]
    if facts.has_plain_keys:
        kinds.insert(0, "plain keys")
    selectors = [
        f"--{name.replace('_', '-')} {value}" for name, value in sorted(facts.selection.items())
    ]
    selected = f", selected by {' '.join(selectors)}" if selectors else ""
    return ", ".join(kinds) + selected
