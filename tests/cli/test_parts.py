"""The command line's own small parts."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from kvsctl import entry
from kvsctl.cli import app as app_module
from kvsctl.cli.arguments import prepared
from kvsctl.cli.option_groups import Given, OnResume, OptionGroup, resume_rules, takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import (
    InputOptions,
    KeysArgument,
    ManifestOption,
    NullOption,
    ShardOption,
)
from kvsctl.cli.options.installations.choosing import (
    AllInstallationsOption,
    InstallationsFileOption,
)
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import ProtectOption, SelectionOptions
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions, ValueOptions
from kvsctl.cli.options.target import ConfirmOption, TargetOptions
from kvsctl.config.settings import RUNNING, Running
from kvsctl.errors import Defect, ExitStatus, StreamError, UsageError
from kvsctl.jobs.file_roles import require_one_role_each
from kvsctl.retention.file import RuleTable

BATCH_GROUPS = [
    *(AllInstallationsOption, InstallationsFileOption, InstallationsOptions),
    *(CheckingOptions, GetOptions, InputOptions, JournalOptions, KeyFormOption, KeysArgument),
    *(
        ConfirmOption,
        FailuresOption,
        AllInstallationsOption,
        InstallationsFileOption,
        InstallationsOptions,
        MonitoringOptions,
        OutputOption,
    ),
    *(LockOptions, ManifestOption, NullOption, ReportOptions, RetryFailedOption, RunningOptions),
    *(SetOptions, ShapeOptions, ShardOption, TargetOptions, ValueOptions, VerifyOption),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["get", "--metadata"], ["get", "--metadata=created,updated,expires"]),
        (["--metadata", "k"], ["--metadata=created,updated,expires", "k"]),
        (["--metadata", "created,expires", "k"], ["--metadata=created,expires", "k"]),
        (["--metadata=updated"], ["--metadata=updated"]),
        (["--", "--metadata", "k"], ["--", "--metadata", "k"]),
        (["--metadata", ""], ["--metadata=created,updated,expires", ""]),
        (["set", "--if-absent", "a=1"], ["set", "--if-absent=read", "a=1"]),
        (["set", "--if-absent=exact", "a=1"], ["set", "--if-absent=exact", "a=1"]),
        (["set", "--", "--if-absent"], ["set", "--", "--if-absent"]),
        (["set", "--infer-types", "a=1"], ["set", "--infer-types=*", "a=1"]),
        (["set", "--infer-types=a,b"], ["set", "--infer-types=a,b"]),
    ],
)
def test_an_option_whose_value_was_left_out_gets_it(words: list[str], expected: list[str]) -> None:
    assert prepared(words) == expected


class _Loud(OptionGroup):
    loud: Annotated[bool, typer.Option("--loud", help="Shout.")] = False


class _Named(OptionGroup):
    names: Annotated[list[str] | None, typer.Argument()] = None
    times: Annotated[int, typer.Option()] = 1


def test_groups_become_options_and_come_back_as_groups() -> None:
    seen: list[tuple[_Loud, _Named]] = []

    @takes(_Named, _Loud)
    def greet(given: Given) -> None:
        """Greet."""
        seen.append((given.of(_Loud), given.of(_Named)))

    app = typer.Typer()
    app.command()(greet)
    assert CliRunner().invoke(app, ["a", "--times", "2", "b", "--loud"]).exit_code == 0
    assert seen == [(_Loud(loud=True), _Named(names=["a", "b"], times=2))]
    assert "Greet." in CliRunner().invoke(app, ["--help"]).output


def test_a_group_has_a_list_of_its_own_and_does_not_change() -> None:
    one, other = InputOptions(), InputOptions(entity="users")
    one.file.append(Path("a"))
    assert (one.file, other.file) == ([Path("a")], [])
    assert (one.entity, other.entity) == (None, "users")
    assert one != other
    with pytest.raises(AttributeError, match=r"cannot assign to InputOptions\.entity"):
        one.entity = "pages"  # type: ignore[misc]
    with pytest.raises(TypeError, match="InputOptions has no field name"):
        InputOptions(name="a")  # type: ignore[call-arg]


def test_one_file_has_one_role(tmp_path: Path) -> None:
    one, link = tmp_path / "one", tmp_path / "link"
    one.touch()
    link.symlink_to(one)
    os.link(one, tmp_path / "hard")
    for other in (one, link, tmp_path / "hard", tmp_path / "x" / ".." / "one"):
        with pytest.raises(UsageError, match="input and output at once"):
            require_one_role_each([("input", one), ("output", other)])
    new = tmp_path / "new"
    with pytest.raises(UsageError):
        require_one_role_each([("report", new), ("output", tmp_path / "y" / ".." / "new")])


def test_devices_stdin_and_repeated_inputs_are_no_conflict(tmp_path: Path) -> None:
    null, one = Path(os.devnull), tmp_path / "one"
    one.touch()
    require_one_role_each([("output", null), ("failures file", null), ("report", None)])
    require_one_role_each([("input", one), ("input", one)])
    require_one_role_each([("token file", one), ("token file", one)])
    with pytest.raises(UsageError, match="output and output at once"):
        require_one_role_each([("output", one), ("output", one)])


def test_a_file_that_the_shell_opened_has_one_role_too(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.touch()
    with one.open() as opened, (tmp_path / "other").open("w") as other:
        with pytest.raises(UsageError, match="one is input and failures file at once"):
            require_one_role_each([("input", opened.fileno()), ("failures file", one)])
        with pytest.raises(UsageError, match="input and output at once"):
            require_one_role_each([("input", opened.fileno()), ("output", opened.fileno())])
        require_one_role_each([("input", opened.fileno()), ("output", other.fileno())])
    near, far = os.pipe()
    require_one_role_each([("input", near), ("output", near), ("report", tmp_path / "new")])
    os.close(near)
    os.close(far)
    require_one_role_each([("input", near), ("output", near)])


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (StreamError("disk \x1b[31m full", "Make room."), 5, "disk \\x1b[31m full\nMake room.\n"),
        (RuntimeError("a secret value"), 70, "kvsctl has a defect: RuntimeError\nPlease report"),
        (Defect("it does not add up"), 70, "kvsctl: it does not add up\nPlease report it"),
    ],
)
def test_every_end_becomes_an_exit_code_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    said: str,
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(app_module, "command_line", lambda _: fail)
    monkeypatch.setattr(sys, "argv", ["kvsctl", "set"])
    monkeypatch.delenv("KVSCTL_DEBUG", raising=False)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    printed = capsys.readouterr().err
    assert ended.value.code == status
    assert said in printed
    assert "secret" not in printed
    assert "Traceback" not in printed


def test_exit_codes_are_the_contract() -> None:
    assert {s.name: int(s) for s in ExitStatus} == {
        "OK": 0, "FAILURES": 1, "USAGE": 2, "REFUSED": 3, "UNREACHABLE": 4, "STREAM": 5,
        "DEFECT": 70, "WORK_LEFT": 75, "INTERRUPTED": 130, "PIPE_CLOSED": 141, "TERMINATED": 143,
    }  # fmt: skip


class TestOptionsAndTheJournal:
    def test_an_option_added_to_a_group_is_asked_whether_it_belongs_to_the_jobs_identity(
        self,
    ) -> None:
        class Grown(InputOptions):
            fancy: Annotated[bool, typer.Option("--fancy")] = False

        with pytest.raises(TypeError, match=r"Grown\.fancy does not say what it means"):
            takes(Grown, JournalOptions)

    def test_an_option_that_says_so_is_part_of_it(self) -> None:
        class Grown(InputOptions):
            fancy: Annotated[bool, typer.Option("--fancy"), OnResume.MUST_MATCH] = False
            plain: Annotated[bool, typer.Option("--plain"), OnResume.MAY_DIFFER] = False

        takes(Grown, JournalOptions)
        given = Given([Grown(entity="user", fancy=True, plain=True), JournalOptions()])
        assert given.identity() == {"entity": "user", "fancy": True}
        assert Given([Grown(plain=True)]).identity() == {}, "what was not given is left out"

    def test_a_command_without_a_journal_is_not_asked(self) -> None:
        takes(_Loud, _Named)

    @pytest.mark.parametrize("group", BATCH_GROUPS, ids=lambda group: group.__name__)
    def test_every_option_of_the_batch_commands_says_it(self, group: type[OptionGroup]) -> None:
        assert set(resume_rules(group)) == set(group.annotations)


def test_every_running_option_is_a_setting() -> None:
    options = set(RunningOptions.annotations)
    assert options == RUNNING.keys() == set(Running._fields)


def test_every_selector_can_stand_in_a_retention_file() -> None:
    members = {field.name for field in msgspec.structs.fields(RuleTable)}
    assert members >= {*SelectionOptions.annotations, *ProtectOption.annotations}
