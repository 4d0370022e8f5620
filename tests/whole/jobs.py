"""Random jobs: their input, what each line of it is, and the command line."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from kvsctl.model import Identity, Verb

URL: Final = "http://kvsctl.localhost"
PLAIN: Final = [f"k{number}" for number in range(40)]
POISON: Final = ["bad0", "bad1", "bad2"]
_ENTITY: Final = "city"
_EXPIRIES: Final = {"2026-03-01T00:00:00Z": False, "2025-12-01T00:00:00Z": True}
"""Moments, and whether they are past in the time of the tests."""


@dataclass(frozen=True)
class Line:
    """One line of input. `value` is its JSON for set; `is_record`: it passes its checks.

    `is_expired`: its time was past before the job began, so it is never sent.
    """

    position: int
    text: str
    identity: Identity | None
    is_record: bool
    value: str = ""
    is_expired: bool = False

    @property
    def is_poison(self) -> bool:
        """Whether the service refuses it."""
        return self.identity is not None and self.identity.key in POISON


@dataclass(frozen=True)
class Shape:
    """What a job is, but for its input."""

    verb: Verb
    has_journal: bool = True
    is_ordered: bool = True
    ignores_missing: bool = False
    verifies: bool = False
    changed_only: bool = False
    batch_size: int = 6
    concurrency: int = 4
    retries: int = 3


@dataclass(frozen=True)
class Job:
    """A job with its files: `source`, `journal`, `failed`, `out`, `report`."""

    shape: Shape
    folder: Path
    lines: list[Line]
    source: Path

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def failed(self) -> Path:
        return self.folder / "failed"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def report(self) -> Path:
        return self.folder / "report"

    @property
    def records(self) -> list[Line]:
        """What passes its checks, in the order of the input."""
        return [line for line in self.lines if line.is_record]

    def words(self, token_file: Path, *, retries_failed: bool) -> list[str | Path]:
        """The command line."""
        shape = self.shape
        words: list[str | Path] = [shape.verb.value, "-f", self.source, "--url", URL, "--json"]
        words += ["--token-file", token_file, "--report", self.report, "--failures", self.failed]
        words += ["-c", str(shape.concurrency), "--batch-size", str(shape.batch_size)]
        words += ["--retries", str(shape.retries), "--timeout", "5", "--patience", "60"]
        if shape.verb is Verb.GET:
            words += ["-o", self.out]
            words += ["--unordered"] if not shape.is_ordered else []
            words += ["--ignore-missing"] if shape.ignores_missing else []
        elif shape.verifies:
            words.append("--verify")
        if shape.changed_only and shape.verb is Verb.SET:
            words.append("--changed-only")
        if shape.has_journal:
            words += ["--journal", self.journal]
            words += ["--retry-failed"] if retries_failed else []
        return words


def random_job(shape: Shape, folder: Path, random: Random, count: int) -> Job:
    """A job of `count` lines over few identities, some of them no records, some refused."""
    folder.mkdir()
    make = _set_line if shape.verb is Verb.SET else _key_line
    names = random.sample(PLAIN, random.randint(1, len(PLAIN)))
    lines = [make(position, random, names, folder.name) for position in range(count)]
    source = folder / "in.jsonl"
    source.write_text("".join(line.text + "\n" for line in lines))
    return Job(shape, folder, lines, source)


def _set_line(position: int, random: Random, names: list[str], job: str) -> Line:
    """Its value is no other line's, in this job and in others."""
    drawn = random.random()
    name = random.choice(POISON if drawn < 0.1 else names)
    identity = Identity(_ENTITY if drawn > 0.9 else None, name)
    text = f"{position}:{job}:{'x' * random.choice((0, 9, 90, 400))}"
    members: dict[str, object] = {"key": name, "value": text}
    if identity.entity is not None:
        members |= {"value": {"text": text}, "entityName": identity.entity}
    value = json.dumps(members["value"])
    if 0.1 < drawn < 0.16:
        members["ttl"] = "soon"
        return Line(position, json.dumps(members), identity, False, value)
    if 0.16 < drawn < 0.2:
        return Line(position, json.dumps(members)[:-3], None, False)
    is_expired = False
    match random.randrange(8):
        case 0:
            members["ttl"] = "7d"
        case 1 | 2:
            members["expireTime"] = moment = random.choice(list(_EXPIRIES))
            is_expired = _EXPIRIES[moment]
    return Line(position, json.dumps(members), identity, True, value, is_expired)


def _key_line(position: int, random: Random, names: list[str], _job: str) -> Line:
    drawn = random.random()
    name = random.choice(POISON if drawn < 0.1 else names)
    identity = Identity(_ENTITY if drawn > 0.9 else None, name)
    members = {"key": name}
    if identity.entity is not None:
        members["entityName"] = identity.entity
    if 0.1 < drawn < 0.16:
        members["key"] = "no/key"
        return Line(position, json.dumps(members), Identity(None, "no/key"), False)
    return Line(position, json.dumps(members), identity, True)
