"""An input is compared with its manifest before a job is made, within the time of the job."""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.backups import digest
from kvsctl.backups.digest import Digest
from kvsctl.cli.compare_request import comparison, comparison_on_each
from kvsctl.cli.fan_out.splitting import fan_out_job
from kvsctl.cli.inputs import require_matching_files
from kvsctl.cli.installations.request import installations_job
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.input import InputOptions, ManifestOption, WorkersOption
from kvsctl.cli.options.installations.choosing import AllInstallationsOption
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import batch_job
from kvsctl.errors import ExitStatus, UsageError, WorkLeft
from kvsctl.jobs.installations.job import InstallationsJob
from kvsctl.jobs.job import BatchJob, Schedule
from kvsctl.jobs.runner import run_job
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


def test_the_time_that_is_over_already_counts(export: Path) -> None:
    rest = require_matching_files(Given([]), [export], Schedule(3000, spent_seconds=2000), _clock())
    assert rest.spent_seconds >= 2005
    with pytest.raises(WorkLeft, match="before the input was compared with its manifest"):
        require_matching_files(Given([]), [export], Schedule(3000, spent_seconds=2997), _clock())


def test_what_is_not_compared_takes_no_time(export: Path) -> None:
    given = Given([ManifestOption(ignore_manifest=True)])
    assert require_matching_files(given, [export], Schedule(3), _clock()) == Schedule(3)


def test_set_and_diff_take_the_time_into_account(export: Path) -> None:
    target = TargetOptions(target="local")
    job = batch_job(Verb.SET, Given([InputOptions(file=[export]), target]))
    assert job.schedule.spent_seconds > 0
    compared = comparison(Given([DiffOptions(file=[export]), target]))
    assert compared.schedule.spent_seconds > 0


_ENVIRON = {"FORGE_EGRESS_PROXY_URL": "http://127.0.0.1:8"}


def _on_each(command: str, export: Path, **ignored: bool) -> InstallationsJob:
    """Return the job of a command that reads this file for each installation."""
    options = InputOptions(file=[export]) if command == "set" else DiffOptions(file=[export])
    made: dict[str, Callable[[Given], BatchJob]] = {
        "set": partial(batch_job, Verb.SET),
        "diff": comparison_on_each,
    }
    target = TargetOptions(target="container"), AllInstallationsOption(all_installations=True)
    given = Given([*target, options, ManifestOption(**ignored)])
    return installations_job(command, given, made[command], _ENVIRON)


def _part(job: InstallationsJob) -> BatchJob:
    return job.job_of(replace(job.choice.target, installation="i1"))


@pytest.mark.parametrize("command", ["set", "diff"])
def test_the_job_of_an_installation_is_made_without_reading_the_file(
    export: Path, command: str
) -> None:
    job = _on_each(command, export)
    assert job.schedule.spent_seconds > 0, "it was read once, before all of them"
    export.write_bytes(_LINE)
    part = _part(job)
    assert part.exports == [export]
    assert part.schedule.spent_seconds == 0
    with pytest.raises(UsageError, match="does not match"):
        _on_each(command, export)


@pytest.mark.parametrize("command", ["set", "diff"])
def test_the_job_of_an_installation_compares_nothing_if_that_is_ignored(
    export: Path, command: str
) -> None:
    export.write_bytes(_LINE)
    job = _on_each(command, export, ignore_manifest=True)
    assert (job.schedule.spent_seconds, _part(job).exports) == (0, ())


@pytest.mark.parametrize("address", [None, "tcp://127.0.0.1:8786"])
def test_a_file_of_several_workers_is_compared_once_for_all_of_them(
    export: Path, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    read: list[Path] = []

    def digest_of(path: Path, is_stopped: Callable[[], bool]) -> Digest:
        read.append(path)
        return digest.digest_of(path, is_stopped)

    monkeypatch.setattr("kvsctl.backups.checking.digest_of", digest_of)
    workers = WorkersOption(workers=3, dask=address)
    given = Given([InputOptions(file=[export]), TargetOptions(target="local"), workers])
    made = fan_out_job("set", partial(batch_job, Verb.SET), run_job, given.having(ManifestOption()))
    assert read == [export]
    jobs = [unit.job_of(unit.options) for unit in made.units]
    assert len(read) == (1 if address is None else 4), "a cluster may have other files"
    assert all(job.schedule.spent_seconds > 0 for job in jobs)
