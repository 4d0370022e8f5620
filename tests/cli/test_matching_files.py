"""An input is compared with its manifest before a job is made, within the time of the job."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from kvsctl.cli.compare_request import comparison
from kvsctl.cli.inputs import require_matching_files
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.input import InputOptions, ManifestOption
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import batch_job
from kvsctl.errors import ExitStatus, UsageError, WorkLeft
from kvsctl.jobs.job import Schedule
from kvsctl.model import Verb
from tests.backups.exports import write_export

_LINE = b'{"key":"a","value":"' + b"x" * 1_000_000 + b'"}\n'


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Return an export that is read in several chunks."""
    return write_export(tmp_path / "all.jsonl", [_LINE] * 5)


def _clock() -> Callable[[], float]:
    """Return a clock on which a second passes between any two looks."""
    return itertools.count().__next__


def test_it_is_not_read_to_its_end_once_the_time_is_up(export: Path) -> None:
    export.write_bytes(export.read_bytes() + b"a damage that is not read")
    with pytest.raises(WorkLeft) as raised:
        require_matching_files(Given([]), [export], Schedule(3), _clock())
    assert raised.value.status is ExitStatus.WORK_LEFT
    assert raised.value.message == (
        "the time of --max-duration 3s was up before the input was compared with its manifest: "
        "nothing was sent"
    )
    with pytest.raises(UsageError, match="does not match"):
        require_matching_files(Given([]), [export], Schedule(3000), _clock())


def test_the_job_has_the_rest_of_the_time(export: Path) -> None:
    rest = require_matching_files(Given([]), [export], Schedule(3000), _clock())
    assert 5 <= rest.spent_seconds < 20
    assert rest.max_duration_seconds == 3000


def test_what_is_not_compared_takes_no_time(export: Path) -> None:
    given = Given([ManifestOption(ignore_manifest=True)])
    assert require_matching_files(given, [export], Schedule(3), _clock()) == Schedule(3)


def test_set_and_diff_take_the_time_into_account(export: Path) -> None:
    target = TargetOptions(target="local")
    job = batch_job(Verb.SET, Given([InputOptions(file=[export]), target]))
    assert job.schedule.spent_seconds > 0
    compared = comparison(Given([DiffOptions(file=[export]), target]))
    assert compared.schedule.spent_seconds > 0
