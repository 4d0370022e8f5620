"""A batch command as one frozen request, free of the command line that made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from kvsctl.bulk.plan import RunPlan
from kvsctl.config.targets import Target
from kvsctl.records.reader import Reader
from kvsctl.service.wire import MetadataRequest


class Printing(msgspec.Struct, frozen=True):
    """How found records are printed. `path` None: to stdout. `style`: jsonl, values or raw."""

    style: str = "jsonl"
    path: Path | None = None
    in_order: bool = True
    metadata: MetadataRequest = msgspec.field(default_factory=MetadataRequest)


class Reporting(msgspec.Struct, frozen=True):
    """What the run tells, and where."""

    as_json: bool = False
    report_path: Path | None = None
    failures_path: Path | None = None
    quiet: bool = False
    verbosity: int = 0


class Journalling(msgspec.Struct, frozen=True):
    """Where the job's journal is, and how it is gone on from.

    `form` holds the options that say what the records are, and how they are printed.
    """

    path: Path
    form: Mapping[str, Any]
    retry_failed: bool = False
    force: bool = False


class Intake(msgspec.Struct, frozen=True):
    """What is asked of the input before anything is sent.

    `requires_input`: no records at all is an error. `checks_first`: all of it has to be right.
    `is_rehearsal`: nothing is sent at all.
    """

    requires_input: bool = False
    checks_first: bool = False
    is_rehearsal: bool = False


class BatchJob(msgspec.Struct, frozen=True):
    """Everything that a run of set, get or delete needs. `records` is set for get only.

    `asked` is the metadata that the service is asked for: what is printed, and what the run
    itself needs.
    """

    reader: Reader
    plan: RunPlan
    target: Target
    allow_http: bool
    timeout_seconds: float
    reporting: Reporting
    records: Printing | None = None
    asked: MetadataRequest = msgspec.field(default_factory=MetadataRequest)
    journal: Journalling | None = None
    intake: Intake = msgspec.field(default_factory=Intake)
