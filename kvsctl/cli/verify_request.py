"""From the options of verify to its job: nothing is opened for writing."""

import os
from pathlib import Path
from typing import Final

from kvsctl.backups.manifest import manifest_path
from kvsctl.cli.compare_request import records_of
from kvsctl.cli.installations.naming import PLACE
from kvsctl.cli.installations.store import ChosenStore
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import VerifyOptions
from kvsctl.cli.options.installations.choosing import (
    AllInstallationsOption,
    InstallationsFileOption,
)
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import output_roles, reporting_of, require_own_files
from kvsctl.cli.stores import named_flags, named_store, schedule_for, store_of
from kvsctl.comparison.sampling import Sample, sample_of
from kvsctl.config.file import read_config
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.compare.verifying import Comparand, Verification
from kvsctl.jobs.inputs import ReaderInput
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.store.side import StoreSide

_EXAMPLE: Final = "For example: kvsctl verify backup.jsonl"
_FILES: Final = "files"
"""What the report shows as its target if no store is compared."""


def verification(given: Given) -> Verification:
    """Return the job that the options of verify ask for. Raise UsageError."""
    path = _path(given)
    if not path.is_file():
        raise UsageError(f"cannot read {path}: not a file")
    options = given.of(VerifyOptions)
    store = None
    if options.against is not None:
        store = named_store(
            options.against,
            given,
            "--against",
            allow_http=options.allow_http,
            installation=options.installation,
        )
    elif options.installation:
        raise UsageError("--installation needs a target", "Add --against TARGET.")
    return _verification(given, path, store)


def on_installations(given: Given) -> Given:
    """Return the options of verify as those of a job on several installations.

    `--against` is the target. Without it, no store is needed, and the installations must be named.
    Raise UsageError.
    """
    options = given.of(VerifyOptions)
    path, against = _path(given), options.against
    if PLACE not in path.name:
        raise UsageError(
            f"{path}: several installations cannot share one export",
            f"Give a name with {PLACE} in it. To compare one file with all of them: kvsctl diff -f "
            "FILE -t TARGET --all-installations.",
        )
    if given.of(InstallationsOptions).ledger is not None:
        raise UsageError(
            "--ledger notes what was changed, and verify changes nothing",
            "Leave it out, and run the command again.",
        )
    given = given.having(
        named_flags(against, installation=options.installation, allow_http=options.allow_http)
    )
    if against is not None:
        return given
    if given.of(AllInstallationsOption).all_installations:
        raise UsageError(
            "--all-installations needs a target that lists them",
            "Add --against TARGET, or name them with --installations-file FILE.",
        )
    has_file = given.of(InstallationsFileOption).installations_file is not None
    nowhere = Target(_FILES, url=_FILES, is_proxied=not has_file)
    return given.having(ChosenStore(target=nowhere, config=read_config(os.environ)))


def verification_on_each(given: Given) -> BatchJob:
    """Return the job that verifies the export of one of several installations. Raise UsageError.

    A missing file raises nothing here: it is reported as the error of its installation.
    """
    path = _path(given)
    store = store_of(given.of(TargetOptions), given)
    compares = given.of(VerifyOptions).against is not None and path.is_file()
    made = _verification(given, path, store if compares else None)
    return BatchJob(
        input=ReaderInput(records_of(given, [])),
        plan=store.plan,
        target=store.target,
        allow_http=store.allow_http,
        timeout_seconds=store.timeout_seconds,
        reporting=made.reporting,
        schedule=made.schedule,
        name="verify",
        verification=made,
    )


def _path(given: Given) -> Path:
    path = given.of(VerifyOptions).path
    if path is None:
        raise UsageError("no file is given", _EXAMPLE)
    return path


def _verification(given: Given, path: Path, store: StoreSide | None) -> Verification:
    """Return the job that checks a file, and compares it with a store if there is one."""
    options = given.of(VerifyOptions)
    if options.against is None and options.sample is not None:
        raise UsageError("--sample needs a target to compare with", "Add --against TARGET.")
    sample = Sample() if options.sample is None else sample_of(options.sample)
    require_own_files(
        given,
        read_config(os.environ),
        inputs=[path, manifest_path(path)],
        outputs=output_roles(None),
        targets=[] if store is None else [store.target],
    )
    return Verification(
        path=path,
        comparand=None if store is None else Comparand(records_of(given, [path]), store, sample),
        reporting=reporting_of(given),
        schedule=schedule_for(given, [] if store is None else [store]),
    )
