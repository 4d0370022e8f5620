"""The jobs on whole stores: their files and their command lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from tests.whole.jobs import URL
from tests.whole.store.choosing import PROTECTED, Choosing
from tests.whole.store.retaining import Retention

SOURCE_URL: Final = "http://source.localhost"
TTL_SECONDS: Final = 30 * 86400


class Kind(Enum):
    """What a job does."""

    DELETE = "delete"
    PLAN_DELETE = "delete --plan"
    EXPIRE = "expire"
    PLAN_EXPIRE = "expire --plan"
    CLEAN = "clean"
    APPLY = "apply"
    SYNC = "sync"
    EXPORT = "export"
    RESTORE = "set"

    @property
    def plans(self) -> bool:
        """Whether it only writes a plan."""
        return self in (Kind.PLAN_DELETE, Kind.PLAN_EXPIRE)

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing in any store."""
        return self.plans or self is Kind.EXPORT


@dataclass(frozen=True)
class Form:
    """How a job is carried out, beside what it works on."""

    has_journal: bool = False
    has_undo: bool = False
    undo_has_values: bool = True
    max_delete: str | None = None
    max_delete_bytes: int | None = None
    plans_deletions: bool = False
    batch_size: int = 6
    concurrency: int = 4
    retries: int = 3


@dataclass
class StoreJob:
    """A job and its files. `source`: what an apply or a restore reads.

    `runs` counts its runs: without a journal, each has an undo file of its own.
    """

    kind: Kind
    form: Form
    folder: Path
    choosing: Choosing | None = None
    source: Path | None = None
    source_token_file: Path | None = None
    runs: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        if self.choosing is not None and self.choosing.protects:
            (self.folder / "protected").write_text(PROTECTED)
        if isinstance(self.choosing, Retention):
            (self.folder / "retention.toml").write_text(self.choosing.text)
        if self.kind is Kind.SYNC:
            (self.folder / "kvsctl").mkdir()
            (self.folder / "kvsctl" / "config.toml").write_text(
                f'[targets.source]\nurl = "{SOURCE_URL}"\ntoken_file = "{self.source_token_file}"\n'
            )

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def report(self) -> Path:
        return self.folder / "report"

    @property
    def failed(self) -> Path:
        return self.folder / "failed"

    @property
    def out(self) -> Path:
        """What an export or a plan is written to."""
        return self.folder / "out"

    @property
    def undo(self) -> Path:
        """The undo file of the newest run."""
        return self.folder / ("undo" if self.form.has_journal else f"undo{self.runs}")

    @property
    def undos(self) -> list[Path]:
        """All undo files, in the order of the runs."""
        return sorted(self.folder.glob("undo*"), key=lambda path: (len(path.name), path.name))

    def words(self, token_file: Path, *, retries_failed: bool) -> list[str | Path]:
        """The command line. Nothing in it belongs to one run, but for the undo file."""
        del retries_failed
        form = self.form
        words: list[str | Path] = [*self._first, "--url", URL, "--token-file", token_file, "--json"]
        words += ["--report", self.report, "-c", str(form.concurrency)]
        words += ["--batch-size", str(form.batch_size)]
        words += ["--retries", str(form.retries), "--timeout", "5", "--patience", "60"]
        if self.kind in (Kind.DELETE, Kind.SYNC, Kind.RESTORE):
            words += ["--failures", self.failed]
        if self.kind in (Kind.DELETE, Kind.EXPIRE, Kind.CLEAN, Kind.APPLY, Kind.SYNC):
            words.append("--yes")
        words += ["--journal", self.journal] if form.has_journal else []
        if form.has_undo:
            words += ["--undo", self.undo]
            words += [] if form.undo_has_values else ["--undo-keys-only"]
        words += [] if form.max_delete is None else ["--max-delete", form.max_delete]
        if form.max_delete_bytes is not None:
            words += ["--max-delete-bytes", str(form.max_delete_bytes)]
        return words

    @property
    def _first(self) -> Sequence[str | Path]:
        chosen: list[str | Path] = []
        if self.choosing is not None:
            is_file = isinstance(self.choosing, Retention)
            chosen += [] if is_file else self.choosing.words
            chosen += ["--protect", self.folder / "protected"] if self.choosing.protects else []
        match self.kind:
            case Kind.DELETE:
                return ["delete", *chosen]
            case Kind.PLAN_DELETE:
                return ["delete", *chosen, "--plan", self.out, "--with-values"]
            case Kind.EXPIRE:
                return ["expire", *chosen, "--ttl", "30d"]
            case Kind.PLAN_EXPIRE:
                return ["expire", *chosen, "--ttl", "30d", "--plan", self.out, "--with-values"]
            case Kind.CLEAN:
                return ["clean", "-f", self.folder / "retention.toml", *chosen]
            case Kind.APPLY:
                assert self.source is not None
                return ["apply", self.source]
            case Kind.SYNC:
                plan: list[str | Path] = ["--plan", self.out] if self.form.plans_deletions else []
                return ["sync", "--from", "source", *chosen, *plan]
            case Kind.EXPORT:
                return ["export", *chosen, "-o", self.out]
            case Kind.RESTORE:
                assert self.source is not None
                return ["set", "-f", self.source]
