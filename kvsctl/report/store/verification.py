"""What `kvsctl verify` prints of an export, its manifest and the store it was compared with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from kvsctl import __version__
from kvsctl.backups.manifest import Facts, Manifest, described
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.joining import Counts
from kvsctl.errors import ExitStatus
from kvsctl.report.document import failure_members
from kvsctl.report.escape import visible
from kvsctl.report.schema import VERIFY_SCHEMA
from kvsctl.report.store.differences import Differing, Finding
from kvsctl.report.summary import plural, total_of_units
from kvsctl.texts import utc_text

MOST_SHOWN: Final = 10
"""The most records that are named because they differ from the store, or could not be read."""


class Against(msgspec.Struct, frozen=True):
    """A store that an export was compared with. `different`: the first records that differ."""

    name: str
    sample: str
    counts: Counts
    tally: Tally
    different: Sequence[Differing]


class Verified(msgspec.Struct, frozen=True):
    """An export that was compared with its manifest. `damage`: how it differs; None: it does not.

    `against`: the store that it was also compared with.
    """

    path: Path
    manifest: Manifest
    damage: str | None
    against: Against | None = None

    @property
    def is_good(self) -> bool:
        """Whether everything that was compared is equal."""
        if self.damage is not None:
            return False
        against = self.against
        return against is None or not (against.counts.differences or against.tally.failed)

    @property
    def finding(self) -> Finding:
        """The finding for the line of its installation, if it is one of several."""
        return Finding(self.damage, None if self.against is None else self.against.different)


def verified_document(verified: Verified, status: ExitStatus) -> dict[str, Any]:
    """Return the result as one JSON object."""
    document = {
        "schema": VERIFY_SCHEMA,
        "version": __version__,
        "command": "verify",
        "exit_code": int(status),
        "file": str(verified.path),
        "matches": verified.damage is None,
        "damage": verified.damage,
        **described(verified.manifest),
        "bridge": verified.manifest.facts.is_bridged,
    }
    if verified.against is not None:
        document["against"] = _against_document(verified.against)
    return document


def _against_document(against: Against) -> dict[str, Any]:
    counts, tally = against.counts, against.tally
    return {
        "target": against.name,
        "sample": against.sample,
        "compared": counts.compared,
        "equal": counts.equal,
        "changed": counts.changed,
        "missing": counts.missing,
        "failed": tally.failed,
        "failures": [failure_members(note) for note in tally.failures[:MOST_SHOWN]],
        "requests": tally.requests,
        "units": {"read": tally.units_read, "write": tally.units_write},
        "different": [one.members for one in against.different],
    }


def verified_lines(verified: Verified) -> list[str]:
    """Return the result as lines for people, escaped for a terminal."""
    if verified.damage is not None:
        return [visible(f"{verified.path} does not match: {verified.damage}")]
    digest, facts = verified.manifest.digest, verified.manifest.facts
    installation = f" installation {facts.installation}" if facts.installation else ""
    read = facts.read_from, facts.read_until
    rows = [
        ("file", f"{verified.path} matches its manifest"),
        ("records", f"{digest.records:,} {plural('record', digest.records)}, "
         f"{digest.size_bytes:,} bytes uncompressed"),
        ("target", f"{facts.target}{installation}"),
        ("covers", _covered(facts)),
        ("read", " to ".join(utc_text(one, timespec="seconds") for one in read)),
    ]  # fmt: skip
    if facts.is_bridged:
        rows.append(("through", "a bridge, which rounds numbers of 2^53 and more"))
    if verified.against is not None:
        rows += _against_rows(verified.against)
    return [f"{name:<9} {visible(text)}" for name, text in rows]


def _against_rows(against: Against) -> list[tuple[str, str]]:
    counts, tally = against.counts, against.tally
    part = "" if against.sample == "all" else f", a sample of {against.sample}"
    totals = [
        f"{counts.compared:,} {plural('record', counts.compared)} compared",
        *(
            f"{count:,} {name}"
            for count, name in (
                (counts.equal, "equal"),
                (counts.changed, "changed"),
                (counts.missing, "missing"),
                (tally.failed, "failed"),
            )
            if count
        ),
    ]
    if units := total_of_units(tally):
        totals.append(units)
    rows = [("against", f"{against.name}{part}"), ("found", ", ".join(totals))]
    rows += [(one.change.value, one.name) for one in against.different]
    if counts.differences > len(against.different):
        more = counts.differences - len(against.different)
        rows.append(("", f"and {more:,} more: kvsctl diff shows them"))
    return rows


def _covered(facts: Facts) -> str:
    kinds = [f"entity {name}" for name in facts.entities]
    if facts.has_plain_keys:
        kinds.insert(0, "plain keys")
    selectors = [text for name, value in facts.selection.items() for text in _selector(name, value)]
    selected = f", selected by {' '.join(selectors)}" if selectors else ""
    return ", ".join(kinds) + selected


def _selector(name: str, value: Any) -> list[str]:
    """Return a selector as it was given; nothing for entities, which are named separately."""
    if name in ("entity", "plain"):
        return []
    if name == "prefix":
        return [f"PREFIX {value}"]
    flag = "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    return [f"{flag} {one}" for one in (value if isinstance(value, list) else [value])]
